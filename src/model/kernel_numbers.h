// Constants of numerics class t32-v1, shared by every kernel file. Data only: no function may live here, because the
// files that include this are compiled for different instruction sets. docs/numerics.md states the same values.
#pragma once

namespace cairn {

// 2^f = 1 + f(c1 + f(c2 + f(c3 + f(c4 + f c5)))) for |f| <= 1/2.
inline constexpr float kExp2C1 = 0x1.62e42ap-1f;
inline constexpr float kExp2C2 = 0x1.ebf9bcp-3f;
inline constexpr float kExp2C3 = 0x1.c6b752p-5f;
inline constexpr float kExp2C4 = 0x1.3cea88p-7f;
inline constexpr float kExp2C5 = 0x1.5bba14p-10f;
inline constexpr float kExp2Limit = 125.0f;      // arguments are clamped to [-125, 125]
inline constexpr float kRoundMagic = 0x1.8p23f;  // adding and subtracting it rounds to the nearest integer
inline constexpr float kLog2E = 0x1.715476p0f;   // log2(e)

}  // namespace cairn

// The block formats of ggml tensors that Cairn can expand to f32. Pure; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/result.h"

namespace cairn {

// The number that a GGUF file gives for a tensor's type.
struct GgmlType {
  std::uint32_t number = 0;
  bool operator==(const GgmlType&) const = default;
};
inline constexpr GgmlType kGgmlF32{0}, kGgmlF16{1}, kGgmlQ4_0{2}, kGgmlQ4_1{3}, kGgmlQ5_0{6}, kGgmlQ5_1{7},
    kGgmlQ8_0{8}, kGgmlBf16{30};

struct GgmlBlock {
  std::uint32_t elements = 1, bytes = 0;
};
// How the type packs its elements; nullopt: a type that Cairn does not expand.
std::optional<GgmlBlock> block_of(GgmlType type);
// "Q4_K" for every type that ggml has named so far, else "type 99".
std::string name_of(GgmlType type);

// Expands whole blocks. kInvalid: an unsupported type (by name), or sizes that do not fit each other.
Result<void> dequantise(GgmlType type, std::span<const std::byte> blocks, std::span<float> values);

}  // namespace cairn

// Number formats of weights: bf16 bit patterns, IEEE half, and the dtypes that safetensors names. Pure; any thread.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cairn {

using Bf16 = std::uint16_t;  // bit pattern: the upper half of an IEEE float

// Round to nearest, ties to even; a NaN stays a (quiet) NaN.
Bf16 bf16_from_f32(float value);
inline float f32_from_bf16(Bf16 value) { return std::bit_cast<float>(static_cast<std::uint32_t>(value) << 16); }
float f32_from_f16(std::uint16_t half);

enum class TensorDtype : std::uint8_t {
  kBool,
  kU8,
  kI8,
  kF8E4M3,
  kF8E5M2,
  kI16,
  kU16,
  kF16,
  kBf16,
  kI32,
  kU32,
  kF32,
  kI64,
  kU64,
  kF64,
};
// As safetensors writes it: "BF16". nullopt: a name this format does not have.
std::optional<TensorDtype> dtype_from_name(std::string_view name);
std::string_view name_of(TensorDtype dtype);
std::uint32_t bytes_of(TensorDtype dtype);

// One tensor in a file: row-major, last axis fastest. `bytes` lies in the file's mapping, at any alignment.
struct TensorView {
  std::string name;
  TensorDtype dtype = TensorDtype::kBf16;
  std::vector<std::uint64_t> shape;
  std::span<const std::byte> bytes;
};

inline constexpr std::uint64_t kTensorElementsMax = 1ull << 48;
// Product of the axes; nullopt above kTensorElementsMax.
std::optional<std::uint64_t> element_count(std::span<const std::uint64_t> shape);
// "[576, 49152]".
std::string shape_text(std::span<const std::uint64_t> shape);

}  // namespace cairn

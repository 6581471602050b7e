#include "model/tensor_quantised.h"

#include <array>
#include <string_view>

#include "base/bytes.h"
#include "model/tensor.h"

namespace cairn {
namespace {

constexpr std::uint32_t kBlock = 32;  // elements of every quantised format below

constexpr std::array<std::string_view, 40> kNames{
    "F32",    "F16",      "Q4_0",     "Q4_1",     "Q4_2",  "Q4_3",  "Q5_0",       "Q5_1",       "Q8_0",       "Q8_1",
    "Q2_K",   "Q3_K",     "Q4_K",     "Q5_K",     "Q6_K",  "Q8_K",  "IQ2_XXS",    "IQ2_XS",     "IQ3_XXS",    "IQ1_S",
    "IQ4_NL", "IQ3_S",    "IQ2_S",    "IQ4_XS",   "I8",    "I16",   "I32",        "I64",        "F64",        "IQ1_M",
    "BF16",   "Q4_0_4_4", "Q4_0_4_8", "Q4_0_8_8", "TQ1_0", "TQ2_0", "IQ4_NL_4_4", "IQ4_NL_4_8", "IQ4_NL_8_8", "MXFP4",
};

float half_at(const std::byte* at) { return f32_from_f16(load_le<std::uint16_t>(at)); }
std::uint32_t byte_at(const std::byte* at) { return std::to_integer<std::uint32_t>(*at); }

// Four-bit formats hold elements 0-15 in the low nibbles and 16-31 in the high ones; five-bit formats keep the fifth
// bits of all 32 elements in one word. value = (q - zero) × scale + offset.
struct NibbleBlock {
  float scale, offset;
  float zero;
  std::uint32_t fifth_bits;
  const std::byte* nibbles;
};

void expand(const NibbleBlock& block, float* out) {
  for (std::uint32_t i = 0; i < kBlock / 2; ++i) {
    const std::uint32_t pair = byte_at(block.nibbles + i);
    const std::uint32_t low = (pair & 15u) | (((block.fifth_bits >> i) & 1u) << 4);
    const std::uint32_t high = (pair >> 4) | (((block.fifth_bits >> (i + 16)) & 1u) << 4);
    out[i] = (static_cast<float>(low) - block.zero) * block.scale + block.offset;
    out[i + kBlock / 2] = (static_cast<float>(high) - block.zero) * block.scale + block.offset;
  }
}

void expand_block(GgmlType type, const std::byte* from, float* out) {
  if (type == kGgmlF32) {
    *out = load_le<float>(from);
  } else if (type == kGgmlF16) {
    *out = half_at(from);
  } else if (type == kGgmlBf16) {
    *out = f32_from_bf16(load_le<Bf16>(from));
  } else if (type == kGgmlQ4_0) {
    expand({half_at(from), 0.0f, 8.0f, 0, from + 2}, out);
  } else if (type == kGgmlQ4_1) {
    expand({half_at(from), half_at(from + 2), 0.0f, 0, from + 4}, out);
  } else if (type == kGgmlQ5_0) {
    expand({half_at(from), 0.0f, 16.0f, load_le<std::uint32_t>(from + 2), from + 6}, out);
  } else if (type == kGgmlQ5_1) {
    expand({half_at(from), half_at(from + 2), 0.0f, load_le<std::uint32_t>(from + 4), from + 8}, out);
  } else {  // Q8_0
    const float scale = half_at(from);
    for (std::uint32_t i = 0; i < kBlock; ++i) {
      out[i] = static_cast<float>(static_cast<std::int8_t>(byte_at(from + 2 + i))) * scale;
    }
  }
}

}  // namespace

std::optional<GgmlBlock> block_of(GgmlType type) {
  switch (type.number) {
    case kGgmlF32.number:
      return GgmlBlock{1, 4};
    case kGgmlF16.number:
      return GgmlBlock{1, 2};
    case kGgmlBf16.number:
      return GgmlBlock{1, 2};
    case kGgmlQ4_0.number:
      return GgmlBlock{kBlock, 18};
    case kGgmlQ4_1.number:
      return GgmlBlock{kBlock, 20};
    case kGgmlQ5_0.number:
      return GgmlBlock{kBlock, 22};
    case kGgmlQ5_1.number:
      return GgmlBlock{kBlock, 24};
    case kGgmlQ8_0.number:
      return GgmlBlock{kBlock, 34};
    default:
      return std::nullopt;
  }
}

std::string name_of(GgmlType type) {
  if (type.number < kNames.size()) return std::string(kNames[type.number]);
  return "type " + std::to_string(type.number);
}

Result<void> dequantise(GgmlType type, std::span<const std::byte> blocks, std::span<float> values) {
  const std::optional<GgmlBlock> block = block_of(type);
  if (!block) {
    return invalid("tensors of type " + name_of(type) +
                   " are not supported (F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0 are)");
  }
  if (values.size() % block->elements != 0 || values.size() / block->elements * block->bytes != blocks.size()) {
    return invalid(std::to_string(blocks.size()) + " bytes of " + name_of(type) + " do not hold " +
                   std::to_string(values.size()) + " values");
  }
  const std::size_t count = values.size() / block->elements;
  for (std::size_t i = 0; i < count; ++i) {
    expand_block(type, blocks.data() + i * block->bytes, values.data() + i * block->elements);
  }
  return {};
}

}  // namespace cairn

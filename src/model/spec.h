// The shape of a model as config.json tells it, checked and without defaults left to guess. Value; any thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "kv/layout.h"

namespace cairn {

enum class Architecture : std::uint8_t { kLlama, kQwen3 };  // Qwen3: RMSNorm on each head of Q and K

// RoPE: none beyond theta, or Llama-3's frequency scaling. Anything else is refused by name at load.
struct RopeSpec {
  double theta = 10000.0;
  bool llama3_scaling = false;
  double factor = 1, low_freq_factor = 1, high_freq_factor = 1;
  std::uint32_t original_context = 0;
};

// The largest that is accepted of each.
struct ShapeLimits {
  static constexpr std::uint32_t layers = 1024, width = 1u << 18, heads = 1024, head_dim = 1024;
  static constexpr std::uint32_t vocabulary = 1u << 22, context = 1u << 24;
};

struct ModelSpec {
  Architecture architecture = Architecture::kLlama;
  std::uint32_t layers = 0, hidden = 0, intermediate = 0;
  std::uint32_t query_heads = 0, kv_heads = 0, head_dim = 0;
  std::uint32_t vocabulary = 0, context = 0;
  float norm_epsilon = 1e-5f;
  bool tied_embedding = false;
  RopeSpec rope;
  std::vector<TokenId> eos_tokens;  // config.json and generation_config.json together

  KvGeometry kv_geometry() const;           // one bf16 group
  std::uint64_t linear_parameters() const;  // weights multiplied per token, LM head excluded
};

// From config.json and, if there, generation_config.json. kInvalid names the field and what would be right.
Result<ModelSpec> read_model_spec(const std::filesystem::path& model_dir);

}  // namespace cairn

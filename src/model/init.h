// A checkpoint with random weights of a real architecture: for tests and demonstrations of shapes that no small
// published model has. The same options give the same bytes on every machine.
#pragma once

#include <cstdint>
#include <filesystem>
#include <stop_token>

#include "base/result.h"
#include "model/spec.h"

namespace cairn {

// Token ids of the tokenizer that model_init writes: 256 bytes, three special tokens, then two-byte tokens.
inline constexpr std::uint32_t kInitByteTokens = 256, kInitSpecialTokens = 3;
inline constexpr TokenId kInitEndOfText = 256, kInitMessageStart = 257, kInitMessageEnd = 258;
inline constexpr std::uint32_t kInitVocabularyMin = kInitByteTokens + kInitSpecialTokens;

enum class HeadKind : std::uint8_t { kOwn, kTied };

struct InitOptions {
  Architecture architecture = Architecture::kLlama;
  std::uint32_t layers = 2, hidden = 64, intermediate = 192;
  std::uint32_t heads = 4, kv_heads = 2, head_dim = 16;
  std::uint32_t vocabulary = 512, context = 2048;
  double rope_theta = 10000.0;
  HeadKind head = HeadKind::kOwn;  // a tied head makes a random model repeat its last token
  std::uint64_t seed = 1;
};

// Writes config.json, generation_config.json, model.safetensors, tokenizer.json and tokenizer_config.json; the
// directory appears whole or not at all. Blocking. kInvalid: a shape that cannot be loaded, or `model_dir` exists;
// kCancelled: `stop` was asked for, nothing is left.
Result<void> model_init(const InitOptions& options, const std::filesystem::path& model_dir, std::stop_token stop = {});

// The 256 characters by which byte-level tokenizers write bytes, as UTF-8: 'A' -> "A", ' ' -> "Ġ".
std::string byte_level_character(std::uint8_t byte);

}  // namespace cairn

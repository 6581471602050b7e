// From a GGUF file to a Hugging Face directory that Cairn, transformers and vLLM open: config.json,
// generation_config.json, model.safetensors (bf16), tokenizer.json, tokenizer_config.json.
#pragma once

#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>

#include "base/result.h"
#include "model/gguf.h"

namespace cairn {

struct ImportSummary {
  std::uint64_t tensors = 0, parameters = 0;
};

// Writes beside `model_dir` and renames at the end: the directory appears whole or not at all. Blocking; any thread.
// kInvalid names what is not supported (architecture, tensor type, tokenizer, RoPE factors) or that `model_dir` exists;
// kCorrupt: a malformed GGUF file; kUnavailable: the disk said no; kCancelled: `stop` was asked for, nothing is left.
Result<ImportSummary> model_import(const std::filesystem::path& gguf, const std::filesystem::path& model_dir,
                                   std::stop_token stop = {});

struct TokenizerTexts {
  std::string tokenizer, tokenizer_config;  // contents of tokenizer.json and tokenizer_config.json
};
// Byte-level BPE with the pre-tokenizer that the file names (smollm, llama-bpe, qwen2); others are kInvalid.
Result<TokenizerTexts> import_tokenizer(const GgufFile& gguf, std::uint64_t context);

}  // namespace cairn

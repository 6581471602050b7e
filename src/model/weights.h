// bf16 weights of a model in natural row-major order ([out][in], as safetensors stores them), mapped or read from a
// Hugging Face directory. Immutable after load; any thread. Kernels pack what they need from it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "base/digest.h"
#include "base/result.h"
#include "model/spec.h"
#include "model/tensor.h"

namespace cairn {

struct LayerWeights {
  std::span<const Bf16> input_norm, post_attention_norm;  // [hidden]
  std::span<const Bf16> q, k, v, o;                       // [heads×dim][hidden] ×3, [hidden][heads×dim]
  std::span<const Bf16> q_norm, k_norm;                   // [dim], Qwen3 only, else empty
  std::span<const Bf16> gate, up, down;                   // [intermediate][hidden] ×2, [hidden][intermediate]
};

class ModelWeights {
 public:
  // kInvalid: missing, unknown or misshapen tensors by name, unsupported dtype; kCorrupt: malformed safetensors.
  // The spans start at any even address.
  static Result<std::unique_ptr<ModelWeights>> load(const std::filesystem::path& model_dir);
  virtual ~ModelWeights() = default;
  const ModelSpec& spec() const { return spec_; }
  std::span<const Bf16> embedding() const { return embedding_; }    // [vocabulary][hidden]
  std::span<const Bf16> final_norm() const { return final_norm_; }  // [hidden]
  std::span<const Bf16> lm_head() const { return lm_head_; }        // [vocabulary][hidden]; == embedding when tied
  std::span<const LayerWeights> layers() const { return layers_; }

 protected:
  ModelSpec spec_;
  std::span<const Bf16> embedding_, final_norm_, lm_head_;
  std::vector<LayerWeights> layers_;
};

}  // namespace cairn

#include "apps/identity.h"

namespace cairn {

StoreIdentity identity_of(const ModelSpec& spec, const Digest& fingerprint, const LayoutSpec& layout,
                          std::string numerics_class) {
  StoreIdentity identity;
  identity.model_fingerprint = fingerprint;
  identity.architecture = spec.architecture == Architecture::kQwen3 ? "qwen3" : "llama";
  identity.hidden = spec.hidden;
  identity.layout = layout;
  identity.rope.theta = spec.rope.theta;
  identity.rope.rotary_dim = spec.head_dim;
  if (spec.rope.llama3_scaling) {
    identity.rope.scaling =
        RopeScaling{"llama3",
                    {{"factor", {spec.rope.factor}},
                     {"low_freq_factor", {spec.rope.low_freq_factor}},
                     {"high_freq_factor", {spec.rope.high_freq_factor}},
                     {"original_max_position_embeddings", {static_cast<double>(spec.rope.original_context)}}}};
  }
  identity.numerics_class = std::move(numerics_class);
  return identity;
}

}  // namespace cairn

#include "model/weights.h"

#include <cstring>
#include <set>
#include <string>

#include "model/safetensors.h"

namespace cairn {
namespace {

// Spans point into the mapping, or into a copy where a tensor begins at an odd address.
class MappedWeights final : public ModelWeights {
 public:
  static Result<std::unique_ptr<ModelWeights>> load(const std::filesystem::path& model_dir) {
    auto weights = std::make_unique<MappedWeights>();
    CAIRN_TRY(weights->spec_, read_model_spec(model_dir));
    CAIRN_TRY(weights->set_, SafetensorsSet::open(model_dir));
    CAIRN_TRY_VOID(weights->bind_all());
    CAIRN_TRY_VOID(weights->refuse_unbound());
    return std::unique_ptr<ModelWeights>(std::move(weights));
  }

 private:
  Result<void> bind(const std::string& name, std::vector<std::uint64_t> shape, std::span<const Bf16>& to) {
    const TensorView* tensor = set_.find(name);
    if (tensor == nullptr) return invalid("the weights have no tensor '" + name + "'");
    if (tensor->dtype != TensorDtype::kBf16) {
      return invalid("tensor '" + name + "' is " + std::string(name_of(tensor->dtype)) + "; BF16 is supported");
    }
    if (tensor->shape != shape) {
      return invalid("tensor '" + name + "' is " + shape_text(tensor->shape) + "; config.json asks for " +
                     shape_text(shape));
    }
    bound_.insert(name);
    if (reinterpret_cast<std::uintptr_t>(tensor->bytes.data()) % alignof(Bf16) == 0) {
      to = {reinterpret_cast<const Bf16*>(tensor->bytes.data()), tensor->bytes.size() / sizeof(Bf16)};
      return {};
    }
    std::vector<Bf16>& copy = copies_.emplace_back(tensor->bytes.size() / sizeof(Bf16));
    std::memcpy(copy.data(), tensor->bytes.data(), tensor->bytes.size());
    to = copy;
    return {};
  }

  Result<void> bind_all() {
    const std::uint64_t hidden = spec_.hidden, vocabulary = spec_.vocabulary;
    CAIRN_TRY_VOID(bind("model.embed_tokens.weight", {vocabulary, hidden}, embedding_));
    CAIRN_TRY_VOID(bind("model.norm.weight", {hidden}, final_norm_));
    if (spec_.tied_embedding) {
      lm_head_ = embedding_;
      bound_.insert("lm_head.weight");  // some writers store the tied head as well
    } else {
      CAIRN_TRY_VOID(bind("lm_head.weight", {vocabulary, hidden}, lm_head_));
    }
    layers_.resize(spec_.layers);
    for (std::uint32_t i = 0; i < spec_.layers; ++i) CAIRN_TRY_VOID(bind_layer(i, layers_[i]));
    return {};
  }

  Result<void> bind_layer(std::uint32_t index, LayerWeights& layer) {
    const std::string at = "model.layers." + std::to_string(index) + ".";
    const std::uint64_t hidden = spec_.hidden, inner = spec_.intermediate, dim = spec_.head_dim;
    const std::uint64_t q = spec_.query_heads * dim, kv = spec_.kv_heads * dim;
    CAIRN_TRY_VOID(bind(at + "input_layernorm.weight", {hidden}, layer.input_norm));
    CAIRN_TRY_VOID(bind(at + "post_attention_layernorm.weight", {hidden}, layer.post_attention_norm));
    CAIRN_TRY_VOID(bind(at + "self_attn.q_proj.weight", {q, hidden}, layer.q));
    CAIRN_TRY_VOID(bind(at + "self_attn.k_proj.weight", {kv, hidden}, layer.k));
    CAIRN_TRY_VOID(bind(at + "self_attn.v_proj.weight", {kv, hidden}, layer.v));
    CAIRN_TRY_VOID(bind(at + "self_attn.o_proj.weight", {hidden, q}, layer.o));
    if (spec_.architecture == Architecture::kQwen3) {
      CAIRN_TRY_VOID(bind(at + "self_attn.q_norm.weight", {dim}, layer.q_norm));
      CAIRN_TRY_VOID(bind(at + "self_attn.k_norm.weight", {dim}, layer.k_norm));
    }
    CAIRN_TRY_VOID(bind(at + "mlp.gate_proj.weight", {inner, hidden}, layer.gate));
    CAIRN_TRY_VOID(bind(at + "mlp.up_proj.weight", {inner, hidden}, layer.up));
    return bind(at + "mlp.down_proj.weight", {hidden, inner}, layer.down);
  }

  // A tensor without a place (a bias, a further norm) would silently change what the model means.
  Result<void> refuse_unbound() const {
    constexpr std::string_view kFrequencies = ".rotary_emb.inv_freq";  // derived from rope_theta; old files store it
    for (const TensorView* tensor : set_.tensors()) {
      if (bound_.contains(tensor->name) || tensor->name.ends_with(kFrequencies)) continue;
      return invalid("tensor '" + tensor->name + "' has no place in a model with this config.json");
    }
    return {};
  }

  SafetensorsSet set_;
  std::vector<std::vector<Bf16>> copies_;
  std::set<std::string, std::less<>> bound_;
};

}  // namespace

Result<std::unique_ptr<ModelWeights>> ModelWeights::load(const std::filesystem::path& model_dir) {
  return MappedWeights::load(model_dir);
}

}  // namespace cairn

#include "model/import.h"

#include <new>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "model/safetensors.h"
#include "model/weights.h"

namespace cairn {
namespace {

using Json = nlohmann::json;

constexpr std::uint64_t kLayersMax = 1024;

enum class RowOrder : std::uint8_t { kAsStored, kInterleavedQuery, kInterleavedKey };

struct Mapping {
  std::string from, to;
  RowOrder order = RowOrder::kAsStored;
};

// llama.cpp keeps Q and K of Llama models with the rows of each head ordered for interleaved RoPE: stored row 2i + j of
// a head is row j × dim/2 + i here. Other architectures are stored as they are.
std::vector<Mapping> layer_mappings(std::uint64_t layer, bool interleaved) {
  const std::string from = "blk." + std::to_string(layer) + ".", to = "model.layers." + std::to_string(layer) + ".";
  const RowOrder query = interleaved ? RowOrder::kInterleavedQuery : RowOrder::kAsStored;
  const RowOrder key = interleaved ? RowOrder::kInterleavedKey : RowOrder::kAsStored;
  std::vector<Mapping> all = {
      {from + "attn_norm.weight", to + "input_layernorm.weight"},
      {from + "ffn_norm.weight", to + "post_attention_layernorm.weight"},
      {from + "attn_q.weight", to + "self_attn.q_proj.weight", query},
      {from + "attn_k.weight", to + "self_attn.k_proj.weight", key},
      {from + "attn_v.weight", to + "self_attn.v_proj.weight"},
      {from + "attn_output.weight", to + "self_attn.o_proj.weight"},
      {from + "ffn_gate.weight", to + "mlp.gate_proj.weight"},
      {from + "ffn_up.weight", to + "mlp.up_proj.weight"},
      {from + "ffn_down.weight", to + "mlp.down_proj.weight"},
  };
  if (!interleaved) {
    all.push_back({from + "attn_q_norm.weight", to + "self_attn.q_norm.weight"});
    all.push_back({from + "attn_k_norm.weight", to + "self_attn.k_norm.weight"});
  }
  return all;
}

struct Shape {
  std::string architecture;
  std::uint64_t layers = 0, hidden = 0, intermediate = 0, heads = 0, kv_heads = 0, head_dim = 0;
  std::uint64_t vocabulary = 0, context = 0;
  double theta = 0, epsilon = 0;
  bool tied = false;
};

Result<std::uint64_t> optional_number(const GgufFile& gguf, const std::string& key, std::uint64_t otherwise) {
  if (!gguf.has(key)) return otherwise;
  return gguf.number(key);
}

Result<Shape> read_shape(const GgufFile& gguf) {
  Shape shape;
  CAIRN_TRY(const std::string_view architecture, gguf.text("general.architecture"));
  shape.architecture = architecture;
  if (architecture != "llama" && architecture != "qwen3") {
    return invalid("GGUF architecture '" + shape.architecture + "' is not supported (llama and qwen3 are)");
  }
  const std::string at = shape.architecture + ".";
  CAIRN_TRY(shape.layers, gguf.number(at + "block_count"));
  CAIRN_TRY(shape.hidden, gguf.number(at + "embedding_length"));
  CAIRN_TRY(shape.intermediate, gguf.number(at + "feed_forward_length"));
  CAIRN_TRY(shape.heads, gguf.number(at + "attention.head_count"));
  CAIRN_TRY(shape.kv_heads, optional_number(gguf, at + "attention.head_count_kv", shape.heads));
  CAIRN_TRY(shape.context, gguf.number(at + "context_length"));
  CAIRN_TRY(shape.epsilon, gguf.real(at + "attention.layer_norm_rms_epsilon"));
  CAIRN_TRY(shape.theta, gguf.real(at + "rope.freq_base"));
  if (shape.heads == 0 || shape.layers == 0 || shape.layers > kLayersMax)
    return invalid("GGUF head or layer count is out of range");
  CAIRN_TRY(shape.head_dim, optional_number(gguf, at + "attention.key_length", shape.hidden / shape.heads));
  CAIRN_TRY(const std::uint64_t rotated, optional_number(gguf, at + "rope.dimension_count", shape.head_dim));
  if (rotated != shape.head_dim) {
    return invalid("RoPE over " + std::to_string(rotated) + " of " + std::to_string(shape.head_dim) +
                   " dimensions is not supported");
  }
  if (gguf.find("rope_freqs.weight") != nullptr) {
    return invalid("GGUF has RoPE factors (rope_freqs.weight); their scaling parameters cannot be read back from them");
  }
  if (gguf.has(at + "rope.scaling.type") && gguf.text(at + "rope.scaling.type")) {
    CAIRN_TRY(const std::string_view scaling, gguf.text(at + "rope.scaling.type"));
    if (scaling != "none") return invalid("RoPE scaling '" + std::string(scaling) + "' is not supported by import");
  }
  const GgufTensor* embedding = gguf.find("token_embd.weight");
  if (embedding == nullptr || embedding->shape.size() != 2) return invalid("GGUF has no matrix token_embd.weight");
  shape.vocabulary = embedding->shape[1];
  shape.tied = gguf.find("output.weight") == nullptr;
  return shape;
}

Json special_ids(const GgufFile& gguf) {
  Json ids = Json::object();
  const std::pair<const char*, const char*> names[] = {{"tokenizer.ggml.bos_token_id", "bos_token_id"},
                                                       {"tokenizer.ggml.eos_token_id", "eos_token_id"},
                                                       {"tokenizer.ggml.padding_token_id", "pad_token_id"}};
  for (const auto& [key, name] : names) {
    if (const Result<std::uint64_t> id = gguf.number(key)) ids[name] = *id;
  }
  return ids;
}

std::string config_text(const Shape& shape, const Json& ids) {
  const bool qwen = shape.architecture == "qwen3";
  Json config = {
      {"architectures", {qwen ? "Qwen3ForCausalLM" : "LlamaForCausalLM"}},
      {"model_type", shape.architecture},
      {"num_hidden_layers", shape.layers},
      {"hidden_size", shape.hidden},
      {"intermediate_size", shape.intermediate},
      {"num_attention_heads", shape.heads},
      {"num_key_value_heads", shape.kv_heads},
      {"head_dim", shape.head_dim},
      {"vocab_size", shape.vocabulary},
      {"max_position_embeddings", shape.context},
      {"rms_norm_eps", shape.epsilon},
      {"rope_theta", shape.theta},
      {"rope_scaling", nullptr},
      {"hidden_act", "silu"},
      {"attention_bias", false},
      {"attention_dropout", 0.0},
      {"initializer_range", 0.02},
      {"tie_word_embeddings", shape.tied},
      {"torch_dtype", "bfloat16"},
      {"use_cache", true},
  };
  if (qwen) {
    config["sliding_window"] = nullptr;
    config["use_sliding_window"] = false;
    config["max_window_layers"] = shape.layers;
  } else {
    config["mlp_bias"] = false;
    config["pretraining_tp"] = 1;
  }
  config.update(ids);
  return config.dump(2) + "\n";
}

std::vector<Bf16> rounded(std::span<const float> values) {
  std::vector<Bf16> out(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) out[i] = bf16_from_f32(values[i]);
  return out;
}

// Rows of `heads` heads from interleaved order back to halves.
std::vector<Bf16> deinterleaved(std::span<const Bf16> stored, std::uint64_t heads, std::uint64_t columns) {
  const std::uint64_t dim = stored.size() / columns / heads;
  std::vector<Bf16> out(stored.size());
  for (std::uint64_t head = 0; head < heads; ++head) {
    for (std::uint64_t row = 0; row < dim; ++row) {
      const std::uint64_t natural = (row % 2) * (dim / 2) + row / 2;
      const auto from = stored.subspan((head * dim + row) * columns, columns);
      std::copy(from.begin(), from.end(), out.begin() + static_cast<std::ptrdiff_t>((head * dim + natural) * columns));
    }
  }
  return out;
}

std::vector<Mapping> all_mappings(const Shape& shape) {
  std::vector<Mapping> all = {{"token_embd.weight", "model.embed_tokens.weight"},
                              {"output_norm.weight", "model.norm.weight"}};
  if (!shape.tied) all.push_back({"output.weight", "lm_head.weight"});
  for (std::uint64_t layer = 0; layer < shape.layers; ++layer) {
    for (Mapping& mapping : layer_mappings(layer, shape.architecture == "llama")) all.push_back(std::move(mapping));
  }
  return all;
}

Result<std::vector<Bf16>> convert(const GgufFile& gguf, const GgufTensor& tensor, const Mapping& mapping,
                                  const Shape& shape) {
  CAIRN_TRY(const std::vector<float> values, gguf.values(tensor));
  std::vector<Bf16> bits = rounded(values);
  if (mapping.order == RowOrder::kAsStored) return bits;
  const std::uint64_t heads = mapping.order == RowOrder::kInterleavedQuery ? shape.heads : shape.kv_heads;
  if (tensor.shape.size() != 2 || tensor.shape[1] != heads * shape.head_dim || shape.head_dim % 2 != 0) {
    return invalid("GGUF tensor '" + tensor.name + "' does not have " + std::to_string(heads) + " heads of " +
                   std::to_string(shape.head_dim) + " rows");
  }
  return deinterleaved(bits, heads, tensor.shape[0]);
}

// One tensor in memory at a time.
Result<ImportSummary> write_weights(const GgufFile& gguf, const Shape& shape, const std::filesystem::path& path,
                                    const std::stop_token& stop) {
  const std::vector<Mapping> mappings = all_mappings(shape);
  if (mappings.size() != gguf.tensors().size()) {
    return invalid("GGUF has " + std::to_string(gguf.tensors().size()) + " tensors; this architecture has " +
                   std::to_string(mappings.size()));
  }
  ImportSummary summary;
  std::vector<TensorShape> shapes;
  for (const Mapping& mapping : mappings) {
    const GgufTensor* tensor = gguf.find(mapping.from);
    if (tensor == nullptr) return invalid("GGUF has no tensor '" + mapping.from + "'");
    shapes.push_back({mapping.to, {tensor->shape.rbegin(), tensor->shape.rend()}});
    summary.tensors += 1;
    summary.parameters += tensor->elements;
  }
  CAIRN_TRY(SafetensorsWriter writer, SafetensorsWriter::create(path, std::move(shapes)));
  for (const Mapping& mapping : mappings) {
    if (stop.stop_requested()) return Error{ErrorCode::kCancelled, "stopped; nothing was written"};
    CAIRN_TRY(const std::vector<Bf16> values, convert(gguf, *gguf.find(mapping.from), mapping, shape));
    CAIRN_TRY_VOID(writer.append(values));
  }
  CAIRN_TRY_VOID(writer.finish());
  return summary;
}

Result<ImportSummary> import_gguf(const std::filesystem::path& gguf_path, const std::filesystem::path& model_dir,
                                  const std::stop_token& stop) {
  CAIRN_TRY(const GgufFile gguf, GgufFile::open(gguf_path));
  CAIRN_TRY(const Shape shape, read_shape(gguf));
  CAIRN_TRY(const TokenizerTexts texts, import_tokenizer(gguf, shape.context));
  CAIRN_TRY(StagedDirectory staged, StagedDirectory::create(model_dir));
  const Json ids = special_ids(gguf);
  CAIRN_TRY_VOID(write_text_file(staged.path() / "config.json", config_text(shape, ids)));
  CAIRN_TRY_VOID(write_text_file(staged.path() / "generation_config.json", ids.dump(2) + "\n"));
  CAIRN_TRY_VOID(write_text_file(staged.path() / "tokenizer.json", texts.tokenizer));
  CAIRN_TRY_VOID(write_text_file(staged.path() / "tokenizer_config.json", texts.tokenizer_config));
  CAIRN_TRY(const ImportSummary summary, write_weights(gguf, shape, staged.path() / "model.safetensors", stop));
  // What was written must be what the loader accepts, before anyone sees it.
  if (const auto loaded = ModelWeights::load(staged.path()); !loaded) {
    return Error{loaded.error().code, gguf_path.string() + " does not give a loadable model: " + loaded.error().detail};
  }
  CAIRN_TRY_VOID(staged.publish());
  return summary;
}

}  // namespace

Result<ImportSummary> model_import(const std::filesystem::path& gguf_path, const std::filesystem::path& model_dir,
                                   std::stop_token stop) {
  try {
    return import_gguf(gguf_path, model_dir, stop);
  } catch (const std::bad_alloc&) {  // the staged directory is gone by now
    return Error{ErrorCode::kExhausted, "out of memory: the largest tensor is held whole, as f32 and as bf16"};
  }
}

}  // namespace cairn

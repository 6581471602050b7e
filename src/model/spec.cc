#include "model/spec.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string_view>

#include "model/tensor_file.h"

namespace cairn {
namespace {

using Json = nlohmann::json;

constexpr std::uint64_t kConfigBytesMax = 16ull << 20;
constexpr std::uint32_t kLayersMax = ShapeLimits::layers, kWidthMax = ShapeLimits::width;
constexpr std::uint32_t kHeadsMax = ShapeLimits::heads, kHeadDimMax = ShapeLimits::head_dim;
constexpr std::uint32_t kVocabularyMax = ShapeLimits::vocabulary, kContextMax = ShapeLimits::context;
constexpr std::uint32_t kHeadDimUnit = 16, kQwen3HeadDim = 128;
constexpr std::size_t kEosTokensMax = 64;

// Typed access to one JSON object; every failure names the file and the field.
class Fields {
 public:
  Fields(const Json& object, std::string where) : object_(object), where_(std::move(where)) {}

  // null when absent or JSON null: Hugging Face writes both for "not set".
  const Json* find(const char* key) const {
    const auto found = object_.find(key);
    return found == object_.end() || found->is_null() ? nullptr : &*found;
  }
  Error error(std::string_view key, std::string_view what) const {
    return invalid(where_ + ": " + std::string(key) + " " + std::string(what));
  }
  Result<std::uint32_t> count(const char* key, std::uint32_t most) const {
    const Json* value = find(key);
    if (value == nullptr) return error(key, "is missing");
    if (!value->is_number_unsigned() || value->get<std::uint64_t>() == 0 || value->get<std::uint64_t>() > most) {
      return error(key, "is " + value->dump() + "; an integer from 1 to " + std::to_string(most) + " is needed");
    }
    return value->get<std::uint32_t>();
  }
  Result<double> positive(const char* key) const {
    const Json* value = find(key);
    if (value == nullptr) return error(key, "is missing");
    if (!value->is_number() || !(value->get<double>() > 0) || !std::isfinite(value->get<double>())) {
      return error(key, "is " + value->dump() + "; a positive number is needed");
    }
    return value->get<double>();
  }
  Result<bool> flag(const char* key, bool otherwise) const {
    const Json* value = find(key);
    if (value == nullptr) return otherwise;
    if (!value->is_boolean()) return error(key, "is " + value->dump() + "; true or false is needed");
    return value->get<bool>();
  }
  std::string text(const char* key) const {
    const Json* value = find(key);
    return value != nullptr && value->is_string() ? value->get<std::string>() : std::string();
  }
  const std::string& where() const { return where_; }

 private:
  const Json& object_;
  std::string where_;
};

Result<Json> read_object(const std::filesystem::path& path) {
  CAIRN_TRY(const std::string text, read_json_file(path, kConfigBytesMax));
  Json object = Json::parse(text, nullptr, false);
  if (object.is_discarded() || !object.is_object()) return invalid(path.string() + " is not a JSON object");
  return object;
}

Result<Architecture> read_architecture(const Fields& config) {
  const std::string type = config.text("model_type");
  std::string named;
  if (const Json* list = config.find("architectures"); list != nullptr) {
    if (!list->is_array() || list->size() != 1 || !(*list)[0].is_string()) {
      return config.error("architectures", "is " + list->dump() + "; a list of one name is needed");
    }
    named = (*list)[0].get<std::string>();
  }
  const bool any = named.empty();
  if (type == "llama" && (any || named == "LlamaForCausalLM")) return Architecture::kLlama;
  if (type == "qwen3" && (any || named == "Qwen3ForCausalLM")) return Architecture::kQwen3;
  return config.error("model_type", "is '" + type + "'" + (any ? "" : " with architecture " + named) +
                                        "; llama (LlamaForCausalLM) and qwen3 (Qwen3ForCausalLM) are supported");
}

// Features that would change the result and are not computed here.
Result<void> refuse_unsupported(const Fields& config, Architecture architecture) {
  if (const std::string act = config.text("hidden_act"); act != "silu") {
    return config.error("hidden_act",
                        act.empty() ? "is missing; silu is supported" : "is '" + act + "'; silu is supported");
  }
  for (const char* key : {"attention_bias", "mlp_bias", "rope_interleaved"}) {
    CAIRN_TRY(const bool on, config.flag(key, false));
    if (on) return config.error(key, "is true, which is not supported");
  }
  for (const char* key : {"quantization_config", "attn_logit_softcapping", "final_logit_softcapping"}) {
    if (config.find(key) != nullptr) return config.error(key, "is set, which is not supported");
  }
  CAIRN_TRY(const bool sliding, config.flag("use_sliding_window", architecture == Architecture::kLlama));
  if (sliding && config.find("sliding_window") != nullptr) {
    return config.error("sliding_window", "is " + config.find("sliding_window")->dump() + ", which is not supported");
  }
  if (const Json* types = config.find("layer_types"); types != nullptr) {
    if (!types->is_array()) return config.error("layer_types", "is not a list");
    for (const Json& type : *types) {
      if (type != "full_attention")
        return config.error("layer_types", "has " + type.dump() + "; full_attention is supported");
    }
  }
  if (const Json* part = config.find("partial_rotary_factor"); part != nullptr && *part != 1.0 && *part != 1) {
    return config.error("partial_rotary_factor", "is " + part->dump() + "; 1 is supported");
  }
  return {};
}

Result<void> read_scaling(const Json& object, const Fields& config, const char* key, RopeSpec& rope) {
  if (!object.is_object()) return config.error(key, "is " + object.dump() + "; an object or null is needed");
  const Fields fields(object, config.where() + ": " + key);
  std::string type = fields.text("rope_type");
  if (type.empty()) type = fields.text("type");
  if (type.empty() && (object.empty() || std::string_view(key) == "rope_parameters")) type = "default";
  if (fields.find("partial_rotary_factor") != nullptr && *fields.find("partial_rotary_factor") != 1.0) {
    return fields.error("partial_rotary_factor", "is set; 1 is supported");
  }
  if (type == "default") return {};
  if (type != "llama3") {
    return config.error(key, "has rope_type '" + type + "'; null, default and llama3 are supported");
  }
  rope.llama3_scaling = true;
  CAIRN_TRY(rope.factor, fields.positive("factor"));
  CAIRN_TRY(rope.low_freq_factor, fields.positive("low_freq_factor"));
  CAIRN_TRY(rope.high_freq_factor, fields.positive("high_freq_factor"));
  CAIRN_TRY(rope.original_context, fields.count("original_max_position_embeddings", kContextMax));
  if (rope.factor < 1 || rope.high_freq_factor <= rope.low_freq_factor) {
    return config.error(key, "needs factor >= 1 and high_freq_factor > low_freq_factor");
  }
  return {};
}

// Older files: rope_theta beside rope_scaling. Newer ones: all of it in rope_parameters.
Result<RopeSpec> read_rope(const Fields& config) {
  RopeSpec rope;
  const Json* parameters = config.find("rope_parameters");
  const Json* scaling = config.find("rope_scaling");
  if (parameters != nullptr && scaling != nullptr && *parameters != *scaling) {
    return config.error("rope_parameters", "and rope_scaling are both set and differ; keep one");
  }
  if (parameters != nullptr) {
    CAIRN_TRY_VOID(read_scaling(*parameters, config, "rope_parameters", rope));
    if (parameters->contains("rope_theta")) {
      CAIRN_TRY(rope.theta, Fields(*parameters, config.where() + ": rope_parameters").positive("rope_theta"));
      if (config.find("rope_theta") != nullptr && *config.find("rope_theta") != (*parameters)["rope_theta"]) {
        return config.error("rope_theta", "differs from rope_parameters.rope_theta; keep one");
      }
      return rope;
    }
  } else if (scaling != nullptr) {
    CAIRN_TRY_VOID(read_scaling(*scaling, config, "rope_scaling", rope));
  }
  CAIRN_TRY(rope.theta, config.positive("rope_theta"));
  return rope;
}

Result<void> read_shape(const Fields& config, ModelSpec& spec) {
  CAIRN_TRY(spec.layers, config.count("num_hidden_layers", kLayersMax));
  CAIRN_TRY(spec.hidden, config.count("hidden_size", kWidthMax));
  CAIRN_TRY(spec.intermediate, config.count("intermediate_size", kWidthMax));
  CAIRN_TRY(spec.query_heads, config.count("num_attention_heads", kHeadsMax));
  CAIRN_TRY(spec.vocabulary, config.count("vocab_size", kVocabularyMax));
  CAIRN_TRY(spec.context, config.count("max_position_embeddings", kContextMax));
  spec.kv_heads = spec.query_heads;  // what an absent field means in these architectures
  if (config.find("num_key_value_heads") != nullptr) {
    CAIRN_TRY(spec.kv_heads, config.count("num_key_value_heads", kHeadsMax));
  }
  if (config.find("head_dim") != nullptr) {
    CAIRN_TRY(spec.head_dim, config.count("head_dim", kHeadDimMax));
  } else if (spec.architecture == Architecture::kQwen3) {
    spec.head_dim = kQwen3HeadDim;
  } else {
    if (spec.hidden % spec.query_heads != 0)
      return config.error("head_dim", "is missing and the heads do not divide hidden_size");
    spec.head_dim = spec.hidden / spec.query_heads;
  }
  if (spec.head_dim % kHeadDimUnit != 0 || spec.head_dim > kHeadDimMax) {
    return config.error("head_dim", "is " + std::to_string(spec.head_dim) + "; a multiple of 16 up to 1024 is needed");
  }
  if (spec.query_heads % spec.kv_heads != 0) {
    return config.error("num_key_value_heads", "is " + std::to_string(spec.kv_heads) + ", which does not divide the " +
                                                   std::to_string(spec.query_heads) + " attention heads");
  }
  CAIRN_TRY(const double epsilon, config.positive("rms_norm_eps"));
  spec.norm_epsilon = static_cast<float>(epsilon);
  CAIRN_TRY(spec.tied_embedding, config.flag("tie_word_embeddings", false));
  return {};
}

Result<void> add_eos(const Fields& config, ModelSpec& spec) {
  const Json* value = config.find("eos_token_id");
  if (value == nullptr) return {};
  const Json list = value->is_array() ? *value : Json::array({*value});
  for (const Json& token : list) {
    if (!token.is_number_unsigned() || token.get<std::uint64_t>() >= spec.vocabulary) {
      return config.error("eos_token_id", "is " + token.dump() + "; a token of the vocabulary is needed");
    }
    const TokenId id = token.get<TokenId>();
    if (std::find(spec.eos_tokens.begin(), spec.eos_tokens.end(), id) == spec.eos_tokens.end())
      spec.eos_tokens.push_back(id);
  }
  if (spec.eos_tokens.size() > kEosTokensMax) return config.error("eos_token_id", "names too many tokens");
  return {};
}

}  // namespace

KvGeometry ModelSpec::kv_geometry() const {
  return {{LayerGroup{.layers = layers, .planes = 2, .heads = kv_heads, .dim = head_dim, .dtype = KvDtype::kBf16}}};
}

std::uint64_t ModelSpec::linear_parameters() const {
  const std::uint64_t wide = std::uint64_t{hidden} * head_dim;
  const std::uint64_t attention = 2 * wide * query_heads + 2 * wide * kv_heads;
  return layers * (attention + 3ull * hidden * intermediate);
}

Result<ModelSpec> read_model_spec(const std::filesystem::path& model_dir) {
  CAIRN_TRY(const Json object, read_object(model_dir / "config.json"));
  const Fields config(object, (model_dir / "config.json").string());
  ModelSpec spec;
  CAIRN_TRY(spec.architecture, read_architecture(config));
  CAIRN_TRY_VOID(refuse_unsupported(config, spec.architecture));
  CAIRN_TRY_VOID(read_shape(config, spec));
  CAIRN_TRY(spec.rope, read_rope(config));
  CAIRN_TRY_VOID(add_eos(config, spec));
  const std::filesystem::path generation = model_dir / "generation_config.json";
  if (std::error_code ignored; std::filesystem::exists(generation, ignored)) {
    CAIRN_TRY(const Json more, read_object(generation));
    CAIRN_TRY_VOID(add_eos(Fields(more, generation.string()), spec));
  }
  return spec;
}

}  // namespace cairn

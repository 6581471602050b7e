#include "model/size.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/bytes.h"
#include "model/tensor_file.h"

namespace cairn {
namespace {

using Json = nlohmann::json;

constexpr std::uint64_t kConfigBytesMax = 16ull << 20;
constexpr double kPrefillRateMax = 1e12;
constexpr std::uint64_t kCountMax = 1ull << 40;  // of anything in a query
constexpr double kBytesMax = 9.2e18;

struct DenseShape {
  const char* name;
  std::uint64_t layers, hidden, intermediate, heads, kv_heads, head_dim, vocabulary;
  std::uint64_t experts = 1;
  bool tied = false;
};

constexpr DenseShape kPresets[] = {
    {"Qwen3-8B", 36, 4096, 12288, 32, 8, 128, 151936},
    {"Qwen3-32B", 64, 5120, 25600, 64, 8, 128, 151936},
    {"Mistral-Small-3.2-24B", 40, 5120, 32768, 32, 8, 128, 131072},
    {"Llama-3.1-8B", 32, 4096, 14336, 32, 8, 128, 128256},
    {"Llama-3-70B", 80, 8192, 28672, 64, 8, 128, 128256},
    {"Llama-3.1-70B", 80, 8192, 28672, 64, 8, 128, 128256},
    {"Llama-3.3-70B", 80, 8192, 28672, 64, 8, 128, 128256},
    {"SmolLM2-135M", 30, 576, 1536, 9, 3, 64, 49152, 1, true},
};

SizedModel model_of(const DenseShape& shape) {
  const std::uint64_t attention = 2 * shape.hidden * shape.head_dim * (shape.heads + shape.kv_heads);
  const std::uint64_t mlp = 3 * shape.hidden * shape.intermediate * shape.experts;
  const std::uint64_t ends = (shape.tied ? 1 : 2) * shape.vocabulary * shape.hidden;
  return {.name = shape.name,
          .layers = shape.layers,
          .kv_values_per_layer = 2 * shape.kv_heads * shape.head_dim,
          .parameters = shape.layers * (attention + mlp + 2 * shape.hidden) + ends + shape.hidden};
}

const std::vector<SizedModel>& presets() {
  static const std::vector<SizedModel> all = [] {
    std::vector<SizedModel> models;
    for (const DenseShape& shape : kPresets) models.push_back(model_of(shape));
    return models;
  }();
  return all;
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

// The first of several names for one thing that holds a sane count.
std::optional<std::uint64_t> count_of(const Json& config, std::initializer_list<const char*> keys) {
  for (const char* key : keys) {
    const auto found = config.find(key);
    if (found == config.end() || !found->is_number_unsigned()) continue;
    const auto value = found->get<std::uint64_t>();
    if (value > 0 && value <= (1u << 24)) return value;
  }
  return std::nullopt;
}

std::uint32_t weight_bits_of(const Json& config) {
  if (const auto found = config.find("quantization_config"); found != config.end() && found->is_object()) {
    if (const auto bits = count_of(*found, {"bits", "w_bit"}); bits && *bits <= 32)
      return static_cast<std::uint32_t>(*bits);
    if (found->value("load_in_4bit", Json(false)) == true) return 4;
    return 8;
  }
  for (const char* key : {"torch_dtype", "dtype"}) {
    if (const auto found = config.find(key); found != config.end() && *found == "float32") return 32;
  }
  return 16;
}

Result<SizedModel> model_of_config(const Json& config, const std::string& where) {
  const auto missing = [&](const char* key) { return invalid(where + ": " + key + " is missing or out of range"); };
  const auto layers = count_of(config, {"num_hidden_layers", "n_layer", "n_layers", "num_layers"});
  const auto heads = count_of(config, {"num_attention_heads", "n_head", "n_heads"});
  const auto hidden = count_of(config, {"hidden_size", "n_embd", "d_model"});
  if (!layers) return missing("num_hidden_layers");
  if (!heads) return missing("num_attention_heads");
  if (!hidden) return missing("hidden_size");
  const std::uint64_t kv_heads =
      count_of(config, {"num_key_value_heads", "n_head_kv", "num_kv_heads"}).value_or(*heads);
  const std::uint64_t dim = count_of(config, {"head_dim"}).value_or(*hidden / *heads);
  const auto experts = count_of(config, {"num_local_experts", "num_experts", "n_routed_experts"});
  const auto inner = experts ? count_of(config, {"moe_intermediate_size", "intermediate_size"})
                             : count_of(config, {"intermediate_size", "n_inner", "ffn_dim"});
  const auto tied = config.find("tie_word_embeddings");
  SizedModel model = model_of({.name = "",
                               .layers = *layers,
                               .hidden = *hidden,
                               .intermediate = inner.value_or(4 * *hidden),
                               .heads = *heads,
                               .kv_heads = kv_heads,
                               .head_dim = dim,
                               .vocabulary = count_of(config, {"vocab_size"}).value_or(0),
                               .experts = experts.value_or(1),
                               .tied = tied != config.end() && *tied == true});
  if (const auto latent =
          count_of(config, {"kv_lora_rank"})) {  // multi-head latent attention keeps one latent per token
    model.kv_values_per_layer = *latent + count_of(config, {"qk_rope_head_dim"}).value_or(0);
  }
  model.weight_bits = weight_bits_of(config);
  return model;
}

std::string decimal(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", value);
  return text;
}

std::string in_gb(double bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f GB", bytes / 1e9);
  return text;
}

std::optional<std::string> out_of_memory(const SizedModel& model, const SizeQuery& query, std::uint64_t weight_bytes) {
  if (query.device_bytes == 0 || query.device_pages != 0) return std::nullopt;
  const double usable = static_cast<double>(query.device_bytes) * query.device_fraction;
  const double weights = static_cast<double>(weight_bytes);
  if (weights < usable * static_cast<double>(query.devices_per_engine)) return std::nullopt;
  std::string text = "out of memory: the weights need " + in_gb(weights) + ", " +
                     std::to_string(query.devices_per_engine) + " device(s) of " +
                     in_gb(static_cast<double>(query.device_bytes)) + " offer " +
                     in_gb(usable * static_cast<double>(query.devices_per_engine)) + "; use at least " +
                     std::to_string(static_cast<std::uint64_t>(weights / usable) + 1) + " devices per engine";
  for (const std::uint32_t bits : {8u, 4u}) {
    const double smaller = weights * bits / model.weight_bits;
    if (bits < model.weight_bits && smaller < usable * static_cast<double>(query.devices_per_engine)) {
      return text + ", or " + std::to_string(bits) + "-bit weights (" + in_gb(smaller) + ")";
    }
  }
  return text;
}

Result<void> positive(const char* name, std::uint64_t value) {
  if (value != 0 && value <= kCountMax) return {};
  return invalid(std::string(name) + " is " + std::to_string(value) + "; it must be 1 to 2^40");
}

Result<void> check(const SizedModel& model, const SizeQuery& query) {
  CAIRN_TRY_VOID(check_size_query(query));
  CAIRN_TRY_VOID(positive("layers", model.layers));
  CAIRN_TRY_VOID(positive("KV values per layer", model.kv_values_per_layer));
  const double per_token =
      static_cast<double>(model.layers) * static_cast<double>(model.kv_values_per_layer) * query.kv_value_bytes;
  double largest =
      per_token * std::max<double>({static_cast<double>(query.page_tokens), static_cast<double>(query.chunk_tokens),
                                    static_cast<double>(query.context_tokens) * static_cast<double>(query.users),
                                    static_cast<double>(query.device_pages) * query.page_tokens *
                                        static_cast<double>(query.engines)});
  largest = std::max(largest, static_cast<double>(query.device_bytes) * static_cast<double>(query.devices_per_engine) *
                                  static_cast<double>(query.engines));
  for (const SizedTier& tier : query.tiers)
    largest = std::max(largest, static_cast<double>(tier.unit_bytes) * static_cast<double>(tier.units));
  if (!(largest < kBytesMax)) return invalid("the sizes exceed 2^63 bytes");
  return {};
}

}  // namespace

Result<SizedModel> sized_model(const std::filesystem::path& config_or_dir) {
  std::error_code ignored;
  const bool directory = std::filesystem::is_directory(config_or_dir, ignored);
  const std::filesystem::path path = directory ? config_or_dir / "config.json" : config_or_dir;
  CAIRN_TRY(const std::string text, read_json_file(path, kConfigBytesMax));
  const Json config = Json::parse(text, nullptr, false);
  if (config.is_discarded() || !config.is_object()) return invalid(path.string() + " is not a JSON object");
  const auto inner = config.find("text_config");  // of models that also see
  const bool nested = inner != config.end() && inner->is_object();
  CAIRN_TRY(SizedModel model, model_of_config(nested ? *inner : config, path.string()));
  const std::filesystem::path whole = std::filesystem::absolute(path, ignored).lexically_normal();
  model.name = whole.parent_path().filename().string();
  return model;
}

const SizedModel* size_preset(std::string_view name) {
  for (const SizedModel& model : presets()) {
    if (lower(model.name) == lower(name)) return &model;
  }
  return nullptr;
}

std::vector<std::string> size_preset_names() {
  std::vector<std::string> names;
  for (const SizedModel& model : presets()) names.push_back(model.name);
  return names;
}

Result<void> check_size_query(const SizeQuery& query) {
  if (query.kv_value_bytes != 1 && query.kv_value_bytes != 2 && query.kv_value_bytes != 4) {
    return invalid("kv_value_bytes is " + std::to_string(query.kv_value_bytes) + ": 1 (fp8), 2 (bf16) or 4 (f32)");
  }
  CAIRN_TRY_VOID(positive("page_tokens", query.page_tokens));
  CAIRN_TRY_VOID(positive("chunk_tokens", query.chunk_tokens));
  if (query.chunk_tokens % query.page_tokens != 0) {
    return invalid("chunk_tokens is " + std::to_string(query.chunk_tokens) + ": a multiple of page_tokens, " +
                   std::to_string(query.page_tokens));
  }
  CAIRN_TRY_VOID(positive("users", query.users));
  CAIRN_TRY_VOID(positive("engines", query.engines));
  CAIRN_TRY_VOID(positive("devices_per_engine", query.devices_per_engine));
  if (!(query.device_fraction > 0 && query.device_fraction <= 1)) {
    return invalid("device_fraction is " + decimal(query.device_fraction) + ": above 0, at most 1");
  }
  if (!(query.prefill_tokens_per_s >= 0 && query.prefill_tokens_per_s <= kPrefillRateMax)) {
    return invalid("prefill_tokens_per_s is " + decimal(query.prefill_tokens_per_s) + ": 0 to 1e12");
  }
  return {};
}

Result<SizeReport> size_report(const SizedModel& model, const SizeQuery& query) {
  CAIRN_TRY_VOID(check(model, query));
  SizeReport report;
  report.kv_bytes_per_token = model.layers * model.kv_values_per_layer * query.kv_value_bytes;
  report.page_bytes = report.kv_bytes_per_token * query.page_tokens;
  report.chunk_bytes = report.kv_bytes_per_token * query.chunk_tokens;
  report.kv_bytes_per_user = report.kv_bytes_per_token * query.context_tokens;
  report.kv_bytes_all_users = report.kv_bytes_per_user * query.users;
  report.weight_bytes = model.parameters / 8 * model.weight_bits + model.parameters % 8 * model.weight_bits / 8;
  report.out_of_memory = out_of_memory(model, query, report.weight_bytes);
  report.pages_per_engine = query.device_pages;
  if (query.device_pages == 0 && query.device_bytes != 0 && !report.out_of_memory) {
    const double usable =
        static_cast<double>(query.device_bytes) * query.device_fraction * static_cast<double>(query.devices_per_engine);
    report.pages_per_engine = static_cast<std::uint64_t>((usable - static_cast<double>(report.weight_bytes)) /
                                                         static_cast<double>(report.page_bytes));
  }
  report.device_kv_bytes_per_engine = report.pages_per_engine * report.page_bytes;
  report.device_kv_bytes = report.device_kv_bytes_per_engine * query.engines;
  report.break_even_bytes_per_s = static_cast<double>(report.kv_bytes_per_token) * query.prefill_tokens_per_s;
  std::vector<SizedTier> tiers;
  if (report.device_kv_bytes != 0) tiers.push_back({"device", report.device_kv_bytes_per_engine, query.engines});
  tiers.insert(tiers.end(), query.tiers.begin(), query.tiers.end());
  for (const SizedTier& tier : tiers) {
    const std::uint64_t bytes = tier.unit_bytes * tier.units;
    report.tiers.push_back({tier.name, bytes, bytes / report.kv_bytes_per_token,
                            report.kv_bytes_per_user == 0 ? 0 : bytes / report.kv_bytes_per_user});
  }
  return report;
}

std::string size_report_json(const SizedModel& model, const SizeReport& report) {
  nlohmann::ordered_json tiers = nlohmann::ordered_json::array();
  for (const TierSize& tier : report.tiers)
    tiers.push_back({{"name", tier.name}, {"bytes", tier.bytes}, {"tokens", tier.tokens}, {"users", tier.users}});
  const nlohmann::ordered_json json = {
      {"model", model.name},
      {"parameters", model.parameters},
      {"weight_bytes", report.weight_bytes},
      {"kv_bytes_per_token", report.kv_bytes_per_token},
      {"page_bytes", report.page_bytes},
      {"chunk_bytes", report.chunk_bytes},
      {"kv_bytes_per_user", report.kv_bytes_per_user},
      {"kv_bytes_all_users", report.kv_bytes_all_users},
      {"pages_per_engine", report.pages_per_engine},
      {"device_kv_bytes", report.device_kv_bytes},
      {"tiers", tiers},
      {"fits", !report.out_of_memory},
      {"break_even_bytes_per_s", report.break_even_bytes_per_s},
  };
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string size_report_text(const SizedModel& model, const SizeQuery& query, const SizeReport& report) {
  std::string text;
  const auto line = [&](const std::string& what, const std::string& value) {
    text += what + std::string(what.size() < 24 ? 24 - what.size() : 1, ' ') + value + "\n";
  };
  const auto sized = [](std::uint64_t bytes) { return std::to_string(bytes) + " B (" + format_bytes(bytes) + ")"; };
  line("model", model.name.empty() ? "(unnamed)" : model.name);
  line("weights, estimated",
       in_gb(static_cast<double>(report.weight_bytes)) + " (" + std::to_string(model.weight_bits) + " bits)");
  line("KV per token", sized(report.kv_bytes_per_token));
  line("KV per page of " + std::to_string(query.page_tokens), sized(report.page_bytes));
  line("KV per chunk of " + std::to_string(query.chunk_tokens), sized(report.chunk_bytes));
  if (query.context_tokens != 0) {
    line("KV per user", sized(report.kv_bytes_per_user) + " at " + std::to_string(query.context_tokens) + " tokens");
    line("KV of " + std::to_string(query.users) + " users", sized(report.kv_bytes_all_users));
  }
  if (report.pages_per_engine != 0) line("pages per engine", std::to_string(report.pages_per_engine));
  for (const TierSize& tier : report.tiers) {
    line("tier " + tier.name, sized(tier.bytes) + ", " + std::to_string(tier.tokens) + " tokens" +
                                  (query.context_tokens != 0 ? ", " + std::to_string(tier.users) + " users" : ""));
  }
  if (report.break_even_bytes_per_s > 0) {
    line("break-even bandwidth",
         format_bytes(static_cast<std::uint64_t>(std::min(report.break_even_bytes_per_s, kBytesMax))) + "/s");
  }
  if (report.out_of_memory) text += *report.out_of_memory + "\n";
  return text;
}

std::uint64_t distinct_tokens(const SharedPrefixLoad& load) {
  return load.groups * (load.system_tokens + load.prompts_per_group * load.question_tokens);
}

}  // namespace cairn

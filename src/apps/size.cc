// cairn size CONFIG: how large KV gets and what that means.
#include "model/size.h"

#include <cstdio>
#include <string>
#include <vector>

#include "apps/verbs.h"

namespace cairn {
namespace {

struct SizeWords {
  std::string preset;
  std::uint32_t kv_value_bytes = 2, page_tokens = 16, chunk_tokens = 256;
  std::uint64_t context_tokens = 0, users = 1, engines = 1, devices_per_engine = 1;
  std::uint64_t device_bytes = 0, device_pages = 0, ram_bytes = 0, store_bytes = 0;
  double device_fraction = 0.9, prefill_tokens_per_s = 0;
  bool json = false;
  Result<void> validate() const { return {}; }
  template <class V>
  static void describe(V& v) {
    v.field("preset", &SizeWords::preset, "a published model by name, in place of CONFIG");
    v.field("kv_value_bytes", &SizeWords::kv_value_bytes, "2: bf16, 1: fp8");
    v.field("page_tokens", &SizeWords::page_tokens, "tokens of an engine's page (block)");
    v.field("chunk_tokens", &SizeWords::chunk_tokens, "tokens of a stored block");
    v.field("context_tokens", &SizeWords::context_tokens, "tokens that one user holds");
    v.field("users", &SizeWords::users, "users at a time");
    v.field("engines", &SizeWords::engines, "instances");
    v.field("devices_per_engine", &SizeWords::devices_per_engine, "devices of one instance (tensor parallel)");
    v.field("device_bytes", &SizeWords::device_bytes, "memory of one device, 80GB");
    v.field("device_fraction", &SizeWords::device_fraction, "of it, for weights and KV");
    v.field("device_pages", &SizeWords::device_pages, "pages as an engine reported them, in place of device_bytes");
    v.field("ram_bytes", &SizeWords::ram_bytes, "host memory for KV of one instance");
    v.field("store_bytes", &SizeWords::store_bytes, "the shared store");
    v.field("prefill_tokens_per_s", &SizeWords::prefill_tokens_per_s, "gives the break-even bandwidth");
    v.field("json", &SizeWords::json, "the report as JSON");
  }
};

void print_json(const SizedModel& model, const SizeReport& report) {
  const auto number = [](const char* name, std::uint64_t value) {
    std::printf("  \"%s\": %llu,\n", name, static_cast<unsigned long long>(value));
  };
  std::printf("{\n  \"model\": \"%s\",\n", model.name.c_str());
  number("parameters", model.parameters);
  number("weight_bytes", report.weight_bytes);
  number("kv_bytes_per_token", report.kv_bytes_per_token);
  number("page_bytes", report.page_bytes);
  number("chunk_bytes", report.chunk_bytes);
  number("kv_bytes_per_user", report.kv_bytes_per_user);
  number("kv_bytes_all_users", report.kv_bytes_all_users);
  number("pages_per_engine", report.pages_per_engine);
  number("device_kv_bytes", report.device_kv_bytes);
  std::printf("  \"tiers\": [");
  for (const TierSize& tier : report.tiers) {
    std::printf("%s{\"name\": \"%s\", \"bytes\": %llu, \"tokens\": %llu, \"users\": %llu}",
                &tier == report.tiers.data() ? "" : ", ", tier.name.c_str(),
                static_cast<unsigned long long>(tier.bytes), static_cast<unsigned long long>(tier.tokens),
                static_cast<unsigned long long>(tier.users));
  }
  std::printf("],\n  \"fits\": %s,\n  \"break_even_bytes_per_s\": %.0f\n}\n", report.out_of_memory ? "false" : "true",
              report.break_even_bytes_per_s);
}

// The preset that was asked for, or the model of CONFIG.
Result<SizedModel> chosen_model(const SizeWords& words, const std::vector<std::string>& positional) {
  if (words.preset.empty()) return sized_model(positional[0]);
  if (const SizedModel* preset = size_preset(words.preset)) return *preset;
  std::string names;
  for (const std::string& name : size_preset_names()) names += (names.empty() ? "" : ", ") + name;
  return invalid("there is no preset '" + words.preset + "': " + names);
}

}  // namespace

int run_size(const VerbInput& input) {
  SizeWords words;
  OptionSet options;
  options.add("", "What to size", words);
  const HelpHead head{
      "cairn size CONFIG.json [options], or cairn size --preset NAME",
      "KV bytes per token, page and chunk; how many users fit on devices, in RAM and in the store; whether the weights "
      "leave room for KV; and the bandwidth below which loading KV is slower than computing it."};
  const Parsed parsed = parse(options, input, head, 0, 1);
  if (parsed.done) return parsed.status;
  if (parsed.loaded.positional.empty() == words.preset.empty())
    return wrong_words(invalid("name a CONFIG.json or a --preset, one of the two"));
  const Result<SizedModel> model = chosen_model(words, parsed.loaded.positional);
  if (!model) return fail(model.error());

  SizeQuery query;
  query.kv_value_bytes = words.kv_value_bytes, query.page_tokens = words.page_tokens,
  query.chunk_tokens = words.chunk_tokens;
  query.context_tokens = words.context_tokens, query.users = words.users;
  query.engines = words.engines, query.devices_per_engine = words.devices_per_engine;
  query.device_bytes = words.device_bytes, query.device_fraction = words.device_fraction,
  query.device_pages = words.device_pages;
  query.prefill_tokens_per_s = words.prefill_tokens_per_s;
  if (words.ram_bytes > 0) query.tiers.push_back({"ram", words.ram_bytes, words.engines});
  if (words.store_bytes > 0) query.tiers.push_back({"store", words.store_bytes, 1});
  const Result<SizeReport> report = size_report(*model, query);
  if (!report) return fail(report.error());
  if (words.json) {
    print_json(*model, *report);
  } else {
    std::fputs(size_report_text(*model, query, *report).c_str(), stdout);
  }
  return 0;
}

}  // namespace cairn

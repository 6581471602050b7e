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
  Result<void> validate() const { return check_size_query(query()); }
  SizeQuery query() const;
  template <class V>
  static void describe(V& v) {
    v.field("preset", &SizeWords::preset, "a published model by name, in place of CONFIG");
    v.field("kv_value_bytes", &SizeWords::kv_value_bytes, "of one number: 1 (fp8), 2 (bf16), 4 (f32)");
    v.field("page_tokens", &SizeWords::page_tokens, "tokens of an engine's page (block)");
    v.field("chunk_tokens", &SizeWords::chunk_tokens, "tokens of a stored block, a multiple of page_tokens");
    v.field("context_tokens", &SizeWords::context_tokens, "tokens that one user holds; 0: no figures per user");
    v.field("users", &SizeWords::users, "users at a time");
    v.field("engines", &SizeWords::engines, "instances");
    v.field("devices_per_engine", &SizeWords::devices_per_engine, "devices of one instance (tensor parallel)");
    v.field("device_bytes", &SizeWords::device_bytes, "memory of one device, such as 80GB; 0: unknown");
    v.field("device_fraction", &SizeWords::device_fraction, "of it, for weights and KV");
    v.field("device_pages", &SizeWords::device_pages, "pages as an engine reported them, in place of device_bytes");
    v.field("ram_bytes", &SizeWords::ram_bytes, "host memory for KV of one instance");
    v.field("store_bytes", &SizeWords::store_bytes, "the shared store");
    v.field("prefill_tokens_per_s", &SizeWords::prefill_tokens_per_s,
            "measured or published; gives the break-even bandwidth");
    v.field("json", &SizeWords::json, "the report as JSON");
  }
};

SizeQuery SizeWords::query() const {
  SizeQuery query;
  query.kv_value_bytes = kv_value_bytes, query.page_tokens = page_tokens, query.chunk_tokens = chunk_tokens;
  query.context_tokens = context_tokens, query.users = users;
  query.engines = engines, query.devices_per_engine = devices_per_engine;
  query.device_bytes = device_bytes, query.device_fraction = device_fraction, query.device_pages = device_pages;
  query.prefill_tokens_per_s = prefill_tokens_per_s;
  if (ram_bytes > 0) query.tiers.push_back({"ram", ram_bytes, engines});
  if (store_bytes > 0) query.tiers.push_back({"store", store_bytes, 1});
  return query;
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
      "leave room for KV; and the bandwidth below which loading KV is slower than computing it. CONFIG.json is a "
      "Hugging Face config.json or a "
      "directory that holds one.",
      "cairn size --preset Llama-3.1-8B --context-tokens 32768 --users 50 --device-bytes 80GB"};
  const Parsed parsed = parse(options, input, head, 0, 1);
  if (parsed.done) return parsed.status;
  if (parsed.loaded.positional.empty() == words.preset.empty())
    return wrong_words(invalid("name a CONFIG.json or a --preset, one of the two"));
  const Result<SizedModel> model = chosen_model(words, parsed.loaded.positional);
  if (!model) return fail(model.error());

  const SizeQuery query = words.query();
  const Result<SizeReport> report = size_report(*model, query);
  if (!report) return fail(report.error());
  std::fputs((words.json ? size_report_json(*model, *report) : size_report_text(*model, query, *report)).c_str(),
             stdout);
  return 0;
}

}  // namespace cairn

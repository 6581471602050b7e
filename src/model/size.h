// How large KV gets and what that means: bytes per token, pages on devices, users per tier, the bandwidth below which
// loading is slower than computing. Pure arithmetic over values; any thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace cairn {

struct SizedModel {
  std::string name;
  std::uint64_t layers = 0;
  std::uint64_t kv_values_per_layer = 0;  // of one token: 2 × KV heads × head size; latent attention: its latent
  std::uint64_t parameters = 0;           // estimated from the shape
  std::uint32_t weight_bits = 16;
};

// From any Hugging Face config.json (or a directory that holds one), also of models that Cairn's engine cannot run;
// sliding windows are sized as if they were full. kInvalid names the missing field.
Result<SizedModel> sized_model(const std::filesystem::path& config_or_dir);

// Published models by name ("Llama-3.3-70B"), compared without case; a null result lists them in size_preset_names.
const SizedModel* size_preset(std::string_view name);
std::vector<std::string> size_preset_names();

struct SizedTier {
  std::string name;
  std::uint64_t unit_bytes = 0;
  std::uint64_t units = 1;  // 20 GB × 16 hosts
};

struct SizeQuery {
  std::uint32_t kv_value_bytes = 2;  // bf16
  std::uint32_t page_tokens = 16, chunk_tokens = 256;
  std::uint64_t context_tokens = 0, users = 1;  // context 0: nothing per user is computed
  std::uint64_t engines = 1, devices_per_engine = 1;
  std::uint64_t device_bytes = 0;  // memory of one device; 0: unknown
  double device_fraction = 0.9;    // of it, for weights and KV
  std::uint64_t device_pages = 0;  // pages per engine as an engine reported them; 0: from device_bytes
  double prefill_tokens_per_s = 0;
  std::vector<SizedTier> tiers = {};
};

struct TierSize {
  std::string name;
  std::uint64_t bytes = 0, tokens = 0;
  std::uint64_t users = 0;  // whole contexts that fit; 0 without context_tokens
};

struct SizeReport {
  std::uint64_t kv_bytes_per_token = 0, page_bytes = 0, chunk_bytes = 0;
  std::uint64_t kv_bytes_per_user = 0, kv_bytes_all_users = 0;
  std::uint64_t weight_bytes = 0;
  std::uint64_t pages_per_engine = 0, device_kv_bytes_per_engine = 0, device_kv_bytes = 0;
  std::vector<TierSize> tiers;               // device memory first, when known
  double break_even_bytes_per_s = 0;         // KV bytes per token × prefill tokens per second
  std::optional<std::string> out_of_memory;  // the weights do not fit: by how much, and what would
};

// kInvalid names the field of a query that makes no sense, whatever the model.
Result<void> check_size_query(const SizeQuery& query);
// kInvalid: a zero where a size is needed, or sizes beyond 2^63.
Result<SizeReport> size_report(const SizedModel& model, const SizeQuery& query);
std::string size_report_json(const SizedModel& model, const SizeReport& report);  // one object, finite numbers
std::string size_report_text(const SizedModel& model, const SizeQuery& query, const SizeReport& report);

// Load in which groups of users share a system prompt and each prompt adds its own question. Distinct tokens:
// groups × (system + prompts × question).
struct SharedPrefixLoad {
  std::uint64_t groups = 0, prompts_per_group = 0, system_tokens = 0, question_tokens = 0;
};
std::uint64_t distinct_tokens(const SharedPrefixLoad& load);

}  // namespace cairn

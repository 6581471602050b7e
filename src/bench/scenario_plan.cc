#include "bench/scenario_plan.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iterator>
#include <set>
#include <sstream>

namespace cairn {
namespace {

// About what the words of the workload and a chat template make, beyond the filler.
constexpr std::uint64_t kOpeningTokens = 48, kQuestionTokens = 32;
constexpr double kStartSeconds = 4;  // to start and to stop a fleet
constexpr std::size_t kScenariosMax = 32, kContextsMax = 64;

Result<std::uint32_t> parse_words(const std::string& text) {
  const Result<std::uint64_t> words = parse_u64(text);
  if (!words || *words == 0 || *words > 10'000'000) {
    return invalid("contexts: '" + text + "' is no number of words, such as 1000");
  }
  return static_cast<std::uint32_t>(*words);
}

bool is_sane(double seconds, double least) { return std::isfinite(seconds) && seconds >= least && seconds <= 1e6; }

std::uint64_t tokens_of_round(const ScenarioPlan& plan) { return kQuestionTokens + plan.answer_tokens; }

std::uint64_t first_chat_tokens(const ScenarioPlan& plan, std::uint32_t context) {
  const std::uint64_t passed = plan.prebuilt_history ? (plan.rounds + 1) / 2 : 1;
  return kOpeningTokens + plan.system_words + context + passed * tokens_of_round(plan);
}

Result<std::uint64_t> ram_bytes_of(const Scenario& scenario) {
  constexpr std::string_view kFlag = "--ram-bytes";
  for (std::size_t i = 0; i < scenario.flags.size(); ++i) {
    const std::string& word = scenario.flags[i];
    if (word == kFlag && i + 1 < scenario.flags.size()) return parse_bytes(scenario.flags[i + 1]);
    if (word.starts_with(std::string(kFlag) + "=")) return parse_bytes(word.substr(kFlag.size() + 1));
  }
  return invalid("--ram-bytes is needed, 0 for none");
}

// "--flag=value" and "--flag value" alike, in any order.
std::multiset<std::string> flags_but_stores(const Scenario& scenario) {
  std::multiset<std::string> flags;
  for (std::size_t i = 0; i < scenario.flags.size(); ++i) {
    std::string flag = scenario.flags[i];
    const bool is_alone = flag.starts_with("--") && flag.find('=') == std::string::npos;
    if (is_alone && i + 1 < scenario.flags.size() && !scenario.flags[i + 1].starts_with("--")) {
      flag += "=" + scenario.flags[++i];
    }
    if (!flag.starts_with("--store=") && !flag.starts_with("--stores=")) flags.insert(std::move(flag));
  }
  return flags;
}

std::string line(const char* name, const std::string& value) {
  char head[40];
  std::snprintf(head, sizeof head, "  %-12s ", name);
  return head + value + "\n";
}

std::string number(double value) {
  std::ostringstream out;
  out << value;
  return out.str();
}

}  // namespace

bool Scenario::has_flag(std::string_view flag) const {
  return std::ranges::any_of(flags, [&](const std::string& word) {
    return word.starts_with(flag) && (word.size() == flag.size() || word[flag.size()] == '=');
  });
}

Result<Scenario> parse_scenario(const std::string& text) {
  const std::string shown = "scenarios: '" + text + "': ";
  const std::size_t colon = text.find(": ");
  Scenario scenario;
  scenario.name = text.substr(0, colon);
  if (scenario.name.empty() || colon == std::string::npos) {
    return invalid(shown + "a name, a colon and flags are needed, such as \"ram: --ram-bytes 1GiB\"");
  }
  std::istringstream words(text.substr(colon + 1));
  for (std::string word; words >> word;) scenario.flags.push_back(std::move(word));
  const bool in_directory = text.find("{store}", colon) != std::string::npos;
  scenario.in_bucket = text.find("{bucket}", colon) != std::string::npos;
  scenario.has_store = in_directory || scenario.in_bucket;
  for (const char* ours : {"--listen", "--ready-file", "--api-keys", "--api-key", "--api-keys-file", "--warm-from"}) {
    if (scenario.has_flag(ours)) return invalid(shown + ours + " is the run's own to set");
  }
  for (const char* layout : {"--chunk-tokens", "--shard-layers", "--shard-kv-heads"}) {
    if (scenario.has_flag(layout)) {
      return invalid(shown + layout + " would part it from the seed; chunk_tokens is a key of the plan");
    }
  }
  for (const std::string& word : scenario.flags) {
    const bool url = word.starts_with("file://") || word.starts_with("s3://") || word.starts_with("--store=") ||
                     word.starts_with("--stores=");
    if (url && word.find("{store}") == std::string::npos && word.find("{bucket}") == std::string::npos) {
      return invalid(shown + "a store of its own would be neither filled nor emptied: write {store} or {bucket}");
    }
  }
  if (scenario.in_bucket && in_directory) return invalid(shown + "{store} and {bucket} do not go together");
  const Result<std::uint64_t> ram_bytes = ram_bytes_of(scenario);
  if (!ram_bytes) return invalid(shown + ram_bytes.error().detail);
  scenario.ram_bytes = *ram_bytes;
  return scenario;
}

std::string filled_in(std::string word, std::string_view place, std::string_view value) {
  for (std::size_t at = 0; (at = word.find(place, at)) != std::string::npos; at += value.size()) {
    word.replace(at, place.size(), value);
  }
  return word;
}

std::vector<std::pair<std::string, std::string>> store_pairs(const std::vector<Scenario>& scenarios) {
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const Scenario& with : scenarios) {
    if (!with.has_store) continue;
    for (const Scenario& without : scenarios) {
      if (!without.has_store && flags_but_stores(with) == flags_but_stores(without)) {
        pairs.emplace_back(without.name, with.name);
      }
    }
  }
  return pairs;
}

Result<void> ScenarioPlan::validate() const {
  if (instances == 0 || instances > 64) return invalid("instances must be from 1 to 64");
  if (threads == 0) return invalid("threads must be at least 1, so that instances do not share cores by chance");
  if (contexts.size() > kContextsMax) return invalid("contexts must be at most " + std::to_string(kContextsMax));
  for (const std::string& text : contexts) CAIRN_TRY_VOID(parse_words(text));
  std::set<std::uint32_t> lengths;
  for (const std::uint32_t words : context_words()) {
    if (!lengths.insert(words).second) return invalid("contexts: " + std::to_string(words) + " stands twice");
  }
  if (scenarios.size() > kScenariosMax) return invalid("scenarios must be at most " + std::to_string(kScenariosMax));
  std::set<std::string> names;
  for (const std::string& text : scenarios) {
    CAIRN_TRY(const Scenario scenario, parse_scenario(text));
    if (!names.insert(scenario.name).second) return invalid("scenarios: '" + scenario.name + "' stands twice");
    if (scenario.in_bucket && bucket_server_words().empty()) {
      return invalid("scenarios: '" + scenario.name + "' has {bucket}: bucket_server must say who serves it");
    }
  }
  if (!is_sane(time, 0.5)) return invalid("time must be from 0.5 to 1000000 seconds");
  if (!is_sane(drain, 0)) return invalid("drain must be from 0 to 1000000 seconds");
  if (!is_sane(request_timeout, 0.001)) return invalid("request_timeout must be from 0.001 to 1000000 seconds");
  if (repeats == 0 || repeats > 1000) return invalid("repeats must be from 1 to 1000");
  if (best_repeats > 1000) return invalid("best_repeats must be at most 1000");
  if (best_repeats > 0 && !demo && scenarios.size() < 2) return invalid("best_repeats needs two scenarios to compare");
  if (full && !demo) return invalid("full goes with demo");
  if (warm_up > 1000) return invalid("warm_up must be at most 1000 chats");
  if (users == 0 || rounds < 2) return invalid("users must be at least 1 and rounds at least 2");
  if (!(qps > 0) || !std::isfinite(qps)) return invalid("qps must be above 0");
  if (answer_tokens == 0) return invalid("answer_tokens must be at least 1");
  const bool plain = std::ranges::all_of(work, [](unsigned char c) {
    return std::isalnum(c) != 0 || std::string_view("/._+-~@,=").find(static_cast<char>(c)) != std::string_view::npos;
  });
  if (work.empty() || !plain) return invalid("work must name a directory by letters, digits and /._+-~@,=");
  return {};
}

std::vector<Scenario> ScenarioPlan::parsed_scenarios() const {
  std::vector<Scenario> parsed;
  for (const std::string& text : scenarios) parsed.push_back(parse_scenario(text).value());
  return parsed;
}

std::vector<std::uint32_t> ScenarioPlan::contexts_in_order() const {
  std::vector<std::uint32_t> words;
  for (const std::string& text : contexts) words.push_back(parse_words(text).value());
  return words;
}

std::vector<std::uint32_t> ScenarioPlan::context_words() const {
  std::vector<std::uint32_t> words = contexts_in_order();
  std::ranges::sort(words);
  return words;
}

std::vector<std::string> ScenarioPlan::bucket_server_words() const {
  std::istringstream text(bucket_server);
  return {std::istream_iterator<std::string>(text), {}};
}

QaWorkload ScenarioPlan::workload(std::uint32_t context_words) const {
  QaWorkload workload;
  workload.users = users;
  workload.rounds = rounds;
  workload.qps = qps;
  workload.system_words = system_words;
  workload.history_words = context_words;
  workload.answer_tokens = answer_tokens;
  workload.filler_seed = filler_seed;
  workload.prebuilt_history = prebuilt_history;
  return workload;
}

PlanNeeds needs_of(const ScenarioPlan& plan, const PlanFigures& figures) {
  PlanNeeds needs;
  const std::vector<Scenario> scenarios = plan.parsed_scenarios();
  const std::vector<std::uint32_t> contexts = plan.context_words();
  needs.cells = plan.cells();
  std::uint64_t ram_bytes = 0;
  bool keeps = false, stores = false;
  for (const Scenario& scenario : scenarios) {
    ram_bytes = std::max(ram_bytes, scenario.ram_bytes);
    keeps = keeps || scenario.keeps();
    stores = stores || scenario.has_store;
  }
  needs.memory_bytes = plan.instances * (figures.instance_bytes + plan.device_kv_bytes + ram_bytes);
  if (plan.seed && keeps) {
    for (const std::uint32_t context : contexts) {
      needs.seed_tokens += (plan.users + 1) * first_chat_tokens(plan, context);
    }
    needs.disk_bytes += needs.seed_tokens * figures.kv_bytes_per_token;
    if (figures.prefill_tokens_per_s > 0) {
      needs.seed_s = static_cast<double>(needs.seed_tokens) / (figures.prefill_tokens_per_s * plan.instances);
    }
    needs.seed_s += kStartSeconds * static_cast<double>(contexts.size());
  }
  const std::uint32_t longest = contexts.empty() ? 0 : contexts.back();
  needs.longest_chat_tokens = kOpeningTokens + plan.system_words + longest + plan.rounds * tokens_of_round(plan);
  if (stores) {
    const QaPlan times = plan_of(plan.workload(longest));
    const auto joins = static_cast<std::uint64_t>(plan.time / times.join_gap_s) + 1;
    const auto requests = static_cast<std::uint64_t>(plan.time * plan.qps) + 1;
    const std::uint64_t first = plan.seed ? 0 : plan.users;
    needs.disk_bytes += figures.kv_bytes_per_token *
                        ((first + joins) * first_chat_tokens(plan, longest) + requests * tokens_of_round(plan));
  }
  needs.total_s = needs.seed_s + static_cast<double>(needs.cells) * (plan.time + plan.drain + kStartSeconds);
  return needs;
}

Result<void> check_fit(const ScenarioPlan& plan, const PlanFigures& figures, const MachineRoom& room) {
  if (plan.model.empty()) return invalid("model is needed: a model directory");
  if (plan.contexts.empty()) return invalid("contexts are needed, such as [400, 1600]");
  if (plan.scenarios.empty()) return invalid("scenarios are needed, such as [\"device: --ram-bytes 0\"]");
  const PlanNeeds needs = needs_of(plan, figures);
  if (needs.longest_chat_tokens > figures.context_tokens_max) {
    return invalid("contexts: the longest chat takes about " + std::to_string(needs.longest_chat_tokens) +
                   " tokens, but the model reads at most " + std::to_string(figures.context_tokens_max));
  }
  const std::uint64_t chat_bytes = needs.longest_chat_tokens * figures.kv_bytes_per_token;
  if (chat_bytes > plan.device_kv_bytes) {
    return invalid("device_kv_bytes is " + format_bytes(plan.device_kv_bytes) + ", but the longest chat alone takes " +
                   format_bytes(chat_bytes));
  }
  if (needs.memory_bytes > room.memory_bytes) {
    return Error{ErrorCode::kExhausted, "the plan asks for " + format_bytes(needs.memory_bytes) +
                                            " of memory for weights, pools and RAM tiers of " +
                                            std::to_string(plan.instances) + " instances, but only " +
                                            format_bytes(room.memory_bytes) + " are free here"};
  }
  if (needs.disk_bytes > room.disk_bytes) {
    return Error{ErrorCode::kExhausted, "the plan writes up to " + format_bytes(needs.disk_bytes) + " to " + plan.work +
                                            ", but only " + format_bytes(room.disk_bytes) + " are free there"};
  }
  return {};
}

std::string duration_text(double seconds) {
  const auto whole = static_cast<long long>(std::llround(std::fmax(0, std::fmin(seconds, 1e12))));
  char text[64];
  if (whole < 100) {
    std::snprintf(text, sizeof text, "%lld s", whole);
  } else if (whole < 3600) {
    std::snprintf(text, sizeof text, "%lld:%02lld min", whole / 60, whole % 60);
  } else {
    std::snprintf(text, sizeof text, "%lld:%02lld h", whole / 3600, whole / 60 % 60);
  }
  return text;
}

std::string plan_text(const ScenarioPlan& plan, const PlanFigures& figures) {
  const PlanNeeds needs = needs_of(plan, figures);
  std::string lengths;
  for (const std::uint32_t words : plan.context_words())
    lengths += (lengths.empty() ? "" : ", ") + std::to_string(words);
  std::string out = "Plan\n";
  out += line("fleet", std::to_string(plan.instances) + " instances of " + std::to_string(plan.threads) +
                           " threads, device pool " + format_bytes(plan.device_kv_bytes) + " each, behind a " +
                           std::string(to_string(plan.policy)) + " router");
  out +=
      line("workload", std::to_string(plan.users) + " users, " + std::to_string(plan.rounds) + " rounds, " +
                           number(plan.qps) + " requests/s offered, answers of " + std::to_string(plan.answer_tokens) +
                           " tokens, " + std::to_string(plan.system_words) + " words shared");
  out += line("contexts", lengths + " words");
  for (const Scenario& scenario : plan.parsed_scenarios()) {
    std::string flags;
    for (const std::string& flag : scenario.flags) flags += (flags.empty() ? "" : " ") + flag;
    out += line("scenario", scenario.name + ": " + flags);
  }
  if (needs.seed_tokens > 0) {
    out += line("seed", "about " + std::to_string(needs.seed_tokens) + " tokens of first chats, computed once in " +
                            duration_text(needs.seed_s));
  }
  out += line("takes", format_bytes(needs.memory_bytes) + " of memory, up to " + format_bytes(needs.disk_bytes) +
                           " of disk in " + plan.work);
  out +=
      line("time", std::to_string(needs.cells) + " cells of " + number(plan.time) + " s, with starts, seed and up to " +
                       number(plan.drain) + " s for last answers about " + duration_text(needs.total_s) + " at most");
  return out;
}

}  // namespace cairn

#include "bench/demo_plan.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <numeric>
#include <span>

#include "bench/scenario_findings.h"

namespace cairn {
namespace {

// Eight minutes: twelve cells with their starts and drains, the seeds, and a minute for measuring.
constexpr double kCellSeconds = 15, kDrainSeconds = 15, kSeedSeconds = 55;
constexpr double kChatSeconds = 5, kChatTokensMin = 900;     // to compute the longest chat
constexpr std::array<double, 3> kShares = {0.4, 0.52, 1.0};  // of the longest chat; RAM holds 0.6 of the longest
// Hours: the published number of users; of rounds too, where the shortest length has room for them.
constexpr double kLongCellSeconds = 300, kLongChatSeconds = 20;
constexpr std::array<double, 6> kLongShares = {0.2, 0.32, 0.44, 0.56, 0.8, 1.0};
constexpr std::uint32_t kLongUsers = 15, kLongRounds = 20, kLongRepeats = 2;
constexpr double kDeviceShare = 0.3, kRamShare = 0.6, kOfferedFactor = 3.5;
constexpr double kFastFactor = 5, kSlowFactor = 1.2;
constexpr std::uint32_t kAnswerTokens = 32, kSystemWords = 32, kChunkTokens = 64;
constexpr double kRoundTokens = 32 + kAnswerTokens, kOpeningTokens = 48;
constexpr std::uint32_t kRoundsMin = 6, kRoundsMax = 40, kUsersMin = 5, kUsersMax = 24;
constexpr std::size_t kMedianCells = 3;  // one cell alone is often noise
constexpr double kSpeedMin = 1.3, kTtftMax = 0.5, kServedMin = 0.9, kServedSlack = 2;

double rest_of_chat(const ScenarioPlan& plan) {  // besides the context, at half the final history
  return kOpeningTokens + plan.system_words + kRoundTokens * plan.rounds / 2;
}

double longest_words(const ScenarioPlan& plan) { return plan.context_words().back(); }

double working_set_bytes(const ScenarioPlan& plan, const DemoMachine& machine) {  // of one instance, longest length
  return plan.users * (longest_words(plan) + rest_of_chat(plan)) * static_cast<double>(machine.kv_bytes_per_token);
}

std::uint64_t whole_mib(double bytes) {
  return std::max<std::uint64_t>(1, static_cast<std::uint64_t>(std::ceil(bytes / static_cast<double>(kMiB)))) * kMiB;
}

std::string words_text(double words) {
  return std::to_string(std::max<std::int64_t>(16, std::llround(words / 10) * 10));
}

double store_bytes_per_s(const DemoMachine& machine, double factor) {  // of all instances together
  return factor * static_cast<double>(machine.kv_bytes_per_token) * machine.prefill_tokens_per_s;
}

std::string text(const char* format, auto... values) {
  char line[300];
  std::snprintf(line, sizeof line, format, values...);
  return line;
}

constexpr const char *kDirectory = "file://{store}?durability=none", *kBucket = "{bucket}";

std::string store_scenario(const char* name, const char* place, const ScenarioPlan& plan, const DemoMachine& machine,
                           double factor) {
  const auto rate = static_cast<std::uint64_t>(store_bytes_per_s(machine, factor) / plan.instances);
  const std::string bytes = std::to_string(std::max<std::uint64_t>(1, rate));
  const std::uint64_t ram_bytes = whole_mib(kRamShare * working_set_bytes(plan, machine));
  return std::string(name) + ": --ram-bytes " + std::to_string(ram_bytes) + " --store " + place +
         "&read_bytes_per_s=" + bytes + "&write_bytes_per_s=" + bytes;
}

}  // namespace

ScenarioPlan demo_shape(const DemoMachine& machine, DemoLength length) {
  ScenarioPlan plan;
  plan.instances = machine.instances;
  plan.threads = machine.threads;
  plan.time = kCellSeconds;
  plan.drain = kDrainSeconds;
  plan.answer_tokens = kAnswerTokens;
  plan.system_words = kSystemWords;
  plan.chunk_tokens = kChunkTokens;
  const bool hours = length == DemoLength::kHours;
  const std::span<const double> shares = hours ? std::span<const double>(kLongShares) : kShares;
  const double rate = std::fmax(1, machine.prefill_tokens_per_s);
  // The longest chat of a session is longer than that of its middle.
  const double chat = std::clamp((hours ? kLongChatSeconds : kChatSeconds) * rate, kChatTokensMin,
                                 std::fmax(kChatTokensMin, 0.7 * machine.context_tokens_max));
  const double served_per_s = machine.instances * rate / chat;
  plan.qps = kOfferedFactor * served_per_s;
  if (hours) {
    plan.time = kLongCellSeconds;
    plan.users = kLongUsers;
    plan.rounds = kLongRounds;
    plan.best_repeats = kLongRepeats;
  } else {
    // So many that hardly anybody joins before a cell ends, as far as the shortest length has room: who joins is cold.
    plan.rounds =
        std::clamp(static_cast<std::uint32_t>(std::ceil(kCellSeconds * plan.qps)) + 2, kRoundsMin, kRoundsMax);
    const double chats =
        kSeedSeconds * machine.instances * rate / (chat * std::accumulate(shares.begin(), shares.end(), 0.0));
    plan.users = std::clamp(static_cast<std::uint32_t>(chats) - std::min(1u, static_cast<std::uint32_t>(chats)),
                            kUsersMin, kUsersMax);
  }
  while (plan.rounds > kRoundsMin && rest_of_chat(plan) > shares.front() * 0.85 * chat) --plan.rounds;
  for (const double share : shares) plan.contexts.push_back(words_text(share * chat - rest_of_chat(plan)));
  if (hours) std::ranges::reverse(plan.contexts);  // what ends early has the lengths that tell most
  const double chat_at_end = longest_words(plan) + rest_of_chat(plan) + kRoundTokens * plan.rounds / 2;
  const double least = 1.25 * chat_at_end * static_cast<double>(machine.kv_bytes_per_token);
  plan.device_kv_bytes = whole_mib(std::fmax(least, kDeviceShare * working_set_bytes(plan, machine)));
  plan.scenarios = {std::string(kDemoDevice) + ": --ram-bytes 0"};
  return plan;
}

ScenarioPlan demo_plan(const ScenarioPlan& shape, const DemoMachine& machine, double served_per_s) {
  ScenarioPlan plan = shape;
  plan.qps = std::round(kOfferedFactor * served_per_s * 1000) / 1000;
  plan.scenarios = {
      std::string(kDemoDevice) + ": --ram-bytes 0",
      std::string(kDemoRam) + ": --ram-bytes " +
          std::to_string(whole_mib(kRamShare * working_set_bytes(plan, machine))),
      store_scenario(kDemoFast, kDirectory, plan, machine, kFastFactor),
      store_scenario(kDemoSlow, plan.bucket_server.empty() ? kDirectory : kBucket, plan, machine, kSlowFactor),
  };
  return plan;
}

DemoFacts demo_facts(const ScenarioPlan& plan, const DemoMachine& machine, double served_per_s) {
  const double set = working_set_bytes(plan, machine);
  const auto share = [&](std::uint64_t bytes) { return static_cast<double>(bytes) / set; };
  const std::uint64_t ram_bytes = plan.parsed_scenarios().at(1).ram_bytes;
  const auto store = [&](const char* name, double factor) {
    const double rate = store_bytes_per_s(machine, factor) / 1e6;
    return std::pair(std::string(name), text("%.1f MB/s to read and to write: %.1f x KV bytes a token x prefill; half "
                                             "of it (%.1f MB/s) for each of two instances",
                                             rate, factor, rate / plan.instances));
  };
  DemoFacts facts = {
      {"prefill",
       text("%.0f tokens/s of one instance, measured at half the longest length", machine.prefill_tokens_per_s)},
      {"served", text("%.3f requests/s by device only at the longest length, measured, hits included", served_per_s)},
      {"offered", text("%.3f requests/s: %.1f x that", plan.qps, kOfferedFactor)},
      {"working set",
       format_bytes(static_cast<std::uint64_t>(set)) +
           text(" an instance: %u users x %.0f tokens x %llu bytes", plan.users,
                longest_words(plan) + rest_of_chat(plan), static_cast<unsigned long long>(machine.kv_bytes_per_token))},
      {"device pool", format_bytes(plan.device_kv_bytes) + text(", %.2f of it", share(plan.device_kv_bytes))},
      {"RAM tier", format_bytes(ram_bytes) + text(", %.2f of it", share(ram_bytes))},
      store("fast store", kFastFactor),
      store("slow store", kSlowFactor),
      {"kept in",
       plan.bucket_server.empty() ? "directories, both stores" : "a directory the fast one, a bucket the slow"},
  };
  if (plan.instances != 2) {
    for (auto& [name, value] : facts) {
      if (const auto at = value.find("; half of it"); at != std::string::npos) value.erase(at);
    }
  }
  return facts;
}

std::vector<std::string> demo_shortfalls(const ScenarioPlan& plan, const ScenarioResults& results) {
  std::vector<std::string> short_of;
  const std::uint32_t longest = plan.context_words().back();
  const ScenarioRatios gain = ratios_of(point_of(results, kDemoFast, longest), point_of(results, kDemoDevice, longest));
  if (!gain.speed || *gain.speed < kSpeedMin) {
    short_of.push_back(text("%s at %u words: %s the speed of device only, not the promised %.1f ×", kDemoFast, longest,
                            ratio_text(gain.speed).c_str(), kSpeedMin));
  }
  if (!gain.ttft || *gain.ttft > kTtftMax) {
    short_of.push_back(text("%s at %u words: mean TTFT %s against device only, not the promised 50 %% lower", kDemoFast,
                            longest, change_text(gain.ttft).c_str()));
  }
  for (const auto& [without, with] : store_pairs(plan.parsed_scenarios())) {
    for (const ScenarioCell& cell : results.cells) {
      if (cell.scenario != with) continue;
      const ScenarioCell* other = find_cell(results, without, cell.context_words, cell.repeat);
      if (other == nullptr) continue;
      const double least = kServedMin * static_cast<double>(other->summary.finished) - kServedSlack;
      if (static_cast<double>(cell.summary.finished) >= least) continue;
      short_of.push_back(text("%s at %u words served %llu requests, %s %llu: its store costs too much", with.c_str(),
                              cell.context_words, static_cast<unsigned long long>(cell.summary.finished),
                              without.c_str(), static_cast<unsigned long long>(other->summary.finished)));
    }
  }
  for (const ScenarioComparison& one : find_downsides(results, store_pairs(plan.parsed_scenarios()))) {
    const std::size_t cells = std::min(point_of(results, one.with, one.context_words).cells,
                                       point_of(results, one.without, one.context_words).cells);
    if (cells < kMedianCells || one.downside() != Downside::kFound) continue;
    short_of.push_back(text("%s at %u words: %s the speed of %s and %s TTFT, medians of %zu: its store costs too much",
                            one.with.c_str(), one.context_words, ratio_text(one.ratios.speed).c_str(),
                            one.without.c_str(), change_text(one.ratios.ttft).c_str(), cells));
  }
  if (!results.answers_equal.value_or(false)) short_of.push_back("answers differ, or none could be compared");
  return short_of;
}

}  // namespace cairn

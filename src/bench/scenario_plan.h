// What a run of scenarios is to do: context lengths by tiers, each cell with the same workload on a fleet of instances.
// Values; what they ask of time, memory and disk is arithmetic over them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "bench/multi_round_qa.h"
#include "route/policy.h"

namespace cairn {

// One entry of the plan's list: "ram + store: --ram-bytes 64MiB --store file://{store}".
struct Scenario {
  std::string name;
  std::vector<std::string> flags;  // of `cairn serve`; {store} is the cell's directory, {bucket} its URL as a bucket
  std::uint64_t ram_bytes = 0;
  bool has_store = false, in_bucket = false;  // in_bucket: a store too

  bool has_flag(std::string_view flag) const;  // "--threads"
  bool keeps() const { return has_store || ram_bytes > 0; }
};
// kInvalid: no name, words that are no flags, a flag that the run sets itself, no --ram-bytes.
Result<Scenario> parse_scenario(const std::string& text);
// `word` with `value` wherever `place` ("{store}") stands.
std::string filled_in(std::string word, std::string_view place, std::string_view value);
// Names of a scenario and of one that differs from it only by a store more.
std::vector<std::pair<std::string, std::string>> store_pairs(const std::vector<Scenario>& scenarios);

struct ScenarioPlan {  // as the file has it
  std::string model;
  std::uint32_t instances = 2, threads = 1;
  RoutePolicy policy = RoutePolicy::kRoundRobin;
  std::uint64_t device_kv_bytes = 256 * kMiB;
  std::uint32_t chunk_tokens = 0;

  std::uint32_t users = 15, rounds = 20;
  double qps = 2;
  std::uint32_t system_words = 96, answer_tokens = 32;
  bool ignore_eos = true, prebuilt_history = true;
  std::optional<std::uint64_t> filler_seed = 1;

  std::vector<std::string> contexts, scenarios;
  double time = 60, drain = 15, request_timeout = 600;
  std::uint32_t repeats = 1, best_repeats = 0, warm_up = 2;
  bool seed = true, warm_ram = true, stop_at_failure = false;
  std::string bucket_server;

  std::string work = "cairn-scenarios";
  bool demo = false, full = false, resume = false, purge = false, keep_logs = false, dry_run = false;
  std::string csv, json, html;

  // Each field and list entry for itself, and what they are together.
  Result<void> validate() const;
  template <class V>
  static void describe(V& v);

  // After validate(): in the file's order, which is that of the run.
  std::vector<Scenario> parsed_scenarios() const;
  std::vector<std::uint32_t> contexts_in_order() const;
  std::vector<std::uint32_t> context_words() const;  // ascending
  std::vector<std::string> bucket_server_words() const;
  QaWorkload workload(std::uint32_t context_words) const;
  // Without those of pairs where a store will seem to cost something.
  std::uint64_t cells() const { return scenarios.size() * (contexts.size() * std::uint64_t{repeats} + best_repeats); }
};

// What is known of model and machine before anything runs.
struct PlanFigures {
  std::uint64_t kv_bytes_per_token = 0;
  std::uint64_t instance_bytes = 0;      // weights and buffers of one instance
  double prefill_tokens_per_s = 0;       // of one instance; a guess is good enough
  std::uint32_t context_tokens_max = 0;  // of the model
};

// Upper bounds, or near them. Tokens are taken to be words.
struct PlanNeeds {
  std::uint64_t cells = 0;
  double seed_s = 0, total_s = 0;
  std::uint64_t seed_tokens = 0;  // computed once, of all lengths together
  std::uint64_t longest_chat_tokens = 0;
  std::uint64_t memory_bytes = 0, disk_bytes = 0;
};
PlanNeeds needs_of(const ScenarioPlan& plan, const PlanFigures& figures);

struct MachineRoom {
  std::uint64_t memory_bytes = 0, disk_bytes = 0;  // free
};
// kInvalid or kExhausted, one line: what the plan asks for and does not get.
Result<void> check_fit(const ScenarioPlan& plan, const PlanFigures& figures, const MachineRoom& room);

// For people, before the start: cells, how long, what it takes.
std::string plan_text(const ScenarioPlan& plan, const PlanFigures& figures);
std::string duration_text(double seconds);  // 42 s, 7:05 min, 2:03 h

template <class V>
void ScenarioPlan::describe(V& v) {
  using P = ScenarioPlan;
  v.field("model", &P::model, "model directory; needed");
  v.field("instances", &P::instances, "of cairn serve, behind one cairn route");
  v.field("threads", &P::threads, "compute threads of one instance");
  v.field("policy", &P::policy, "of the router");
  v.field("device_kv_bytes", &P::device_kv_bytes, "device pool of one instance");
  v.field("chunk_tokens", &P::chunk_tokens, "tokens of a stored block; 0: as cairn serve has it");
  v.field("users", &P::users, "users at a time");
  v.field("rounds", &P::rounds, "questions of one user");
  v.field("qps", &P::qps, "requests per second offered, of all users together");
  v.field("system_words", &P::system_words, "words that all chats begin with");
  v.field("answer_tokens", &P::answer_tokens, "tokens of an answer");
  v.field("ignore_eos", &P::ignore_eos, "answers of full length");
  v.field("prebuilt_history", &P::prebuilt_history, "sessions that count as begun hold the rounds passed");
  v.field("filler_seed", &P::filler_seed, "fill with words drawn from this seed, each user's own");
  v.field("contexts", &P::contexts,
          "words of a user's own context: the lengths to compare, in the order of the run; needed");
  v.field("scenarios", &P::scenarios,
          "\"NAME: FLAGS\", flags of cairn serve, --ram-bytes among them; {store} is the cell's own directory, "
          "{bucket} the URL of a bucket that keeps its objects there; needed");
  v.field("time", &P::time, "seconds of one cell");
  v.field("drain", &P::drain, "seconds for answers that are awaited at a cell's end; then they are cut and counted");
  v.field("request_timeout", &P::request_timeout, "seconds without a byte until a request counts as failed");
  v.field("repeats", &P::repeats, "of every cell");
  v.field(
      "best_repeats", &P::best_repeats,
      "more of the cells at the length with the most to show, after all others, and of pairs where a store seems to "
      "cost something");
  v.field("warm_up", &P::warm_up, "chats before a cell's clock starts; not recorded");
  v.field("seed", &P::seed, "compute the first users' contexts once and fill each cell's store with them");
  v.field("warm_ram", &P::warm_ram, "fill the RAM tier from the seed too");
  v.field("bucket_server", &P::bucket_server,
          "command that serves a directory as a bucket, for scenarios with {bucket}; such as tools/bucket_server");
  v.field("stop_at_failure", &P::stop_at_failure, "end at the first cell that fails");
  v.field("demo", &P::demo, "measure first, and decide from it what the plan leaves to decide: all but the model");
  v.field("full", &P::full, "with demo: six lengths, five minutes a cell and the best length thrice; takes hours");
  v.field("work", &P::work, "directory for stores, logs and the cells that are done; empty or absent");
  v.field("resume", &P::resume,
          "go on with the run that ended early in that directory: its plan, without the cells it has");
  v.field("purge", &P::purge, "remove what an earlier run left in it");
  v.field("keep_logs", &P::keep_logs, "of the instances, with the trace of each cell, also when all went well");
  v.field("dry_run", &P::dry_run, "say what would be done, and whether it fits");
  v.field("csv", &P::csv, "file, a row per cell");
  v.field("json", &P::json, "file for everything");
  v.field("html", &P::html, "file, a report to look at");
}

}  // namespace cairn

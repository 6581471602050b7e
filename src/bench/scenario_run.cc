#include "bench/scenario_run.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <numeric>
#include <optional>
#include <set>
#include <utility>

#include "bench/answer_book.h"
#include "bench/cell_journal.h"
#include "bench/chat_batch.h"
#include "bench/fleet.h"
#include "bench/qa_run.h"
#include "bench/scenario_findings.h"

namespace cairn {
namespace {

constexpr std::int64_t kStartUs = 300'000'000, kStopUs = 30'000'000;
constexpr double kStartSeconds = 4;  // expected, of a cell: to start and stop

double seconds(std::int64_t us) { return static_cast<double>(us) * 1e-6; }

class ScenarioRun {
 public:
  ScenarioRun(const ScenarioPlan& plan, const WorkDirectory& work, ScenarioResults heading, const ScenarioRunDeps& deps)
      : plan_(plan),
        work_(work),
        deps_(deps),
        scenarios_(plan.parsed_scenarios()),
        journal_(work.cells()),
        results_(std::move(heading)) {
    results_.scenarios.clear();
    for (const Scenario& scenario : scenarios_) results_.scenarios.push_back(scenario.name);
    results_.contexts = plan.context_words();
    results_.cells_planned = cells_left_ = plan.cells();
  }

  Result<ScenarioResults> run() {
    const Result<void> ran = run_cells();
    work_.remove_stores();
    if (!ran && results_.cells.empty() && ran.error().code != ErrorCode::kCancelled) return ran.error();
    if (!ran && ran.error().code != ErrorCode::kCancelled) results_.ended_by = ran.error().detail;
    results_.interrupted = deps_.stop.load() && cells_left_ > 0;
    results_.answers_equal = answers_.equal();
    results_.answers_compared = answers_.compared();
    results_.differing = answers_.differing();
    return std::move(results_);
  }

 private:
  bool needs_seed() const { return plan_.seed && std::ranges::any_of(scenarios_, &Scenario::keeps); }
  void say(const std::string& line) const {
    if (deps_.line) deps_.line(line);
  }
  Result<void> run_cells();
  // False: the run ends here. `only`: the scenarios to run; empty: all.
  Result<bool> run_scenarios_at(std::uint32_t context, std::uint32_t repeat, const std::set<std::string>& only = {});
  Result<void> repeat_downsides(std::optional<std::uint32_t> repeated);
  bool restore(const Scenario& scenario, std::uint32_t context, std::uint32_t repeat);
  Result<void> compute_seed(std::uint32_t context);
  Result<void> run_cell(const Scenario& scenario, std::uint32_t context, std::uint32_t repeat);
  std::vector<RequestRecord> drive(const Scenario& scenario, Fleet& fleet, ScenarioCell& cell);
  void take(const QaReport& report, ScenarioCell& cell);
  Result<void> fill(const Scenario& scenario, std::uint32_t context) const;
  FleetPlan fleet_plan(std::vector<std::string> flags, const std::string& name) const;
  FleetPlan fleet_of(const Scenario& scenario, std::vector<std::string> flags, const std::string& name) const;
  Result<Fleet> start(const FleetPlan& plan) const {
    return Fleet::start(plan, deps_.clock, deps_.clock.after_us(kStartUs), deps_.stop);
  }
  void tell(const std::string& what, double seconds_of_this) const;

  const ScenarioPlan& plan_;
  const WorkDirectory& work_;
  const ScenarioRunDeps& deps_;
  const std::vector<Scenario> scenarios_;
  const CellJournal journal_;
  std::set<std::uint32_t> seeded_;  // contexts
  ScenarioResults results_;
  AnswerBook answers_;
  std::uint64_t cells_left_ = 0;
};

FleetPlan ScenarioRun::fleet_plan(std::vector<std::string> flags, const std::string& name) const {
  FleetPlan fleet;
  fleet.program = deps_.program;
  fleet.environment = deps_.environment;
  fleet.model = plan_.model;
  fleet.serve_flags = std::move(flags);
  fleet.instances = plan_.instances;
  fleet.policy = to_string(plan_.policy);
  fleet.folder = work_.logs();
  fleet.name = name;
  return fleet;
}

FleetPlan ScenarioRun::fleet_of(const Scenario& scenario, std::vector<std::string> flags,
                                const std::string& name) const {
  FleetPlan fleet = fleet_plan(std::move(flags), name);
  if (scenario.in_bucket) {
    fleet.bucket_server = plan_.bucket_server_words();
    fleet.bucket_directory = work_.bucket();
  }
  return fleet;
}

void ScenarioRun::tell(const std::string& what, double seconds_of_this) const {
  if (!deps_.progress) return;
  const double cell_s = plan_.time + plan_.drain / 2 + kStartSeconds;
  const double left_s = seconds_of_this + static_cast<double>(cells_left_ > 0 ? cells_left_ - 1 : 0) * cell_s;
  deps_.progress(what + "  [all: " + duration_text(left_s) + " to go]");
}

Result<void> ScenarioRun::run_cells() {
  for (std::uint32_t repeat = 0; repeat < plan_.repeats; ++repeat) {
    for (const std::uint32_t context : plan_.contexts_in_order()) {
      CAIRN_TRY(const bool goes_on, run_scenarios_at(context, repeat));
      if (!goes_on) return {};
    }
  }
  if (plan_.best_repeats == 0) return {};
  const std::optional<ScenarioComparison> best = best_point(results_);
  for (std::uint32_t i = 0; best && i < plan_.best_repeats; ++i) {
    CAIRN_TRY(const bool goes_on, run_scenarios_at(best->context_words, plan_.repeats + i));
    if (!goes_on) return {};
  }
  return repeat_downsides(best ? std::optional(best->context_words) : std::nullopt);
}

// Where a store seems to cost something, a single cell may be noise: both sides run as often as the best length.
Result<void> ScenarioRun::repeat_downsides(std::optional<std::uint32_t> repeated) {
  std::map<std::uint32_t, std::set<std::string>, std::greater<>> again;  // the longest first
  for (const ScenarioComparison& one : find_downsides(results_, store_pairs(scenarios_))) {
    if (one.downside() != Downside::kFound || one.context_words == repeated) continue;
    again[one.context_words].insert({one.without, one.with});
  }
  for (const auto& [context, names] : again) {
    results_.cells_planned += names.size() * plan_.best_repeats;
    cells_left_ += names.size() * plan_.best_repeats;
  }
  for (const auto& [context, names] : again) {
    for (std::uint32_t i = 0; i < plan_.best_repeats; ++i) {
      CAIRN_TRY(const bool goes_on, run_scenarios_at(context, plan_.repeats + i, names));
      if (!goes_on) return {};
    }
  }
  return {};
}

Result<bool> ScenarioRun::run_scenarios_at(std::uint32_t context, std::uint32_t repeat,
                                           const std::set<std::string>& only) {
  for (const Scenario& scenario : scenarios_) {
    if (!only.empty() && !only.contains(scenario.name)) continue;
    if (deps_.stop.load()) return false;
    if (restore(scenario, context, repeat)) continue;
    if (needs_seed() && !seeded_.contains(context)) CAIRN_TRY_VOID(compute_seed(context));
    CAIRN_TRY_VOID(run_cell(scenario, context, repeat));
    if (!results_.cells.empty() && !results_.cells.back().failure.empty() && plan_.stop_at_failure) return false;
  }
  return true;
}

// A cell that an earlier part of this run has measured.
bool ScenarioRun::restore(const Scenario& scenario, std::uint32_t context, std::uint32_t repeat) {
  Result<std::optional<CellJournal::Entry>> found = journal_.find(scenario.name, context, repeat);
  if (!found) say(found.error().detail);  // it runs again
  if (!found || !*found) return false;
  std::optional<CellJournal::Entry>& entry = *found;
  answers_.add(scenario.name, context, entry->records);
  if (entry->context_tokens > 0) results_.context_tokens.emplace(context, entry->context_tokens);
  --cells_left_;
  if (deps_.cell_done) deps_.cell_done(results_, entry->cell);
  results_.cells.push_back(std::move(entry->cell));
  return true;
}

// One instance with all cores of the fleet computes what the first users send first, unthrottled.
Result<void> ScenarioRun::compute_seed(std::uint32_t context) {
  const std::string what = "seed for " + std::to_string(context) + " words";
  tell(what + ": starts", 0);
  CAIRN_TRY_VOID(work_.make_seed(context));
  FleetPlan fleet_of_one =
      fleet_plan({"--threads", std::to_string(plan_.threads * plan_.instances), "--ram-bytes", "0", "--device-kv-bytes",
                  std::to_string(plan_.device_kv_bytes), "--store", "file://" + work_.seed(context).string()},
                 "seed-" + std::to_string(context));
  fleet_of_one.instances = 1;
  if (plan_.chunk_tokens > 0) {
    fleet_of_one.serve_flags.insert(fleet_of_one.serve_flags.end(),
                                    {"--chunk-tokens", std::to_string(plan_.chunk_tokens)});
  }
  Result<Fleet> fleet = start(fleet_of_one);
  if (!fleet) return Error{fleet.error().code, what + ": " + fleet.error().detail};
  ChatBatch batch;
  batch.base_url = fleet->base_url();
  batch.model = model_name_of(plan_.model);
  batch.chats = first_chats(plan_.workload(context));
  batch.request_timeout_s = plan_.request_timeout;
  const std::string of = " of " + std::to_string(batch.chats.size()) + " chats";
  const Result<ChatBatchReport> report = ask_each(batch, {deps_.clock, deps_.stop, [&](std::size_t answered) {
                                                            tell(what + ": " + std::to_string(answered) + of, 0);
                                                          }});
  fleet->stop(deps_.clock, deps_.clock.after_us(kStopUs));  // stores what is pending
  if (!report) return Error{report.error().code, what + ": " + report.error().detail};
  results_.context_tokens[context] = report->total_tokens() / std::max<std::uint64_t>(1, batch.chats.size());
  seeded_.insert(context);
  say(what + ": " + std::to_string(batch.chats.size()) + " chats, " + std::to_string(report->total_tokens()) +
      " tokens, " + format_bytes(bytes_below(work_.seed(context))) + " in " + duration_text(report->elapsed_s));
  return {};
}

Result<void> ScenarioRun::fill(const Scenario& scenario, std::uint32_t context) const {
  if (!scenario.has_store) return work_.empty_store();
  return work_.fill_store(needs_seed() ? context : 0, scenario.in_bucket);
}

Result<void> ScenarioRun::run_cell(const Scenario& scenario, std::uint32_t context, std::uint32_t repeat) {
  ScenarioCell cell;
  cell.scenario = scenario.name;
  cell.context_words = context;
  cell.repeat = repeat;
  const std::int64_t start_us = deps_.clock.now_us();
  tell(scenario.name + ", " + std::to_string(context) + " words: starts", plan_.time + kStartSeconds);
  const Result<void> filled = fill(scenario, context);
  const std::string seed = needs_seed() ? work_.seed(context).string() : "";
  const std::string name = cell_name(scenario.name, context, repeat);
  std::vector<RequestRecord> records;
  std::vector<std::string> flags = serve_flags(plan_, scenario, work_.store().string(), seed);
  if (!scenario.has_flag("--trace")) {
    const std::filesystem::path trace = work_.logs() / (name + ".trace");
    std::error_code ignored;
    std::filesystem::remove(trace, ignored);  // of a run that measured this cell before
    flags.insert(flags.end(), {"--trace", trace.string()});
  }
  if (!filled) {
    cell.failure = filled.error().detail;
  } else if (Result<Fleet> fleet = start(fleet_of(scenario, std::move(flags), name)); !fleet) {
    cell.failure = fleet.error().detail;
  } else {
    records = drive(scenario, *fleet, cell);
    fleet->stop(deps_.clock, deps_.clock.after_us(kStopUs));
  }
  cell.elapsed_s = seconds(deps_.clock.now_us() - start_us);
  if (deps_.stop.load() && cell.summary.launched == 0) return {};  // nothing was seen of it
  if (!deps_.stop.load() || cell.failure.empty()) --cells_left_;
  if (deps_.cell_done) deps_.cell_done(results_, cell);
  results_.cells.push_back(std::move(cell));
  if (!results_.cells.back().failure.empty()) return {};
  const auto tokens = results_.context_tokens.find(context);
  return journal_.add(
      {results_.cells.back(), std::move(records), tokens == results_.context_tokens.end() ? 0 : tokens->second});
}

std::vector<RequestRecord> ScenarioRun::drive(const Scenario& scenario, Fleet& fleet, ScenarioCell& cell) {
  QaRunOptions options;
  options.workload = plan_.workload(cell.context_words);
  options.base_url = fleet.base_url();
  options.model = model_name_of(plan_.model);
  options.metrics_urls = fleet.metrics_urls();
  options.time_s = plan_.time;
  options.drain_s = plan_.drain;
  options.request_timeout_s = plan_.request_timeout;
  options.warm_up_chats = plan_.warm_up;
  options.ignore_eos = plan_.ignore_eos;
  std::atomic<bool> stop{false};
  const auto progress = [&](const QaProgress& at) {
    if (cell.failure.empty()) cell.failure = fleet.dead().value_or("");
    stop = deps_.stop.load() || !cell.failure.empty();
    tell(scenario.name + ", " + std::to_string(cell.context_words) + " words: " + to_line(at),
         std::fmax(0, at.time_s - at.elapsed_s));
  };
  Result<QaReport> report = run_multi_round_qa(options, {deps_.clock, stop, progress, {}, &stop});
  if (cell.failure.empty()) cell.failure = fleet.dead().value_or("");
  if (!report) {
    if (cell.failure.empty()) cell.failure = report.error().detail;
    return {};
  }
  take(*report, cell);
  if (cell.failure.empty() && report->interrupted) cell.failure = "broken off";
  if (cell.failure.empty() && report->summary.finished == 0) cell.failure = "no request was answered";
  return std::move(report->records);
}

void ScenarioRun::take(const QaReport& report, ScenarioCell& cell) {
  cell.summary = report.summary;
  cell.steady_per_s = steady_rate(report.records, plan_.instances);
  cell.unfinished = static_cast<std::uint64_t>(std::ranges::count_if(
      report.records, [](const RequestRecord& record) { return record.end == RequestRecord::End::kInFlight; }));
  for (const auto& [source, tokens] : report.counted_tokens) {
    cell.tokens_by_source[source] = static_cast<std::uint64_t>(std::llround(tokens));
  }
  const std::uint64_t known = needs_seed() ? plan_.users + 1 : 0;
  cell.cold_sessions = report.sessions - std::min(report.sessions, known);
  answers_.add(cell.scenario, cell.context_words, report.records);
  if (results_.context_tokens.contains(cell.context_words)) return;
  std::map<std::uint32_t, const RequestRecord*> first;  // of each user
  for (const RequestRecord& record : report.records) {
    if (!record.finished()) continue;
    const RequestRecord*& known_first = first[record.user_id];
    if (known_first == nullptr || record.question < known_first->question) known_first = &record;
  }
  const std::uint64_t tokens =
      std::accumulate(first.begin(), first.end(), std::uint64_t{0},
                      [](std::uint64_t sum, const auto& entry) { return sum + entry.second->prompt_tokens; });
  if (!first.empty()) results_.context_tokens[cell.context_words] = tokens / first.size();
}

}  // namespace

std::vector<std::string> serve_flags(const ScenarioPlan& plan, const Scenario& scenario, const std::string& store,
                                     const std::string& seed) {
  std::vector<std::string> flags;
  const auto usual = [&](const std::string& flag, const std::string& value) {
    if (!scenario.has_flag(flag)) flags.insert(flags.end(), {flag, value});
  };
  usual("--threads", std::to_string(plan.threads));
  usual("--device-kv-bytes", std::to_string(plan.device_kv_bytes));
  if (plan.chunk_tokens > 0) usual("--chunk-tokens", std::to_string(plan.chunk_tokens));
  for (const std::string& word : scenario.flags) flags.push_back(filled_in(word, "{store}", store));
  if (plan.warm_ram && scenario.ram_bytes > 0 && !seed.empty())
    flags.insert(flags.end(), {"--warm-from", "file://" + seed});
  return flags;
}

Result<ScenarioResults> run_scenarios(const ScenarioPlan& plan, const WorkDirectory& work, ScenarioResults heading,
                                      const ScenarioRunDeps& deps) {
  CAIRN_TRY_VOID(plan.validate());
  ScenarioRun run(plan, work, std::move(heading), deps);
  return run.run();
}

bool is_good(const ScenarioResults& results) {
  return !results.interrupted && results.ended_by.empty() && results.answers_equal.value_or(true) &&
         std::ranges::all_of(results.cells, [](const ScenarioCell& cell) { return cell.failure.empty(); });
}

}  // namespace cairn

#include "bench/calibrate.h"

#include <utility>

#include "bench/chat_batch.h"
#include "bench/fleet.h"

namespace cairn {
namespace {

constexpr std::int64_t kStartUs = 120'000'000, kStopUs = 30'000'000;
constexpr std::uint64_t kProbeSeed = 7'001;  // words that no workload has

}  // namespace

Result<double> measure_prefill(const ScenarioPlan& plan, const PrefillProbe& probe, const WorkDirectory& work,
                               const ScenarioRunDeps& deps) {
  FleetPlan fleet_plan;
  fleet_plan.program = deps.program;
  fleet_plan.environment = deps.environment;
  fleet_plan.model = plan.model;
  fleet_plan.serve_flags = {"--threads", std::to_string(plan.threads), "--ram-bytes",
                            "0",         "--device-kv-bytes",          std::to_string(probe.device_kv_bytes)};
  fleet_plan.folder = work.logs();
  fleet_plan.name = "prefill";
  CAIRN_TRY(Fleet fleet, Fleet::start(fleet_plan, deps.clock, deps.clock.after_us(kStartUs), deps.stop));
  ChatBatch batch;
  batch.base_url = fleet.base_url();
  batch.model = model_name_of(plan.model);
  batch.request_timeout_s = plan.request_timeout;
  const auto ask = [&](std::uint32_t first, std::uint32_t chats, std::uint32_t words) {
    batch.chats.clear();
    for (std::uint32_t i = 0; i < chats; ++i) {
      batch.chats.push_back({{ChatTurn::Role::kUser, history_filler(words, kProbeSeed, first + i)}});
    }
    return ask_each(batch, {deps.clock, deps.stop, [&](std::size_t) {
                              if (deps.progress) deps.progress("prefill rate of one instance");
                            }});
  };
  CAIRN_TRY_VOID(ask(1, 1, 16));  // the first step of a process is slower
  const Result<ChatBatchReport> report = ask(2, probe.chats, probe.words);
  fleet.stop(deps.clock, deps.clock.after_us(kStopUs));
  if (!report) return report.error();
  return report->tokens_per_s();
}

Result<double> measure_served(const ScenarioPlan& plan, double time_s, const WorkDirectory& work,
                              const ScenarioRunDeps& deps) {
  ScenarioPlan one = plan;
  one.scenarios.resize(1);
  one.contexts = {std::to_string(plan.context_words().back())};
  one.repeats = 1;
  one.best_repeats = 0;
  one.seed = false;
  one.time = time_s;
  ScenarioRunDeps quiet{deps.clock, deps.stop, deps.program, deps.environment, deps.progress, {}, {}};
  CAIRN_TRY(const ScenarioResults results, run_scenarios(one, work, {}, quiet));
  if (results.interrupted || results.cells.empty()) return Error{ErrorCode::kCancelled, "broken off"};
  const ScenarioCell& cell = results.cells[0];
  if (!cell.failure.empty()) return unavailable("measuring what device only serves: " + cell.failure);
  return cell.steady_per_s.value_or(cell.summary.processing_speed);
}

}  // namespace cairn

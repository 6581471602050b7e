// cairn bench scenarios FILE.yaml: a fleet of our own under the multi-round QA workload, context lengths by tiers.

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include "apps/machine.h"
#include "apps/output.h"
#include "apps/serve_options.h"
#include "apps/signals.h"
#include "apps/verbs.h"
#include "bench/calibrate.h"
#include "bench/cell_journal.h"
#include "bench/demo_plan.h"
#include "bench/fleet.h"
#include "bench/scenario_html.h"
#include "bench/scenario_report.h"
#include "bench/scenario_run.h"
#include "kv/sha256.h"
#include "model/forward.h"
#include "model/spec.h"

namespace cairn {
namespace {

constexpr const char* kAbout =
    "Starts instances of cairn serve and a cairn route before them for each cell of a table, context lengths by\n"
    "scenarios (which tiers an instance has), runs the multi-round QA workload through the router, and prints a\n"
    "row per cell as it ends. FILE.yaml is a plan: the settings below as flat keys; flags and CAIRN_* variables\n"
    "come after it. --demo needs only --model: it measures this machine first, decides the rest from that and\n"
    "says what and why, takes some eight minutes (hours with --full), and fails unless a fast store shows its\n"
    "worth.\n"
    "\n"
    "The contexts of the users who are there from the start are computed once per length by one instance without\n"
    "limits of rate. Each cell begins with its store filled from them by links, and its RAM tiers read from them,\n"
    "before its clock starts; who joins later is cold and counted. The device pool begins empty. No cell starts\n"
    "unless time, memory and disk are said and fit. Temporary stores are removed at the end, also after Ctrl-C.\n"
    "\n"
    "Answers to the same question of the same user must be the same in every scenario. Exit status: 0 when all\n"
    "cells ran and answers were equal, 1 when not, 2 when the words are wrong, 130 after Ctrl-C, which leaves a\n"
    "report of what there is. `cairn bench scenarios --resume --work DIR` then goes on with the cells that are\n"
    "missing, with the same plan, on the same machine and with the same program.";

Result<PlanFigures> figures_of(const ScenarioPlan& plan) {
  // About what a thread computes: only a guess of the time that a seed takes depends on it.
  constexpr double kFlopsOfThread = 40e9;
  if (plan.model.empty()) return invalid("model is needed: a model directory");
  CAIRN_TRY(const ModelSpec spec, read_model_spec(plan.model));
  PlanFigures figures;
  figures.kv_bytes_per_token = std::uint64_t{2} * sizeof(std::uint16_t) * spec.layers * spec.kv_heads * spec.head_dim;
  ForwardConfig forward;
  forward.threads = plan.threads;
  forward.step_tokens_max = EngineConfig{}.step_tokens_max;
  figures.instance_bytes = forward_bytes(spec, forward);
  figures.prefill_tokens_per_s =
      kFlopsOfThread * plan.threads / (2 * static_cast<double>(std::max<std::uint64_t>(1, spec.linear_parameters())));
  figures.context_tokens_max = spec.context;
  return figures;
}

constexpr const char* kSomeBucket = "s3://cairn?endpoint=127.0.0.1:9000&tls=false&region=us-east-1";

// The flags of every scenario, as `cairn serve` will read them.
Result<void> check_flags(const ScenarioPlan& plan) {
  for (const Scenario& scenario : plan.parsed_scenarios()) {
    ServeOptions serve_options;
    OptionSet options;
    serve_options.bind(options);
    std::vector<std::string> flags = serve_flags(plan, scenario, "/store", "");
    for (std::string& flag : flags) flag = filled_in(std::move(flag), "{bucket}", kSomeBucket);
    Result<Loaded> loaded = load_options(options, {flags, {}, ConfigFile::kNone});
    const std::string shown = "scenarios: '" + scenario.name + "': ";
    for (const std::string& flag : scenario.flags) {
      std::string name = flag.substr(0, flag.find('='));
      std::ranges::replace(name, '-', '_');
      if (!name.starts_with("__") || !names_secret(name.substr(2))) continue;
      return invalid(shown + flag.substr(0, flag.find('=')) +
                     " would stand in every report: set it in the environment");
    }
    if (!loaded) return invalid(shown + loaded.error().detail);
    if (!loaded->positional.empty()) return invalid(shown + "'" + loaded->positional[0] + "' is no flag");
    if (const Result<void> right = serve_options.check(); !right) return invalid(shown + right.error().detail);
  }
  return {};
}

std::uint64_t free_disk_bytes(const std::filesystem::path& work) {
  std::error_code error;
  std::filesystem::path path = std::filesystem::absolute(work, error).lexically_normal();
  while (!std::filesystem::exists(path, error) && path.has_relative_path()) path = path.parent_path();
  const std::filesystem::space_info space = std::filesystem::space(path, error);
  return error ? 0 : space.available;
}

FoundDirectory found_as(const ScenarioPlan& plan) {
  return plan.resume ? FoundDirectory::kResume : plan.purge ? FoundDirectory::kPurge : FoundDirectory::kRefuse;
}

Result<void> check_places(const ScenarioPlan& plan) {
  if (const std::vector<std::string> words = plan.bucket_server_words(); !words.empty()) {
    const bool runs = words[0].find('/') != std::string::npos && ::access(words[0].c_str(), X_OK) == 0;
    if (!runs) return invalid("bucket_server: '" + words[0] + "' is no program; such as tools/bucket_server");
  }
  for (const std::string& path : {plan.csv, plan.json, plan.html}) {
    if (!path.empty()) CAIRN_TRY_VOID(check_writable(path));
  }
  return WorkDirectory::check(plan.work, found_as(plan));
}

Result<PlanFigures> check_plan(const ScenarioPlan& plan) {
  CAIRN_TRY(const PlanFigures figures, figures_of(plan));
  CAIRN_TRY_VOID(check_flags(plan));
  CAIRN_TRY_VOID(check_places(plan));
  CAIRN_TRY_VOID(check_fit(plan, figures, {available_memory_bytes(), free_disk_bytes(plan.work)}));
  return figures;
}

std::string now_text(const Clock& clock) {
  const std::time_t now = clock.unix_time_us() / 1'000'000;
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  char text[40];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

std::vector<std::string> environment_of(const Variables& variables) {
  std::vector<std::string> environment;
  for (const auto& [name, value] : variables) {
    const bool setting = name.starts_with("CAIRN_") && name != "CAIRN_SERVERS";  // that one is the bucket server's
    if (setting || name.starts_with("LMCACHE_")) continue;                       // the plan says it all
    environment.push_back(name + "=" + value);
  }
  return environment;
}

Result<void> write_reports(const ScenarioPlan& plan, const ScenarioResults& results) {
  const std::vector<ScenarioPair> pairs = store_pairs(plan.parsed_scenarios());
  if (!plan.csv.empty()) CAIRN_TRY_VOID(write_file(plan.csv, to_csv(results)));
  if (!plan.json.empty()) CAIRN_TRY_VOID(write_file(plan.json, to_json(results, pairs)));
  if (!plan.html.empty()) CAIRN_TRY_VOID(write_file(plan.html, to_html(results, pairs)));
  for (const std::string& path : {plan.csv, plan.json, plan.html}) {
    if (!path.empty()) std::printf("  written: %s\n", path.c_str());
  }
  return {};
}

void say_resume(const WorkDirectory& work) {
  std::printf("  to go on: cairn bench scenarios --resume --work %s\n", work.path().c_str());
}

int report_run(const ScenarioPlan& plan, const WorkDirectory& work, const ScenarioResults& results) {
  std::printf("\n%s", to_text(results, store_pairs(plan.parsed_scenarios())).c_str());
  const Result<void> written = write_reports(plan, results);
  const bool good = is_good(results);
  if (good && written && !plan.keep_logs) {
    work.remove_all();
  } else {
    std::printf("  logs and cells: %s\n", work.path().c_str());
    if (results.is_whole() && written) {
      work.finish();  // a run that is whole does not go on
    } else {
      say_resume(work);
    }
  }
  if (!results.ended_by.empty()) return fail(unavailable(results.ended_by));
  if (!written) return fail(written.error());
  if (results.interrupted) return stopped_status();
  return good ? 0 : 1;
}

// Everything that outlives the plan: the verb decides it late when it measures first.
struct Bench {
  explicit Bench(const Variables& variables)
      : deps{clock,
             stop_at_signal(),
             std::filesystem::read_symlink("/proc/self/exe").string(),
             environment_of(variables),
             [this](const std::string& line) { screen.progress(line, clock.now_us()); },
             [this](const std::string& line) { screen.is_terminal() ? screen.line(line) : void(); },
             [this](const ScenarioResults& so_far, const ScenarioCell& cell) { row(so_far, cell); }} {}
  void row(const ScenarioResults& so_far, const ScenarioCell& cell) {
    screen.clear();
    std::fputs(scenario_row(so_far, cell).c_str(), stdout);
    if (!cell.failure.empty()) std::printf("    failed: %s\n", cell.failure.c_str());
    std::fflush(stdout);
  }
  const SystemClock clock;
  Screen screen;
  const ScenarioRunDeps deps;
};

constexpr const char *kMachineFact = "machine", *kProgramFact = "program", *kPlanFact = "plan";

std::string read_text(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string digest_of(const std::string& bytes) { return to_hex(sha256(bytes).bytes.data(), 8); }

ScenarioResults heading_of(const ScenarioPlan& plan, const std::string& file, const Bench& bench) {
  ScenarioResults heading;
  heading.title = file.empty() ? "scenarios" : std::filesystem::path(file).filename().string();
  heading.started_at = now_text(bench.clock);
  auto& facts = heading.facts;
  facts.emplace_back(kMachineFact, machine_description());
  facts.emplace_back(kProgramFact, digest_of(read_text(bench.deps.program)));  // one build or another
  facts.emplace_back("model", model_name_of(plan.model));
  facts.emplace_back("fleet", std::to_string(plan.instances) + " instances, threads each " +
                                  std::to_string(plan.threads) + ", device pool each " +
                                  format_bytes(plan.device_kv_bytes) + ", router " +
                                  std::string(to_string(plan.policy)));
  char rate[100];
  std::snprintf(rate, sizeof rate, "%g", plan.qps);
  facts.emplace_back("workload", std::to_string(plan.users) + " users, " + std::to_string(plan.rounds) + " rounds, " +
                                     rate + " requests/s offered, " + std::to_string(plan.system_words) +
                                     " words shared, answers of " + std::to_string(plan.answer_tokens) + " tokens");
  for (const Scenario& scenario : plan.parsed_scenarios()) {
    std::string flags;
    for (const std::string& flag : scenario.flags) flags += (flags.empty() ? "" : " ") + flag;
    facts.emplace_back(scenario.name, flags);
  }
  if (!plan.bucket_server.empty()) facts.emplace_back("bucket", plan.bucket_server);
  std::snprintf(rate, sizeof rate, "%g s, then up to %g s", plan.time, plan.drain);
  facts.emplace_back("cell", std::string(rate) + " for answers on their way; later ones are cut and counted");
  facts.emplace_back("start", plan.seed ? "stores" + std::string(plan.warm_ram ? " and RAM tiers" : "") +
                                              " filled, before the clock, with the first chats of the users who are "
                                              "there from the start; later ones are cold; device pools empty"
                                        : "all tiers empty");
  return heading;
}

int end_early(const ScenarioPlan& plan, const WorkDirectory& work, Bench& bench, const Error& error) {
  bench.screen.clear();
  if (!plan.keep_logs) work.remove_all();
  fail(error);
  return stopped_status() != 0 ? stopped_status() : 1;
}

Result<WorkDirectory> open_work(const ScenarioPlan& plan) { return WorkDirectory::open(plan.work, found_as(plan)); }

// What --resume needs later.
Result<void> write_plan(ScenarioPlan plan, const WorkDirectory& work, ScenarioResults heading) {
  plan.full = plan.purge = plan.resume = false;
  std::error_code ignored;
  for (std::string* path : {&plan.model, &plan.csv, &plan.json, &plan.html}) {
    if (!path->empty()) *path = std::filesystem::absolute(*path, ignored).string();
  }
  if (const std::vector<std::string> words = plan.bucket_server_words(); !words.empty()) {
    const std::string rest = plan.bucket_server.substr(plan.bucket_server.find(words[0]) + words[0].size());
    plan.bucket_server = std::filesystem::absolute(words[0], ignored).string() + rest;
  }
  OptionSet options;
  options.add("", "Plan", plan);
  const std::string text = show_yaml(options);
  heading.facts.emplace_back(kPlanFact, digest_of(text));
  CAIRN_TRY_VOID(CellJournal(work.cells()).begin(heading));
  return write_file(work.plan(), text);
}

Result<ScenarioPlan> read_plan(const WorkDirectory& work, const ScenarioResults& heading) {
  const std::pair<std::string, std::string> fact(kPlanFact, digest_of(read_text(work.plan())));
  if (std::ranges::find(heading.facts, fact) == heading.facts.end()) {
    return invalid(work.plan().string() + " is not the plan that the run began with: begin again with --purge");
  }
  ScenarioPlan plan;
  OptionSet options;
  options.add("", "Plan", plan);
  CAIRN_TRY(const Loaded loaded, load_options(options, {{"--config", work.plan().string()}, {}}));
  CAIRN_TRY_VOID(options.validate());
  return plan;
}

void say_plan(const ScenarioPlan& plan, const PlanFigures& figures) {
  std::fputs(plan_text(plan, figures).c_str(), stdout);
  if (const unsigned cores = std::thread::hardware_concurrency(); plan.instances * plan.threads > cores) {
    std::printf("  note         %u compute threads share %u cores\n", plan.instances * plan.threads, cores);
  }
  std::fflush(stdout);
}

int run_cells(const ScenarioPlan& plan, const WorkDirectory& work, ScenarioResults heading, Bench& bench) {
  heading.scenarios.clear();
  for (const Scenario& scenario : plan.parsed_scenarios()) heading.scenarios.push_back(scenario.name);
  heading.contexts = plan.context_words();
  heading.cells_planned = plan.cells();
  std::fputs(("\n" + scenario_header(heading)).c_str(), stdout);
  std::fflush(stdout);
  const Result<ScenarioResults> results = run_scenarios(plan, work, std::move(heading), bench.deps);
  bench.screen.clear();
  if (!results) return end_early(plan, work, bench, results.error());
  const int status = report_run(plan, work, *results);
  if (!plan.demo || !results->is_whole()) return status;
  const std::vector<std::string> short_of = demo_shortfalls(plan, *results);
  for (const std::string& line : short_of) std::printf("  not reached: %s\n", line.c_str());
  return status != 0 || !short_of.empty() ? 1 : 0;
}

int run(const ScenarioPlan& plan, const std::string& file, const Variables& variables) {
  Bench bench(variables);
  const Result<WorkDirectory> work = open_work(plan);
  if (!work) return fail(work.error());
  const ScenarioResults heading = heading_of(plan, file, bench);
  if (const Result<void> kept = write_plan(plan, *work, heading); !kept) return fail(kept.error());
  return run_cells(plan, *work, heading, bench);
}

// Only what says where to; all the rest stands in the plan that goes on.
Result<void> check_resume_words(const OptionSet& options) {
  constexpr std::array<std::string_view, 6> kPlaces = {"resume", "work", "csv", "json", "html", "keep_logs"};
  for (const Option& option : options.options()) {
    const Origin::Kind kind = option.origin.kind;
    if (kind != Origin::Kind::kFlag && kind != Origin::Kind::kFile) continue;
    if (std::ranges::find(kPlaces, option.name) != kPlaces.end()) continue;
    return invalid(to_string(option.origin) + " does not go with --resume: the plan is that of the run that goes on");
  }
  return {};
}

// Cells of one table are compared with each other: one machine and one program must have measured them.
Result<void> check_same(const ScenarioResults& earlier, const ScenarioResults& now) {
  for (const auto& fact : now.facts) {
    if (fact.first != kMachineFact && fact.first != kProgramFact) continue;
    if (std::ranges::find(earlier.facts, fact) == earlier.facts.end()) {
      return invalid("resume: the run began on another " + fact.first +
                     ", so its cells cannot stand beside new ones: " + "begin again with --purge");
    }
  }
  return {};
}

int resume(const ScenarioPlan& words, const Variables& variables) {
  Bench bench(variables);
  const Result<WorkDirectory> work = open_work(words);
  if (!work) return wrong_words(work.error());
  const Result<ScenarioResults> heading = CellJournal(work->cells()).heading();
  if (!heading) return wrong_words(heading.error());
  Result<ScenarioPlan> plan = read_plan(*work, *heading);
  if (!plan) return wrong_words(plan.error());
  plan->work = words.work;
  plan->resume = true;
  if (!words.csv.empty()) plan->csv = words.csv;
  if (!words.json.empty()) plan->json = words.json;
  if (!words.html.empty()) plan->html = words.html;
  plan->keep_logs = plan->keep_logs || words.keep_logs;
  if (const Result<void> same = check_same(*heading, heading_of(*plan, "", bench)); !same)
    return wrong_words(same.error());
  const Result<PlanFigures> figures = check_plan(*plan);
  if (!figures) return wrong_words(figures.error());
  std::printf("Going on with the run of %s\n", heading->started_at.c_str());
  say_plan(*plan, *figures);
  return run_cells(*plan, *work, *heading, bench);
}

// The demo's plan but for what was measured, with what the words say of files and directories.
ScenarioPlan with_words(ScenarioPlan demo, const ScenarioPlan& words) {
  demo.demo = true;
  demo.model = words.model;
  demo.work = words.work;
  demo.purge = words.purge;
  demo.keep_logs = words.keep_logs;
  demo.warm_ram = words.warm_ram;
  demo.bucket_server = words.bucket_server;
  demo.csv = words.csv, demo.json = words.json, demo.html = words.html;
  return demo;
}

Result<PlanFigures> check_demo(const ScenarioPlan& words) {
  if (words.dry_run) return invalid("dry_run does not go with demo: what it runs depends on what it measures first");
  CAIRN_TRY(const PlanFigures figures, figures_of(words));
  CAIRN_TRY_VOID(check_places(words));
  return figures;
}

constexpr double kServedSeconds = 16, kLongServedSeconds = 180;

Result<ScenarioPlan> decide_demo(const ScenarioPlan& words, const WorkDirectory& work, Bench& bench,
                                 const PlanFigures& figures, DemoFacts& facts) {
  DemoMachine machine;
  machine.kv_bytes_per_token = figures.kv_bytes_per_token;
  machine.context_tokens_max = figures.context_tokens_max;
  machine.instances = words.instances;
  machine.threads = words.threads;
  const auto measure = [&](std::uint32_t tokens, std::uint32_t chats) {
    return measure_prefill(words, {tokens, chats, tokens * 2 * machine.kv_bytes_per_token + 16 * kMiB}, work,
                           bench.deps);
  };
  std::printf("Measuring (%s): prefill of one instance, then what device only serves when asked for more\n",
              words.full ? "about five minutes" : "about a minute");
  std::fflush(stdout);
  CAIRN_TRY(machine.prefill_tokens_per_s, measure(400, 2));
  ScenarioPlan shape = with_words(demo_shape(machine, words.full ? DemoLength::kHours : DemoLength::kMinutes), words);
  CAIRN_TRY(machine.prefill_tokens_per_s, measure(shape.context_words().back() / 2, 2));
  CAIRN_TRY_VOID(check_fit(shape, figures, {available_memory_bytes(), free_disk_bytes(words.work)}));
  CAIRN_TRY(const double served_per_s,
            measure_served(shape, words.full ? kLongServedSeconds : kServedSeconds, work, bench.deps));
  if (!(served_per_s > 0)) return unavailable("device only served nothing within the time of a cell");
  ScenarioPlan plan = demo_plan(shape, machine, served_per_s);
  facts = demo_facts(plan, machine, served_per_s);
  return plan;
}

int run_demo(const ScenarioPlan& words, const Variables& variables) {
  Bench bench(variables);
  const Result<PlanFigures> figures = check_demo(words);
  if (!figures) return wrong_words(figures.error());
  const Result<WorkDirectory> work = open_work(words);
  if (!work) return wrong_words(work.error());
  DemoFacts facts;
  const Result<ScenarioPlan> plan = decide_demo(words, *work, bench, *figures, facts);
  if (!plan) return end_early(words, *work, bench, plan.error());
  const Result<void> fits = check_fit(*plan, *figures, {available_memory_bytes(), free_disk_bytes(words.work)});
  if (!fits) return end_early(words, *work, bench, fits.error());
  bench.screen.clear();
  std::printf("Decided\n");
  for (const auto& [name, value] : facts) std::printf("  %-12s %s\n", name.c_str(), value.c_str());
  say_plan(*plan, *figures);
  ScenarioResults heading = heading_of(*plan, "demo", bench);
  heading.facts.insert(heading.facts.end(), facts.begin(), facts.end());
  if (const Result<void> kept = write_plan(*plan, *work, heading); !kept)
    return end_early(words, *work, bench, kept.error());
  return run_cells(*plan, *work, heading, bench);
}

}  // namespace

int run_bench_scenarios(const VerbInput& given) {
  VerbInput input = given;
  std::string file;
  if (!input.words.empty() && !input.words[0].starts_with("-")) {
    file = input.words[0];
    input.words.insert(input.words.begin(), "--config");
  }
  // A file for `serve` is no plan.
  std::erase_if(input.variables, [](const auto& variable) { return variable.first == "CAIRN_CONFIG"; });
  ScenarioPlan plan;
  OptionSet options;
  options.add("", "Plan", plan);
  const Parsed parsed = parse(options, input,
                              {"cairn bench scenarios FILE.yaml [options]", kAbout,
                               "cairn bench scenarios plan.yaml --html report.html", ConfigFile::kRead},
                              0);
  if (parsed.done) return parsed.status;
  if (plan.resume) {
    const Result<void> right = check_resume_words(options);
    return right ? resume(plan, given.variables) : wrong_words(right.error());
  }
  if (plan.demo) return run_demo(plan, given.variables);
  const Result<PlanFigures> figures = check_plan(plan);
  if (!figures) return wrong_words(figures.error());
  say_plan(plan, *figures);
  return plan.dry_run ? 0 : run(plan, file, given.variables);
}

}  // namespace cairn

// cairn bench multi-round-qa: the published multi-round question answering workload against an OpenAI server.

#include <atomic>
#include <cstdio>
#include <fstream>
#include <sstream>

#include "apps/output.h"
#include "apps/signals.h"
#include "apps/verbs.h"
#include "bench/qa_run.h"

namespace cairn {
namespace {

enum class QaMode : std::uint8_t { kLmcacheV1 };
std::string_view to_string(QaMode mode) { return mode == QaMode::kLmcacheV1 ? "lmcache-v1" : "unknown"; }

struct WorkloadWords {  // names as in the original script
  std::optional<std::uint32_t> num_users, num_rounds, shared_system_prompt, user_history_prompt, answer_len;
  std::optional<double> qps;
  double time = 0;
  std::uint32_t init_user_id = 0;
  QaMode mode = QaMode::kLmcacheV1;
  std::optional<std::uint64_t> filler_seed;
  bool prebuilt_history = false, ignore_eos = false, sharegpt = false, request_with_user_id = false;

  Result<void> validate() const {
    if (sharegpt) return invalid("sharegpt: conversations from a file are not supported; leave the flag out");
    return {};
  }
  template <class V>
  static void describe(V& v) {
    using W = WorkloadWords;
    v.field("num_users", &W::num_users, "users at a time, N; needed");
    v.field("num_rounds", &W::num_rounds, "questions of one user, R, at least 2; needed");
    v.field("qps", &W::qps, "requests per second of all users together, Q; needed");
    v.field("shared_system_prompt", &W::shared_system_prompt, "words before the user's id, the same for all; needed");
    v.field("user_history_prompt", &W::user_history_prompt, "words of each user's own context; needed");
    v.field("answer_len", &W::answer_len, "most tokens of an answer; needed");
    v.field("time", &W::time, "seconds; then nobody asks any more. 0: until Ctrl-C");
    v.field("init_user_id", &W::init_user_id, "users are counted from the next number");
    v.field("mode", &W::mode, "whose arrivals and prompts: those of the original script");
    v.field("filler_seed", &W::filler_seed,
            "fill with words drawn from this seed, each user's own, instead of \"hi\": a wrong answer shows");
    v.field("prebuilt_history", &W::prebuilt_history,
            "sessions that count as begun hold the rounds passed, with made-up answers");
    v.field("ignore_eos", &W::ignore_eos, "ask for answers of full length (a field that vLLM and cairn know)");
    v.field("sharegpt", &W::sharegpt, "not supported");
    v.field("request_with_user_id", &W::request_with_user_id, "accepted; the header x-user-id is always sent");
  }
};

struct ServerWords {
  std::string base_url, model, api_key;
  std::vector<std::string> metrics_urls;
  double request_timeout = 600;
  std::uint32_t warm_up = 10;
  std::optional<double> drain_time;

  Result<void> validate() const { return {}; }
  template <class V>
  static void describe(V& v) {
    using W = ServerWords;
    v.field("base_url", &W::base_url, "such as http://127.0.0.1:8000/v1; needed");
    v.field("model", &W::model, "name of the model in requests; needed");
    v.field("api_key", &W::api_key, "sent as a bearer token");
    v.field("metrics_urls", &W::metrics_urls, "pages of the instances, read before and after; none: /metrics there");
    v.field("request_timeout", &W::request_timeout, "seconds without a byte until a request counts as failed");
    v.field("warm_up", &W::warm_up, "chats before the clock starts; waited for, not recorded");
    v.field("drain_time", &W::drain_time, "seconds for the answers that are awaited at the end; unset: no bound");
  }
};

struct OutputWords {
  std::string output = "summary.csv", json, process_summary;
  std::optional<double> log_interval;
  bool verbose = false, dry_run = false;

  Result<void> validate() const { return {}; }
  template <class V>
  static void describe(V& v) {
    using W = OutputWords;
    v.field("output", &W::output, "CSV, a row per request");
    v.field("json", &W::json, "file for figures and rows");
    v.field("log_interval", &W::log_interval, "seconds between lines with the figures since the last one");
    v.field("verbose", &W::verbose, "a line when a request starts and when it ends");
    v.field("dry_run", &W::dry_run, "print the plan and send nothing");
    v.field("process_summary", &W::process_summary, "print the summary of a CSV, of this program or the original");
  }
};

constexpr const char* kAbout =
    "Users ask, read the answer and ask again, each time sending the whole chat. N users send Q requests a\n"
    "second together, so each asks every g = N/Q seconds; a session lasts g*(R-1), and every J = g*(R-1)/N\n"
    "seconds a new user joins. At the start N sessions count as begun, their ages spread over one session's\n"
    "life, so that load is steady from the first second. The loop is closed: who waits for an answer does not\n"
    "ask, and nothing is caught up.\n"
    "\n"
    "Arrivals, prompts, CSV columns and figures are those of the script multi-round-qa.py (mode lmcache-v1).\n"
    "It differs in this: a request that fails is a row with a reason and its user goes on (there it waits for\n"
    "ever), nothing is sent twice, percentiles stand beside the means, ShareGPT's questions are not read and\n"
    "--log-interval is off unless it is set. TTFT counts from the moment the\n"
    "request is made to the first text of the answer. Tokens from the cache are the server's words: its usage,\n"
    "and its /metrics before and after.\n"
    "\n"
    "Ctrl-C ends the run as the end of --time does: answers on their way are awaited (--drain-time bounds\n"
    "that), then figures are printed and files written. A second one ends the program at once. Exit status: 0\n"
    "when no request failed, 1 when one did or the run was broken off before --time, 2 when the words are\n"
    "wrong.";

constexpr const char* kExample =
    "cairn bench multi-round-qa --num-users 15 --num-rounds 20 --qps 2 --shared-system-prompt 1000 \\\n           "
    "--user-history-prompt 20000 --answer-len 100 --time 1200 --model Qwen/Qwen3-8B \\\n           "
    "--base-url http://localhost:8000/v1 --output summary.csv";

Result<QaRunOptions> options_of(const WorkloadWords& words, const ServerWords& server, const OutputWords& output) {
  std::string missing;
  const auto need = [&missing](bool given, const char* flag) {
    if (!given) missing += (missing.empty() ? "" : ", ") + std::string(flag);
  };
  need(words.num_users.has_value(), "--num-users");
  need(words.num_rounds.has_value(), "--num-rounds");
  need(words.qps.has_value(), "--qps");
  need(words.shared_system_prompt.has_value(), "--shared-system-prompt");
  need(words.user_history_prompt.has_value(), "--user-history-prompt");
  need(words.answer_len.has_value(), "--answer-len");
  need(!server.model.empty() || output.dry_run, "--model");
  need(!server.base_url.empty() || output.dry_run, "--base-url");
  if (!missing.empty()) return invalid("still needed: " + missing + "; --help tells more");
  QaRunOptions run;
  run.workload.users = *words.num_users;
  run.workload.rounds = *words.num_rounds;
  run.workload.qps = *words.qps;
  run.workload.system_words = *words.shared_system_prompt;
  run.workload.history_words = *words.user_history_prompt;
  run.workload.answer_tokens = *words.answer_len;
  run.workload.init_user_id = words.init_user_id;
  run.workload.filler_seed = words.filler_seed;
  run.workload.prebuilt_history = words.prebuilt_history;
  run.ignore_eos = words.ignore_eos;
  run.time_s = words.time;
  run.base_url = server.base_url;
  run.model = server.model;
  run.api_key = server.api_key;
  run.metrics_urls = server.metrics_urls;
  run.drain_s = server.drain_time;
  run.request_timeout_s = server.request_timeout;
  run.warm_up_chats = server.warm_up;
  run.log_interval_s = output.log_interval;
  run.verbose = output.verbose;
  if (output.dry_run) {
    CAIRN_TRY_VOID(run.workload.validate());
  } else {
    CAIRN_TRY_VOID(run.validate());
  }
  return run;
}

int process_summary(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (file) text << file.rdbuf();
  if (!file || file.bad()) return fail(invalid(path + ": cannot read it"));
  const Result<std::vector<RequestRecord>> records = parse_csv(text.str());
  if (!records) return fail(invalid(path + ": " + records.error().detail));
  std::fputs(to_text(summarise(*records, summary_window(*records), 0)).c_str(), stdout);
  return 0;
}

int report_run(const QaReport& report, const OutputWords& output) {
  std::fputs(to_text(report.summary).c_str(), stdout);
  std::fputs(to_text(report.counted_tokens).c_str(), stdout);
  if (report.warm_up_failed > 0) std::printf("  warm-up: %u chats failed\n", report.warm_up_failed);
  if (const Result<void> written = write_file(output.output, to_csv(report.records)); !written) {
    return fail(written.error());
  }
  std::printf("  rows: %s\n", output.output.c_str());
  if (!output.json.empty()) {
    if (const Result<void> written = write_file(output.json, to_json(report)); !written) return fail(written.error());
    std::printf("  figures: %s\n", output.json.c_str());
  }
  if (report.interrupted) std::printf("  broken off before the end of --time\n");
  return report.summary.failed > 0 || report.interrupted ? 1 : 0;
}

}  // namespace

int run_bench_multi_round_qa(const VerbInput& input) {
  WorkloadWords workload;
  ServerWords server;
  OutputWords output;
  OptionSet options;
  options.add("", "Workload", workload);
  options.add("server", "Server", server);
  options.add("output", "Output", output);
  const Parsed parsed = parse(options, input, {"cairn bench multi-round-qa [options]", kAbout, kExample}, 0);
  if (parsed.done) return parsed.status;
  if (!output.process_summary.empty()) return process_summary(output.process_summary);
  const Result<QaRunOptions> run = options_of(workload, server, output);
  if (!run) return wrong_words(run.error());
  if (output.dry_run) {
    std::fputs(plan_text(run->workload, run->time_s).c_str(), stdout);
    return 0;
  }
  for (const std::string& path : {output.output, output.json}) {
    if (path.empty()) continue;
    if (const Result<void> writable = check_writable(path); !writable) return wrong_words(writable.error());
  }
  const std::atomic<bool>& stop = stop_at_signal();
  const SystemClock clock;
  Screen screen;
  const Result<QaReport> report = run_multi_round_qa(
      *run, {clock, stop, [&](const QaProgress& progress) { screen.progress(to_line(progress), clock.now_us()); },
             [&](const std::string& line) { screen.line(line); }});
  screen.clear();
  if (!report) return fail(report.error());
  return report_run(*report, output);
}

}  // namespace cairn

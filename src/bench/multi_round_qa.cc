#include "bench/multi_round_qa.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "base/check.h"

namespace cairn {
namespace {

constexpr double kWarningGapSeconds = 10;
constexpr double kTickSeconds = 0.1;
constexpr double kSimulatedSecondsMax = 86'400;

std::string row(const char* name, double value, const char* words) {
  char line[200];
  std::snprintf(line, sizeof line, "  %-28s %12.3f %s\n", name, value, words);
  return line;
}

std::string row(const char* name, std::uint64_t count, const char* words) {
  char line[200];
  std::snprintf(line, sizeof line, "  %-28s %8llu     %s\n", name, static_cast<unsigned long long>(count), words);
  return line;
}

}  // namespace

Result<void> QaWorkload::validate() const {
  if (users == 0) return invalid("num_users must be at least 1");
  if (users > sessions_max) return invalid("num_users must be at most " + std::to_string(sessions_max));
  if (rounds < 2) return invalid("num_rounds must be at least 2: sessions of one round have no length to spread");
  if (!(qps > 0) || !std::isfinite(qps)) return invalid("qps must be above 0");
  if (answer_tokens == 0) return invalid("answer_len must be at least 1");
  return {};
}

QaPlan plan_of(const QaWorkload& workload) {
  QaPlan plan;
  plan.gap_s = workload.users / workload.qps;
  plan.life_s = plan.gap_s * (workload.rounds - 1);
  plan.join_gap_s = plan.life_s / workload.users;
  plan.ramp_s = workload.users * plan.join_gap_s;
  return plan;
}

QaAge age_of(const QaPlan& plan, std::uint32_t i) {
  const double age_s = plan.ramp_s - i * plan.join_gap_s;
  QaAge age;
  age.questions = static_cast<std::uint32_t>(age_s / plan.gap_s) + 1;
  age.since_last_s = age_s - (age.questions - 1) * plan.gap_s;
  return age;
}

std::uint64_t expected_requests(const QaWorkload& workload, double time_s) {
  if (time_s > kSimulatedSecondsMax) {
    const double days = time_s / kSimulatedSecondsMax;
    return static_cast<std::uint64_t>(days * static_cast<double>(expected_requests(workload, kSimulatedSecondsMax)));
  }
  QaWorkload bare = workload;  // who asks when does not depend on the words
  bare.system_words = bare.history_words = 0;
  bare.prebuilt_history = false;
  MultiRoundQa qa(bare);
  std::uint64_t sent = 0;
  const auto ticks = static_cast<std::uint64_t>(time_s / kTickSeconds);
  for (std::uint64_t i = 0; i <= ticks; ++i) {
    const MultiRoundQa::Turn turn = qa.tick(static_cast<double>(i) * kTickSeconds);
    sent += turn.send.size();
    for (const QaRequest& request : turn.send) qa.finished(request.id, std::nullopt);
  }
  return sent;
}

std::string plan_text(const QaWorkload& workload, double time_s) {
  const QaPlan plan = plan_of(workload);
  std::uint64_t unserved = 0;
  for (std::uint32_t i = 0; i < workload.users; ++i) {
    unserved += age_of(plan, i).questions >= workload.rounds ? 1 : 0;
  }
  std::string out = "Plan (mode lmcache-v1)\n";
  out += row("g, between two questions", plan.gap_s, "s of one user");
  out += row("life of a session", plan.life_s, "s");
  out += row("J, between two joins", plan.join_gap_s,
             plan.join_gap_s < kTickSeconds ? "s: ticks of 0.1 s come later" : "s");
  out += row("ramp", plan.ramp_s, "s of ages at the start");
  out += row("sessions at the start", std::uint64_t{workload.users} + 1, "one of them new");
  out += row("of these without a question", unserved, "left: they end at once");
  if (!(time_s > 0)) return out + "  requests: until Ctrl-C\n";
  const std::uint64_t requests = expected_requests(workload, time_s);
  out += row("time", time_s, "s");
  out += row("requests expected", requests, "if every answer comes at once");
  return out + row("which is", static_cast<double>(requests) / time_s, "requests/s");
}

MultiRoundQa::MultiRoundQa(const QaWorkload& workload)
    : workload_(workload),
      plan_(plan_of(workload)),
      system_(system_filler(workload.system_words, workload.filler_seed)) {}

MultiRoundQa::Session& MultiRoundQa::join() {
  Session session;
  session.user_id = workload_.init_user_id + static_cast<std::uint32_t>(++joined_);
  return sessions_.emplace_back(std::move(session));
}

void MultiRoundQa::add_question(Session& session) const {
  std::string text = question_text(session.questions);
  if (session.chat.empty()) {
    const std::string history = history_filler(workload_.history_words, workload_.filler_seed, session.user_id);
    text = chat_opening(system_, session.user_id, history) + text;
  }
  session.chat.push_back({ChatTurn::Role::kUser, std::move(text)});
}

void MultiRoundQa::build_history(Session& session) const {
  const std::uint32_t passed = session.questions;
  for (session.questions = 1; session.questions <= passed; ++session.questions) {
    add_question(session);
    session.chat.push_back({ChatTurn::Role::kAssistant, answer_filler(workload_.answer_tokens, workload_.filler_seed,
                                                                      session.user_id, session.questions)});
  }
  session.questions = passed;
}

void MultiRoundQa::ramp_up(double now_s) {
  for (std::uint32_t i = 0; i < workload_.users; ++i) {
    const QaAge age = age_of(plan_, i);
    Session& session = join();
    session.questions = age.questions;
    session.last_s = now_s - age.since_last_s;
    if (workload_.prebuilt_history && age.questions < workload_.rounds) build_history(session);
  }
  ramped_ = true;
}

void MultiRoundQa::step(Session& session, double now_s, Turn& turn) {
  if (session.last_s && !(now_s - *session.last_s > plan_.gap_s)) return;
  if (session.in_flight != 0) {
    if (!session.last_warning_s || now_s - *session.last_warning_s > kWarningGapSeconds) {
      turn.late.push_back({session.user_id, session.questions, now_s - *session.last_s});
      session.last_warning_s = now_s;
    }
    return;
  }
  ++session.questions;
  add_question(session);
  session.last_s = now_s;
  session.in_flight = ++last_request_;
  ++in_flight_;
  turn.send.push_back({session.in_flight, session.user_id, session.questions});
}

MultiRoundQa::Turn MultiRoundQa::tick(double now_s) {
  if (!ramped_) ramp_up(now_s);
  if ((!last_join_s_ || now_s - *last_join_s_ > plan_.join_gap_s) && sessions_.size() < workload_.sessions_max) {
    join();
    last_join_s_ = now_s;
  }
  Turn turn;
  std::erase_if(sessions_, [&](Session& session) {
    const bool over = session.questions >= workload_.rounds && session.in_flight == 0;
    if (!over) step(session, now_s, turn);
    return over;
  });
  return turn;
}

const std::vector<ChatTurn>& MultiRoundQa::chat(QaRequestId request) const {
  const auto found = std::ranges::find(sessions_, request, &Session::in_flight);
  CAIRN_CHECK(request != 0 && found != sessions_.end(), "a request that is not in flight");
  return found->chat;
}

void MultiRoundQa::finished(QaRequestId request, std::optional<std::string> answer) {
  const auto found = std::ranges::find(sessions_, request, &Session::in_flight);
  CAIRN_CHECK(request != 0 && found != sessions_.end(), "a request that is not in flight");
  found->in_flight = 0;
  --in_flight_;
  if (answer) {
    found->chat.push_back({ChatTurn::Role::kAssistant, std::move(*answer)});
  } else {
    found->chat.pop_back();
  }
}

}  // namespace cairn

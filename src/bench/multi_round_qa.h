// The multi-round QA workload: users who ask, wait for the answer and ask again, each time with the whole chat. A state
// machine in the caller's time: no clock, no network, no thread. Semantics of mode lmcache-v1:
//   g = users / qps                 between two questions of one user
//   life = g * (rounds - 1)         of a session; J = life / users between two joins
//   first tick: `users` sessions of ages life, life - J, ..., J that count as asked in the past; and one new session
//   later ticks: one new session when more than J has passed since the last join; no cap but sessions_max
//   closed loop: a user asks when more than g has passed since its last question and the answer is there; no catch-up
// An aged session starts with an empty chat unless histories are pre-built.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "bench/qa_prompt.h"

namespace cairn {

struct QaWorkload {
  std::uint32_t users = 0, rounds = 0;
  double qps = 0;
  std::uint32_t system_words = 0, history_words = 0;
  std::uint32_t answer_tokens = 0;  // most tokens of an answer; words of a pre-built one
  std::uint32_t init_user_id = 0;   // the first user has the next id
  FillerSeed filler_seed;
  bool prebuilt_history = false;         // an aged session holds the rounds that count as asked
  std::uint32_t sessions_max = 100'000;  // beyond it nobody joins

  Result<void> validate() const;
};

struct QaPlan {
  double gap_s = 0, life_s = 0, join_gap_s = 0;
  double ramp_s = 0;  // ages of the first sessions are spread over it
};
QaPlan plan_of(const QaWorkload& workload);

// Questions already asked by the first session number `i` (0: the oldest), and how long ago the last one was.
struct QaAge {
  std::uint32_t questions = 0;
  double since_last_s = 0;
};
QaAge age_of(const QaPlan& plan, std::uint32_t i);

// Requests that the workload would send in `time_s` if every answer came at once; beyond a day by rule of three.
std::uint64_t expected_requests(const QaWorkload& workload, double time_s);
// For people: g, life, J, ramp, who is served how often, requests to expect. time_s 0: no end.
std::string plan_text(const QaWorkload& workload, double time_s);

struct ChatTurn {
  enum class Role : std::uint8_t { kUser, kAssistant } role = Role::kUser;
  std::string text;
};

using QaRequestId = std::uint64_t;  // counts from 1

struct QaRequest {
  QaRequestId id = 0;
  std::uint32_t user_id = 0, question = 0;
};

struct QaLate {  // a question is due and the answer before it is still awaited
  std::uint32_t user_id = 0, question = 0;
  double waiting_s = 0;
};

class MultiRoundQa {
 public:
  explicit MultiRoundQa(const QaWorkload& workload);

  struct Turn {
    std::vector<QaRequest> send;  // now
    std::vector<QaLate> late;     // at most one warning each 10 s and user
  };
  Turn tick(double now_s);  // now_s never goes back

  // What a request in flight sends. Until the next call of a member that changes something.
  const std::vector<ChatTurn>& chat(QaRequestId request) const;

  // The answer to a request; unset: it failed. Then its question is taken out of the chat again and counts as asked.
  void finished(QaRequestId request, std::optional<std::string> answer);

  std::size_t sessions() const { return sessions_.size(); }
  std::size_t in_flight() const { return in_flight_; }
  std::uint64_t joined() const { return joined_; }  // all sessions so far, those of the first tick included

 private:
  struct Session {
    std::uint32_t user_id = 0, questions = 0;
    std::optional<double> last_s;  // unset: never asked
    std::optional<double> last_warning_s;
    QaRequestId in_flight = 0;  // 0: none
    std::vector<ChatTurn> chat;
  };
  Session& join();
  void ramp_up(double now_s);
  void build_history(Session& session) const;
  void add_question(Session& session) const;  // number session.questions
  void step(Session& session, double now_s, Turn& turn);

  const QaWorkload workload_;
  const QaPlan plan_;
  const std::string system_;
  std::vector<Session> sessions_;
  std::optional<double> last_join_s_;
  QaRequestId last_request_ = 0;
  std::size_t in_flight_ = 0;
  std::uint64_t joined_ = 0;
  bool ramped_ = false;
};

}  // namespace cairn

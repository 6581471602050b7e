#include "bench/chat_batch.h"

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <utility>

#include "bench/qa_call.h"
#include "bench/qa_run.h"
#include "http/client.h"
#include "http/loop.h"

namespace cairn {
namespace {

constexpr std::int64_t kTickUs = 100'000;

// Not streamed: an answer of one token may have no text at all.
std::string body_of(const ChatBatch& batch, const std::vector<ChatTurn>& chat) {
  QaRunOptions options;
  options.model = batch.model;
  auto body = nlohmann::ordered_json::parse(chat_body(options, chat, batch.answer_tokens));
  body["stream"] = false;
  body.erase("stream_options");
  return body.dump();
}

Result<std::uint64_t> prompt_tokens_of(const std::string& page) {
  const auto answer = nlohmann::json::parse(page, nullptr, false);
  const nlohmann::json::json_pointer where("/usage/prompt_tokens");
  if (!answer.is_object() || !answer.contains(where) || !answer[where].is_number_unsigned()) {
    return unavailable("an answer without usage: " + page.substr(0, 200));
  }
  return answer[where].get<std::uint64_t>();
}

class BatchRun {
 public:
  BatchRun(const ChatBatch& batch, const ChatBatchDeps& deps, HttpOrigin origin)
      : batch_(batch), deps_(deps), origin_(std::move(origin)), client_(loop_, {}), timer_(loop_) {
    report_.prompt_tokens.resize(batch.chats.size());
  }

  Result<ChatBatchReport> run() {
    const std::int64_t start_us = deps_.clock.now_us();
    loop_.post([this] {
      for (std::uint32_t i = 0; i < std::max(1u, batch_.at_once); ++i) next();
      if (in_flight_ == 0) return loop_.stop();
      tick();
    });
    loop_.run();
    if (failure_) return *failure_;
    report_.elapsed_s = static_cast<double>(deps_.clock.now_us() - start_us) * 1e-6;
    return std::move(report_);
  }

 private:
  void next() {
    if (next_ == batch_.chats.size()) return;
    const std::size_t i = next_++;
    HttpCall call;
    call.origin = origin_;
    call.method = "POST";
    call.target = "/chat/completions";
    call.headers = {{"Content-Type", "application/json"}};
    call.body = std::make_shared<const std::string>(body_of(batch_, batch_.chats[i]));
    call.head_timeout_ms = call.idle_timeout_ms = static_cast<std::uint32_t>(batch_.request_timeout_s * 1e3);
    ++in_flight_;
    auto& page = calls_.emplace_back(std::make_unique<PageCall>());
    page->start(client_, std::move(call), [this, i](const Result<std::string>& answer) { ended(i, answer); });
  }

  void ended(std::size_t i, const Result<std::string>& answer) {
    if (failure_) return;
    const Result<std::uint64_t> tokens = answer ? prompt_tokens_of(*answer) : Result<std::uint64_t>(answer.error());
    if (!tokens) return end(tokens.error());
    report_.prompt_tokens[i] = *tokens;
    ++answered_;
    --in_flight_;
    next();
    if (in_flight_ == 0) {
      timer_.cancel();
      loop_.stop();
    }
  }

  void tick() {
    if (deps_.progress) deps_.progress(answered_);
    timer_.start(kTickUs, [this] {
      if (deps_.stop.load()) return end({ErrorCode::kCancelled, "broken off"});
      tick();
    });
  }

  void end(Error error) {
    failure_ = std::move(error);
    timer_.cancel();
    loop_.stop();
  }

  const ChatBatch& batch_;
  const ChatBatchDeps& deps_;
  const HttpOrigin origin_;
  ChatBatchReport report_;
  std::optional<Error> failure_;
  std::size_t next_ = 0, in_flight_ = 0, answered_ = 0;
  std::vector<std::unique_ptr<PageCall>> calls_;
  HttpLoop loop_;
  HttpClient client_;  // its calls under way are cancelled before their sinks go
  LoopTimer timer_;
};

}  // namespace

std::uint64_t ChatBatchReport::total_tokens() const {
  return std::accumulate(prompt_tokens.begin(), prompt_tokens.end(), std::uint64_t{0});
}

double ChatBatchReport::tokens_per_s() const {
  return elapsed_s > 0 ? static_cast<double>(total_tokens()) / elapsed_s : 0;
}

Result<ChatBatchReport> ask_each(const ChatBatch& batch, const ChatBatchDeps& deps) {
  CAIRN_TRY(HttpOrigin origin, parse_origin(batch.base_url));
  BatchRun run(batch, deps, std::move(origin));
  return run.run();
}

std::vector<std::vector<ChatTurn>> first_chats(const QaWorkload& workload) {
  constexpr int kStepsOfGap = 20;
  MultiRoundQa qa(workload);
  const double gap_s = plan_of(workload).gap_s;
  std::map<std::uint32_t, std::vector<ChatTurn>> first;
  for (int i = 0; i <= kStepsOfGap + 2; ++i) {  // each of them is due within one gap
    for (const QaRequest& request : qa.tick(gap_s * i / kStepsOfGap).send) {
      if (request.user_id <= workload.init_user_id + workload.users + 1) {
        first.emplace(request.user_id, qa.chat(request.id));  // the first of each user stays
      }
    }
  }
  std::vector<std::vector<ChatTurn>> chats;
  for (auto& [user, chat] : first) chats.push_back(std::move(chat));
  return chats;
}

}  // namespace cairn

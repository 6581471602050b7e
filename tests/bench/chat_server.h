// An OpenAI server of a test: streams a given number of pieces with given pauses and remembers when it sent each.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "support/scripted_server.h"

namespace cairn::test {

struct ServedChat {
  std::string head;
  nlohmann::json body;
  std::vector<std::int64_t> pieces_us;  // wall clock, just before each was sent
};

class ChatServer {
 public:
  struct Plan {
    std::int64_t first_us = 0, gap_us = 0;
    int pieces = 3;
    enum class Fault : std::uint8_t { kNone, kBusy, kBreakOff, kErrorEvent, kGarbage, kHang } fault = Fault::kNone;
  };
  using Planner = std::function<Plan(std::uint32_t user, std::uint32_t question)>;  // user 0: a warm-up

  explicit ChatServer(Planner planner)
      : planner_(std::move(planner)), server_([this](ServedConnection& connection) { serve(connection); }) {}
  ~ChatServer() { stop(); }
  std::string base_url() const { return server_.url() + "/v1"; }
  // All that it was asked, warm-ups included. It serves no more from then on: an answer is out before it is noted here.
  std::vector<ServedChat> chats() {
    stop();
    MutexLock lock(mutex_);
    return chats_;
  }
  static std::uint32_t user_of(const ServedChat& chat) {
    const auto at = chat.head.find("x-user-id: ");
    return at == std::string::npos ? 0 : static_cast<std::uint32_t>(std::stoul(chat.head.substr(at + 11)));
  }
  static std::uint32_t question_of(const ServedChat& chat) {
    const std::string text = chat.body["messages"].back()["content"];
    const auto at = text.rfind("question #");
    return at == std::string::npos ? 0 : static_cast<std::uint32_t>(std::stoul(text.substr(at + 10)));
  }

 private:
  void stop() {
    {
      MutexLock lock(mutex_);
      over_ = true;
      changed_.notify_all();
    }
    server_.stop();
  }
  void serve(ServedConnection& connection) {
    for (std::string request; !(request = connection.read_request()).empty();) {
      const auto split = request.find("\r\n\r\n") + 4;
      if (request.starts_with("GET ")) {
        if (!connection.answer(metrics_page())) return;
        continue;
      }
      ServedChat chat{request.substr(0, split), nlohmann::json::parse(request.substr(split)), {}};
      const Plan plan = planner_(user_of(chat), question_of(chat));
      const bool open = answer(connection, chat, plan);
      MutexLock lock(mutex_);
      chats_.push_back(std::move(chat));
      if (!open) return;
    }
  }
  std::string metrics_page() {
    MutexLock lock(mutex_);
    const std::string count = std::to_string(50 * chats_.size());
    return "cairn_engine_prompt_tokens_total{source=\"ram\"} " + count + "\n";
  }
  bool answer(ServedConnection& connection, ServedChat& chat, const Plan& plan) {
    using Fault = Plan::Fault;
    if (plan.fault == Fault::kBusy) {
      return connection.answer(R"({"error":{"message":"the queue is full"}})", "HTTP/1.1 429 Too Many Requests\r\n");
    }
    if (plan.fault == Fault::kGarbage) return connection.send("\x01\x02 what?\r\n\r\n"), false;
    pause(plan.first_us);
    if (!chat.body["stream"].get<bool>()) return connection.answer(R"({"usage":{"prompt_tokens":50}})");
    if (!connection.begin_chunked()) return false;
    for (int i = 0; i < plan.pieces; ++i) {
      if (i > 0) pause(plan.gap_us);
      chat.pieces_us.push_back(clock_.unix_time_us());
      if (!connection.send_chunk("data: {\"choices\":[{\"delta\":{\"content\":\"word \"}}]}\n\n")) return false;
    }
    if (plan.fault == Fault::kBreakOff) return false;
    if (plan.fault == Fault::kHang) return pause(20'000'000), false;
    if (plan.fault == Fault::kErrorEvent) {
      connection.send_chunk("data: {\"error\":{\"message\":\"the engine is gone\"}}\n\n");
    } else {
      connection.send_chunk(
          "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":50,\"completion_tokens\":" + std::to_string(plan.pieces) +
          ",\"prompt_tokens_details\":{\"cached_tokens\":40}}}\n\ndata: [DONE]\n\n");
    }
    return connection.send("0\r\n\r\n");
  }
  void pause(std::int64_t us) {
    const Deadline end = clock_.after_us(us);
    MutexLock lock(mutex_);
    while (!over_ && !clock_.passed(end)) changed_.wait_for_us(mutex_, end.at_us - clock_.now_us());
  }

  const SystemClock clock_;
  const Planner planner_;
  Mutex mutex_;
  CondVar changed_;
  bool over_ CAIRN_GUARDED_BY(mutex_) = false;
  std::vector<ServedChat> chats_ CAIRN_GUARDED_BY(mutex_);
  ScriptedServer server_;  // last: its threads use the rest
};

}  // namespace cairn::test

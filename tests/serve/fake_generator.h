// A generator that says what a script tells it to, from a step thread of its own: in each step every sequence gets its
// next token, as many steps as the test allows. Token ids 0..255 are bytes (see text/small_model.h).
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "api/generator.h"
#include "base/mutex.h"

namespace cairn {

class FakeGenerator final : public Generator {
 public:
  struct Script {
    std::string text = "hello";  // one token a byte
    bool endless = false;        // the text again and again
    std::optional<Error> start_error, end_error;
    std::uint64_t device_tokens = 0, ram_tokens = 0;
  };
  static constexpr std::uint64_t kUnlimited = ~std::uint64_t{0};
  static constexpr std::int64_t kDeadlineUs = 20'000'000;

  FakeGenerator() : steps_([this] { loop(); }) {}
  ~FakeGenerator() override {
    {
      MutexLock lock(mutex_);
      stop_ = true;
      changed_.notify_all();
    }
    steps_.join();
    EXPECT_TRUE(live_.empty()) << "a sequence never ended";
  }

  std::function<Script(const Request&)> script = [](const Request&) { return Script{}; };  // set before use
  GeneratorLimits limit = {4096, 304};

  Result<RequestId> start(Request request, TokenSink& sink) override {
    const Script chosen = script(request);
    if (chosen.start_error) return *chosen.start_error;
    MutexLock lock(mutex_);
    const RequestId id{++started_};
    Live live;
    live.script = chosen;
    live.request = request;
    live.sink = &sink;
    live_.emplace(id.number, std::move(live));
    requests_.push_back(std::move(request));
    changed_.notify_all();
    return id;
  }
  void cancel(RequestId id) override {
    MutexLock lock(mutex_);
    ++cancels_;
    const auto found = live_.find(id.number);
    if (found != live_.end()) found->second.cancelled = true;
    changed_.notify_all();
  }
  GeneratorLimits limits() const override { return limit; }

  // From now on only `steps` more steps with tokens run; cancellation is never held up.
  void allow(std::uint64_t steps) {
    MutexLock lock(mutex_);
    allowed_ = steps;
    changed_.notify_all();
  }
  std::vector<Request> requests() {
    MutexLock lock(mutex_);
    return requests_;
  }
  std::uint64_t cancels() {
    MutexLock lock(mutex_);
    return cancels_;
  }
  // Waits until `count` sequences are live; false when the deadline passed.
  bool wait_for_live(std::size_t count) {
    MutexLock lock(mutex_);
    while (live_.size() != count) {
      if (!changed_.wait_for_us(mutex_, kDeadlineUs)) return live_.size() == count;
    }
    return true;
  }
  bool wait_for_started(std::uint64_t count) {
    MutexLock lock(mutex_);
    while (started_ < count) {
      if (!changed_.wait_for_us(mutex_, kDeadlineUs)) return started_ >= count;
    }
    return true;
  }

 private:
  struct Live {
    Script script;
    Request request;
    TokenSink* sink = nullptr;
    std::uint32_t produced = 0;
    bool prompt_told = false, cancelled = false;
  };

  bool has_work() const CAIRN_REQUIRES(mutex_) {
    for (const auto& [id, live] : live_) {
      if (live.cancelled || allowed_ > 0) return true;
    }
    return false;
  }

  void loop() {
    while (true) {
      std::vector<std::uint64_t> turn;
      {
        MutexLock lock(mutex_);
        while (!stop_ && !has_work()) changed_.wait(mutex_);
        if (stop_ && live_.empty()) return;
        if (stop_) allowed_ = kUnlimited;
        for (auto& [id, live] : live_) {
          if (stop_) live.cancelled = true;
          if (live.cancelled || allowed_ > 0) turn.push_back(id);
        }
        if (allowed_ > 0 && allowed_ != kUnlimited) --allowed_;
      }
      for (const std::uint64_t id : turn) step(id);
    }
  }
  Live* find(std::uint64_t id) {
    MutexLock lock(mutex_);
    const auto found = live_.find(id);
    return found == live_.end() ? nullptr : &found->second;
  }
  void step(std::uint64_t id) {
    Live* live = find(id);  // only this thread erases
    bool cancelled = false;
    {
      MutexLock lock(mutex_);
      cancelled = live->cancelled;
    }
    if (!std::exchange(live->prompt_told, true) && !cancelled) live->sink->on_prompt(use_of(*live));
    const bool over =
        live->script.text.empty() || (!live->script.endless && live->produced >= live->script.text.size());
    if (cancelled) return end(id, Finish{FinishReason::kCancelled});
    if (over && live->script.end_error) return end(id, *live->script.end_error);
    if (over) return end(id, Finish{FinishReason::kStop});
    live->sink->on_token(token_of(*live));
    if (++live->produced >= live->request.output_tokens_max) end(id, Finish{FinishReason::kLength});
  }
  static CacheUse use_of(const Live& live) {
    CacheUse use;
    use.prompt_tokens = live.request.prompt.size();
    use.device_tokens = live.script.device_tokens;
    use.computed_tokens = use.prompt_tokens - live.script.device_tokens - live.script.ram_tokens;
    use.tier_tokens = {{"ram", live.script.ram_tokens}};
    if (use.computed_tokens > 0) use.missed_tokens = {{"absent", use.computed_tokens}};
    return use;
  }
  static Token token_of(const Live& live) {
    Token token;
    token.id = static_cast<unsigned char>(live.script.text[live.produced % live.script.text.size()]);
    token.logprob = -0.5f;
    for (std::int32_t i = 0; i < live.request.sampling.logprobs; ++i) {
      token.top.push_back({(token.id + static_cast<TokenId>(i)) % 256, -0.5f - static_cast<float>(i)});
    }
    return token;
  }
  void end(std::uint64_t id, Result<Finish> how) {
    TokenSink* sink = find(id)->sink;
    {
      MutexLock lock(mutex_);
      live_.erase(id);
      changed_.notify_all();
    }
    sink->on_end(std::move(how));
  }

  Mutex mutex_;
  CondVar changed_;
  std::map<std::uint64_t, Live> live_ CAIRN_GUARDED_BY(mutex_);
  std::vector<Request> requests_ CAIRN_GUARDED_BY(mutex_);
  std::uint64_t started_ CAIRN_GUARDED_BY(mutex_) = 0, cancels_ CAIRN_GUARDED_BY(mutex_) = 0;
  std::uint64_t allowed_ CAIRN_GUARDED_BY(mutex_) = kUnlimited;
  bool stop_ CAIRN_GUARDED_BY(mutex_) = false;
  std::thread steps_;
};

}  // namespace cairn

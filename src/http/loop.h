// One event loop, turned by one thread: what servers, clients and timers of this room live on.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

namespace boost::asio {
class io_context;
}

namespace cairn {

class HttpLoop {
 public:
  HttpLoop();
  ~HttpLoop();
  HttpLoop(const HttpLoop&) = delete;
  HttpLoop& operator=(const HttpLoop&) = delete;

  // The calling thread becomes the loop thread until stop(). What was posted before stop() may still run, or not.
  void run();
  void restart();                         // after a stop: run() turns again
  void stop();                            // any thread
  void post(std::function<void()> work);  // any thread; runs on the loop thread

  boost::asio::io_context& io();  // for .cc files of this room

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Calls once, later, on the loop thread. Belongs to the loop thread; may be destroyed at any time, also in its call.
class LoopTimer {
 public:
  explicit LoopTimer(HttpLoop& loop);
  ~LoopTimer();
  LoopTimer(LoopTimer&&) noexcept;
  LoopTimer& operator=(LoopTimer&&) noexcept;
  // A start cancels the one before. Real time, at least `after_us` from now.
  void start(std::int64_t after_us, std::function<void()> call);
  void cancel();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace cairn

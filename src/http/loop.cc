#include "http/loop.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

namespace cairn {

namespace asio = boost::asio;

struct HttpLoop::Impl {
  asio::io_context io{1};
  asio::executor_work_guard<asio::io_context::executor_type> guard = asio::make_work_guard(io);
};

HttpLoop::HttpLoop() : impl_(std::make_unique<Impl>()) {}
HttpLoop::~HttpLoop() = default;
void HttpLoop::run() { impl_->io.run(); }
void HttpLoop::stop() { impl_->io.stop(); }
void HttpLoop::restart() { impl_->io.restart(); }
void HttpLoop::post(std::function<void()> work) { asio::post(impl_->io, std::move(work)); }
asio::io_context& HttpLoop::io() { return impl_->io; }

// Shared with the wait that is under way, which may find out that it was overtaken.
struct LoopTimer::Impl {
  explicit Impl(asio::io_context& io) : timer(io) {}
  asio::steady_timer timer;
  std::uint64_t round = 0;
  std::function<void()> call;
};

LoopTimer::LoopTimer(HttpLoop& loop) : impl_(std::make_shared<Impl>(loop.io())) {}
LoopTimer::~LoopTimer() {
  if (impl_) cancel();
}
LoopTimer::LoopTimer(LoopTimer&&) noexcept = default;
LoopTimer& LoopTimer::operator=(LoopTimer&& other) noexcept {
  if (impl_ && this != &other) cancel();
  impl_ = std::move(other.impl_);
  return *this;
}

void LoopTimer::start(std::int64_t after_us, std::function<void()> call) {
  impl_->call = std::move(call);
  impl_->timer.expires_after(std::chrono::microseconds(after_us));
  impl_->timer.async_wait([impl = impl_, round = ++impl_->round](const boost::system::error_code& error) {
    if (error || round != impl->round) return;
    const auto due = std::exchange(impl->call, nullptr);
    due();
  });
}

void LoopTimer::cancel() {
  ++impl_->round;
  impl_->call = nullptr;
  impl_->timer.cancel();
}

}  // namespace cairn

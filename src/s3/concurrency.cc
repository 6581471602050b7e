#include "s3/concurrency.h"

#include <algorithm>

namespace cairn {
namespace {

constexpr std::uint32_t kStart = 4, kPerWindow = 3;  // windows of three transfers per place
constexpr double kBetter = 1.03, kWorse = 0.97;
constexpr std::int64_t kThrottleUs = 1'000'000;

}  // namespace

Concurrency::Concurrency(std::uint32_t most) : most_(std::max(1u, most)), limit_(std::min(kStart, most_)) {}

void Concurrency::on_start(std::uint32_t running, std::int64_t now_us) {
  if (running > 1) return;  // this one among them
  bytes_ = 0;
  done_ = full_ = 0;
  began_us_ = now_us;
}

void Concurrency::on_done(std::uint64_t bytes, std::uint32_t running, std::int64_t now_us) {
  if (began_us_ < 0) {
    began_us_ = now_us;  // the first one only starts the clock
    return;
  }
  bytes_ += bytes;
  ++done_;
  full_ += running >= limit_ ? 1 : 0;
  if (done_ < kPerWindow * limit_ || now_us <= began_us_) return;
  const bool was_full = full_ * 4 >= done_ * 3;  // else it was our own lack of work that set the rate
  const double rate = static_cast<double>(bytes_) / static_cast<double>(now_us - began_us_);
  bytes_ = 0;
  done_ = full_ = 0;
  began_us_ = now_us;
  if (was_full) decide(rate);
}

void Concurrency::decide(double rate) {
  const std::uint32_t step = std::max(1u, limit_ / 4);
  if (last_rate_ > 0 && rate < last_rate_ * (rising_ ? kBetter : kWorse)) rising_ = !rising_;
  last_rate_ = rate;
  limit_ = rising_ ? std::min(most_, limit_ + step) : std::max(1u, limit_ - std::min(step, limit_ - 1));
}

void Concurrency::on_throttled(std::int64_t now_us) {
  if (throttled_us_ >= 0 && now_us - throttled_us_ < kThrottleUs) return;
  throttled_us_ = now_us;
  limit_ = std::max(1u, limit_ / 2);
  rising_ = true;
  last_rate_ = 0;
  bytes_ = 0;
  done_ = full_ = 0;
  began_us_ = -1;
}

}  // namespace cairn

#include "tier/throttled.h"

#include <algorithm>

namespace cairn {
namespace {

constexpr std::int64_t kCatchUpUs = 10'000;  // lateness of our own thread that the next row makes up for

}  // namespace

ThrottledTier::ThrottledTier(std::unique_ptr<Tier> inner, const ThrottledConfig& config, const Clock& clock)
    : Wrapper(std::move(inner), clock), config_(config) {
  read_.bytes_per_s = config.read_bytes_per_s;
  write_.bytes_per_s = config.write_bytes_per_s;
  open();
}

std::int64_t ThrottledTier::duration_us(const Line& line, std::uint64_t bytes) const {
  if (line.bytes_per_s == 0) return 0;
  return static_cast<std::int64_t>(static_cast<double>(bytes) * 1e6 / static_cast<double>(line.bytes_per_s));
}

void ThrottledTier::on_row(RowJob& job) { line_of(job).waiting.push_back(&job); }

std::int64_t ThrottledTier::on_turn(std::int64_t now_us) {
  const std::int64_t read_us = serve(read_, now_us);
  return std::min(read_us, serve(write_, now_us));
}

std::int64_t ThrottledTier::serve(Line& line, std::int64_t now_us) {
  while (!line.waiting.empty() && line.free_us <= now_us) {
    RowJob& job = *line.waiting.front();
    line.waiting.pop_front();
    job.start_us = std::max(line.free_us, now_us - kCatchUpUs);
    line.free_us = job.start_us + duration_us(line, job.bytes);
    send_row(job);
  }
  return line.waiting.empty() ? kNoTimer : line.free_us;
}

void ThrottledTier::on_inner(RowJob& job) {
  job.segments = std::max<std::uint64_t>(job.inner.segments_done.load(), 1);
  pace(job);
}

void ThrottledTier::on_timer(RowJob& job) { pace(job); }

// Tells each segment when the slower device would have had it, and ends the row with the last one.
void ThrottledTier::pace(RowJob& job) {
  const std::int64_t total_us = duration_us(line_of(job), job.bytes);
  const std::int64_t begin_us = job.start_us + static_cast<std::int64_t>(config_.latency_us);
  for (;;) {
    const std::int64_t due_us = begin_us + total_us * static_cast<std::int64_t>(job.segments_told + 1) /
                                               static_cast<std::int64_t>(job.segments);
    if (due_us > clock().now_us()) {
      job.timer_us = due_us;
      return;
    }
    if (job.slot.outcome == Outcome::kDone) job.outer->batch->report_segments(1);
    if (++job.segments_told == job.segments) break;
  }
  finish_as_inner(job);
}

void ThrottledTier::on_stopped(RowJob& job) { std::erase(line_of(job).waiting, &job); }

std::int64_t ThrottledTier::after_whole(Outer&) { return static_cast<std::int64_t>(config_.latency_us); }

}  // namespace cairn

#include "io/deadlines.h"

#include <algorithm>
#include <limits>

namespace cairn {
namespace {

// A virtual clock moves without telling anybody: look again this often while something is watched.
constexpr std::int64_t kLookAgainUs = 5'000;

constexpr auto kLater = [](const auto& a, const auto& b) { return a.at_us > b.at_us; };

}  // namespace

DeadlineWatcher::DeadlineWatcher(const Clock& clock) : clock_(clock), thread_([this] { run(); }) {}

DeadlineWatcher::~DeadlineWatcher() {
  {
    MutexLock lock(mutex_);
    stop_ = true;
    changed_.notify_all();
  }
  thread_.join();
}

void DeadlineWatcher::watch(const std::shared_ptr<Expiring>& target, Deadline deadline) {
  if (deadline.at_us == std::numeric_limits<std::int64_t>::max()) return;
  MutexLock lock(mutex_);
  const bool first = heap_.empty() || deadline.at_us < heap_.front().at_us;
  heap_.push_back({deadline.at_us, target});
  std::push_heap(heap_.begin(), heap_.end(), kLater);
  if (heap_.size() >= compact_at_) forget_the_dead();
  if (first) changed_.notify_one();
}

void DeadlineWatcher::forget_the_dead() {
  std::erase_if(heap_, [](const Entry& entry) { return entry.target.expired(); });
  std::make_heap(heap_.begin(), heap_.end(), kLater);
  compact_at_ = std::max<std::size_t>(1024, heap_.size() * 2);
}

void DeadlineWatcher::run() {
  mutex_.lock();
  while (!stop_) {
    while (!heap_.empty() && heap_.front().target.expired()) {
      std::pop_heap(heap_.begin(), heap_.end(), kLater);
      heap_.pop_back();
    }
    if (heap_.empty()) {
      changed_.wait(mutex_);
      continue;
    }
    const std::int64_t left_us = heap_.front().at_us - clock_.now_us();
    if (left_us > 0) {
      changed_.wait_for_us(mutex_, std::min(left_us, kLookAgainUs));
      continue;
    }
    std::pop_heap(heap_.begin(), heap_.end(), kLater);
    const std::shared_ptr<Expiring> target = heap_.back().target.lock();
    heap_.pop_back();
    mutex_.unlock();
    if (target) target->expire();
    mutex_.lock();
  }
  mutex_.unlock();
}

}  // namespace cairn

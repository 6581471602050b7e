// The door between front ends and the step thread: bounded, any thread on one side, the step thread on the other.
#pragma once

#include <atomic>
#include <cstdint>
#include <set>
#include <vector>

#include "api/generator.h"
#include "base/mutex.h"

namespace cairn {

struct Arrival {
  RequestId id;
  Request request;
  TokenSink* sink = nullptr;  // outlives its on_end
  std::uint64_t seed = 0;
  std::int64_t at_us = 0;
};
struct Mail {
  std::vector<Arrival> arrivals;
  std::vector<RequestId> cancels;  // of requests that have not ended, each once
};

class Inbox {
 public:
  explicit Inbox(std::uint32_t queue_max) : queue_max_(queue_max) {}

  // Any thread. kExhausted: queue_max requests wait already; kUnavailable: closed.
  Result<RequestId> post(Arrival arrival);
  void cancel(RequestId id);
  void cancel_all();
  void close();                           // accepts nothing from now on
  void wait_us(std::int64_t timeout_us);  // until there is mail or wake() or the time has passed
  void wake();
  std::size_t live() const;  // requests posted and not ended
  bool empty() const;

  // Step thread.
  Mail take();
  void waiting(std::size_t requests);  // how many taken ones wait for admission
  void ended(RequestId id);

 private:
  const std::uint32_t queue_max_;
  mutable Mutex mutex_;
  CondVar changed_;
  std::vector<Arrival> arrivals_ CAIRN_GUARDED_BY(mutex_);  // at most queue_max
  std::set<RequestId> cancels_ CAIRN_GUARDED_BY(mutex_);    // a subset of live_
  std::set<RequestId> live_ CAIRN_GUARDED_BY(mutex_);       // at most queue_max + the engine's sequences_max
  std::size_t waiting_ CAIRN_GUARDED_BY(mutex_) = 0;
  std::uint64_t last_ CAIRN_GUARDED_BY(mutex_) = 0;
  bool closed_ CAIRN_GUARDED_BY(mutex_) = false, woken_ CAIRN_GUARDED_BY(mutex_) = false;
};

}  // namespace cairn

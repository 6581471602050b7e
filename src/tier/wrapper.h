// Base of the wrappers that change what happens to a row (throttled, faulty, staged): one thread per wrapper takes
// batches, splits gets and puts into rows, sends rows to the tier behind it and reacts to their return, to timers, to
// deadlines and to cancels. Hooks run on that thread only, so a wrapper's own state needs no lock.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "tier/tier.h"

namespace cairn {

class Wrapper : public Tier {
 public:
  ~Wrapper() override;  // close() must have been called by the most derived destructor
  TierUsage usage() const override { return inner_->usage(); }
  TierTraits traits() const override { return inner_->traits(); }
  void submit(Batch& batch) final;
  void cancel(Batch& batch) final;
  Tier& inner() { return *inner_; }

 protected:
  struct Outer;
  // One row of a get or put on its way through the wrapper.
  struct RowJob {
    explicit RowJob(CompletionQueue& home) : inner(home) {}
    Outer* outer = nullptr;
    std::size_t row = 0;
    Batch inner;                    // a batch of one row
    BlockSlot slot;                 // that row
    std::vector<MemoryRef> memory;  // what slot.memory names
    bool at_inner = false, finished = false;
    std::int64_t timer_us = kNoTimer;  // on_timer when it is reached
    std::int64_t start_us = 0;         // the wrapper's own from here on
    std::uint64_t bytes = 0, stage = 0, segments = 0, segments_told = 0;
  };
  struct Outer {
    explicit Outer(CompletionQueue& home) : whole(home) {}
    Batch* batch = nullptr;
    Batch whole;  // the same rows, for verbs that pass in one piece
    bool passes_whole = false, whole_back = false, stopped = false;
    std::int64_t timer_us = kNoTimer;
    std::size_t remaining = 0;
    std::optional<Error> error;
    std::vector<std::unique_ptr<RowJob>> rows;
  };
  static constexpr std::int64_t kNoTimer = INT64_MAX;

  Wrapper(std::unique_ptr<Tier> inner, const Clock& clock);
  void open();   // last act of the most derived constructor
  void close();  // first act of the most derived destructor: cuts what is under way and joins
  // After close(), for a wrapper whose own memory the tier behind may still write to: that tier ends first.
  void end_inner() { inner_.reset(); }

  // Hooks. A row ends with finish_row, once.
  virtual void on_row(RowJob& job) = 0;                   // a new row
  virtual void on_inner(RowJob& job) = 0;                 // send_row came back: job.slot has the outcome
  virtual void on_timer(RowJob&) {}                       // job.timer_us was reached
  virtual void on_stopped(RowJob&) {}                     // deadline or cancel took the row: forget it
  virtual std::int64_t after_whole(Outer&) { return 0; }  // rows may be changed; returns a delay in microseconds
  virtual std::int64_t on_turn(std::int64_t now_us) {
    (void)now_us;
    return kNoTimer;
  }  // returns its next wish

  void send_row(RowJob& job);
  void finish_row(RowJob& job, Outcome outcome, MissReason reason);
  void finish_as_inner(RowJob& job);
  static void note_error(Outer& outer, Error error);
  const Clock& clock() const { return clock_; }

 private:
  void run();
  void take_posts();
  void accept(Batch& batch);
  void returned(Operation& operation);
  void stop(Outer& outer, ErrorCode why, const char* detail);
  std::int64_t fire_timers(std::int64_t now_us);
  void complete(Outer& outer);

  std::unique_ptr<Tier> inner_;
  const Clock& clock_;
  CompletionQueue queue_;
  std::unordered_map<Batch*, std::unique_ptr<Outer>> outers_;  // the thread's own
  Mutex mutex_;
  struct Post {
    Batch* batch;
    bool cancel;
  };
  std::vector<Post> posts_ CAIRN_GUARDED_BY(mutex_);
  bool closing_ CAIRN_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace cairn

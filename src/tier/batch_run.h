// One batch inside a tier. Workers take its rows in order; the batch goes home exactly once, when every row has an
// outcome: from a worker, or from `cut` at a deadline or a cancel, whichever closes the row first. Workers that are
// still in a kernel call then go on with copies of what they need and cannot touch the caller's rows any more.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "io/deadlines.h"
#include "io/executor.h"
#include "tier/tier.h"

namespace cairn {

class InFlight;

class BatchRun final : public Expiring {
 public:
  // Copies ids and memory references of all rows; begins nothing. Made by InFlight::enter.
  BatchRun(Batch& batch, InFlight& owner);

  Verb verb() const { return verb_; }
  std::size_t rows() const { return count_; }
  const KvBlockId& id(std::size_t row) const { return rows_[row].id; }
  std::span<const MemoryRef> memory(std::size_t row) const { return rows_[row].memory; }

  std::optional<std::size_t> take();  // the next row that nobody took and nothing cut; any worker
  bool open(std::size_t row) const { return !rows_[row].closed.load(std::memory_order_acquire); }
  Deadline deadline() const { return deadline_; }
  bool past_deadline(const Clock& clock) const { return clock.passed(deadline_); }

  // Runs `touch` while the row cannot be cut; false when it already was. Only inside it may the caller's memory
  // without a region be read or written, and holds be taken.
  template <class F>
  bool while_open(std::size_t row, F&& touch) {
    MutexLock lock(rows_[row].mutex);
    if (rows_[row].closed.load(std::memory_order_relaxed)) return false;
    touch();
    return true;
  }
  // Holds the row's memory for a kernel call; false when the row was cut. Balanced by release.
  bool hold(std::size_t row);
  void release(std::size_t row);

  void report_segments(std::size_t row, std::uint64_t count);
  // False when the row was cut before: the caller was told otherwise. `lent` is given to the caller with the outcome.
  bool finish(std::size_t row, Outcome outcome, MissReason reason = MissReason::kNone, const MemoryRef* lent = nullptr);
  void note_error(Error error);  // the first one becomes the batch's result; before the row's finish

  // Closes all rows that have no outcome yet (kFailed, kTimeout).
  void cut(ErrorCode why, const char* detail);
  void expire() noexcept override;

  // For work that ends by itself when told, on no thread of ours: called when rows are cut, at once when they were. Any
  // thread; must not block.
  void on_cut(std::function<void()> tell);
  // The row left the tier's own queue. `take` does that too.
  void report_started(std::size_t row);

  // Tasks that work for this run and where they run, so that a cut can write their threads off.
  void attach(Task& task, Executor& executor);
  void detach(Task& task);

 private:
  struct Row {
    KvBlockId id;
    std::vector<MemoryRef> memory;
    Mutex mutex;
    std::atomic<bool> closed{false};
  };
  void closed_one();

  InFlight& owner_;
  Batch* batch_;  // valid until the last row is closed
  Verb verb_;
  Deadline deadline_;
  std::size_t count_;
  std::unique_ptr<Row[]> rows_;
  std::atomic<std::size_t> next_{0}, remaining_;
  std::atomic<bool> started_{false};
  Mutex mutex_;
  std::optional<Error> error_ CAIRN_GUARDED_BY(mutex_);
  std::vector<std::pair<Task*, Executor*>> tasks_ CAIRN_GUARDED_BY(mutex_);
  std::vector<std::function<void()>> on_cut_ CAIRN_GUARDED_BY(mutex_);
  bool cut_ CAIRN_GUARDED_BY(mutex_) = false;
};

// What a tier does for one row; ends with BatchRun::finish. Keeps alive whatever it uses: a thread stuck in a kernel
// call may come back after the tier is gone.
using RowWork = std::function<void(BatchRun&, std::size_t row)>;
// Lets up to `workers` tasks of `executor` take rows. When the executor's queue is full all rows are kFailed, kBusy.
void run_rows(const std::shared_ptr<BatchRun>& run, Executor& executor, std::size_t workers, const RowWork& work);

// The batches under way in one tier: entered at submit, gone just before they go home.
class InFlight {
 public:
  explicit InFlight(const Clock& clock) : clock_(clock), watcher_(clock) {}
  ~InFlight();  // checked: empty

  // Starts the batch. Null when the tier drains or the batch has no rows: it is already back then.
  std::shared_ptr<BatchRun> enter(Batch& batch);
  void cancel(Batch& batch);  // nothing when it is not here
  std::size_t size() const;
  // Refuses what comes from now on (kCancelled) and waits until everything under way is back; what is not after
  // `patience_us` is cut.
  void drain(std::int64_t patience_us);
  const Clock& clock() const { return clock_; }

 private:
  friend class BatchRun;
  void leave(Batch& batch, std::optional<Error> error);

  const Clock& clock_;
  mutable Mutex mutex_;
  CondVar empty_;
  bool draining_ CAIRN_GUARDED_BY(mutex_) = false;
  std::size_t leaving_ CAIRN_GUARDED_BY(mutex_) = 0;
  std::unordered_map<Batch*, std::shared_ptr<BatchRun>> runs_ CAIRN_GUARDED_BY(mutex_);
  DeadlineWatcher watcher_;
};

}  // namespace cairn

#include "tier/batch_run.h"

#include <algorithm>
#include <string>

#include "base/check.h"

namespace cairn {

BatchRun::BatchRun(Batch& batch, InFlight& owner)
    : owner_(owner),
      batch_(&batch),
      verb_(batch.verb),
      deadline_(batch.deadline),
      count_(batch.slots.size()),
      rows_(std::make_unique<Row[]>(batch.slots.size())),
      remaining_(batch.slots.size()) {
  for (std::size_t i = 0; i < count_; ++i) {
    BlockSlot& slot = batch.slots[i];
    rows_[i].id = slot.id;
    if (verb_ == Verb::kReturn)
      rows_[i].memory = {slot.lent};
    else
      rows_[i].memory.assign(slot.memory.begin(), slot.memory.end());
    slot.outcome = Outcome::kPending;
    slot.reason = MissReason::kNone;
  }
}

std::optional<std::size_t> BatchRun::take() {
  for (;;) {
    const std::size_t row = next_.load() < count_ ? next_.fetch_add(1) : count_;
    if (row >= count_) return std::nullopt;
    if (!open(row)) continue;
    report_started(row);
    return row;
  }
}

void BatchRun::report_started(std::size_t row) {
  if (started_.exchange(true)) return;
  while_open(row, [&] { batch_->report_started(owner_.clock().now_us()); });
}

void BatchRun::on_cut(std::function<void()> tell) {
  {
    MutexLock lock(mutex_);
    if (!cut_) {
      on_cut_.push_back(std::move(tell));
      return;
    }
  }
  tell();
}

bool BatchRun::hold(std::size_t row) {
  return while_open(row, [&] {
    for (const MemoryRef& ref : rows_[row].memory) ref.hold();
  });
}

void BatchRun::release(std::size_t row) {
  for (const MemoryRef& ref : rows_[row].memory) ref.release();
}

void BatchRun::report_segments(std::size_t row, std::uint64_t count) {
  while_open(row, [&] { batch_->report_segments(count); });
}

bool BatchRun::finish(std::size_t row, Outcome outcome, MissReason reason, const MemoryRef* lent) {
  {
    MutexLock lock(rows_[row].mutex);
    if (rows_[row].closed.load(std::memory_order_relaxed)) return false;
    rows_[row].closed.store(true, std::memory_order_release);
    if (lent != nullptr) batch_->slots[row].lent = *lent;
    batch_->slots[row].outcome = outcome;
    batch_->slots[row].reason = reason;
  }
  closed_one();
  return true;
}

void BatchRun::note_error(Error error) {
  MutexLock lock(mutex_);
  if (!error_) error_ = std::move(error);
}

void BatchRun::closed_one() {
  if (remaining_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  std::optional<Error> error;
  {
    MutexLock lock(mutex_);
    error = error_;
  }
  owner_.leave(*batch_, std::move(error));
}

void BatchRun::cut(ErrorCode why, const char* detail) {
  note_error({why, detail});
  std::vector<std::function<void()>> tell;
  {
    // Under the lock a task that is named here has not been detached: it is not deleted, and its executor's end waits
    // for it. One that was written off must not be named again.
    MutexLock lock(mutex_);
    for (const auto& [task, executor] : tasks_) executor->abandon_thread_of(*task);
    tasks_.clear();
    tell = std::move(on_cut_);
    on_cut_.clear();
    cut_ = true;
  }
  for (std::size_t row = 0; row < count_; ++row) finish(row, Outcome::kFailed, MissReason::kTimeout);
  for (const auto& each : tell) each();
}

void BatchRun::expire() noexcept { cut(ErrorCode::kTimeout, "the deadline of a batch passed"); }

void BatchRun::attach(Task& task, Executor& executor) {
  MutexLock lock(mutex_);
  tasks_.emplace_back(&task, &executor);
}

void BatchRun::detach(Task& task) {
  MutexLock lock(mutex_);
  std::erase_if(tasks_, [&](const auto& entry) { return entry.first == &task; });
}

namespace {

class RowTask final : public Task {
 public:
  RowTask(std::shared_ptr<BatchRun> batch_run, RowWork row_work)
      : run_(std::move(batch_run)), work_(std::move(row_work)) {}
  void run() noexcept override {
    while (const std::optional<std::size_t> row = run_->take()) work_(*run_, *row);
    run_->detach(*this);
    delete this;
  }

 private:
  std::shared_ptr<BatchRun> run_;
  RowWork work_;
};

}  // namespace

void run_rows(const std::shared_ptr<BatchRun>& run, Executor& executor, std::size_t workers, const RowWork& work) {
  const std::size_t wanted = std::min(workers, run->rows());
  for (std::size_t i = 0; i < wanted; ++i) {
    auto* task = new RowTask(run, work);  // deletes itself when it ran
    run->attach(*task, executor);
    if (executor.submit(*task)) continue;
    run->detach(*task);
    delete task;
    if (i > 0) return;  // fewer hands, same work
    run->note_error({ErrorCode::kExhausted, "the tier's queue is full"});
    for (std::size_t row = 0; row < run->rows(); ++row) run->finish(row, Outcome::kFailed, MissReason::kBusy);
  }
}

InFlight::~InFlight() {
  MutexLock lock(mutex_);
  CAIRN_CHECK(runs_.empty() && leaving_ == 0, "a tier was destroyed with batches under way");
}

std::shared_ptr<BatchRun> InFlight::enter(Batch& batch) {
  batch.start();
  if (batch.slots.empty()) {
    batch.finish({});
    return nullptr;
  }
  auto run = std::make_shared<BatchRun>(batch, *this);
  bool refused = false;
  {
    MutexLock lock(mutex_);
    refused = draining_;
    if (!refused) runs_.emplace(&batch, run);
  }
  if (refused) {
    for (BlockSlot& slot : batch.slots) {
      slot.outcome = Outcome::kFailed;
      slot.reason = MissReason::kFailed;
    }
    batch.finish(Error{ErrorCode::kCancelled, "the tier is draining"});
    return nullptr;
  }
  watcher_.watch(run, batch.deadline);
  return run;
}

void InFlight::cancel(Batch& batch) {
  std::shared_ptr<BatchRun> run;
  {
    MutexLock lock(mutex_);
    const auto found = runs_.find(&batch);
    if (found == runs_.end()) return;
    run = found->second;
  }
  run->cut(ErrorCode::kCancelled, "the batch was cancelled");
}

std::size_t InFlight::size() const {
  MutexLock lock(mutex_);
  return runs_.size();
}

void InFlight::leave(Batch& batch, std::optional<Error> error) {
  std::shared_ptr<BatchRun> last;  // destroyed after the locks
  {
    MutexLock lock(mutex_);
    const auto found = runs_.find(&batch);
    CAIRN_CHECK(found != runs_.end(), "a batch left a tier that it is not in");
    last = std::move(found->second);
    runs_.erase(found);
    ++leaving_;
  }
  if (error)
    batch.finish(*std::move(error));
  else
    batch.finish({});
  MutexLock lock(mutex_);
  --leaving_;
  if (runs_.empty() && leaving_ == 0) empty_.notify_all();
}

void InFlight::drain(std::int64_t patience_us) {
  std::vector<std::shared_ptr<BatchRun>> late;
  mutex_.lock();
  draining_ = true;
  while (!runs_.empty() && empty_.wait_for_us(mutex_, patience_us)) {
  }
  for (const auto& [batch, run] : runs_) late.push_back(run);
  mutex_.unlock();
  for (const auto& run : late) run->cut(ErrorCode::kCancelled, "the tier is draining");
  mutex_.lock();
  while (!runs_.empty() || leaving_ > 0) empty_.wait(mutex_);
  mutex_.unlock();
}

}  // namespace cairn

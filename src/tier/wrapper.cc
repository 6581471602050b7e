#include "tier/wrapper.h"

#include <algorithm>

#include "base/check.h"

namespace cairn {
namespace {

constexpr std::int64_t kLookAgainUs = 5'000;        // a virtual clock does not wake anybody
constexpr std::int64_t kNothingToDoUs = 1'000'000;  // a post wakes the thread earlier

}  // namespace

Wrapper::Wrapper(std::unique_ptr<Tier> inner, const Clock& clock) : inner_(std::move(inner)), clock_(clock) {}
Wrapper::~Wrapper() { CAIRN_CHECK(!thread_.joinable(), "a wrapper was destroyed without close()"); }

void Wrapper::open() {
  thread_ = std::thread([this] { run(); });
}

void Wrapper::close() {
  {
    MutexLock lock(mutex_);
    closing_ = true;
  }
  queue_.wake();
  thread_.join();
}

void Wrapper::submit(Batch& batch) {
  batch.start();
  bool refused = false;
  {
    MutexLock lock(mutex_);
    refused = closing_;
    if (!refused) posts_.push_back({&batch, false});
  }
  if (!refused) {
    queue_.wake();
    return;
  }
  for (BlockSlot& slot : batch.slots) {
    slot.outcome = Outcome::kFailed;
    slot.reason = MissReason::kFailed;
  }
  batch.finish(Error{ErrorCode::kCancelled, "the tier is draining"});
}

void Wrapper::cancel(Batch& batch) {
  {
    MutexLock lock(mutex_);
    posts_.push_back({&batch, true});
  }
  queue_.wake();
}

void Wrapper::run() {
  for (;;) {
    take_posts();
    while (Operation* operation = queue_.poll()) returned(*operation);
    const std::int64_t now_us = clock_.now_us();
    std::int64_t next_us = std::min(fire_timers(now_us), on_turn(now_us));
    {
      MutexLock lock(mutex_);
      if (closing_ && outers_.empty() && posts_.empty()) return;
      if (closing_) next_us = now_us;
      if (!posts_.empty()) continue;
    }
    const std::int64_t idle_us = outers_.empty() ? kNothingToDoUs : kLookAgainUs;
    const std::int64_t wait_us = std::clamp<std::int64_t>(next_us - clock_.now_us(), 0, idle_us);
    if (Operation* operation = queue_.wait_us(std::max<std::int64_t>(wait_us, 20))) returned(*operation);
  }
}

void Wrapper::take_posts() {
  std::vector<Post> posts;
  bool closing = false;
  {
    MutexLock lock(mutex_);
    posts.swap(posts_);
    closing = closing_;
  }
  for (const Post& post : posts) {
    if (!post.cancel) {
      accept(*post.batch);
    } else if (const auto found = outers_.find(post.batch); found != outers_.end()) {
      stop(*found->second, ErrorCode::kCancelled, "the batch was cancelled");
    }
  }
  if (!closing) return;
  std::vector<Outer*> all;
  for (const auto& [batch, outer] : outers_) all.push_back(outer.get());
  for (Outer* outer : all) {
    if (!outer->stopped) stop(*outer, ErrorCode::kCancelled, "the tier is draining");
  }
}

void Wrapper::accept(Batch& batch) {
  if (batch.slots.empty()) {
    batch.finish({});
    return;
  }
  auto owned = std::make_unique<Outer>(queue_);
  Outer& outer = *owned;
  outer.batch = &batch;
  outer.remaining = batch.slots.size();
  outer.passes_whole = batch.verb != Verb::kGet && batch.verb != Verb::kPut;
  outers_.emplace(&batch, std::move(owned));
  if (outer.passes_whole) {
    outer.whole.verb = batch.verb;
    outer.whole.slots = batch.slots;
    outer.whole.deadline = batch.deadline;
    outer.whole.stands_for = &batch;
    inner_->submit(outer.whole);
    return;
  }
  for (std::size_t row = 0; row < batch.slots.size(); ++row) {
    auto job = std::make_unique<RowJob>(queue_);
    job->outer = &outer;
    job->row = row;
    job->slot.id = batch.slots[row].id;
    job->memory.assign(batch.slots[row].memory.begin(), batch.slots[row].memory.end());
    for (const MemoryRef& ref : job->memory) job->bytes += ref.size;
    batch.slots[row].outcome = Outcome::kPending;
    batch.slots[row].reason = MissReason::kNone;
    job->inner.verb = batch.verb;
    job->inner.deadline = batch.deadline;
    outer.rows.push_back(std::move(job));
  }
  // A hook may finish the last row, and with it the outer: rows are walked by count, one beyond `remaining` holds it.
  ++outer.remaining;
  for (std::size_t row = 0; row < outer.rows.size(); ++row) on_row(*outer.rows[row]);
  if (--outer.remaining == 0) complete(outer);
}

void Wrapper::send_row(RowJob& job) {
  CAIRN_CHECK(!job.at_inner && !job.finished, "a row was sent twice");
  job.at_inner = true;
  job.outer->batch->report_started(clock_.now_us());
  job.slot.memory = job.memory;
  job.inner.slots = {&job.slot, 1};
  inner_->submit(job.inner);
}

void Wrapper::returned(Operation& operation) {
  for (auto& [batch, outer] : outers_) {
    if (outer->passes_whole && &outer->whole == &operation) {
      outer->whole_back = true;
      if (!outer->whole.result()) note_error(*outer, outer->whole.result().error());
      const std::int64_t delay_us = outer->stopped ? 0 : after_whole(*outer);
      if (delay_us <= 0)
        complete(*outer);
      else
        outer->timer_us = clock_.now_us() + delay_us;
      return;
    }
    for (const auto& job : outer->rows) {
      if (&job->inner != &operation) continue;
      job->at_inner = false;
      if (!job->inner.result()) note_error(*outer, job->inner.result().error());
      if (outer->stopped) {
        on_stopped(*job);
        finish_row(*job, Outcome::kFailed, MissReason::kTimeout);
      } else {
        on_inner(*job);
      }
      return;
    }
  }
  CAIRN_CHECK(false, "a row came back that was not sent");
}

void Wrapper::finish_row(RowJob& job, Outcome outcome, MissReason reason) {
  CAIRN_CHECK(!job.at_inner && !job.finished, "a row was finished twice or while it is under way");
  job.finished = true;
  job.timer_us = kNoTimer;
  Outer& outer = *job.outer;
  outer.batch->slots[job.row].outcome = outcome;
  outer.batch->slots[job.row].reason = reason;
  if (--outer.remaining == 0) complete(outer);
}

void Wrapper::finish_as_inner(RowJob& job) { finish_row(job, job.slot.outcome, job.slot.reason); }

void Wrapper::note_error(Outer& outer, Error error) {
  if (!outer.error) outer.error = std::move(error);
}

// Rows at the tier behind come back by themselves, soon; the others end here.
void Wrapper::stop(Outer& outer, ErrorCode why, const char* detail) {
  if (outer.stopped) return;
  outer.stopped = true;
  note_error(outer, {why, detail});
  if (outer.passes_whole) {
    if (!outer.whole_back)
      inner_->cancel(outer.whole);
    else
      complete(outer);
    return;
  }
  ++outer.remaining;
  for (const auto& job : outer.rows) {
    if (job->finished) continue;
    if (job->at_inner) {
      inner_->cancel(job->inner);
      continue;
    }
    on_stopped(*job);
    finish_row(*job, Outcome::kFailed, MissReason::kTimeout);
  }
  if (--outer.remaining == 0) complete(outer);
}

std::int64_t Wrapper::fire_timers(std::int64_t now_us) {
  std::vector<Outer*> all;
  for (const auto& [batch, outer] : outers_) all.push_back(outer.get());
  std::int64_t next_us = kNoTimer;
  for (Outer* outer : all) {
    if (outer->passes_whole) {
      if (outer->timer_us <= now_us)
        complete(*outer);
      else
        next_us = std::min(next_us, outer->timer_us);
      continue;
    }
    if (!outer->stopped && outer->batch->deadline.at_us <= now_us) {
      stop(*outer, ErrorCode::kTimeout, "the deadline of a batch passed");
      continue;  // it may be gone
    }
    next_us = std::min(next_us, outer->batch->deadline.at_us);
    ++outer->remaining;
    for (const auto& job : outer->rows) {
      if (job->finished || job->timer_us == kNoTimer) continue;
      if (job->timer_us <= now_us) {
        job->timer_us = kNoTimer;
        on_timer(*job);
      }
      if (!job->finished) next_us = std::min(next_us, job->timer_us);
    }
    if (--outer->remaining == 0) complete(*outer);
  }
  return next_us;
}

void Wrapper::complete(Outer& outer) {
  Batch& batch = *outer.batch;
  std::optional<Error> error = std::move(outer.error);
  outers_.erase(&batch);
  if (error)
    batch.finish(*std::move(error));
  else
    batch.finish({});
}

}  // namespace cairn

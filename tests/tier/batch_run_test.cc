// Property: a row is closed once, by its worker or by a cut; the batch goes home when the last row is closed; memory is
// held exactly while a worker said so.
#include "tier/batch_run.h"

#include <atomic>
#include <functional>
#include <thread>

#include "tier/tier_world.h"

namespace cairn::test {
namespace {

class BatchRunTest : public testing::Test {
 protected:
  TierWorld world;
  CompletionQueue queue;
  InFlight in_flight{world.clock};

  std::shared_ptr<BatchRun> enter_one(Work& work) {
    work.add(world.id(0));
    work.batch.slots = work.slots;
    return in_flight.enter(work.batch);
  }
};

struct NoTask final : Task {
  void run() noexcept override {}
};

TEST_F(BatchRunTest, RowsGoOutInOrderAndTheBatchHomeWithTheLast) {
  Work work(queue, Verb::kGet);
  for (std::uint32_t n = 0; n < 3; ++n) work.add(world.id(n), world.pages(n));
  work.batch.slots = work.slots;
  const auto run = in_flight.enter(work.batch);
  for (std::size_t row = 0; row < 3; ++row) EXPECT_EQ(run->take(), row);
  EXPECT_EQ(run->take(), std::nullopt);
  EXPECT_TRUE(run->finish(2, Outcome::kDone));
  EXPECT_TRUE(run->finish(0, Outcome::kMiss, MissReason::kAbsent));
  EXPECT_FALSE(run->finish(0, Outcome::kDone)) << "closed rows stay as they are";
  EXPECT_EQ(queue.poll(), nullptr);
  run->note_error(unavailable("first"));
  run->note_error(invalid("second"));
  EXPECT_TRUE(run->finish(1, Outcome::kFailed, MissReason::kFailed));
  EXPECT_EQ(queue.poll(), &work.batch);
  EXPECT_EQ(work.batch.result().error().detail, "first");
  EXPECT_EQ(work.slots[0].outcome, Outcome::kMiss);
  EXPECT_EQ(in_flight.size(), 0u);
}

TEST_F(BatchRunTest, ACutFreesTheCallerWhileTheWorkerKeepsItsHold) {
  Work work(queue, Verb::kGet);
  work.add(world.id(0), world.pages(0));
  work.add(world.id(1), world.pages(1));
  work.batch.slots = work.slots;
  const auto run = in_flight.enter(work.batch);
  const std::size_t row = *run->take();
  ASSERT_TRUE(run->hold(row));
  in_flight.cancel(work.batch);
  EXPECT_EQ(queue.poll(), &work.batch);
  EXPECT_EQ(work.slots[0].reason, MissReason::kTimeout);
  EXPECT_EQ(work.slots[1].reason, MissReason::kTimeout);
  EXPECT_EQ(run->take(), std::nullopt) << "the second row was cut before anybody took it";
  EXPECT_FALSE(run->open(row));
  EXPECT_FALSE(run->while_open(row, [] { FAIL(); }));
  EXPECT_EQ(world.arena->held_bytes(), world.block_bytes);
  work.slots.clear();  // the caller's rows are gone: nothing below may touch them
  run->report_segments(row, 1);
  EXPECT_FALSE(run->finish(row, Outcome::kDone));
  run->release(row);
  EXPECT_EQ(world.arena->held_bytes(), 0u);
  EXPECT_FALSE(run->hold(row));
}

TEST_F(BatchRunTest, WorkersAndCutsRaceToExactlyOneReturn) {
  for (int round = 0; round < 300; ++round) {
    Work work(queue, Verb::kContains);
    for (std::uint32_t n = 0; n < 8; ++n) work.add(KvBlockId{});
    work.batch.slots = work.slots;
    const auto run = in_flight.enter(work.batch);
    std::thread worker([&] {
      while (const auto row = run->take()) run->finish(*row, Outcome::kDone);
    });
    in_flight.cancel(work.batch);
    ASSERT_EQ(wait_for(queue), &work.batch);
    worker.join();
    for (const BlockSlot& slot : work.slots) ASSERT_NE(slot.outcome, Outcome::kPending);
    ASSERT_EQ(queue.poll(), nullptr);
  }
}

// A cut asks the task's executor by its address; were the task let go meanwhile, both could be gone by then.
class AskedExecutor final : public Executor {
 public:
  explicit AskedExecutor(std::function<void(Task&)> asked) : asked_(std::move(asked)) {}
  bool submit(Task&) override { return true; }
  std::uint32_t queued() const override { return 0; }
  std::uint32_t stuck() const override { return 0; }
  bool abandon_thread_of(Task& task) override {
    asked_(task);
    return true;
  }

 private:
  std::function<void(Task&)> asked_;
};

TEST_F(BatchRunTest, ATaskStaysUntilTheCutHasAskedItsExecutor) {
  Work work(queue, Verb::kContains);
  const auto run = enter_one(work);
  NoTask task;
  std::atomic<bool> begun{false}, detached{false};
  std::thread worker;
  int asked = 0;
  AskedExecutor executor([&](Task& named) {
    EXPECT_EQ(&named, &task);
    ++asked;
    worker = std::thread([&] {
      begun = true;
      run->detach(task);
      detached = true;
    });
    while (!begun) std::this_thread::yield();
    for (int i = 0; i < 2000 && !detached; ++i) std::this_thread::yield();
    EXPECT_FALSE(detached);
  });
  run->attach(task, executor);
  run->cut(ErrorCode::kTimeout, "test");
  worker.join();
  EXPECT_EQ(asked, 1);
  EXPECT_EQ(wait_for(queue), &work.batch);
}

TEST_F(BatchRunTest, AnExecutorIsAskedOnceForATaskHoweverOftenItIsCut) {
  Work work(queue, Verb::kContains);
  const auto run = enter_one(work);
  NoTask task;
  int asked = 0;
  AskedExecutor executor([&](Task&) { ++asked; });
  run->attach(task, executor);
  run->cut(ErrorCode::kTimeout, "test");
  run->cut(ErrorCode::kTimeout, "test");  // the executor may be gone by now
  EXPECT_EQ(asked, 1);
  run->detach(task);
  EXPECT_EQ(wait_for(queue), &work.batch);
}

TEST_F(BatchRunTest, DrainCutsWhatIsLateAndRefusesWhatComes) {
  Work work(queue, Verb::kContains), late(queue, Verb::kContains);
  work.add(world.id(0));
  late.add(world.id(0));
  work.batch.slots = work.slots;
  late.batch.slots = late.slots;
  const auto run = in_flight.enter(work.batch);
  in_flight.drain(1000);
  EXPECT_EQ(queue.poll(), &work.batch);
  EXPECT_EQ(work.batch.result().error().code, ErrorCode::kCancelled);
  EXPECT_EQ(in_flight.enter(late.batch), nullptr);
  EXPECT_EQ(queue.poll(), &late.batch);
  EXPECT_EQ(late.slots[0].outcome, Outcome::kFailed);
}

TEST_F(BatchRunTest, AFullQueueIsBusy) {
  auto pool = make_thread_pool({.threads = 1, .queue_max = 1}, "test");
  std::atomic<bool> go{false}, inside{false};
  const RowWork waiting = [&](BatchRun& run, std::size_t row) {
    inside = true;
    while (!go) std::this_thread::yield();
    run.finish(row, Outcome::kDone);
  };
  std::vector<std::unique_ptr<Work>> works;
  for (int i = 0; i < 3; ++i) {
    works.push_back(std::make_unique<Work>(queue, Verb::kContains));
    works.back()->add(world.id(0));
    works.back()->batch.slots = works.back()->slots;
    run_rows(in_flight.enter(works.back()->batch), *pool, 1, waiting);
    while (!inside) std::this_thread::yield();
  }
  EXPECT_EQ(queue.poll(), &works[2]->batch);
  EXPECT_EQ(works[2]->slots[0].reason, MissReason::kBusy);
  EXPECT_EQ(works[2]->batch.result().error().code, ErrorCode::kExhausted);
  go = true;
  EXPECT_NE(wait_for(queue), nullptr);
  EXPECT_NE(wait_for(queue), nullptr);
}

}  // namespace
}  // namespace cairn::test

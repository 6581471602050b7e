// Property: a queue is first in, first out, gives each operation to its own home only, keeps a wake for the next wait,
// and ends the program where an operation or queue is destroyed too early.
#include <gtest/gtest.h>

#include <cstddef>
#include <limits>
#include <memory>
#include <thread>
#include <vector>

#include "io/completion.h"

namespace cairn {
namespace {

constexpr std::int64_t kNoEndUs = 3'600'000'000;  // a test that waits this long has failed

struct Numbered final : Operation {
  Numbered(CompletionQueue& home, std::size_t producer_of, std::size_t turn_of)
      : Operation(home), producer(producer_of), turn(turn_of) {}
  std::size_t producer, turn;
};

Operation* next(CompletionQueue& queue) {
  for (;;) {
    if (Operation* op = queue.wait_us(kNoEndUs)) return op;
  }
}

TEST(CompletionOrder, OperationsComeBackInTheOrderOfTheirCompletion) {
  CompletionQueue queue;
  std::vector<std::unique_ptr<Operation>> operations;
  for (int i = 0; i < 5; ++i) operations.push_back(std::make_unique<Operation>(queue));
  for (const auto& op : operations) op->begin();
  for (const std::size_t i : {3u, 0u, 4u}) CompletionQueue::complete(*operations[i], {});
  EXPECT_EQ(queue.poll(), operations[3].get());
  for (const std::size_t i : {2u, 1u}) CompletionQueue::complete(*operations[i], {});
  for (const std::size_t i : {0u, 4u, 2u, 1u}) EXPECT_EQ(queue.poll(), operations[i].get());
  EXPECT_EQ(queue.poll(), nullptr);
}

TEST(CompletionOrder, EachProducerSeesItsOwnOrderAndEachOperationOnce) {
  constexpr std::size_t kProducers = 3, kEach = 400;
  CompletionQueue queue;
  std::vector<std::unique_ptr<Numbered>> operations;
  for (std::size_t i = 0; i < kProducers * kEach; ++i) {
    operations.push_back(std::make_unique<Numbered>(queue, i / kEach, i % kEach));
    operations.back()->begin();
  }
  std::vector<std::thread> threads;
  for (std::size_t p = 0; p < kProducers; ++p) {
    threads.emplace_back([&, p] {
      for (std::size_t i = 0; i < kEach; ++i) CompletionQueue::complete(*operations[p * kEach + i], {});
    });
  }
  std::vector<std::size_t> seen(kProducers, 0);
  for (std::size_t back = 0; back < operations.size(); ++back) {
    const auto& op = static_cast<const Numbered&>(*next(queue));
    ASSERT_EQ(op.turn, seen[op.producer]++);
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(queue.poll(), nullptr);
}

TEST(CompletionOrder, AnOperationGoesHomeWithItsResultAndCanBeUsedAgain) {
  CompletionQueue home, other;
  Operation op(home);
  EXPECT_FALSE(op.under_way());
  op.begin();
  EXPECT_TRUE(op.under_way());
  CompletionQueue::complete(op, corrupt("bad block"));
  EXPECT_TRUE(op.under_way()) << "it is not back before the queue hands it over";
  EXPECT_EQ(other.poll(), nullptr);
  ASSERT_EQ(home.poll(), &op);
  EXPECT_FALSE(op.under_way());
  ASSERT_FALSE(op.result());
  EXPECT_EQ(op.result().error().code, ErrorCode::kCorrupt);
  op.begin();
  CompletionQueue::complete(op, {});
  ASSERT_EQ(home.poll(), &op);
  EXPECT_TRUE(op.result()) << "the error of the turn before is gone";
}

TEST(CompletionOrder, AWakeBeforeTheWaitIsNotLost) {
  CompletionQueue queue;
  queue.wake();
  EXPECT_EQ(queue.wait_us(kNoEndUs), nullptr);
  Operation op(queue);
  op.begin();
  CompletionQueue::complete(op, {});
  queue.wake();
  EXPECT_EQ(queue.wait_us(kNoEndUs), &op) << "a wake takes nothing away";
  EXPECT_EQ(queue.wait_us(0), nullptr);
}

TEST(CompletionOrderDeath, DestroyingTooEarlyOrCompletingAgainEndsTheProgram) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        CompletionQueue queue;
        auto op = std::make_unique<Operation>(queue);
        op->begin();
        op.reset();
      },
      "destroyed before it came back");
  EXPECT_DEATH(
      {
        auto queue = std::make_unique<CompletionQueue>();
        auto* op = new Operation(*queue);
        op->begin();
        CompletionQueue::complete(*op, {});
        queue.reset();
      },
      "destroyed with operations in it");
  EXPECT_DEATH(
      {
        CompletionQueue queue;
        auto* op = new Operation(queue);
        op->begin();
        CompletionQueue::complete(*op, {});
        CompletionQueue::complete(*op, {});
      },
      "completed twice");
  EXPECT_DEATH(
      {
        CompletionQueue queue;
        auto* op = new Operation(queue);
        op->begin();
        CompletionQueue::complete(*op, {});
        op->begin();  // the queue has not handed it back
      },
      "submitted twice");
}

}  // namespace
}  // namespace cairn

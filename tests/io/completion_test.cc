// Property: an operation comes back exactly once, to its own queue, in order; misuse ends the program.
#include "io/completion.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace cairn {
namespace {

TEST(Completion, OperationsOfManyThreadsComeBackOnceEach) {
  constexpr std::size_t kThreads = 4, kEach = 500;
  CompletionQueue queue;
  std::vector<std::unique_ptr<Operation>> operations;
  for (std::size_t i = 0; i < kThreads * kEach; ++i) operations.push_back(std::make_unique<Operation>(queue));
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (std::size_t i = 0; i < kEach; ++i) {
        Operation& operation = *operations[t * kEach + i];
        operation.begin();
        CompletionQueue::complete(operation, i % 2 == 0 ? Result<void>() : Result<void>(unavailable("odd")));
      }
    });
  }
  std::size_t back = 0, failed = 0;
  while (back < operations.size()) {
    Operation* operation = queue.wait_us(1'000'000);
    if (operation == nullptr) continue;
    ++back;
    failed += operation->result() ? 0 : 1;
    EXPECT_FALSE(operation->under_way());
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failed, operations.size() / 2);
  EXPECT_EQ(queue.poll(), nullptr);
}

TEST(Completion, AWakeEndsAWaitThatHasNothingToGive) {
  CompletionQueue queue;
  std::thread waker([&] { queue.wake(); });
  const SystemClock clock;
  const std::int64_t before = clock.now_us();
  EXPECT_EQ(queue.wait_us(20'000'000), nullptr);
  EXPECT_LT(clock.now_us() - before, 10'000'000);
  waker.join();
}

TEST(CompletionDeath, MisuseEndsTheProgram) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        CompletionQueue queue;
        Operation operation(queue);
        operation.begin();
        operation.begin();
      },
      "submitted twice");
  EXPECT_DEATH(
      {
        CompletionQueue queue;
        Operation operation(queue);
        CompletionQueue::complete(operation, {});
      },
      "completed twice");
}

}  // namespace
}  // namespace cairn

// Property: requests from many threads all end exactly once, and a drain ends with every request ended and every
// transfer over, whether it has time or not.
#include "engine/engine_thread.h"

#include <gtest/gtest.h>

#include <thread>

#include "engine/world.h"

namespace cairn::testing {
namespace {

TEST(EngineThread, ServesManyThreadsAndDrains) {
  World world({.pages = 40});
  const SystemClock clock;
  std::vector<std::unique_ptr<FakeSink>> sinks;
  for (int i = 0; i < 40; ++i) sinks.push_back(std::make_unique<FakeSink>());
  {
    EngineThread thread(world.engine);
    std::vector<std::thread> fronts;
    for (std::size_t f = 0; f < 4; ++f) {
      fronts.emplace_back([&, f] {
        for (std::size_t i = f * 10; i < f * 10 + 10; ++i) {
          const RequestId id = world.start(random_tokens(i, 30 + i), 20, *sinks[i]);
          if (i % 5 == 0) world.engine.cancel(id);
        }
      });
    }
    for (std::thread& front : fronts) front.join();
    EXPECT_TRUE(thread.drain(clock, clock.after_us(60'000'000)));
  }
  for (std::size_t i = 0; i < sinks.size(); ++i) {
    ASSERT_EQ(sinks[i]->end.size(), 1u);
    if (i % 5 != 0) {
      EXPECT_EQ(sinks[i]->tokens, oracle(random_tokens(i, 30 + i), 20)) << i;
    }
  }
  world.expect_no_leak();
}

TEST(EngineThread, DrainWithoutTimeCancels) {
  World world;
  FakeSink sink;
  world.connector.ask_again[RequestId{1}] = 1 << 30;  // a lookup that never answers
  world.start(random_tokens(1, 30), 5, sink);
  const SystemClock clock;
  EngineThread thread(world.engine);
  EXPECT_TRUE(thread.drain(clock, clock.after_us(1000)));
  EXPECT_TRUE(sink.ended_as(FinishReason::kCancelled));
  Request late;
  late.prompt = {1};
  EXPECT_EQ(world.engine.start(late, sink).error().code, ErrorCode::kUnavailable);
}

TEST(EngineThread, DestroyingItEndsWhatIsOpen) {
  World world;
  FakeSink sink;
  world.connector.ask_again[RequestId{1}] = 1 << 30;
  world.start(random_tokens(1, 30), 5, sink);
  {
    const EngineThread thread(world.engine);
  }
  EXPECT_TRUE(sink.ended_as(FinishReason::kCancelled));
}

}  // namespace
}  // namespace cairn::testing

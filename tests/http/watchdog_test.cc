// Property: it barks once when the last bound has passed, and neither earlier nor after a disarm.
#include "http/watchdog.h"

#include <gtest/gtest.h>

#include <memory>

namespace cairn {
namespace {

TEST(Watchdog, BarksOnceWhenTheLastBoundHasPassed) {
  HttpLoop loop;
  const SystemClock clock;
  int barks = 0;
  std::int64_t armed_us = 0;
  Watchdog dog(loop, [&] {
    ++barks;
    EXPECT_GE(clock.now_us() - armed_us, 20'000);
  });
  dog.arm(5);
  LoopTimer later(loop), end(loop);
  dog.arm(10'000);  // a later bound: the timer under way must not bark for it
  dog.arm(1);       // an earlier one
  armed_us = clock.now_us();
  dog.arm(20);
  later.start(60'000, [&] {
    EXPECT_EQ(barks, 1);
    dog.arm(1);
    dog.disarm();
    end.start(20'000, [&] { loop.stop(); });
  });
  loop.run();
  EXPECT_EQ(barks, 1);
}

TEST(Watchdog, MayBeDestroyedByItsBark) {
  HttpLoop loop;
  std::unique_ptr<Watchdog> dog;
  dog = std::make_unique<Watchdog>(loop, [&] {
    dog.reset();
    loop.stop();
  });
  dog->arm(1);
  loop.run();
  EXPECT_EQ(dog, nullptr);
}

}  // namespace
}  // namespace cairn

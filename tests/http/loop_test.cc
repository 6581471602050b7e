#include "http/loop.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace cairn {
namespace {

TEST(HttpLoop, RunsWhatIsPostedFromAnyThreadUntilItIsStopped) {
  HttpLoop loop;
  int ran = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 100; ++j) {
        loop.post([&] {
          if (++ran == 300) loop.stop();
        });
      }
    });
  }
  loop.run();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(ran, 300);
}

TEST(LoopTimer, CallsOnceInTheOrderOfTimeAndTheLastStartCounts) {
  HttpLoop loop;
  LoopTimer first(loop), second(loop), cancelled(loop), restarted(loop);
  std::string order;
  first.start(3000, [&] { order += "1"; });
  second.start(6000, [&] {
    order += "2";
    second.start(1, [&] { loop.stop(); });
  });
  cancelled.start(1, [&] { order += "c"; });
  cancelled.cancel();
  restarted.start(1, [&] { order += "a"; });
  restarted.start(2, [&] { order += "b"; });
  loop.run();
  EXPECT_EQ(order, "b12");
}

TEST(LoopTimer, MayBeDestroyedBeforeAndInItsCall) {
  HttpLoop loop;
  auto inside = std::make_unique<LoopTimer>(loop);
  auto before = std::make_unique<LoopTimer>(loop);
  before->start(1, [&] { ADD_FAILURE() << "called after its end"; });
  before.reset();
  inside->start(1000, [&] {
    inside.reset();
    loop.stop();
  });
  loop.run();
}

}  // namespace
}  // namespace cairn

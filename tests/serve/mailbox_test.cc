// Property: every event arrives once and in its sender's order, and one post carries all that came before it ran.
#include "serve/mailbox.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace cairn {
namespace {

TEST(Mailbox, OnePostCarriesManyEvents) {
  int posts = 0;
  Mailbox<int> box([&posts] { ++posts; });
  for (int i = 0; i < 5; ++i) box.push(i);
  EXPECT_EQ(posts, 1);
  EXPECT_EQ(box.take(), (std::vector<int>{0, 1, 2, 3, 4}));
  EXPECT_TRUE(box.take().empty());
  box.push(5);
  EXPECT_EQ(posts, 2);
}

TEST(Mailbox, EventsOfManyThreadsArriveOnceAndInOrder) {
  std::atomic<int> posts{0};
  Mailbox<std::pair<int, int>> box([&posts] { ++posts; });
  std::vector<std::thread> senders;
  for (int t = 0; t < 4; ++t) {
    senders.emplace_back([&box, t] {
      for (int i = 0; i < 5000; ++i) box.push({t, i});
    });
  }
  std::vector<int> next(4, 0);
  int seen = 0, taken = 0;
  while (seen < 20'000) {
    const auto events = box.take();
    if (!events.empty()) ++taken;
    for (const auto& [t, i] : events) {
      EXPECT_EQ(i, next[static_cast<std::size_t>(t)]++);
      ++seen;
    }
  }
  for (auto& sender : senders) sender.join();
  EXPECT_EQ(posts, taken);
}

TEST(Mailbox, AClosedOneDropsAndDoesNotPost) {
  int posts = 0;
  Mailbox<int> box([&posts] { ++posts; });
  box.push(1);
  box.close();
  box.push(2);
  EXPECT_TRUE(box.take().empty());
  EXPECT_EQ(posts, 1);
}

}  // namespace
}  // namespace cairn

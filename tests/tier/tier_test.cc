// Property: every outcome, reason and verb has a name of its own, and a batch tells its watch before it goes home.
#include "tier/tier.h"

#include <gtest/gtest.h>

#include <set>

namespace cairn {
namespace {

TEST(Tier, EveryReasonHasANameOfItsOwn) {
  std::set<std::string_view> names;
  for (int i = 0; i < static_cast<int>(MissReason::kCount_); ++i) names.insert(to_string(static_cast<MissReason>(i)));
  EXPECT_EQ(names.size(), static_cast<std::size_t>(MissReason::kCount_));
  EXPECT_FALSE(names.contains("unknown"));
  EXPECT_EQ(to_string(MissReason::kDisabled), "disabled");
  EXPECT_EQ(to_string(Outcome::kFailed), "failed");
  EXPECT_EQ(to_string(Verb::kReturn), "return");
}

TEST(Tier, ABatchTellsItsWatchThenGoesHome) {
  class Watching final : public BatchWatch {
   public:
    explicit Watching(CompletionQueue& queue) : queue_(queue) {}
    void on_finish(Batch& batch, const Result<void>& result) noexcept override {
      EXPECT_EQ(queue_.poll(), nullptr);
      EXPECT_TRUE(batch.under_way());
      told += result.has_value() ? 1 : 10;
    }
    int told = 0;

   private:
    CompletionQueue& queue_;
  };
  CompletionQueue queue;
  Batch outer(queue), inner(queue);
  Watching watch(queue);
  inner.watch = &watch;
  inner.stands_for = &outer;
  inner.start();
  inner.report_started(7);
  inner.report_started(9);
  inner.report_segments(3);
  inner.finish(unavailable("x"));
  EXPECT_EQ(queue.poll(), &inner);
  EXPECT_EQ(watch.told, 10);
  EXPECT_EQ(outer.started_us, 7);
  EXPECT_EQ(outer.segments_done, 3u);
}

}  // namespace
}  // namespace cairn

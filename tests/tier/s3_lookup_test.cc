// Property: a lookup is one small request at most, what was seen is not asked again, and an absence is never
// remembered.
#include <gtest/gtest.h>

#include "tier/s3_world.h"

namespace cairn::test {
namespace {

using Fault = FakeBucket::Fault;
using Seen = FakeBucket::Seen;

class S3LookupTest : public S3TierTest {
 protected:
  void SetUp() override { open(); }
  Outcome contains(std::uint32_t n) { return run(*tier, Verb::kContains, s3.world.id(n)); }
};

TEST_F(S3LookupTest, WhatWeStoredIsKnownWithoutARequest) {
  ASSERT_EQ(put(0), Outcome::kDone);
  const std::size_t before = s3.bucket->seen().size();
  EXPECT_EQ(contains(0), Outcome::kDone);
  EXPECT_EQ(s3.bucket->seen().size(), before);
}

TEST_F(S3LookupTest, APutNeverClaimsWhatItOnlyRemembers) {
  ASSERT_EQ(put(0), Outcome::kDone);
  s3.bucket->remove_object(s3.blocks().at(0));  // by a lifecycle rule, or somebody else
  EXPECT_EQ(put(0), Outcome::kDone);
  EXPECT_EQ(s3.blocks().size(), 1u);
}

TEST_F(S3LookupTest, AnotherInstancesBlockIsFoundAtOnce) {
  EXPECT_EQ(contains(0), Outcome::kMiss);
  const auto second = *s3.open();
  ASSERT_EQ(run(*second, Verb::kPut, s3.world.id(0), s3.world.pages(0)), Outcome::kDone);
  EXPECT_EQ(contains(0), Outcome::kDone) << "an absence is not remembered";
}

TEST_F(S3LookupTest, WhatVanishedIsForgottenWhenItIsRead) {
  ASSERT_EQ(put(0), Outcome::kDone);
  const std::string key = s3.blocks().at(0);
  s3.bucket->script(
      [=](const Seen& seen) { return seen.key == key ? Fault{.status = 404, .code = "NoSuchKey"} : Fault{}; });
  EXPECT_EQ(contains(0), Outcome::kDone) << "a hint";
  EXPECT_EQ(run_one(*tier, Verb::kGet, s3.world.id(0), s3.world.pages(1)).reason, MissReason::kAbsent);
  EXPECT_EQ(contains(0), Outcome::kMiss);
}

TEST_F(S3LookupTest, AStumpIsNoBlockAndASickServiceIsNoAbsence) {
  ASSERT_EQ(put(0), Outcome::kDone);
  const std::string key = s3.blocks().at(0);
  tier.reset();
  s3.bucket->set_object(key, "stump");
  tier = *s3.open();
  EXPECT_EQ(run_one(*tier, Verb::kContains, s3.world.id(0)).reason, MissReason::kCorrupt);
  s3.bucket->script([](const Seen&) { return Fault{.status = 500}; });
  EXPECT_EQ(contains(1), Outcome::kFailed);
}

TEST_F(S3LookupTest, ManyQuestionsGoOutSideBySide) {
  s3.bucket->script([](const Seen& seen) { return Fault{.stall = seen.method == "HEAD"}; });
  CompletionQueue queue;
  Work work(queue, Verb::kContains, s3.world.clock.after_us(300'000));
  for (std::uint32_t n = 0; n < 40; ++n) work.add(s3.world.id(n));
  const std::size_t before = s3.bucket->count("HEAD");
  work.submit(*tier);
  ASSERT_EQ(wait_for(queue), &work.batch);
  EXPECT_EQ(s3.bucket->count("HEAD") - before, 32u) << "and no more than the bound";
}

TEST_F(S3LookupTest, ErasedIsGoneForTheNextQuestion) {
  ASSERT_EQ(put(0), Outcome::kDone);
  EXPECT_EQ(run(*tier, Verb::kErase, s3.world.id(0)), Outcome::kDone);
  EXPECT_EQ(contains(0), Outcome::kMiss);
  EXPECT_EQ(run(*tier, Verb::kErase, s3.world.id(0)), Outcome::kMiss);
}

}  // namespace
}  // namespace cairn::test

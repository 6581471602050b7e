// Property: a put is done only when the whole block is in the bucket; two writers leave one; large blocks go in parts,
// and a failed upload leaves nothing.
#include <gtest/gtest.h>

#include "kv/store_path.h"
#include "tier/s3_world.h"

namespace cairn::test {
namespace {

using Fault = FakeBucket::Fault;
using Seen = FakeBucket::Seen;

class S3PutTest : public S3TierTest {
 protected:
  void fault_when(std::function<bool(const Seen&)> when, Fault fault) {
    s3.bucket->script([=](const Seen& seen) { return when(seen) ? fault : Fault{}; });
  }
  // Its blocks have some 13 MiB and go in parts.
  static S3World big_world() {
    S3Config config = bucket_config();
    config.multipart_bytes = 5 * kMiB;
    StoreIdentity identity = small_store();
    identity.layout.geometry.groups[0].layers = 70;
    return S3World(config, identity);
  }
};

TEST_F(S3PutTest, WhatIsStoredIsTheFileTiersFile) {
  open();
  ASSERT_EQ(put(), Outcome::kDone);
  const std::string key = s3.blocks().at(0);
  const StorePath path(s3.world.identity, s3.world.layout);
  EXPECT_EQ(key, "kv/" + path.block(s3.world.id(0)));
  EXPECT_EQ(s3.bucket->objects().at(key).size(), s3.world.block_bytes + kHeaderBytes);
  const auto seen = s3.bucket->seen();
  const auto sent = std::ranges::find_if(seen, [&](const Seen& one) { return one.method == "PUT" && one.key == key; });
  ASSERT_NE(sent, seen.end());
  EXPECT_EQ(sent->header("if-none-match"), "*");
  EXPECT_EQ(sent->header("x-amz-checksum-crc32c").size(), 8u);
  EXPECT_EQ(sent->header("x-amz-content-sha256").size(), 64u) << "signed, without TLS";
  EXPECT_FALSE(sent->header("Authorization").empty());
}

TEST_F(S3PutTest, AnotherInstancesCopyIsAsGood) {
  open();
  ASSERT_EQ(put(), Outcome::kDone);
  const std::string key = s3.blocks().at(0);
  const auto second = *s3.open();
  const std::size_t puts = s3.bucket->count("PUT");
  EXPECT_EQ(run(*second, Verb::kPut, s3.world.id(0), s3.world.pages(0)), Outcome::kDone);
  EXPECT_EQ(s3.bucket->count("PUT"), puts) << "a question was enough";
  // Both look, both find nothing, both write.
  fault_when([&](const Seen& seen) { return seen.method == "HEAD" && seen.key == key; }, {.status = 404});
  s3.world.wipe(1);
  const auto third = *s3.open();
  EXPECT_EQ(run(*third, Verb::kPut, s3.world.id(0), s3.world.pages(0)), Outcome::kDone);
  EXPECT_TRUE(served());
}

TEST_F(S3PutTest, AStumpUnderTheNameIsReplaced) {
  open();
  ASSERT_EQ(put(), Outcome::kDone);
  const std::string key = s3.blocks().at(0);
  tier.reset();
  s3.bucket->set_object(key, "stump");
  open();
  EXPECT_EQ(run(*tier, Verb::kContains, s3.world.id(0)), Outcome::kMiss);
  EXPECT_EQ(put(), Outcome::kDone);
  EXPECT_TRUE(served());
}

TEST_F(S3PutTest, ALostAnswerIsNoSecondCopy) {
  open();
  const auto puts = std::make_shared<int>(0);
  s3.bucket->script([=](const Seen& seen) {
    Fault fault;
    fault.after = seen.method == "PUT" && ++*puts == 1;  // stored, and the connection breaks
    return fault;
  });
  EXPECT_EQ(put(), Outcome::kDone);
  EXPECT_EQ(s3.blocks().size(), 1u);
  EXPECT_TRUE(served());
}

TEST_F(S3PutTest, FailuresAreNotStored) {
  open();
  for (const auto& [fault, outcome] : {std::pair(Fault{.status = 403, .code = "AccessDenied"}, Outcome::kRefused),
                                       {Fault{.status = 500, .code = "InternalError"}, Outcome::kFailed},
                                       {Fault{.status = 400, .code = "BadDigest"}, Outcome::kFailed},
                                       {Fault{.status = 507, .code = "Full"}, Outcome::kFailed}}) {
    fault_when([](const Seen& seen) { return seen.method == "PUT"; }, fault);
    EXPECT_EQ(put(), outcome) << fault.status;
    EXPECT_EQ(run(*tier, Verb::kContains, s3.world.id(0)), Outcome::kMiss);
  }
  fault_when([](const Seen&) { return false; }, {});
  EXPECT_EQ(put(), Outcome::kDone);
}

TEST_F(S3PutTest, LargeBlocksGoInParts) {
  S3World big = big_world();
  auto opened = big.open();
  ASSERT_TRUE(opened) << opened.error().detail;
  big.world.fill(0, 1);
  EXPECT_EQ(run(**opened, Verb::kPut, big.world.id(0), big.world.pages(0)), Outcome::kDone);
  EXPECT_EQ(big.bucket->uploads(), 0u);
  ASSERT_EQ(big.blocks().size(), 1u);
  big.world.wipe(1);
  EXPECT_EQ(run(**opened, Verb::kGet, big.world.id(0), big.world.pages(1)), Outcome::kDone);
  EXPECT_TRUE(big.world.filled_with(1, 1));
  for (const std::string part : {"partNumber=2", "uploadId=upload%2F"}) {
    big.bucket->script([part](const Seen& seen) {
      const bool hit = seen.query.find(part) != std::string::npos && seen.method != "DELETE" &&
                       (part[0] == 'p' || seen.method == "POST");
      return hit ? Fault{.status = 400, .code = "InvalidPart"} : Fault{};
    });
    big.world.fill(2, 2);
    EXPECT_EQ(run(**opened, Verb::kPut, big.world.id(1), big.world.pages(2)), Outcome::kFailed) << part;
    EXPECT_EQ(big.bucket->uploads(), 0u) << "aborted";
    EXPECT_EQ(big.blocks().size(), 1u);
  }
}

TEST_F(S3PutTest, AnUploadThatIsCutIsNotStored) {
  S3World big = big_world();
  auto opened = big.open();
  ASSERT_TRUE(opened) << opened.error().detail;
  big.world.fill(0, 1);
  CompletionQueue queue;
  Work work(queue, Verb::kPut);
  work.add(big.world.id(0), big.world.pages(0));
  Tier* tier_of = opened->get();
  const auto parts = std::make_shared<std::atomic<int>>(0);
  big.bucket->script([=, &work](const Seen& seen) {
    if (seen.query.find("partNumber=") != std::string::npos && ++*parts == 2) tier_of->cancel(work.batch);
    return Fault{};
  });
  work.submit(**opened);
  ASSERT_EQ(wait_for(queue), &work.batch);
  EXPECT_EQ(work.slots[0].outcome, Outcome::kFailed);
  opened->reset();  // waits for the abort
  EXPECT_EQ(big.bucket->uploads(), 0u);
  EXPECT_EQ(big.blocks().size(), 0u);
}

TEST_F(S3PutTest, TheCapacityCountsWhatWasThereBefore) {
  open();
  ASSERT_EQ(put(), Outcome::kDone);
  tier.reset();
  S3Config config = bucket_config();
  config.capacity_bytes = s3.world.block_bytes + kHeaderBytes + 100;
  s3.bucket->list_max = 1;  // pages of one
  open(config);
  EXPECT_EQ(tier->usage().used_bytes, s3.world.block_bytes + kHeaderBytes);
  EXPECT_EQ(tier->usage().blocks, 1u);
  s3.world.fill(2, 2);
  EXPECT_EQ(run(*tier, Verb::kPut, s3.world.id(1), s3.world.pages(2)), Outcome::kRefused);
  EXPECT_EQ(tier->report().refused_capacity, 1u);
  EXPECT_EQ(run(*tier, Verb::kErase, s3.world.id(0)), Outcome::kDone);
  EXPECT_EQ(run(*tier, Verb::kPut, s3.world.id(1), s3.world.pages(2)), Outcome::kDone);
}

}  // namespace
}  // namespace cairn::test

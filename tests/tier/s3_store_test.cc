// Property: what we may do in a bucket is found out right by right, each missing one costs only what it must, and a
// bucket that cannot be used says in one line what would be right.
#include <gtest/gtest.h>

#include "kv/manifest.h"
#include "tier/s3_world.h"

namespace cairn::test {
namespace {

using Fault = FakeBucket::Fault;
using Seen = FakeBucket::Seen;

std::string refusal(S3World& s3) {
  const auto opened = s3.open();
  return opened ? "" : opened.error().detail;
}

TEST(S3Store, AllRightsAreFoundAndTheProbesAreGone) {
  S3World s3;
  ASSERT_EQ(refusal(s3), "");
  EXPECT_TRUE(s3.rights.list && s3.rights.put && s3.rights.erase && s3.rights.publish_once);
  const auto objects = s3.bucket->objects();
  ASSERT_EQ(objects.size(), 1u);
  EXPECT_TRUE(objects.begin()->first.ends_with("/manifest.json"));
}

TEST(S3Store, WithoutListADenialIsAMiss) {
  S3World s3;
  s3.bucket->script([&](const Seen& seen) {
    const bool lists = seen.query.find("list-type") != std::string::npos;
    const bool absent = (seen.method == "HEAD" || seen.method == "GET") && seen.key.find(".kv") != std::string::npos;
    const bool probe = seen.method == "GET" && seen.key.find("probe-") != std::string::npos;
    return lists || absent || probe ? Fault{.status = 403, .code = seen.method == "HEAD" ? "" : "AccessDenied"}
                                    : Fault{};
  });
  auto tier = s3.open();
  ASSERT_TRUE(tier) << tier.error().detail;
  EXPECT_FALSE(s3.rights.list);
  EXPECT_EQ(run_one(**tier, Verb::kContains, s3.world.id(0)).reason, MissReason::kAbsent);
  EXPECT_EQ(run_one(**tier, Verb::kGet, s3.world.id(0), s3.world.pages(0)).reason, MissReason::kAbsent);
}

TEST(S3Store, WithoutPutItIsReadOnly) {
  S3World s3;
  s3.bucket->script(
      [](const Seen& seen) { return seen.method == "PUT" ? Fault{.status = 403, .code = "AccessDenied"} : Fault{}; });
  auto tier = s3.open();
  ASSERT_TRUE(tier) << tier.error().detail;
  EXPECT_TRUE((*tier)->traits().read_only);
  s3.world.fill(0, 1);
  EXPECT_EQ(run(**tier, Verb::kPut, s3.world.id(0), s3.world.pages(0)), Outcome::kRefused);
}

TEST(S3Store, WithoutEraseDamageIsRememberedAndSkipped) {
  S3World s3;
  s3.bucket->script([](const Seen& seen) {
    return seen.method == "DELETE" ? Fault{.status = 403, .code = "AccessDenied"} : Fault{};
  });
  auto tier = s3.open();
  ASSERT_TRUE(tier) << tier.error().detail;
  EXPECT_FALSE(s3.rights.erase);
  s3.world.fill(0, 1);
  ASSERT_EQ(run(**tier, Verb::kPut, s3.world.id(0), s3.world.pages(0)), Outcome::kDone);
  std::string bytes = s3.bucket->objects().at(s3.blocks().at(0));
  bytes[9000] ^= 1;
  s3.bucket->set_object(s3.blocks().at(0), bytes);
  EXPECT_EQ(run(**tier, Verb::kGet, s3.world.id(0), s3.world.pages(1)), Outcome::kCorrupt);
  EXPECT_EQ(run_one(**tier, Verb::kGet, s3.world.id(0), s3.world.pages(1)).reason, MissReason::kCorrupt);
  EXPECT_EQ(run(**tier, Verb::kErase, s3.world.id(0)), Outcome::kRefused);
}

TEST(S3Store, PublishingOnceIsKnownByBehaviour) {
  S3World s3;
  s3.bucket->script([](const Seen&) { return Fault{.ignore_once = true}; });
  auto tier = s3.open();
  ASSERT_TRUE(tier);
  EXPECT_FALSE(s3.rights.publish_once) << "a 200 to the second put is no promise";
  s3.world.fill(0, 1);
  EXPECT_EQ(run(**tier, Verb::kPut, s3.world.id(0), s3.world.pages(0)), Outcome::kDone);
  for (const Seen& seen : s3.bucket->seen()) {
    if (seen.key.ends_with(".kv")) {
      EXPECT_EQ(seen.header("if-none-match"), "");
    }
  }
}

TEST(S3Store, WhatCannotBeUsedSaysWhatWouldBeRight) {
  const std::vector<std::tuple<int, std::string, std::string>> cases = {
      {404, "NoSuchBucket", "there is no such bucket"},
      {403, "RequestTimeTooSkewed", "set the clock"},
      {403, "SignatureDoesNotMatch", "secret key"},
      {403, "InvalidAccessKeyId", "access key"},
      {301, "PermanentRedirect", "region"},
      {400, "AuthorizationHeaderMalformed", "region"},
      {500, "InternalError", "try again later"},
  };
  for (const auto& one : cases) {
    S3World s3;
    s3.bucket->script([one](const Seen& seen) {
      return Fault{.status = std::get<0>(one), .code = seen.method == "HEAD" ? "" : std::get<1>(one)};
    });
    const std::string said = refusal(s3);
    EXPECT_NE(said.find(std::get<2>(one)), std::string::npos) << std::get<1>(one) << ": " << said;
    EXPECT_EQ(said.find('\n'), std::string::npos);
  }
}

TEST(S3Store, AManifestOfAnotherStoreIsRefused) {
  S3World first;
  ASSERT_EQ(refusal(first), "");
  const std::string key = first.bucket->objects().begin()->first;
  std::string text = first.bucket->objects().begin()->second;
  S3World second;
  StoreIdentity other = second.world.identity;
  other.rope.theta = 77;
  second.bucket->set_object(key, write_manifest({other, "m", "c"}));
  EXPECT_NE(refusal(second).find("belongs to another store"), std::string::npos);
}

TEST(S3Store, AnUnsetChunkSizeIsTheStores) {
  S3World s3;
  ASSERT_EQ(refusal(s3), "");
  StoreWish wish;
  wish.identity = s3.world.identity;
  wish.identity.layout.chunk_tokens = 512;
  wish.chunk_tokens_set = false;
  const auto store =
      open_bucket(client_of(s3.bucket, s3.config, s3.world.clock, *s3.metrics), wish, s3.world.clock, null_log());
  ASSERT_TRUE(store) << store.error().detail;
  EXPECT_EQ(store->identity.layout.chunk_tokens, s3.world.identity.layout.chunk_tokens);
  EXPECT_TRUE(store->adopted);
}

}  // namespace
}  // namespace cairn::test

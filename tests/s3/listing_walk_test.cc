// A listing comes whole, answer by answer, and one that never ends is an error.
#include "s3/listing_walk.h"

#include <gtest/gtest.h>

#include "support/fake_bucket.h"

namespace cairn {
namespace {

class S3ListingWalkTest : public ::testing::Test {
 protected:
  S3ListingWalkTest() {
    S3Config config;
    config.bucket = "bucket";
    config.region = "us-east-1";
    config.endpoint = "127.0.0.1:1";
    config.prefix = "team";
    config.tls = false;
    const auto keeper = std::make_shared<CredentialKeeper>(
        []() -> Result<Credentials> { return Credentials::of("key", "s", ""); }, clock_);
    EXPECT_TRUE(keeper->load(10'000'000));
    client_ = std::make_unique<S3Client>(config, S3Deps{clock_, null_log(), *metrics_, bucket_, keeper});
    for (const char* name : {"team/a", "team/b/1", "team/b/2", "team/c d+e", "teams"}) bucket_->set_object(name, "x");
  }
  Result<std::vector<std::string>> all(S3ListingWalk::Wish wish) {
    S3ListingWalk walk(*client_, clock_, std::move(wish));
    std::vector<std::string> names;
    for (S3Listing part;;) {
      CAIRN_TRY(const bool more, walk.next(part));
      if (!more) return names;
      for (const auto& object : part.objects) names.push_back(object.key);
      for (const auto& folder : part.prefixes) names.push_back(folder);
    }
  }
  const SystemClock clock_;
  const std::unique_ptr<Metrics> metrics_ = make_metrics();
  const std::shared_ptr<test::FakeBucket> bucket_ = std::make_shared<test::FakeBucket>();
  std::unique_ptr<S3Client> client_;
};

TEST_F(S3ListingWalkTest, EveryNameComesOnceHoweverItIsCut) {
  for (const std::size_t most : {1u, 2u, 3u, 1000u}) {
    bucket_->list_max = most;
    EXPECT_EQ(all({}).value(), (std::vector<std::string>{"team/a", "team/b/1", "team/b/2", "team/c d+e"})) << most;
    EXPECT_EQ(all({.prefix = "b/"}).value(), (std::vector<std::string>{"team/b/1", "team/b/2"})) << most;
    EXPECT_EQ(all({.folders = true}).value().size(), 3u) << most;
    EXPECT_TRUE(all({.prefix = "z"})->empty()) << most;
  }
}

TEST_F(S3ListingWalkTest, ACircleIsAnError) {
  bucket_->list_max = 2;
  S3ListingWalk walk(*client_, clock_, {});
  S3Listing part;
  ASSERT_TRUE(walk.next(part).value());
  bucket_->list_max = 0;  // from now on each answer is empty and names itself as the next
  const Result<bool> next = walk.next(part);
  ASSERT_FALSE(next);
  EXPECT_NE(next.error().detail.find("circle"), std::string::npos);
}

TEST_F(S3ListingWalkTest, AThousandOfTheLongestKeysAreOneAnswer) {
  for (int i = 0; i < 1000; ++i) {
    bucket_->set_object("team/" + std::to_string(1000 + i) + std::string(1010, 'k'), "");
  }
  EXPECT_EQ(all({}).value().size(), 1004u);
}

TEST_F(S3ListingWalkTest, ADenialIsTheServicesOwnWord) {
  bucket_->script([](const test::FakeBucket::Seen&) {
    test::FakeBucket::Fault denied;
    denied.status = 403;
    denied.code = "AccessDenied";
    return denied;
  });
  const auto names = all({});
  ASSERT_FALSE(names);
  EXPECT_EQ(names.error().code, ErrorCode::kInvalid);
}

}  // namespace
}  // namespace cairn

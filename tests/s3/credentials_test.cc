// Property: keys come from where they are looked for, a set that still works is kept, and new ones are fetched before
// the old ones end or when they are refused.
#include "s3/credentials.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "support/temporary_directory.h"

namespace cairn {
namespace {

class Fetches {
 public:
  CredentialSource source() {
    return [this]() -> Result<Credentials> {
      const int n = ++count_;
      if (fail_) return Error{ErrorCode::kRefused, "none"};
      return Credentials::of("key" + std::to_string(n), "s", "");
    };
  }
  int count() const { return count_; }
  void fail(bool with) { fail_ = with; }

 private:
  std::atomic<int> count_{0};
  std::atomic<bool> fail_{false};
};

std::string key_of(CredentialKeeper& keeper) {
  const Result<Credentials> now = keeper.current();
  return now ? now->access_key_id() : "none: " + now.error().detail;
}

TEST(Credentials, OptionsComeFirst) {
  S3Config config;
  config.access_key_id = "mine", config.secret_access_key = "s";
  const Result<Credentials> found = credential_source(config)();
  ASSERT_TRUE(found);
  EXPECT_EQ(found->access_key_id(), "mine");
  EXPECT_FALSE(found->ends_unix_us());
}

TEST(Credentials, SharedFilesAreReadAnewEachTime) {
  const test::TemporaryDirectory folder;
  const std::filesystem::path file = std::filesystem::path(folder.path()) / "credentials";
  for (const char* name : {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"})
    ::unsetenv(name);
  ::setenv("AWS_SHARED_CREDENTIALS_FILE", file.c_str(), 1);
  ::setenv("AWS_CONFIG_FILE", "/nonexistent", 1);
  ::setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
  S3Config config;
  config.profile = "team";
  const CredentialSource source = credential_source(config);
  for (const std::string key : {"first", "second"}) {
    std::ofstream(file)
        << "[default]\naws_access_key_id = other\naws_secret_access_key = s\n[team]\naws_access_key_id = " << key
        << "\naws_secret_access_key = s\n";
    const Result<Credentials> found = source();
    ASSERT_TRUE(found) << found.error().detail;
    EXPECT_EQ(found->access_key_id(), key);
  }
  std::filesystem::remove(file);
  const Result<Credentials> none = source();
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::kRefused);
  EXPECT_NE(none.error().detail.find("AWS_ACCESS_KEY_ID"), std::string::npos);
}

TEST(CredentialKeeper, KeepsWhatWorksAndFetchesWhatWasRefused) {
  VirtualClock clock;
  clock.advance_us(1'000'000'000);
  Fetches fetches;
  const auto keeper = std::make_shared<CredentialKeeper>(fetches.source(), clock);
  ASSERT_TRUE(keeper->load(10'000'000));
  EXPECT_EQ(key_of(*keeper), "key1");
  const Credentials first = *keeper->current();
  keeper->refused(first);
  EXPECT_EQ(fetches.count(), 1) << "it was fetched just now";
  clock.advance_us(11'000'000);
  fetches.fail(true);
  keeper->refused(first);
  ASSERT_TRUE(keeper->load(10'000'000)) << "a failed fetch leaves the old set";
  EXPECT_EQ(key_of(*keeper), "key1");
  clock.advance_us(11'000'000);
  fetches.fail(false);
  ASSERT_TRUE(keeper->load(10'000'000));
  EXPECT_NE(key_of(*keeper), "key1");
  const int before = fetches.count();
  clock.advance_us(11'000'000);
  keeper->refused(first);
  EXPECT_EQ(fetches.count(), before) << "newer ones are in use already";
}

TEST(CredentialKeeper, NoneAtStartIsAnErrorAndLaterOnesAreFound) {
  VirtualClock clock;
  clock.advance_us(1'000'000'000);
  Fetches fetches;
  fetches.fail(true);
  const auto keeper = std::make_shared<CredentialKeeper>(fetches.source(), clock);
  EXPECT_FALSE(keeper->load(10'000'000));
  EXPECT_FALSE(keeper->current());
  fetches.fail(false);
  clock.advance_us(11'000'000);
  EXPECT_FALSE(keeper->current()) << "never blocks";
  ASSERT_TRUE(keeper->load(10'000'000));
  EXPECT_TRUE(keeper->current());
}

}  // namespace
}  // namespace cairn

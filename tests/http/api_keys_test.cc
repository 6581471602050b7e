// Property: exactly the configured keys open, each as its tenant; what is wrong with a key is said without the key.
#include "http/api_keys.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

namespace cairn {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(ApiKeys, FindsTheTenantOfAKey) {
  const ApiKeys keys = ApiKeys::make({"alice=k1", "bob=k2", "alice=k3"}).value();
  EXPECT_EQ(keys.tenant_of("Bearer k1"), "alice");
  EXPECT_EQ(keys.tenant_of("bearer  k2"), "bob");
  EXPECT_EQ(keys.tenant_of("BEARER k3"), "alice");
  for (const std::string& header :
       {std::string(), std::string("Bearer"), std::string("Bearer "), std::string("k1"), std::string("Basic k1"),
        std::string("Bearer k"), std::string("Bearer k11"), std::string("Bearer K1"),
        "Bearer k1" + std::string(1, '\0'), "Bearer " + std::string(1 << 20, 'k'), std::string("Bearer alice=k1")}) {
    EXPECT_EQ(keys.tenant_of(header), std::nullopt) << header.substr(0, 40);
  }
}

TEST(ApiKeys, OneKeyMayStandAlone) {
  const ApiKeys keys = ApiKeys::make({"c2VjcmV0Cg=="}).value();  // padding is no tenant
  EXPECT_EQ(keys.tenant_of("Bearer c2VjcmV0Cg=="), "");
  EXPECT_TRUE(ApiKeys::make({}).value().empty());
}

TEST(ApiKeys, RefusalsNeverQuoteTheKey) {
  for (const std::vector<std::string>& lines : {std::vector<std::string>{""},
                                                {"canary 1"},
                                                {"canary\n"},
                                                {"canary-1", "canary-2"},
                                                {"a=canary", "b=canary"},
                                                {std::string(kApiKeyBytesMax + 1, 'c')},
                                                {std::string(129, 't') + "=canary"}}) {
    const auto keys = ApiKeys::make(lines);
    ASSERT_FALSE(keys);
    EXPECT_THAT(keys.error().detail, Not(HasSubstr("canary")));
    EXPECT_THAT(keys.error().detail, HasSubstr("api_keys"));
  }
  EXPECT_TRUE(ApiKeys::make({std::string(kApiKeyBytesMax, 'c')}));
}

TEST(ApiKeys, ReadsAPrivateFileOnly) {
  const std::string path = testing::TempDir() + "cairn_keys_" + std::to_string(::getpid());
  std::ofstream(path) << "# people\nalice=k1\n\nbob=k2  \r\n";
  HttpConfig config;
  config.api_keys_file = path;
  ::chmod(path.c_str(), 0644);
  EXPECT_THAT(ApiKeys::load(config).error().detail, HasSubstr("chmod 600"));
  ::chmod(path.c_str(), 0600);
  EXPECT_EQ(ApiKeys::load(config).value().tenant_of("Bearer k2"), "bob");
  std::ofstream(path) << "# nobody\n";
  EXPECT_THAT(ApiKeys::load(config).error().detail, HasSubstr("holds no key"));
  ::unlink(path.c_str());
  EXPECT_THAT(ApiKeys::load(config).error().detail, HasSubstr("cannot read"));
}

}  // namespace
}  // namespace cairn

// Property: a mistyped name finds the name that was meant, and nonsense finds nothing.
#include "config/nearest.h"

#include <gtest/gtest.h>

#include <vector>

namespace cairn {
namespace {

const std::vector<std::string> kNames = {"load_stall_ms", "load_policy", "promote", "ram_bytes"};

TEST(Nearest, CountsEditsIncludingSwaps) {
  EXPECT_EQ(edit_distance("", ""), 0u);
  EXPECT_EQ(edit_distance("abc", ""), 3u);
  EXPECT_EQ(edit_distance("abc", "acb"), 1u);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
}

TEST(Nearest, FindsTheNameThatWasMeant) {
  EXPECT_EQ(nearest_name("load_stal_ms", kNames), "load_stall_ms");
  EXPECT_EQ(nearest_name("rambytes", kNames), "ram_bytes");
  EXPECT_EQ(nearest_name("policy", kNames), "load_policy");
  EXPECT_EQ(nearest_name("xyzzy_plugh", kNames), "");
  EXPECT_EQ(nearest_name(std::string(100'000, 'x'), kNames), "");
}

TEST(Nearest, VariablesOfServicesAreKnownByTheirForm) {
  for (const char* name : {"CAIRN_SERVICE_HOST", "CAIRN_SERVICE_PORT_HTTP", "LMCACHE_PORT", "LMCACHE_PORT_80_TCP_ADDR"})
    EXPECT_TRUE(names_service(name)) << name;
  for (const char* name : {"CAIRN_STORE", "LMCACHE_PORT_NAMES", "CAIRN_SERVICE"})
    EXPECT_FALSE(names_service(name)) << name;
}

}  // namespace
}  // namespace cairn

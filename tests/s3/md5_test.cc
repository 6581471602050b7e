// The digest in RFC 1321's examples, in base64.
#include "s3/md5.h"

#include <gtest/gtest.h>

namespace cairn {
namespace {

TEST(Md5, GivesThePublishedDigests) {
  EXPECT_EQ(md5_base64(""), "1B2M2Y8AsgTpgAmY7PhCfg==");
  EXPECT_EQ(md5_base64("abc"), "kAFQmDzST7DWlj99KOF/cg==");
  EXPECT_EQ(md5_base64("12345678901234567890123456789012345678901234567890123456789012345678901234567890"),
            "V+30oivjyVWsSdouIQe2eg==");
}

}  // namespace
}  // namespace cairn

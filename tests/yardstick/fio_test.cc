// Property: a figure of fio is read from its line, and anything else is no figure.
#include "yardstick/fio.h"

#include <gtest/gtest.h>

namespace cairn {
namespace {

TEST(Fio, ItsTerseLineIsRead) {
  std::string line = "3;fio-3.33;cairn;0;0;1024;2000000";
  for (int field = 8; field < 48; ++field) line += ";0";
  line += ";1000000;0";
  EXPECT_NEAR(parse_fio_terse(line, FioDirection::kRead), 2.048, 1e-9);
  EXPECT_NEAR(parse_fio_terse(line, FioDirection::kWrite), 1.024, 1e-9);
  EXPECT_EQ(parse_fio_terse("", FioDirection::kRead), 0);
  EXPECT_EQ(parse_fio_terse("fio: failed", FioDirection::kRead), 0);
}

}  // namespace
}  // namespace cairn

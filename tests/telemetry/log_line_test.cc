// Property: no field value can break out of its line, and the limit admits exactly lines_per_second of one event.
#include "telemetry/log_line.h"

#include <gmock/gmock.h>

namespace cairn {
namespace {

TEST(LogLine, ValuesThatCouldForgeALineAreQuotedAndEscaped) {
  const std::string line =
      format_event(LogLevel::kInfo, "a.b.c", {{"path", "x\ninfo fake.event"}, {"q", "say \"hi\""}, {"e", ""}}, 0);
  EXPECT_EQ(line, "info a.b.c path=\"x\\ninfo fake.event\" q=\"say \\\"hi\\\"\" e=\"\"");
  const std::string control = format_event(LogLevel::kInfo, "a.b.c", {{"v", std::string_view("\x1b[31m\0", 6)}}, 0);
  EXPECT_EQ(control, "info a.b.c v=\"\\x1b[31m\\x00\"");
}

TEST(LogLine, LongLinesAreCut) {
  const std::string line = format_event(LogLevel::kInfo, "a.b.c", {{"v", std::string(100'000, 'x')}}, 0);
  EXPECT_EQ(line.size(), kLogLineBytesMax);
  EXPECT_TRUE(line.ends_with("..."));
}

TEST(EventLimit, AdmitsPerEventAndWindow) {
  EventLimit limit(2);
  EXPECT_EQ(limit.admit("a", 0), 0u);
  EXPECT_EQ(limit.admit("a", 1), 0u);
  EXPECT_EQ(limit.admit("a", 999'999), std::nullopt);
  EXPECT_EQ(limit.admit("b", 999'999), 0u);
  EXPECT_EQ(limit.admit("a", 1'000'000), 1u);
  EXPECT_EQ(limit.admit("a", 1'000'001), 0u);
}

TEST(EventLimit, StaysBoundedUnderManyNames) {
  EventLimit limit(1);
  for (int i = 0; i < 20'000; ++i) EXPECT_EQ(limit.admit("event" + std::to_string(i), 0), 0u);
}

}  // namespace
}  // namespace cairn

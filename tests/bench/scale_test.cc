// Property: numbers read as people write them, no byte of a name breaks a page, and a scale keeps the order of values.
#include "bench/scale.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace cairn {
namespace {

TEST(Scale, ThreeDigitsCount) {
  EXPECT_EQ(short_number(0.0), "0");
  EXPECT_EQ(short_number(0.04123), "0.0412");
  EXPECT_EQ(short_number(1.184), "1.18");
  EXPECT_EQ(short_number(9.996), "10.0");
  EXPECT_EQ(short_number(999.6), "1,000");
  EXPECT_EQ(short_number(2130.4), "2,130");
  EXPECT_EQ(short_number(1234567.0), "1,234,567");
  EXPECT_EQ(short_number(-3.0), "−3.00");
  EXPECT_EQ(thousands(999), "999");
  EXPECT_EQ(thousands(1000), "1,000");
  for (const double none : {std::nan(""), HUGE_VAL, -HUGE_VAL}) EXPECT_EQ(short_number(none), "–");
  EXPECT_EQ(short_number(std::nullopt), "–");
}

TEST(Scale, NoByteBreaksAPage) {
  EXPECT_EQ(markup("a<b>&\"c\"'"), "a&lt;b&gt;&amp;&quot;c&quot;&#39;");
  EXPECT_EQ(printable("Müller … 日本 \xf0\x9f\x90\xa7"), "Müller … 日本 \xf0\x9f\x90\xa7");
  const std::string bad = "\xEF\xBF\xBD";
  EXPECT_EQ(printable("\x1b[31m\n\x7f"), bad + "[31m" + bad + bad);
  EXPECT_EQ(printable("\xff\xc3"), bad + bad);
  EXPECT_EQ(printable("\xc0\xaf"), bad + bad);            // overlong
  EXPECT_EQ(printable("\xed\xa0\x80"), bad + bad + bad);  // a surrogate
  EXPECT_EQ(printable("\xef\xbf\xbf"), bad + bad + bad);  // no character, and none in XML
  EXPECT_EQ(printable("\xc2\x9b"), bad);                  // C1: a terminal would obey it
  EXPECT_EQ(printable(std::string("\0", 1)), bad);
}

TEST(Scale, TicksAreRoundAndEncloseTheValues) {
  for (const double high : {0.003, 0.41, 1.0, 1.37, 7.0, 39.9, 412.0, 99999.0}) {
    const Scale scale = Scale::around(ScaleKind::kLinear, {high / 3, high}, {100, 0});
    ASSERT_GE(scale.ticks().size(), 3u) << high;
    EXPECT_LE(scale.ticks().size(), 6u) << high;
    EXPECT_EQ(scale.ticks().front(), 0);
    EXPECT_GE(scale.ticks().back(), high * 0.999999);
    EXPECT_LE(scale.ticks().back(), high * 2) << high;
    EXPECT_DOUBLE_EQ(scale.at(scale.ticks().back()), 0);
  }
}

TEST(Scale, LogPlacesRiseWithTheValuesAndTicksEnclose) {
  for (const double span : {1.0, 1.5, 9.0, 70.0, 4000.0, 1e9}) {
    for (const double low : {0.0007, 0.29, 1.0, 12.1}) {
      const Scale scale = Scale::around(ScaleKind::kLog, {low, low * span, 0, std::nan("")}, {0, 100});
      ASSERT_GE(scale.ticks().size(), 3u);
      EXPECT_LE(scale.ticks().size(), 12u);
      EXPECT_LE(scale.ticks().front(), low * 1.0001);
      EXPECT_GE(scale.ticks().back(), low * span * 0.9999);
      double last = -1e-9;
      for (double value = low; value <= low * span; value *= 1.3) {
        EXPECT_GT(scale.at(value), last) << low << " " << span;
        last = scale.at(value);
      }
      EXPECT_LE(last, 100.0001);
      for (std::size_t i = 1; i < scale.ticks().size(); ++i) EXPECT_LT(scale.ticks()[i - 1], scale.ticks()[i]);
    }
  }
  const Scale none = Scale::around(ScaleKind::kLog, {0, -1}, {0, 100});
  EXPECT_TRUE(std::isfinite(none.at(0.5)));
}

TEST(Scale, OneValueStandsInTheMiddle) { EXPECT_EQ(Scale::exact({800, 800}, {0, 100}).at(800), 50); }

}  // namespace
}  // namespace cairn

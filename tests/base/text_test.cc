// Text goes through a URL and comes back as it was; a terminal gets nothing that acts.
#include "base/text.h"

#include <gtest/gtest.h>

namespace cairn {
namespace {

TEST(Percent, WhatIsEncodedComesBack) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  for (const char* keep : {"", "/", "/:"}) EXPECT_EQ(percent_decode(percent_encode(all, keep)), all) << keep;
  EXPECT_EQ(percent_encode("a/b c+d=e@f:g~h%", "/"), "a/b%20c%2Bd%3De%40f%3Ag~h%25");
  EXPECT_EQ(percent_encode("a/b"), "a%2Fb");
  EXPECT_EQ(percent_encode("\xc3\xa4"), "%C3%A4");
}

TEST(Percent, WhatIsNoEscapeStays) {
  EXPECT_EQ(percent_decode("a%2Fb%2e%2E"), "a/b..");
  EXPECT_EQ(percent_decode("%252e"), "%2e");
  for (const char* plain : {"%", "%2", "%zz", "100%", "%%3"}) {
    EXPECT_EQ(percent_decode(plain), plain);
    EXPECT_TRUE(has_broken_escape(plain)) << plain;
  }
  for (const char* whole : {"", "a", "%25", "a%2Fb"}) EXPECT_FALSE(has_broken_escape(whole)) << whole;
}

TEST(Printable, ControlBytesAreSpaces) {
  EXPECT_EQ(printable("a\x1b[31mb\r\n\x7f\xc3\xa4"), "a [31mb   \xc3\xa4");
  EXPECT_EQ(printable(std::string("\0x", 2)), " x");
}

}  // namespace
}  // namespace cairn

// UTF-8 is judged as the Unicode standard's table says, and NFC costs no more than a sort.
#include "text/unicode.h"

#include <gtest/gtest.h>

namespace cairn {
namespace {

TEST(Unicode, EveryCodePointPassesAndComesBack) {
  for (char32_t point = 0; point < 0x110000; ++point) {
    if (point >= 0xD800 && point < 0xE000) continue;
    std::string text;
    utf8_append(text, point);
    ASSERT_EQ(utf8_valid_prefix(text), text.size()) << static_cast<std::uint32_t>(point);
    std::size_t front = 0, back = text.size();
    ASSERT_EQ(utf8_next(text, front), point);
    ASSERT_EQ(utf8_previous(text, back), point);
    ASSERT_EQ(front, text.size());
    ASSERT_EQ(back, 0u);
  }
}

TEST(Unicode, MalformedBytesAreFoundWhereTheyBegin) {
  for (const char* bad : {"\x80", "\xC0\x80", "\xC1\xBF", "\xE0\x80\x80", "\xED\xA0\x80", "\xF0\x80\x80\x80",
                          "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xC3", "\xE2\x82", "\xFF"}) {
    EXPECT_EQ(utf8_valid_prefix(std::string("ok") + bad), 2u);
    EXPECT_FALSE(check_utf8(bad));
  }
  EXPECT_TRUE(check_utf8(std::string_view("\0a", 2)));
}

TEST(Unicode, ComposesAndOrdersMarks) {
  EXPECT_EQ(to_nfc("e\u0301"), "\u00e9");
  EXPECT_EQ(to_nfc("a\u0307\u0323"), "\u1ea1\u0307");
  EXPECT_EQ(to_nfc("\u1112\u1161\u11ab"), "\ud55c");
  EXPECT_EQ(to_nfc("\u212b"), "\u00c5");
  EXPECT_EQ(to_nfc("plain"), "plain");
}

TEST(Unicode, ManyMarksInTheWrongOrderDoNotHang) {
  std::string text = "a", marks;
  for (int i = 0; i < 200'000; ++i) marks += i % 2 == 0 ? "\u0301" : "\u0323";
  EXPECT_EQ(to_nfc(text + marks).size(), marks.size() + 1);  // one mark joins the letter, which grows by two bytes
}

TEST(Unicode, Classes) {
  EXPECT_TRUE(is_white_space(0x3000) && is_white_space(0x85) && !is_white_space(0x180E) && !is_white_space(0x200B));
  EXPECT_TRUE(is_word('_') && is_word(0xE9) && is_word(0x301) && !is_word('-') && !is_word(' '));
  EXPECT_TRUE(is_printable(' ') && !is_printable(0xA0) && !is_printable('\n') && is_printable(0x4E16));
  EXPECT_EQ(to_upper(0xE9), char32_t{0xC9});
  EXPECT_EQ(to_lower(0xC9), char32_t{0xE9});
  EXPECT_EQ(utf8_count("a\u00e9\u4e16"), 3u);
}

}  // namespace
}  // namespace cairn

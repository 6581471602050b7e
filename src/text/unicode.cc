#include "text/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <tuple>
#include <vector>

namespace cairn {
namespace {

// Length of the sequence a lead byte announces (0: not a lead byte) and the range of its second byte.
struct Lead {
  std::size_t bytes;
  unsigned char second_low, second_high;
};

Lead lead_of(unsigned char byte) {
  if (byte < 0x80) return {1, 0, 0};
  if (byte < 0xC2) return {0, 0, 0};
  if (byte < 0xE0) return {2, 0x80, 0xBF};
  if (byte == 0xE0) return {3, 0xA0, 0xBF};
  if (byte == 0xED) return {3, 0x80, 0x9F};
  if (byte < 0xF0) return {3, 0x80, 0xBF};
  if (byte == 0xF0) return {4, 0x90, 0xBF};
  if (byte < 0xF4) return {4, 0x80, 0xBF};
  if (byte == 0xF4) return {4, 0x80, 0x8F};
  return {0, 0, 0};
}

utf8proc_category_t category(char32_t code_point) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(code_point));
}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

// Canonical decomposition with marks in canonical order. A stable sort per run keeps long runs from costing n squared.
std::vector<utf8proc_int32_t> decompose(std::string_view text) {
  constexpr auto kOptions = static_cast<utf8proc_option_t>(UTF8PROC_DECOMPOSE | UTF8PROC_STABLE);
  std::vector<utf8proc_int32_t> points;
  points.reserve(text.size());
  std::array<utf8proc_int32_t, 32> parts;
  for (std::size_t offset = 0; offset < text.size();) {
    const auto point = static_cast<utf8proc_int32_t>(utf8_next(text, offset));
    int boundary = 0;
    const auto count = utf8proc_decompose_char(point, parts.data(), parts.size(), kOptions, &boundary);
    if (count < 1 || count > static_cast<utf8proc_ssize_t>(parts.size())) {
      points.push_back(point);
      continue;
    }
    points.insert(points.end(), parts.begin(), parts.begin() + count);
  }
  const auto combining = [](utf8proc_int32_t point) { return utf8proc_get_property(point)->combining_class; };
  for (auto run = points.begin(); run != points.end();) {
    run = std::find_if(run, points.end(), [&](auto point) { return combining(point) != 0; });
    const auto end = std::find_if(run, points.end(), [&](auto point) { return combining(point) == 0; });
    // Canonical order keeps equal classes as they stand: the position decides between them.
    std::vector<std::tuple<utf8proc_propval_t, std::ptrdiff_t, utf8proc_int32_t>> marks;
    for (auto mark = run; mark != end; ++mark) marks.emplace_back(combining(*mark), mark - run, *mark);
    std::sort(marks.begin(), marks.end());
    std::transform(marks.begin(), marks.end(), run, [](const auto& mark) { return std::get<2>(mark); });
    run = end;
  }
  return points;
}

}  // namespace

Utf8Step utf8_step(std::string_view bytes) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const Lead lead = lead_of(at(0));
  if (lead.bytes == 0) return {Utf8Step::Kind::kBroken, 1};
  for (std::size_t i = 1; i < lead.bytes; ++i) {
    if (i >= bytes.size()) return {Utf8Step::Kind::kPartial, i};
    const unsigned char low = i == 1 ? lead.second_low : 0x80, high = i == 1 ? lead.second_high : 0xBF;
    if (at(i) < low || at(i) > high) return {Utf8Step::Kind::kBroken, i};
  }
  return {Utf8Step::Kind::kComplete, lead.bytes};
}

std::size_t utf8_valid_prefix(std::string_view text) {
  std::size_t offset = 0;
  while (offset < text.size()) {
    if (static_cast<unsigned char>(text[offset]) < 0x80) {
      ++offset;
      continue;
    }
    const Utf8Step step = utf8_step(text.substr(offset, kUtf8BytesMax));
    if (step.kind != Utf8Step::Kind::kComplete) return offset;
    offset += step.bytes;
  }
  return offset;
}

Result<void> check_utf8(std::string_view text) {
  const std::size_t valid = utf8_valid_prefix(text);
  if (valid == text.size()) return {};
  return invalid("text is not UTF-8 at byte " + std::to_string(valid));
}

char32_t utf8_next(std::string_view text, std::size_t& offset) {
  const auto first = static_cast<unsigned char>(text[offset++]);
  if (first < 0x80) return first;
  const std::size_t more = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : 1;
  char32_t point = first & (0x3Fu >> more);
  for (std::size_t i = 0; i < more && offset < text.size(); ++i) {
    point = (point << 6) | (static_cast<unsigned char>(text[offset++]) & 0x3Fu);
  }
  return point;
}

char32_t utf8_previous(std::string_view text, std::size_t& offset) {
  do {
    --offset;
  } while (offset > 0 && (static_cast<unsigned char>(text[offset]) & 0xC0) == 0x80);
  std::size_t from = offset;
  return utf8_next(text, from);
}

void utf8_append(std::string& to, char32_t point) {
  const auto push = [&](char32_t byte) { to.push_back(static_cast<char>(static_cast<unsigned char>(byte))); };
  if (point < 0x80) {
    push(point);
  } else if (point < 0x800) {
    push(0xC0 | (point >> 6));
    push(0x80 | (point & 0x3F));
  } else if (point < 0x10000) {
    push(0xE0 | (point >> 12));
    push(0x80 | ((point >> 6) & 0x3F));
    push(0x80 | (point & 0x3F));
  } else {
    push(0xF0 | (point >> 18));
    push(0x80 | ((point >> 12) & 0x3F));
    push(0x80 | ((point >> 6) & 0x3F));
    push(0x80 | (point & 0x3F));
  }
}

std::size_t utf8_count(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

bool is_white_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

bool is_word(char32_t code_point) {
  switch (category(code_point)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_PC:
      return true;
    default:
      return (code_point >= 0x24B6 && code_point <= 0x24E9) || code_point == 0x200C || code_point == 0x200D;
  }
}

bool is_printable(char32_t code_point) {
  switch (category(code_point)) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
      return false;
    case UTF8PROC_CATEGORY_ZS:
      return code_point == ' ';
    default:
      return true;
  }
}

char32_t to_upper(char32_t c) { return static_cast<char32_t>(utf8proc_toupper(static_cast<utf8proc_int32_t>(c))); }
char32_t to_lower(char32_t c) { return static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c))); }

bool is_cased(char32_t code_point) {
  const auto kind = category(code_point);
  return kind == UTF8PROC_CATEGORY_LU || kind == UTF8PROC_CATEGORY_LL || kind == UTF8PROC_CATEGORY_LT;
}

std::string to_nfc(std::string_view text) {
  if (is_ascii(text)) return std::string(text);
  std::vector<utf8proc_int32_t> points = decompose(text);
  const auto composed = utf8proc_normalize_utf32(points.data(), static_cast<utf8proc_ssize_t>(points.size()),
                                                 static_cast<utf8proc_option_t>(UTF8PROC_COMPOSE | UTF8PROC_STABLE));
  CAIRN_CHECK(composed >= 0, "composition of decomposed text cannot fail");
  std::string out;
  out.reserve(text.size());
  for (utf8proc_ssize_t i = 0; i < composed; ++i)
    utf8_append(out, static_cast<char32_t>(points[static_cast<std::size_t>(i)]));
  return out;
}

}  // namespace cairn

#include "bench/scale.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace cairn {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
constexpr std::size_t kLinearTicksMax = 6;
constexpr std::size_t kLogTicksMax = 7;

bool continues(std::string_view text, std::size_t at) {
  return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80;
}

// Bytes of the well-formed character at `at`, 0 if there is none.
std::size_t character_bytes(std::string_view text, std::size_t at) {
  const auto byte = static_cast<unsigned char>(text[at]);
  if (byte < 0x80) return 1;
  const std::size_t bytes = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : 2;
  if (byte < 0xC2 || byte > 0xF4) return 0;
  for (std::size_t i = 1; i < bytes; ++i) {
    if (!continues(text, at + i)) return 0;
  }
  const auto second = static_cast<unsigned char>(text[at + 1]);
  const bool overlong = (byte == 0xE0 && second < 0xA0) || (byte == 0xF0 && second < 0x90);
  const bool beyond = (byte == 0xED && second > 0x9F) || (byte == 0xF4 && second > 0x8F);  // surrogates; above U+10FFFF
  const bool no_character = byte == 0xEF && second == 0xBF && static_cast<unsigned char>(text[at + 2]) >= 0xBE;
  return overlong || beyond || no_character ? 0 : bytes;
}

bool is_control(std::string_view character) {
  const auto first = static_cast<unsigned char>(character[0]);
  if (character.size() == 1) return first < 0x20 || first == 0x7F;
  return first == 0xC2 && static_cast<unsigned char>(character[1]) < 0xA0;  // C1
}

std::string grouped(std::string digits) {  // of the whole part
  for (std::size_t at = digits.size(); at > 3;) digits.insert(at -= 3, 1, ',');
  return digits;
}

std::vector<double> linear_ticks(double high) {
  if (!(high > 0)) high = 1;
  const double power = std::pow(10, std::floor(std::log10(high)) - 1);
  for (const double factor : {1.0, 2.0, 2.5, 5.0, 10.0, 20.0}) {
    const double step = power * factor;
    const auto steps = static_cast<std::size_t>(std::ceil(high / step - 1e-9));
    if (steps + 1 > kLinearTicksMax) continue;
    std::vector<double> ticks;
    for (std::size_t i = 0; i <= steps; ++i) ticks.push_back(step * static_cast<double>(i));
    return ticks;
  }
  return {0, high};
}

std::vector<double> log_ticks(double low, double high, const std::vector<double>& factors) {
  std::vector<double> ticks;
  const int last = static_cast<int>(std::floor(std::log10(high))) + 1;
  for (int power = static_cast<int>(std::floor(std::log10(low))); power <= last; ++power) {
    for (const double factor : factors) ticks.push_back(factor * std::pow(10, power));
  }
  const auto above = std::ranges::find_if(ticks, [&](double tick) { return tick >= high * (1 - 1e-9); });
  ticks.erase(above + 1, ticks.end());  // there is one: 10^last is above `high`
  auto first = std::ranges::find_if(ticks, [&](double tick) { return tick > low * (1 + 1e-9); });
  if (first != ticks.begin()) --first;
  ticks.erase(ticks.begin(), first);
  return ticks;
}

std::vector<double> log_ticks(const std::vector<double>& values) {
  double low = 0, high = 0;
  for (const double value : values) {
    if (!(value > 0) || !std::isfinite(value)) continue;
    low = low > 0 ? std::min(low, value) : value;
    high = std::max(high, value);
  }
  if (!(low > 0)) return {0.1, 1};
  for (const std::vector<double>& factors : {std::vector<double>{1, 2, 5}, {1, 3}, {1}}) {
    std::vector<double> ticks = log_ticks(low, high, factors);
    if (ticks.size() < 3) ticks = log_ticks(low / 2, high * 2, factors);  // an axis needs three to be seen as log
    if (ticks.size() <= kLogTicksMax || factors.size() == 1) return ticks;
  }
  return {low, high};
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t bytes = character_bytes(text, at);
    const std::string_view character = text.substr(at, std::max<std::size_t>(bytes, 1));
    out += bytes == 0 || is_control(character) ? kReplacement : character;
    at += character.size();
  }
  return out;
}

std::string markup(std::string_view text) {
  std::string out;
  for (const char c : printable(text)) {
    switch (c) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string thousands(std::uint64_t value) { return grouped(std::to_string(value)); }

std::string short_number(std::optional<double> value) {
  if (!value || !std::isfinite(*value)) return "–";
  if (*value == 0) return "0";
  const double size = std::fabs(*value);
  if (size >= 1e15 || size < 1e-6) {
    char text[32];
    std::snprintf(text, sizeof text, "%.2e", *value);
    return text;
  }
  // Digits after the point so that three count; 9.996 rounds up to 10.0.
  const int decimals = std::clamp(2 - static_cast<int>(std::floor(std::log10(size * (1 + 5e-4)))), 0, 8);
  char text[40];
  std::snprintf(text, sizeof text, "%.*f", decimals, size);
  std::string whole = text, rest;
  if (const std::size_t point = whole.find('.'); point != std::string::npos) {
    rest = whole.substr(point);
    whole.resize(point);
  }
  return (*value < 0 ? "−" : "") + grouped(whole) + rest;
}

Scale Scale::around(ScaleKind kind, const std::vector<double>& values, Range paper) {
  double high = 0;
  for (const double value : values) high = std::isfinite(value) ? std::max(high, value) : high;
  std::vector<double> ticks = kind == ScaleKind::kLog ? log_ticks(values) : linear_ticks(high);
  Scale scale(kind, {ticks.front(), ticks.back()}, paper);
  scale.ticks_ = std::move(ticks);
  return scale;
}

Scale Scale::exact(Range values, Range paper) { return {ScaleKind::kLinear, values, paper}; }

double Scale::at(double value) const {
  const auto place = [this](double x) { return kind_ == ScaleKind::kLog ? std::log10(x) : x; };
  const double length = place(values_.high) - place(values_.low);
  const double share = length > 0 ? (place(value) - place(values_.low)) / length : 0.5;
  return paper_.low + share * (paper_.high - paper_.low);
}

}  // namespace cairn

#include "config/value.h"

#include <charconv>
#include <cmath>

#include "base/bytes.h"
#include "base/text.h"
#include "config/nearest.h"

namespace cairn {
namespace {

std::string quoted(std::string_view text) {
  constexpr std::size_t kShownMax = 60;
  return "\"" + printable(std::string(text.substr(0, kShownMax))) + (text.size() > kShownMax ? "...\"" : "\"");
}

}  // namespace

Result<bool> parse_switch(std::string_view text) {
  if (text == "true" || text == "yes" || text == "on" || text == "1") return true;
  if (text == "false" || text == "no" || text == "off" || text == "0") return false;
  return invalid(quoted(text) + " is neither true nor false");
}

Result<double> parse_real(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) {
    return invalid(quoted(text) + " is not a number, such as 0.5");
  }
  return value;
}

Result<std::uint64_t> parse_unsigned(std::string_view text, OptionKind kind, std::uint64_t high) {
  auto number = parse_u64(text);  // plain digits exactly, also beyond 2^53
  if (!number && kind == OptionKind::kBytes) number = parse_bytes(text);
  if (!number) {
    return invalid(quoted(text) + (kind == OptionKind::kBytes ? " is not a size, such as 256MiB, 1.5GiB or 4096"
                                                              : " is not a whole number, such as 200"));
  }
  if (*number > high) return invalid(quoted(text) + " is too large; at most " + std::to_string(high));
  return *number;
}

Result<std::int64_t> parse_signed(std::string_view text, std::int64_t low, std::int64_t high) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    return invalid(quoted(text) + " is not a whole number, such as -1");
  }
  if (value < low || value > high) {
    return invalid(quoted(text) + " is outside " + std::to_string(low) + " to " + std::to_string(high));
  }
  return value;
}

std::string bytes_text(std::uint64_t bytes) {
  struct Unit {
    std::uint64_t bytes;
    const char* name;
  };
  static constexpr Unit kUnits[] = {{kGiB * 1024, "TiB"},  {kGiB, "GiB"},     {kMiB, "MiB"}, {kKiB, "KiB"},
                                    {1'000'000'000, "GB"}, {1'000'000, "MB"}, {1'000, "kB"}};
  for (const Unit& unit : kUnits) {
    if (bytes != 0 && bytes % unit.bytes == 0) return std::to_string(bytes / unit.bytes) + unit.name;
  }
  return std::to_string(bytes);
}

std::string real_text(double value) {
  char buffer[40];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value);
  return std::string(buffer, end.ptr);
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return out;
}

std::string list_text(const std::vector<std::string>& items) {
  std::string text;
  for (const std::string& item : items) text += (text.empty() ? "" : ",") + item;
  return text;
}

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> items;
  while (!text.empty()) {
    const auto comma = text.find(',');
    if (const auto item = text.substr(0, comma); !item.empty()) items.emplace_back(item);
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
  }
  return items;
}

Error not_a_choice(std::string_view text, const std::vector<std::string>& choices) {
  std::string listed;
  for (const std::string& choice : choices) listed += (listed.empty() ? "" : ", ") + choice;
  return invalid(quoted(text) + " is none of " + listed + did_you_mean(text, choices));
}

bool names_bytes(std::string_view field) {
  for (auto at = field.find("bytes"); at != std::string_view::npos; at = field.find("bytes", at + 1)) {
    const bool begins = at == 0 || field[at - 1] == '_';
    const auto end = at + 5;
    if (begins && (end == field.size() || field[end] == '_')) return true;
  }
  return false;
}

}  // namespace cairn

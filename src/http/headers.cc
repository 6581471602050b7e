#include "http/headers.h"

#include <algorithm>
#include <array>
#include <vector>

namespace cairn {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

constexpr std::array<std::string_view, 12> kHopByHop = {
    "connection", "keep-alive", "proxy-connection", "proxy-authenticate", "proxy-authorization",
    "te",         "trailer",    "upgrade",          "transfer-encoding",  "content-length",
    "host",       "expect"};

std::vector<std::string_view> named_by_connection(const HttpHeaders& headers) {
  std::vector<std::string_view> names;
  for (const auto& [name, value] : headers) {
    if (!equals_ignoring_case(name, "connection")) continue;
    for (std::string_view rest = value; !rest.empty();) {
      const auto comma = rest.find(',');
      std::string_view one = rest.substr(0, comma);
      while (!one.empty() && (one.front() == ' ' || one.front() == '\t')) one.remove_prefix(1);
      while (!one.empty() && (one.back() == ' ' || one.back() == '\t')) one.remove_suffix(1);
      names.push_back(one);
      rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
    }
  }
  return names;
}

bool holds(const auto& names, std::string_view name) {
  return std::any_of(names.begin(), names.end(), [name](auto known) { return equals_ignoring_case(known, name); });
}

}  // namespace

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view header_of(const HttpHeaders& headers, std::string_view name) {
  for (const auto& [known, value] : headers) {
    if (equals_ignoring_case(known, name)) return value;
  }
  return {};
}

HttpHeaders end_to_end(const HttpHeaders& headers) {
  const std::vector<std::string_view> named = named_by_connection(headers);
  HttpHeaders kept;
  for (const auto& field : headers) {
    if (!holds(kHopByHop, field.first) && !holds(named, field.first)) kept.push_back(field);
  }
  return kept;
}

}  // namespace cairn

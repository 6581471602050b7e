#include "http/api_keys.h"

#include <sys/stat.h>

#include <algorithm>
#include <fstream>

namespace cairn {
namespace {

constexpr std::size_t kTenantBytesMax = 128;

bool is_printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

// 0 exactly when equal; the time depends on the sizes only, and both are kApiKeyBytesMax.
unsigned difference(std::string_view a, std::string_view b) {
  unsigned bits = 0;
  for (std::size_t i = 0; i < kApiKeyBytesMax; ++i) {
    bits |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i]);
    asm volatile("" : "+r"(bits));  // keeps the compiler from leaving the loop early
  }
  return bits;
}

bool is_bearer(std::string_view word) {
  static constexpr std::string_view kBearer = "bearer";
  return word.size() == kBearer.size() &&
         std::equal(word.begin(), word.end(), kBearer.begin(), [](char a, char b) { return (a | 0x20) == b; });
}

}  // namespace

Result<ApiKeys> ApiKeys::make(const std::vector<std::string>& lines) {
  ApiKeys keys;
  if (lines.size() > kApiKeysMax) return invalid("api_keys: more than 10000 keys");
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::string where = "api_keys: entry " + std::to_string(i + 1);
    const auto equals = lines[i].find('=');
    // A key may itself end in '=' (base64): a tenant needs a name before and a key behind.
    const bool named =
        equals != std::string::npos && equals > 0 && lines[i].find_first_not_of('=', equals) != std::string::npos;
    Key key;
    if (named) key.tenant = lines[i].substr(0, equals);
    key.bytes = named ? lines[i].substr(equals + 1) : lines[i];
    key.size = key.bytes.size();
    if (key.size == 0) return invalid(where + " is empty");
    if (key.size > kApiKeyBytesMax) return invalid(where + " is longer than 512 bytes");
    if (key.tenant.size() > kTenantBytesMax) return invalid(where + " has a tenant name longer than 128 bytes");
    if (!is_printable(key.bytes) || !is_printable(key.tenant)) {
      return invalid(where + " holds a space or a byte that no header can carry");
    }
    key.bytes.resize(kApiKeyBytesMax, '\0');
    if (!named && lines.size() > 1)
      return invalid(where + " needs a tenant: with several keys write TENANT=KEY for each");
    for (const Key& known : keys.keys_) {
      if (known.bytes == key.bytes) return invalid(where + " stands twice");
    }
    keys.keys_.push_back(std::move(key));
  }
  return keys;
}

Result<ApiKeys> ApiKeys::load(const HttpConfig& config) {
  std::vector<std::string> lines = config.api_keys;
  if (!config.api_keys_file.empty()) {
    std::ifstream file(config.api_keys_file);
    struct stat status{};
    if (!file || ::stat(config.api_keys_file.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) {
      return invalid("api_keys_file: cannot read " + config.api_keys_file);
    }
    if ((status.st_mode & 0077) != 0) {
      return invalid("api_keys_file: " + config.api_keys_file + " is open to other users; chmod 600 it");
    }
    for (std::string line; std::getline(file, line);) {
      while (!line.empty() && (line.back() == ' ' || line.back() == '\r' || line.back() == '\t')) line.pop_back();
      if (!line.empty() && line[0] != '#') lines.push_back(line);
      if (lines.size() > kApiKeysMax) break;
    }
    if (lines.empty()) return invalid("api_keys_file: " + config.api_keys_file + " holds no key");
  }
  return make(lines);
}

std::optional<std::string> ApiKeys::tenant_of(std::string_view authorization) const {
  const auto space = authorization.find(' ');
  if (space == std::string_view::npos || !is_bearer(authorization.substr(0, space))) return std::nullopt;
  std::string_view given = authorization.substr(space + 1);
  while (!given.empty() && given.front() == ' ') given.remove_prefix(1);
  std::string padded(given.substr(0, kApiKeyBytesMax));
  padded.resize(kApiKeyBytesMax, '\0');
  const Key* match = nullptr;
  for (const Key& key : keys_) {
    const bool same = (difference(key.bytes, padded) | static_cast<unsigned>(key.size ^ given.size())) == 0;
    match = same ? &key : match;
  }
  if (match == nullptr) return std::nullopt;
  return match->tenant;
}

}  // namespace cairn

#include "config/store_url.h"

#include <algorithm>

#include "base/text.h"
#include "config/nearest.h"
#include "config/show.h"

namespace cairn {
namespace {

constexpr std::size_t kUrlBytesMax = 8192, kQueryKeysMax = 64;
constexpr std::string_view kExample = "; such as file:///mnt/kv?durability=none";

Result<std::string> decoded(std::string_view text) {
  if (has_broken_escape(text)) return invalid("a % must be followed by two hexadecimal digits");
  std::string out = percent_decode(text);
  if (std::ranges::any_of(out, is_control)) return invalid("it holds a control byte");
  return out;
}

Result<void> read_query(std::string_view text, StoreUrl& url) {
  while (!text.empty()) {
    const auto end = std::min(text.find('&'), text.size());
    const std::string_view part = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (part.empty()) continue;
    const auto equals = part.find('=');
    if (equals == std::string_view::npos) return invalid("\"" + std::string(part) + "\" has no value");
    CAIRN_TRY(std::string key, decoded(part.substr(0, equals)));
    CAIRN_TRY(std::string value, decoded(part.substr(equals + 1)));
    for (const auto& [known, unused] : url.query) {
      if (known == key) return invalid("\"" + key + "\" stands twice");
    }
    if (url.query.size() >= kQueryKeysMax) return invalid("it has more than 64 query keys");
    url.query.emplace_back(std::move(key), std::move(value));
  }
  return {};
}

Result<void> read_place(std::string_view rest, StoreUrl& url) {
  const auto query = std::min(rest.find('?'), rest.size());
  const std::string_view place = rest.substr(0, query);
  const auto slash = std::min(place.find('/'), place.size());
  url.authority = place.substr(0, slash);
  CAIRN_TRY(url.path, decoded(place.substr(slash)));
  if (url.scheme == "file") {
    if (!url.authority.empty()) return invalid("a file URL has three slashes and an absolute path");
    while (url.path.size() > 1 && url.path.back() == '/') url.path.pop_back();
    if (url.path.empty() || url.path[0] != '/') return invalid("a file URL has three slashes and an absolute path");
  } else if (url.authority.empty()) {
    return invalid("it names no bucket or host");
  }
  return read_query(rest.substr(std::min(query + 1, rest.size())), url);
}

}  // namespace

Result<StoreUrl> parse_store_url(std::string_view text) {
  StoreUrl url;
  url.shown = printable(redact_url(std::string(text.substr(0, 200))));
  const auto fail = [&url](const std::string& what) {
    return invalid("store URL \"" + url.shown + "\": " + what + std::string(kExample));
  };
  if (text.size() > kUrlBytesMax) return fail("longer than 8192 bytes");
  Result<void> read;
  if (text.starts_with('/')) {
    url.scheme = "file";
    read = read_place(text, url);
  } else {
    const auto end = text.find("://");
    if (end == std::string_view::npos || end == 0) return fail("it has no scheme");
    url.scheme = text.substr(0, end);
    for (char& c : url.scheme) {
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
      if ((c < 'a' || c > 'z') && (c < '0' || c > '9')) return fail("its scheme is not a name");
    }
    read = read_place(text.substr(end + 3), url);
  }
  if (!read) return fail(read.error().detail);
  return url;
}

Result<void> apply_query(const StoreUrl& url, OptionSet& options) {
  const std::string where = "store URL \"" + url.shown + "\"";
  for (const auto& [key, value] : url.query) {
    Option* option = options.find("", key);
    if (option == nullptr)
      return invalid(where + ": no such setting \"" + key + "\"" + did_you_mean(key, options.names_in("")));
    const auto values = option->kind == OptionKind::kList ? split_list(value) : std::vector<std::string>{value};
    const Result<void> set = option->set(values);
    if (!set) return invalid(where + ": " + key + ": " + set.error().detail);
    option->origin = {Origin::Kind::kFlag, where};
  }
  return options.validate();
}

}  // namespace cairn

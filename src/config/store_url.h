// Where a shared store is: file:///path?durability=none&read_bytes_per_s=100MB. The query's keys are the fields of the
// tier's configuration (see apply_query). Pure values.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "config/option_set.h"

namespace cairn {

struct StoreUrl {
  std::string scheme;     // "file", "s3", ...: lower case
  std::string authority;  // bucket or host; empty for file
  std::string path;       // percent-decoded; file: absolute, without a trailing slash
  std::vector<std::pair<std::string, std::string>> query;
  std::string shown;  // the URL for people: secrets redacted
};

// An absolute path alone means file://. kInvalid, one line with an example: no scheme, a relative or empty file path,
// a host in a file URL, a bad percent escape, a control byte, a key twice.
Result<StoreUrl> parse_store_url(std::string_view text);

// Sets the bound options from the query; unknown keys are refused with the nearest name. Used by the template below.
Result<void> apply_query(const StoreUrl& url, OptionSet& options);

// `config` is any described struct; validated afterwards.
template <class T>
Result<void> apply_query(const StoreUrl& url, T& config) {
  OptionSet options;
  options.add("", "", config);
  return apply_query(url, options);
}

}  // namespace cairn

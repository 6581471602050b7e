// LMCache's settings as a file and the variables give them, before anybody asks what they mean. Pure.
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "config/option_set.h"
#include "config/yaml_file.h"

namespace cairn {

struct LmcacheValue {
  std::string name;                 // as in the table: "chunk_size", "extra_config.s3_region"
  std::vector<std::string> values;  // one for a scalar; none: null, as good as absent
  bool is_list = false;
  std::string where;       // "lmcache.yaml:3 chunk_size", "LMCACHE_CHUNK_SIZE"
  bool is_opaque = false;  // a map or what holds one, unread
};

inline constexpr std::string_view kLmcacheMap = "extra_config";  // the one section of a file: read_yaml's opaque_in

enum class Dialect : std::uint8_t {
  kOpen,  // no key says
  kCairn,
  kLmcache,
};
// By the top-level keys: one that only LMCache has, one that only `options` have. kInvalid where both stand.
Result<Dialect> dialect_of(std::span<const FileSetting> settings, const std::string& file, const OptionSet& options);

// kInvalid for a value where LMCache has a map. Names are not judged.
Result<std::vector<LmcacheValue>> lmcache_values(std::span<const FileSetting> settings, const std::string& file);
// LMCACHE_* variables; one that LMCache does not have keeps its name. One that nearly is one is kInvalid; those of
// services are left out.
Result<std::vector<LmcacheValue>> lmcache_values(std::span<const std::pair<std::string, std::string>> variables);
// What both name is `over`'s; an extra_config of `over` replaces the whole map, as LMCache does it.
std::vector<LmcacheValue> overlaid(std::vector<LmcacheValue> values, std::vector<LmcacheValue> over);

}  // namespace cairn

// Every option of LMCache's in-process engine and what Cairn makes of it: the one table behind the translation, its
// messages and docs/lmcache.md. Pure values.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cairn {

enum class LmcacheUse : std::uint8_t {
  kWorks,     // `text` says as what
  kAccepted,  // without effect; `text` says why
  kRefused,   // `text` says why, and what would be right
};

struct LmcacheOption {
  // "chunk_size"; "extra_config.s3_region"; "LMCACHE_LOG_LEVEL": a variable that no file has. A last * stands for any
  // ending.
  std::string_view name;
  LmcacheUse use;
  std::string_view plain;  // the value that asks for nothing: neither notice nor refusal. Empty: there is none
  std::string_view text;
};

inline constexpr std::string_view kLmcacheExtra = "extra_config.", kLmcacheVariable = "LMCACHE_";

std::span<const LmcacheOption> lmcache_options();
const LmcacheOption* find_lmcache_option(std::string_view name);  // null: LMCache has none
// Names of the same place as `name`: the file, its extra_config, variables; without the prefix of that place.
std::vector<std::string> lmcache_names_like(std::string_view name);
std::string_view without_prefix(std::string_view name);
// Values are compared as LMCache reads them: False is false and 0, LRU is lru.
bool asks_nothing(const LmcacheOption& option, std::string_view value);

}  // namespace cairn

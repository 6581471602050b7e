// LMCache's configuration as settings of `cairn serve`. Pure: what each option becomes stands in lmcache_options.h.
#pragma once

#include <string>
#include <vector>

#include "config/lmcache_source.h"

namespace cairn {

struct LmcacheSetting {
  std::string section, name;        // of `cairn serve`
  std::vector<std::string> values;  // one unless the setting is a list
  std::string where;                // the keys it comes from
  bool is_list = false;
  bool secret = false;  // to be neither shown nor written
};

// Each line begins with where it was given, and holds no secret.
struct LmcacheTranslation {
  std::vector<LmcacheSetting> settings;
  std::vector<std::string> notices;   // accepted, without effect or with another one
  std::vector<std::string> refusals;  // not empty: the settings are not to be used
};

LmcacheTranslation translate_lmcache(const std::vector<LmcacheValue>& values);

// The settings as a cairn.yaml, origins and notices as comments; for a secret a comment says where to put it.
std::string lmcache_as_yaml(const LmcacheTranslation& translation);

}  // namespace cairn

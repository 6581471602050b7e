// One loader for a program's settings: defaults, then the YAML file, then LMCACHE_* variables where the settings accept
// LMCache's dialect, then CAIRN_* variables, then flags; the later one wins and is remembered as the origin. Start of
// the program, one thread.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "config/option_set.h"

namespace cairn {

using Variables = std::vector<std::pair<std::string, std::string>>;

struct LoadInput {
  std::vector<std::string> arguments;  // without program and verb
  Variables variables;                 // see environment(); only CAIRN_* and LMCACHE_* ones are looked at
  ConfigFile file = ConfigFile::kRead;
  std::vector<std::string> foreign_variables = {};  // settings of other verbs: known, not used
};

struct Loaded {
  std::vector<std::string> positional;  // in order
  std::string config_file;              // empty: none
  std::vector<std::string> notices;     // of LMCache's options that have no effect, one line each
  bool help = false;                    // --help or -h was given; nothing was validated
};

// The variables of this process (the only reader of the environment in the product).
Variables environment();
std::string variable_or(const Variables& variables, std::string_view name, std::string_view fallback);

// The text of a configuration, one byte too many where it is too long. kInvalid with the path: it cannot be read, or is
// no regular file. Waits for nobody.
Result<std::string> read_config_file(const std::string& path);

// Sets what the translation says, and returns each of its refusals and of its values that no setting takes.
struct LmcacheTranslation;
std::vector<std::string> apply_lmcache(OptionSet& options, const LmcacheTranslation& translation);

// Fills the bound structs. Errors are one line: where, which setting, what is wrong, what would be right. Unknown keys
// of the file and unknown flags are errors with the nearest valid name; so is a CAIRN_* variable that nearly is one.
// One that resembles nothing is left alone: orchestrators invent such names (CAIRN_SERVICE_HOST) from those of
// services.
Result<Loaded> load_options(OptionSet& options, const LoadInput& input);

}  // namespace cairn

// A YAML configuration text as a flat list of settings with their lines. Pure: no file, no schema.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace cairn {

inline constexpr std::size_t kConfigFileBytesMax = 1 << 20;

struct FileSetting {
  std::string section, name;        // section "": top level
  std::vector<std::string> values;  // one for a scalar; none for null: a key without a value
  bool is_list = false;
  bool is_section = false;  // `name` heads a map; its settings follow. No values.
  std::uint32_t line = 0;   // from 1
};

// kInvalid with "`file`:line: what" for bytes that are no YAML, a key that stands twice, deeper nesting than section
// and name, lists of anything but scalars, a text above kConfigFileBytesMax.
Result<std::vector<FileSetting>> read_yaml(std::string_view text, const std::string& file);

}  // namespace cairn

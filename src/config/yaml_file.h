// A YAML configuration text as a flat list of settings with their lines. Pure: no file, no schema.
#pragma once

#include <cstdint>
#include <optional>
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
  bool is_opaque = false;   // a map, or a list that holds more than scalars, unread. No values.
  std::uint32_t line = 0;   // from 1
};

// kInvalid with "`file`:line: what" for bytes that are no YAML, a key that stands twice, deeper nesting than section
// and name, lists of anything but scalars, a text above kConfigFileBytesMax. What nests too deep is opaque instead in
// the section `opaque_in` ("": in the top level, which then has no sections).
Result<std::vector<FileSetting>> read_yaml(std::string_view text, const std::string& file,
                                           std::optional<std::string_view> opaque_in = std::nullopt);

// For messages: cut at the first byte that no name has, since in `key:value` it is the value that follows.
std::string shown_name(std::string_view name);

}  // namespace cairn

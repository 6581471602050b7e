// Text operations that filters and methods of chat templates share. kInvalid where Python raises.
#pragma once

#include <string>
#include <string_view>

#include "text/template_functions.h"

namespace cairn {

// The value as Python's str() prints it.
TemplateValue text_of(TemplateWorld& world, const TemplateValue& value);
Result<std::string_view> text_argument(const TemplateArguments& arguments, std::size_t index, std::string_view what);
// Strings between which `separator` stands.
TemplateValue join_text(TemplateWorld& world, const std::vector<TemplateValue>& items, std::string_view separator);
Result<TemplateValue> replace_text(TemplateWorld& world, std::string_view text, const TemplateArguments& arguments);

enum class LetterCase : std::uint8_t { kUpper, kLower, kCapitalized, kTitleMethod, kTitleFilter };
TemplateValue change_case(TemplateWorld& world, std::string_view text, LetterCase to);

}  // namespace cairn

// Filters, tests, methods and functions by name. template_filters.cc, template_tests.cc and template_methods.cc have
// them.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "text/template_value.h"

namespace cairn {

inline constexpr std::size_t kTemplateParametersMax = 4;

// What a function may use beside its arguments.
struct TemplateWorld {
  TemplateArena& arena;
  std::optional<std::int64_t> now_unix_s;
};

// The arguments in the order of the parameters; has[i] is false where none was given.
struct TemplateArguments {
  std::array<TemplateValue, kTemplateParametersMax> values;
  std::array<bool, kTemplateParametersMax> has{};
  const TemplateValue& operator[](std::size_t i) const { return values[i]; }
};

struct TemplateFunction {
  using Body = Result<TemplateValue> (*)(TemplateWorld& world, const TemplateValue& self,
                                         const TemplateArguments& arguments);
  std::string_view name;
  std::array<std::string_view, kTemplateParametersMax> parameters;  // empty names: fewer parameters
  std::size_t required = 0;
  Body body = nullptr;
};

// Null: there is none. Tests give a bool.
const TemplateFunction* find_template_filter(std::string_view name);
const TemplateFunction* find_template_test(std::string_view name);
const TemplateFunction* find_template_function(std::string_view name);  // global: range, raise_exception, strftime_now
enum class MethodOwner : std::uint8_t { kString, kDict, kLoop };
const TemplateFunction* find_template_method(MethodOwner owner, std::string_view name);

// template_access.cc: what several of them and the evaluator need. kInvalid where Python raises.
Result<std::vector<TemplateValue>> items_of(TemplateWorld& world, const TemplateValue& value);
Result<std::int64_t> length_of(const TemplateValue& value);
// object.name or object[name]: undefined where there is none.
Result<TemplateValue> attribute_of(const TemplateValue& object, std::string_view name);
Result<TemplateValue> item_of(TemplateWorld& world, const TemplateValue& object, const TemplateValue& key);
Result<TemplateValue> slice_of(TemplateWorld& world, const TemplateValue& object,
                               const std::array<TemplateValue, 3>& bounds);
Result<bool> contains(TemplateWorld& world, const TemplateValue& container, const TemplateValue& wanted);
Result<int> compare(const TemplateValue& a, const TemplateValue& b);  // < 0, 0, > 0
bool is_text_space(char32_t code_point);                              // what Python's str.strip() takes away
std::string_view strip_text(std::string_view text, std::optional<std::string_view> characters, bool left, bool right);

}  // namespace cairn

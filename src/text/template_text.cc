#include "text/template_text.h"

#include "text/unicode.h"

namespace cairn {
namespace {

using Kind = TemplateValue::Kind;

// Whether the code point after `before` begins a word.
bool begins_word(char32_t before, LetterCase to) {
  if (to == LetterCase::kTitleMethod) return !is_cased(before);
  return is_white_space(before) || std::u32string_view(U"-({[<").find(before) != std::u32string_view::npos;
}

}  // namespace

TemplateValue text_of(TemplateWorld& world, const TemplateValue& value) {
  if (value.is(Kind::kString)) return value;
  BoundedText text = world.arena.text();
  write_text(value, text);
  return world.arena.own(std::move(text));
}

Result<std::string_view> text_argument(const TemplateArguments& arguments, std::size_t index, std::string_view what) {
  if (arguments[index].is(Kind::kString)) return arguments[index].text;
  return invalid(std::string(what) + " needs text, not a value of type " + std::string(kind_name(arguments[index])));
}

TemplateValue join_text(TemplateWorld& world, const std::vector<TemplateValue>& items, std::string_view separator) {
  BoundedText out = world.arena.text();
  for (std::size_t i = 0; i < items.size() && !out.over(); ++i) {
    if (i > 0) out.add(separator);
    write_text(items[i], out);
  }
  return world.arena.own(std::move(out));
}

Result<TemplateValue> replace_text(TemplateWorld& world, std::string_view text, const TemplateArguments& arguments) {
  CAIRN_TRY(const std::string_view from, text_argument(arguments, 0, "replace"));
  CAIRN_TRY(const std::string_view to, text_argument(arguments, 1, "replace"));
  if (from.empty()) return invalid("replace of empty text is not implemented");
  std::int64_t count = arguments.has[2] && arguments[2].is_integral() ? arguments[2].integer : -1;
  BoundedText out = world.arena.text();
  std::size_t at = 0;
  while (!out.over() && count != 0) {
    const std::size_t found = text.find(from, at);
    if (found == std::string_view::npos) break;
    out.add(text.substr(at, found - at));
    out.add(to);
    at = found + from.size();
    if (count > 0) --count;
  }
  out.add(text.substr(at));
  return world.arena.own(std::move(out));
}

TemplateValue change_case(TemplateWorld& world, std::string_view text, LetterCase to) {
  std::string out;
  char32_t before = ' ';
  for (std::size_t at = 0; at < text.size();) {
    const bool first = at == 0;
    const char32_t point = utf8_next(text, at);
    const bool upper = to == LetterCase::kUpper || (to == LetterCase::kCapitalized && first) ||
                       (to >= LetterCase::kTitleMethod && begins_word(before, to));
    utf8_append(out, upper ? to_upper(point) : to_lower(point));
    before = point;
  }
  return world.arena.own(std::move(out));
}

}  // namespace cairn

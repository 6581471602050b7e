#include <algorithm>
#include <limits>

#include "text/template_functions.h"
#include "text/unicode.h"

namespace cairn {
namespace {

using Kind = TemplateValue::Kind;

Error undefined_error(const TemplateValue& value) { return invalid("'" + std::string(value.text) + "' is undefined"); }

std::vector<TemplateValue> code_points(TemplateWorld& world, std::string_view text) {
  std::vector<TemplateValue> points;
  world.arena.charge(text.size() * sizeof(TemplateValue));
  if (world.arena.over()) return points;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    utf8_next(text, at);
    points.push_back(TemplateValue::string(text.substr(begin, at - begin)));
  }
  return points;
}

// What loop.NAME is; undefined at the ends.
TemplateValue loop_attribute(const TemplateLoop& loop, std::string_view name) {
  const auto size = static_cast<std::int64_t>(loop.items.size()), index = static_cast<std::int64_t>(loop.index);
  if (name == "index") return TemplateValue::integral(index + 1);
  if (name == "index0") return TemplateValue::integral(index);
  if (name == "revindex") return TemplateValue::integral(size - index);
  if (name == "revindex0") return TemplateValue::integral(size - index - 1);
  if (name == "first") return TemplateValue::boolean(index == 0);
  if (name == "last") return TemplateValue::boolean(index + 1 == size);
  if (name == "length") return TemplateValue::integral(size);
  if (name == "previtem" && index > 0) return loop.items[loop.index - 1];
  if (name == "nextitem" && index + 1 < size) return loop.items[loop.index + 1];
  return TemplateValue::undefined(name);
}

// An index counted from the end if negative; nothing if outside.
std::optional<std::size_t> position(std::int64_t index, std::size_t size) {
  if (index < 0) index += static_cast<std::int64_t>(size);
  if (index < 0 || index >= static_cast<std::int64_t>(size)) return std::nullopt;
  return static_cast<std::size_t>(index);
}

struct Range {
  std::int64_t begin, end, step;
};

// Python's rules for absent, negative and too large bounds.
Result<Range> slice_range(const std::array<TemplateValue, 3>& bounds, std::int64_t size) {
  for (const TemplateValue& bound : bounds) {
    if (!bound.is_integral() && !bound.is(Kind::kNone)) return invalid("a slice needs integers");
  }
  const std::int64_t step = bounds[2].is(Kind::kNone) ? 1 : bounds[2].integer;
  if (step == 0) return invalid("a slice cannot have step zero");
  const std::int64_t low = step > 0 ? 0 : -1, high = step > 0 ? size : size - 1;
  const auto place = [&](const TemplateValue& bound, std::int64_t absent) {
    if (bound.is(Kind::kNone)) return absent;
    const std::int64_t value = bound.integer < 0 ? bound.integer + size : bound.integer;
    return std::clamp(value, low, high);
  };
  return Range{place(bounds[0], step > 0 ? low : high), place(bounds[1], step > 0 ? high : low), step};
}

}  // namespace

Result<std::vector<TemplateValue>> items_of(TemplateWorld& world, const TemplateValue& value) {
  switch (value.kind) {
    case Kind::kUndefined:
      return std::vector<TemplateValue>();
    case Kind::kString:
      return code_points(world, value.text);
    case Kind::kList:
      world.arena.charge(value.list->items.size() * sizeof(TemplateValue));
      return value.list->items;
    case Kind::kDict: {
      std::vector<TemplateValue> keys;
      for (const auto& [key, item] : value.dict->entries) keys.push_back(TemplateValue::string(key));
      return keys;
    }
    default:
      return invalid("a value of type " + std::string(kind_name(value)) + " cannot be iterated");
  }
}

Result<std::int64_t> length_of(const TemplateValue& value) {
  switch (value.kind) {
    case Kind::kUndefined:
      return std::int64_t{0};
    case Kind::kString:
      return static_cast<std::int64_t>(utf8_count(value.text));
    case Kind::kList:
      return static_cast<std::int64_t>(value.list->items.size());
    case Kind::kDict:
      return static_cast<std::int64_t>(value.dict->entries.size());
    default:
      return invalid("a value of type " + std::string(kind_name(value)) + " has no length");
  }
}

Result<TemplateValue> attribute_of(const TemplateValue& object, std::string_view name) {
  if (object.is(Kind::kUndefined)) return undefined_error(object);
  if (object.is(Kind::kLoop)) return loop_attribute(*object.loop, name);
  if (object.is(Kind::kDict) || object.is(Kind::kNamespace)) {
    if (const TemplateValue* found = object.dict->find(name)) return *found;
  }
  return TemplateValue::undefined(name);
}

Result<TemplateValue> item_of(TemplateWorld& world, const TemplateValue& object, const TemplateValue& key) {
  if (object.is(Kind::kUndefined)) return undefined_error(object);
  if (key.is(Kind::kString)) return attribute_of(object, key.text);
  if (!key.is_integral()) return TemplateValue::undefined("item");
  if (object.is(Kind::kList)) {
    const auto at = position(key.integer, object.list->items.size());
    return at ? object.list->items[*at] : TemplateValue::undefined("item");
  }
  if (object.is(Kind::kString)) {
    const auto points = code_points(world, object.text);
    const auto at = position(key.integer, points.size());
    return at ? points[*at] : TemplateValue::undefined("item");
  }
  return TemplateValue::undefined("item");
}

Result<TemplateValue> slice_of(TemplateWorld& world, const TemplateValue& object,
                               const std::array<TemplateValue, 3>& bounds) {
  if (object.is(Kind::kUndefined)) return undefined_error(object);
  if (!object.is(Kind::kString) && !object.is(Kind::kList)) return TemplateValue::undefined("slice");
  CAIRN_TRY(const auto items, items_of(world, object));
  CAIRN_TRY(const Range range, slice_range(bounds, static_cast<std::int64_t>(items.size())));
  std::vector<TemplateValue> chosen;
  for (std::int64_t i = range.begin; range.step > 0 ? i < range.end : i > range.end;) {
    chosen.push_back(items[static_cast<std::size_t>(i)]);
    if (__builtin_add_overflow(i, range.step, &i)) break;
  }
  if (object.is(Kind::kString)) {
    std::string text;
    for (const TemplateValue& point : chosen) text += point.text;
    return world.arena.own(std::move(text));
  }
  TemplateList* list = world.arena.list(std::move(chosen));
  list->tuple = object.list->tuple;
  return TemplateValue::of_list(list);
}

Result<bool> contains(TemplateWorld&, const TemplateValue& container, const TemplateValue& wanted) {
  switch (container.kind) {
    case Kind::kUndefined:
      return false;
    case Kind::kString:
      if (!wanted.is(Kind::kString)) return invalid("'in' with text on the right needs text on the left");
      return container.text.find(wanted.text) != std::string_view::npos;
    case Kind::kList:
      return std::any_of(container.list->items.begin(), container.list->items.end(),
                         [&](const TemplateValue& item) { return equal(item, wanted); });
    case Kind::kDict:
      return wanted.is(Kind::kString) && container.dict->find(wanted.text) != nullptr;
    default:
      return invalid("'in' does not work on a value of type " + std::string(kind_name(container)));
  }
}

Result<int> compare(const TemplateValue& a, const TemplateValue& b) {
  if (a.is_integral() && b.is_integral()) return a.integer < b.integer ? -1 : a.integer > b.integer ? 1 : 0;
  if (a.is_number() && b.is_number()) return a.as_real() < b.as_real() ? -1 : a.as_real() > b.as_real() ? 1 : 0;
  if (a.is(Kind::kString) && b.is(Kind::kString)) return a.text.compare(b.text);
  return invalid("values of type " + std::string(kind_name(a)) + " and " + std::string(kind_name(b)) +
                 " have no order");
}

bool is_text_space(char32_t point) { return is_white_space(point) || (point >= 0x1C && point <= 0x1F); }

std::string_view strip_text(std::string_view text, std::optional<std::string_view> characters, bool left, bool right) {
  const auto strips = [&](char32_t point) {
    if (!characters) return is_text_space(point);
    for (std::size_t at = 0; at < characters->size();) {
      if (utf8_next(*characters, at) == point) return true;
    }
    return false;
  };
  while (left && !text.empty()) {
    std::size_t at = 0;
    if (!strips(utf8_next(text, at))) break;
    text.remove_prefix(at);
  }
  while (right && !text.empty()) {
    std::size_t at = text.size();
    if (!strips(utf8_previous(text, at))) break;
    text = text.substr(0, at);
  }
  return text;
}

}  // namespace cairn

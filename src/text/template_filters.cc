#include <algorithm>
#include <charconv>
#include <cmath>

#include "text/template_text.h"
#include "text/unicode.h"

namespace cairn {
namespace {

using Kind = TemplateValue::Kind;
using Value = TemplateValue;
using World = TemplateWorld;
using Args = TemplateArguments;

// Follows a.b.c.
Result<Value> path_of(World& world, Value object, std::string_view path) {
  while (true) {
    const std::size_t dot = path.find('.');
    const std::string_view part = path.substr(0, dot);
    std::int64_t index = 0;
    const auto read = std::from_chars(part.data(), part.data() + part.size(), index);
    const bool number = read.ec == std::errc() && read.ptr == part.data() + part.size();
    CAIRN_TRY(object, item_of(world, object, number ? Value::integral(index) : Value::string(part)));
    if (dot == std::string_view::npos) return object;
    path.remove_prefix(dot + 1);
  }
}

Result<Value> trim(World& world, const Value& self, const Args& args) {
  std::optional<std::string_view> characters;
  if (args.has[0] && !args[0].is(Kind::kNone)) {
    CAIRN_TRY(characters, text_argument(args, 0, "trim"));
  }
  return Value::string(strip_text(text_of(world, self).text, characters, true, true));
}
Result<Value> to_json(World& world, const Value& self, const Args& args) {
  if (args.has[1] && truth(args[1])) return invalid("tojson with ensure_ascii is not implemented");
  std::int64_t indent = -1;
  if (args.has[0] && !args[0].is(Kind::kNone)) {
    if (!args[0].is_integral() || args[0].integer < 0 || args[0].integer > 16)
      return invalid("tojson: indent must be 0 to 16");
    indent = args[0].integer;
  }
  BoundedText out = world.arena.text();
  CAIRN_TRY_VOID(write_json(self, indent, out));
  return world.arena.own(std::move(out));
}
Result<Value> length(World&, const Value& self, const Args&) {
  CAIRN_TRY(const std::int64_t count, length_of(self));
  return Value::integral(count);
}
Result<Value> string(World& world, const Value& self, const Args&) { return text_of(world, self); }
template <LetterCase To>
Result<Value> cased(World& world, const Value& self, const Args&) {
  return change_case(world, text_of(world, self).text, To);
}
Result<Value> fallback(World&, const Value& self, const Args& args) {
  const bool wanted = self.is(Kind::kUndefined) || (args.has[1] && truth(args[1]) && !truth(self));
  if (!wanted) return self;
  return args.has[0] ? args[0] : Value::string("");
}
Result<Value> join(World& world, const Value& self, const Args& args) {
  CAIRN_TRY(auto items, items_of(world, self));
  if (args.has[1]) {
    CAIRN_TRY(const auto path, text_argument(args, 1, "join: attribute"));
    for (Value& item : items) {
      CAIRN_TRY(item, path_of(world, item, path));
    }
  }
  return join_text(world, items, args.has[0] ? text_of(world, args[0]).text : std::string_view());
}
Result<Value> list(World& world, const Value& self, const Args&) {
  CAIRN_TRY(auto items, items_of(world, self));
  return Value::of_list(world.arena.list(std::move(items)));
}
Result<Value> first(World& world, const Value& self, const Args&) {
  CAIRN_TRY(const auto items, items_of(world, self));
  return items.empty() ? Value::undefined("first") : items.front();
}
Result<Value> last(World& world, const Value& self, const Args&) {
  CAIRN_TRY(const auto items, items_of(world, self));
  return items.empty() ? Value::undefined("last") : items.back();
}
Result<Value> reverse(World& world, const Value& self, const Args&) {
  CAIRN_TRY(auto items, items_of(world, self));
  std::reverse(items.begin(), items.end());
  if (self.is(Kind::kString)) return join_text(world, items, "");
  return Value::of_list(world.arena.list(std::move(items)));
}
Result<Value> items(World& world, const Value& self, const Args&) {
  if (self.is(Kind::kUndefined)) return Value::of_list(world.arena.list());
  if (!self.is(Kind::kDict)) return invalid("items needs a dict");
  return find_template_method(MethodOwner::kDict, "items")->body(world, self, Args());
}
Result<Value> replace(World& world, const Value& self, const Args& args) {
  return replace_text(world, text_of(world, self).text, args);
}
Result<Value> to_int(World&, const Value& self, const Args& args) {
  if (self.is_integral()) return Value::integral(self.integer);
  if (self.is(Kind::kFloat) && std::abs(self.real) < 9e18) return Value::integral(static_cast<std::int64_t>(self.real));
  const Value absent = args.has[0] ? args[0] : Value::integral(0);
  if (!self.is(Kind::kString)) return absent;
  const std::string_view text = strip_text(self.text, std::nullopt, true, true);
  std::int64_t value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  return read.ec == std::errc() && read.ptr == text.data() + text.size() ? Value::integral(value) : absent;
}
Result<Value> to_float(World&, const Value& self, const Args& args) {
  if (self.is_number()) return Value::floating(self.as_real());
  const Value absent = args.has[0] ? args[0] : Value::floating(0.0);
  if (!self.is(Kind::kString)) return absent;
  const std::string_view text = strip_text(self.text, std::nullopt, true, true);
  double value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  return read.ec == std::errc() && read.ptr == text.data() + text.size() ? Value::floating(value) : absent;
}
Result<Value> absolute(World&, const Value& self, const Args&) {
  if (self.is(Kind::kFloat)) return Value::floating(std::abs(self.real));
  if (!self.is_integral() || self.integer == INT64_MIN) return invalid("abs needs a number");
  return Value::integral(std::abs(self.integer));
}

Result<Value> map(World& world, const Value& self, const Args& args) {
  if (!truth(self)) return Value::of_list(world.arena.list());
  CAIRN_TRY(auto all, items_of(world, self));
  const TemplateFunction* filter = nullptr;
  std::string_view path;
  if (args.has[2]) {
    CAIRN_TRY(path, text_argument(args, 2, "map: attribute"));
  } else {
    CAIRN_TRY(const auto name, text_argument(args, 0, "map"));
    filter = find_template_filter(name);
    if (filter == nullptr) return invalid("filter '" + std::string(name) + "' is not implemented");
  }
  Args inner;
  inner.values[0] = args[1];
  inner.has[0] = args.has[1];
  for (Value& item : all) {
    if (filter != nullptr) {
      CAIRN_TRY(item, filter->body(world, item, inner));
    } else {
      CAIRN_TRY(item, path_of(world, item, path));
      if (item.is(Kind::kUndefined) && args.has[3]) item = args[3];
    }
  }
  return Value::of_list(world.arena.list(std::move(all)));
}

// Keeps the items whose attribute (or which themselves) pass a test; without a test, those that are true.
template <bool Wanted, bool Attribute>
Result<Value> select(World& world, const Value& self, const Args& args) {
  constexpr std::size_t kTest = Attribute ? 1 : 0;
  if (!truth(self)) return Value::of_list(world.arena.list());
  CAIRN_TRY(const auto all, items_of(world, self));
  const TemplateFunction* test = nullptr;
  if (args.has[kTest]) {
    CAIRN_TRY(const auto name, text_argument(args, kTest, "select"));
    test = find_template_test(name);
    if (test == nullptr) return invalid("test '" + std::string(name) + "' is not implemented");
  }
  std::string_view path;
  if (Attribute) {
    CAIRN_TRY(path, text_argument(args, 0, "selectattr"));
  }
  Args inner;
  inner.values[0] = args[kTest + 1];
  inner.has[0] = args.has[kTest + 1];
  std::vector<Value> kept;
  for (const Value& item : all) {
    Value subject = item;
    if (Attribute) {
      CAIRN_TRY(subject, path_of(world, item, path));
    }
    if (test != nullptr) {
      CAIRN_TRY(subject, test->body(world, subject, inner));
    }
    if (truth(subject) == Wanted) kept.push_back(item);
  }
  return Value::of_list(world.arena.list(std::move(kept)));
}

constexpr std::array kFilters = {
    TemplateFunction{"abs", {}, 0, absolute},
    TemplateFunction{"capitalize", {}, 0, cased<LetterCase::kCapitalized>},
    TemplateFunction{"count", {}, 0, length},
    TemplateFunction{"d", {"default_value", "boolean"}, 0, fallback},
    TemplateFunction{"default", {"default_value", "boolean"}, 0, fallback},
    TemplateFunction{"first", {}, 0, first},
    TemplateFunction{"float", {"default"}, 0, to_float},
    TemplateFunction{"int", {"default"}, 0, to_int},
    TemplateFunction{"items", {}, 0, items},
    TemplateFunction{"join", {"d", "attribute"}, 0, join},
    TemplateFunction{"last", {}, 0, last},
    TemplateFunction{"length", {}, 0, length},
    TemplateFunction{"list", {}, 0, list},
    TemplateFunction{"lower", {}, 0, cased<LetterCase::kLower>},
    TemplateFunction{"map", {"filter", "argument", "attribute", "default"}, 0, map},
    TemplateFunction{"reject", {"test", "argument"}, 0, select<false, false>},
    TemplateFunction{"rejectattr", {"attribute", "test", "argument"}, 1, select<false, true>},
    TemplateFunction{"replace", {"old", "new", "count"}, 2, replace},
    TemplateFunction{"reverse", {}, 0, reverse},
    TemplateFunction{"safe", {}, 0, string},
    TemplateFunction{"select", {"test", "argument"}, 0, select<true, false>},
    TemplateFunction{"selectattr", {"attribute", "test", "argument"}, 1, select<true, true>},
    TemplateFunction{"string", {}, 0, string},
    TemplateFunction{"title", {}, 0, cased<LetterCase::kTitleFilter>},
    TemplateFunction{"tojson", {"indent", "ensure_ascii"}, 0, to_json},
    TemplateFunction{"trim", {"chars"}, 0, trim},
    TemplateFunction{"upper", {}, 0, cased<LetterCase::kUpper>},
};

}  // namespace

const TemplateFunction* find_template_filter(std::string_view name) {
  const auto found =
      std::find_if(kFilters.begin(), kFilters.end(), [&](const auto& each) { return each.name == name; });
  return found == kFilters.end() ? nullptr : &*found;
}

}  // namespace cairn

#include <algorithm>
#include <ctime>
#include <span>

#include "text/template_text.h"
#include "text/unicode.h"

namespace cairn {
namespace {

using Kind = TemplateValue::Kind;
using Value = TemplateValue;
using World = TemplateWorld;
using Args = TemplateArguments;

constexpr std::int64_t kRangeItemsMax = 1'000'000;

template <bool Left, bool Right>
Result<Value> strip(World&, const Value& self, const Args& args) {
  std::optional<std::string_view> characters;
  if (args.has[0] && !args[0].is(Kind::kNone)) {
    CAIRN_TRY(characters, text_argument(args, 0, "strip"));
  }
  return Value::string(strip_text(self.text, characters, Left, Right));
}
template <LetterCase To>
Result<Value> cased(World& world, const Value& self, const Args&) {
  return change_case(world, self.text, To);
}
Result<Value> replace(World& world, const Value& self, const Args& args) {
  return replace_text(world, self.text, args);
}

template <bool Start>
Result<Value> affix(World&, const Value& self, const Args& args) {
  const auto matches = [&](const Value& part) {
    return part.is(Kind::kString) && (Start ? self.text.starts_with(part.text) : self.text.ends_with(part.text));
  };
  if (args[0].is(Kind::kList)) {
    const auto& parts = args[0].list->items;
    return Value::boolean(std::any_of(parts.begin(), parts.end(), matches));
  }
  CAIRN_TRY_VOID(text_argument(args, 0, Start ? "startswith" : "endswith"));
  return Value::boolean(matches(args[0]));
}
template <bool Start>
Result<Value> remove_affix(World& world, const Value& self, const Args& args) {
  CAIRN_TRY(const auto part, text_argument(args, 0, "removeprefix"));
  CAIRN_TRY(const Value found, affix<Start>(world, self, args));
  if (!truth(found)) return self;
  return Value::string(Start ? self.text.substr(part.size()) : self.text.substr(0, self.text.size() - part.size()));
}

// Without a separator: runs of white space separate, none at the ends.
std::vector<Value> split_words(std::string_view text, std::int64_t cuts) {
  std::vector<Value> parts;
  text = strip_text(text, std::nullopt, true, false);
  while (!text.empty() && cuts != 0) {
    std::size_t end = 0;
    for (std::size_t at = 0; at < text.size(); end = at) {
      if (is_text_space(utf8_next(text, at))) break;
    }
    parts.push_back(Value::string(text.substr(0, end)));
    text = strip_text(text.substr(end), std::nullopt, true, false);
    if (cuts > 0) --cuts;
  }
  if (!text.empty()) parts.push_back(Value::string(text));
  return parts;
}
std::vector<Value> split_at(std::string_view text, std::string_view separator, std::int64_t cuts) {
  std::vector<Value> parts;
  while (cuts != 0) {
    const std::size_t found = text.find(separator);
    if (found == std::string_view::npos) break;
    parts.push_back(Value::string(text.substr(0, found)));
    text.remove_prefix(found + separator.size());
    if (cuts > 0) --cuts;
  }
  parts.push_back(Value::string(text));
  return parts;
}
Result<Value> split(World& world, const Value& self, const Args& args) {
  const std::int64_t cuts = args.has[1] && args[1].is_integral() ? args[1].integer : -1;
  if (!args.has[0] || args[0].is(Kind::kNone)) return Value::of_list(world.arena.list(split_words(self.text, cuts)));
  CAIRN_TRY(const auto separator, text_argument(args, 0, "split"));
  if (separator.empty()) return invalid("split needs a separator that is not empty");
  return Value::of_list(world.arena.list(split_at(self.text, separator, cuts)));
}
Result<Value> join(World& world, const Value& self, const Args& args) {
  CAIRN_TRY(const auto items, items_of(world, args[0]));
  return join_text(world, items, self.text);
}
Result<Value> find(World&, const Value& self, const Args& args) {
  CAIRN_TRY(const auto part, text_argument(args, 0, "find"));
  const std::size_t found = self.text.find(part);
  if (found == std::string_view::npos) return Value::integral(-1);
  return Value::integral(static_cast<std::int64_t>(utf8_count(self.text.substr(0, found))));
}

Value pair_of(World& world, std::string_view key, const Value& value) {
  TemplateList* pair = world.arena.list({Value::string(key), value});
  pair->tuple = true;
  return Value::of_list(pair);
}
enum class Part : std::uint8_t { kKey, kValue, kBoth };
template <Part Wanted>
Result<Value> parts(World& world, const Value& self, const Args&) {
  std::vector<Value> list;
  for (const auto& [key, value] : self.dict->entries) {
    list.push_back(Wanted == Part::kKey     ? Value::string(key)
                   : Wanted == Part::kValue ? value
                                            : pair_of(world, key, value));
  }
  return Value::of_list(world.arena.list(std::move(list)));
}
Result<Value> get(World&, const Value& self, const Args& args) {
  if (args[0].is(Kind::kString)) {
    if (const Value* found = self.dict->find(args[0].text)) return *found;
  }
  return args.has[1] ? args[1] : Value::none();
}

Result<Value> cycle(World&, const Value& self, const Args& args) {
  const auto count = static_cast<std::size_t>(std::count(args.has.begin(), args.has.end(), true));
  return args[self.loop->index % count];
}

Result<Value> range(World& world, const Value&, const Args& args) {
  for (std::size_t i = 0; i < 3; ++i) {
    if (args.has[i] && !args[i].is_integral()) return invalid("range needs integers");
  }
  const std::int64_t begin = args.has[1] ? args[0].integer : 0, end = args.has[1] ? args[1].integer : args[0].integer;
  const std::int64_t step = args.has[2] ? args[2].integer : 1;
  if (step == 0) return invalid("range cannot have step zero");
  std::vector<Value> list;
  for (std::int64_t i = begin; step > 0 ? i < end : i > end;) {
    if (static_cast<std::int64_t>(list.size()) >= kRangeItemsMax) return invalid("range is too long");
    list.push_back(Value::integral(i));
    if (__builtin_add_overflow(i, step, &i)) break;
  }
  return Value::of_list(world.arena.list(std::move(list)));
}
Result<Value> raise_exception(World& world, const Value&, const Args& args) {
  return invalid("the chat template refuses the messages: " + std::string(text_of(world, args[0]).text));
}
Result<Value> strftime_now(World& world, const Value&, const Args& args) {
  CAIRN_TRY(const auto format, text_argument(args, 0, "strftime_now"));
  const std::time_t now = static_cast<std::time_t>(world.now_unix_s.value_or(0));
  std::tm parts{};
  if (gmtime_r(&now, &parts) == nullptr) return invalid("strftime_now: the time is out of range");
  char buffer[256];
  const std::size_t length = std::strftime(buffer, sizeof buffer, std::string(format).c_str(), &parts);
  return world.arena.own(std::string(buffer, length));
}

constexpr std::array kStringMethods = {
    TemplateFunction{"capitalize", {}, 0, cased<LetterCase::kCapitalized>},
    TemplateFunction{"endswith", {"suffix"}, 1, affix<false>},
    TemplateFunction{"find", {"sub"}, 1, find},
    TemplateFunction{"join", {"iterable"}, 1, join},
    TemplateFunction{"lower", {}, 0, cased<LetterCase::kLower>},
    TemplateFunction{"lstrip", {"chars"}, 0, strip<true, false>},
    TemplateFunction{"removeprefix", {"prefix"}, 1, remove_affix<true>},
    TemplateFunction{"removesuffix", {"suffix"}, 1, remove_affix<false>},
    TemplateFunction{"replace", {"old", "new", "count"}, 2, replace},
    TemplateFunction{"rstrip", {"chars"}, 0, strip<false, true>},
    TemplateFunction{"split", {"sep", "maxsplit"}, 0, split},
    TemplateFunction{"startswith", {"prefix"}, 1, affix<true>},
    TemplateFunction{"strip", {"chars"}, 0, strip<true, true>},
    TemplateFunction{"title", {}, 0, cased<LetterCase::kTitleMethod>},
    TemplateFunction{"upper", {}, 0, cased<LetterCase::kUpper>},
};
constexpr std::array kDictMethods = {
    TemplateFunction{"get", {"key", "default"}, 1, get},
    TemplateFunction{"items", {}, 0, parts<Part::kBoth>},
    TemplateFunction{"keys", {}, 0, parts<Part::kKey>},
    TemplateFunction{"values", {}, 0, parts<Part::kValue>},
};
constexpr std::array kLoopMethods = {TemplateFunction{"cycle", {"a", "b", "c", "d"}, 1, cycle}};
constexpr std::array kFunctions = {
    TemplateFunction{"raise_exception", {"message"}, 1, raise_exception},
    TemplateFunction{"range", {"start", "stop", "step"}, 1, range},
    TemplateFunction{"strftime_now", {"format"}, 1, strftime_now},
};

const TemplateFunction* find_in(std::span<const TemplateFunction> functions, std::string_view name) {
  const auto found =
      std::find_if(functions.begin(), functions.end(), [&](const auto& each) { return each.name == name; });
  return found == functions.end() ? nullptr : &*found;
}

}  // namespace

const TemplateFunction* find_template_method(MethodOwner owner, std::string_view name) {
  switch (owner) {
    case MethodOwner::kString:
      return find_in(kStringMethods, name);
    case MethodOwner::kDict:
      return find_in(kDictMethods, name);
    case MethodOwner::kLoop:
      return find_in(kLoopMethods, name);
  }
  return nullptr;
}

const TemplateFunction* find_template_function(std::string_view name) { return find_in(kFunctions, name); }

}  // namespace cairn

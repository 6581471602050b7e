#include "text/template_value.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "text/unicode.h"

namespace cairn {
namespace {

using Kind = TemplateValue::Kind;

void write_escape(char32_t point, BoundedText& out) {
  constexpr char kHex[] = "0123456789abcdef";
  const int digits = point < 0x100 ? 2 : point < 0x10000 ? 4 : 8;
  std::string text = point < 0x100 ? "\\x" : point < 0x10000 ? "\\u" : "\\U";
  for (int i = digits - 1; i >= 0; --i) text += kHex[(point >> (4 * i)) & 0xF];
  out.add(text);
}

// Python prefers single quotes and takes double ones where that saves escapes.
void write_quoted(std::string_view text, BoundedText& out) {
  const bool twice = text.find('\'') != std::string_view::npos && text.find('"') == std::string_view::npos;
  const char32_t quote = twice ? '"' : '\'';
  out.add(1, static_cast<char>(quote));
  for (std::size_t at = 0; at < text.size() && !out.over();) {
    const std::size_t begin = at;
    const char32_t point = utf8_next(text, at);
    if (point == quote || point == '\\') {
      out.add(1, '\\');
      out.add(1, static_cast<char>(point));
    } else if (point == '\n') {
      out.add("\\n");
    } else if (point == '\r') {
      out.add("\\r");
    } else if (point == '\t') {
      out.add("\\t");
    } else if (is_printable(point)) {
      out.add(text.substr(begin, at - begin));
    } else {
      write_escape(point, out);
    }
  }
  out.add(1, static_cast<char>(quote));
}

void write_list(const TemplateList& list, BoundedText& out, std::size_t depth) {
  out.add(list.tuple ? "(" : "[");
  for (std::size_t i = 0; i < list.items.size() && !out.over(); ++i) {
    if (i > 0) out.add(", ");
    write_repr(list.items[i], out, depth + 1);
  }
  if (list.tuple && list.items.size() == 1) out.add(",");
  out.add(list.tuple ? ")" : "]");
}

void write_dict(const TemplateDict& dict, BoundedText& out, std::size_t depth) {
  out.add("{");
  for (std::size_t i = 0; i < dict.entries.size() && !out.over(); ++i) {
    if (i > 0) out.add(", ");
    write_quoted(dict.entries[i].first, out);
    out.add(": ");
    write_repr(dict.entries[i].second, out, depth + 1);
  }
  out.add("}");
}

bool equal_lists(const TemplateList& a, const TemplateList& b, std::size_t depth);

bool equal_at(const TemplateValue& a, const TemplateValue& b, std::size_t depth) {
  if (depth > kTemplateNestingMax) return false;
  if (a.is_integral() && b.is_integral()) return a.integer == b.integer;
  if (a.is_number() && b.is_number()) return a.as_real() == b.as_real();
  if (a.kind != b.kind) return false;
  switch (a.kind) {
    case Kind::kUndefined:
    case Kind::kNone:
      return true;
    case Kind::kString:
      return a.text == b.text;
    case Kind::kList:
      return equal_lists(*a.list, *b.list, depth);
    case Kind::kDict:
      return a.dict->entries.size() == b.dict->entries.size() &&
             std::all_of(a.dict->entries.begin(), a.dict->entries.end(), [&](const auto& entry) {
               const TemplateValue* other = b.dict->find(entry.first);
               return other != nullptr && equal_at(entry.second, *other, depth + 1);
             });
    default:
      return a.dict == b.dict;
  }
}

bool equal_lists(const TemplateList& a, const TemplateList& b, std::size_t depth) {
  return a.tuple == b.tuple && std::equal(a.items.begin(), a.items.end(), b.items.begin(), b.items.end(),
                                          [&](const auto& x, const auto& y) { return equal_at(x, y, depth + 1); });
}

}  // namespace

TemplateValue TemplateValue::floating(double value) {
  TemplateValue result = of(Kind::kFloat, {});
  result.real = value;
  return result;
}
TemplateValue TemplateValue::of_list(TemplateList* list) {
  TemplateValue result = of(Kind::kList, {});
  result.list = list;
  return result;
}
TemplateValue TemplateValue::of_dict(TemplateDict* dict) {
  TemplateValue result = of(Kind::kDict, {});
  result.dict = dict;
  return result;
}

const TemplateValue* TemplateDict::find(std::string_view key) const {
  const auto found =
      std::find_if(entries.begin(), entries.end(), [&](const auto& entry) { return entry.first == key; });
  return found == entries.end() ? nullptr : &found->second;
}

void TemplateDict::set(std::string_view key, TemplateValue value) {
  const auto found =
      std::find_if(entries.begin(), entries.end(), [&](const auto& entry) { return entry.first == key; });
  if (found == entries.end()) {
    entries.emplace_back(key, value);
  } else {
    found->second = value;
  }
}

void BoundedText::add(std::size_t count, char c) {
  if (count > limit_ - text_.size()) {
    over_ = true;
  } else {
    text_.append(count, c);
  }
}

TemplateValue TemplateArena::own(BoundedText text) {
  if (text.over()) bytes_ = bytes_max_ + 1;
  return own(text.take());
}

TemplateValue TemplateArena::own(std::string text) {
  charge(text.size() + sizeof(std::string));
  texts_.push_back(std::move(text));
  return TemplateValue::string(texts_.back());
}

TemplateList* TemplateArena::list(std::vector<TemplateValue> items) {
  charge(items.size() * sizeof(TemplateValue) + sizeof(TemplateList));
  lists_.push_back({std::move(items), false});
  return &lists_.back();
}

TemplateDict* TemplateArena::dict() {
  charge(sizeof(TemplateDict));
  return &dicts_.emplace_back();
}

TemplateLoop* TemplateArena::loop(std::vector<TemplateValue> items) {
  charge(items.size() * sizeof(TemplateValue) + sizeof(TemplateLoop));
  loops_.push_back({std::move(items), 0});
  return &loops_.back();
}

std::string_view kind_name(const TemplateValue& value) {
  switch (value.kind) {
    case Kind::kUndefined:
      return "undefined";
    case Kind::kNone:
      return "none";
    case Kind::kBool:
      return "bool";
    case Kind::kInt:
      return "int";
    case Kind::kFloat:
      return "float";
    case Kind::kString:
      return "string";
    case Kind::kList:
      return "list";
    case Kind::kDict:
      return "dict";
    case Kind::kNamespace:
      return "namespace";
    case Kind::kLoop:
      return "loop";
    case Kind::kFunction:
      return "function";
    case Kind::kMacro:
      return "macro";
  }
  return "value";
}

bool truth(const TemplateValue& value) {
  switch (value.kind) {
    case Kind::kUndefined:
    case Kind::kNone:
      return false;
    case Kind::kBool:
    case Kind::kInt:
      return value.integer != 0;
    case Kind::kFloat:
      return value.real != 0.0;
    case Kind::kString:
      return !value.text.empty();
    case Kind::kList:
      return !value.list->items.empty();
    case Kind::kDict:
      return !value.dict->entries.empty();
    default:
      return true;
  }
}

bool equal(const TemplateValue& a, const TemplateValue& b) { return equal_at(a, b, 0); }

std::string python_real_text(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  char buffer[40];
  const auto scientific = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific);
  const std::string text(buffer, scientific.ptr);
  const int exponent = std::atoi(text.c_str() + text.find('e') + 1);
  if (value != 0.0 && (exponent < -4 || exponent >= 16)) return text;
  const auto fixed = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::fixed);
  std::string plain(buffer, fixed.ptr);
  return plain.find('.') == std::string::npos ? plain + ".0" : plain;
}

void write_text(const TemplateValue& value, BoundedText& out) {
  if (value.is(Kind::kString)) {
    out.add(value.text);
  } else if (!value.is(Kind::kUndefined)) {
    write_repr(value, out);
  }
}

void write_repr(const TemplateValue& value, BoundedText& out, std::size_t depth) {
  if (depth > kTemplateNestingMax) return out.add(~std::size_t{0}, ' ');
  switch (value.kind) {
    case Kind::kUndefined:
      return out.add("Undefined");
    case Kind::kNone:
      return out.add("None");
    case Kind::kBool:
      return out.add(value.integer != 0 ? "True" : "False");
    case Kind::kInt:
      return out.add(std::to_string(value.integer));
    case Kind::kFloat:
      return out.add(python_real_text(value.real));
    case Kind::kString:
      return write_quoted(value.text, out);
    case Kind::kList:
      return write_list(*value.list, out, depth);
    case Kind::kDict:
      return write_dict(*value.dict, out, depth);
    default:
      out.add("<");
      out.add(kind_name(value));
      out.add(">");
  }
}

}  // namespace cairn

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "text/template_value.h"

namespace cairn {
namespace {

using Kind = TemplateValue::Kind;

void write_string(std::string_view text, BoundedText& out) {
  constexpr char kHex[] = "0123456789abcdef";
  out.add("\"");
  std::size_t plain = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    const bool end = i == text.size();
    const auto c = end ? '\0' : text[i];
    if (!end && static_cast<unsigned char>(c) >= 0x20 && c != '"' && c != '\\') continue;
    out.add(text.substr(plain, i - plain));
    plain = i + 1;
    if (end) break;
    switch (c) {
      case '"':
        out.add("\\\"");
        break;
      case '\\':
        out.add("\\\\");
        break;
      case '\n':
        out.add("\\n");
        break;
      case '\r':
        out.add("\\r");
        break;
      case '\t':
        out.add("\\t");
        break;
      case '\b':
        out.add("\\b");
        break;
      case '\f':
        out.add("\\f");
        break;
      default:
        out.add(std::string("\\u00") + kHex[(c >> 4) & 0xF] + kHex[c & 0xF]);
    }
  }
  out.add("\"");
}

void write_break(std::int64_t indent, std::size_t depth, BoundedText& out) {
  if (indent < 0) return;
  out.add("\n");
  out.add(static_cast<std::size_t>(indent) * depth, ' ');
}

// What stands between two elements.
void write_comma(std::int64_t indent, BoundedText& out) { out.add(indent < 0 ? ", " : ","); }

Result<void> write_list(const TemplateList& list, std::int64_t indent, BoundedText& out, std::size_t depth) {
  if (list.items.empty()) return out.add("[]"), Result<void>();
  out.add("[");
  for (std::size_t i = 0; i < list.items.size(); ++i) {
    if (i > 0) write_comma(indent, out);
    write_break(indent, depth + 1, out);
    CAIRN_TRY_VOID(write_json(list.items[i], indent, out, depth + 1));
  }
  write_break(indent, depth, out);
  out.add("]");
  return {};
}

Result<void> write_dict(const TemplateDict& dict, std::int64_t indent, BoundedText& out, std::size_t depth) {
  if (dict.entries.empty()) return out.add("{}"), Result<void>();
  out.add("{");
  for (std::size_t i = 0; i < dict.entries.size(); ++i) {
    if (i > 0) write_comma(indent, out);
    write_break(indent, depth + 1, out);
    write_string(dict.entries[i].first, out);
    out.add(": ");
    CAIRN_TRY_VOID(write_json(dict.entries[i].second, indent, out, depth + 1));
  }
  write_break(indent, depth, out);
  out.add("}");
  return {};
}

std::string json_real(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
  return python_real_text(value);
}

// Builds values while the text is read; refuses depth and size beyond the bounds.
class Reader final : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit Reader(TemplateArena& arena) : arena_(arena) {}

  bool null() override { return put(TemplateValue::none()); }
  bool boolean(bool value) override { return put(TemplateValue::boolean(value)); }
  bool number_integer(number_integer_t value) override { return put(TemplateValue::integral(value)); }
  bool number_unsigned(number_unsigned_t value) override {
    if (value > static_cast<number_unsigned_t>(std::numeric_limits<std::int64_t>::max())) {
      return fail("an integer beyond 64 bits");
    }
    return put(TemplateValue::integral(static_cast<std::int64_t>(value)));
  }
  bool number_float(number_float_t value, const string_t&) override { return put(TemplateValue::floating(value)); }
  bool string(string_t& value) override { return put(arena_.own(std::string(value))); }
  bool binary(binary_t&) override { return fail("binary"); }
  bool start_object(std::size_t) override { return open(TemplateValue::of_dict(arena_.dict())); }
  bool key(string_t& value) override {
    keys_.back() = arena_.own(std::string(value)).text;
    return true;
  }
  bool end_object() override { return close(); }
  bool start_array(std::size_t) override { return open(TemplateValue::of_list(arena_.list())); }
  bool end_array() override { return close(); }
  bool parse_error(std::size_t at, const std::string&, const nlohmann::detail::exception&) override {
    return fail("an error at byte " + std::to_string(at));
  }

  TemplateValue result;
  std::string problem;

 private:
  bool fail(std::string what) {
    if (problem.empty()) problem = std::move(what);
    return false;
  }
  bool put(TemplateValue value) {
    if (arena_.over()) return fail("more than a rendering may hold");
    arena_.charge(sizeof value);
    if (open_.empty()) {
      result = value;
    } else if (open_.back().is(Kind::kList)) {
      open_.back().list->items.push_back(value);
    } else {
      if (open_.back().dict->entries.size() >= kTemplateDictEntriesMax) return fail("an object with too many keys");
      open_.back().dict->set(keys_.back(), value);
    }
    return true;
  }
  bool open(TemplateValue value) {
    if (open_.size() >= kTemplateNestingMax) return fail("too deep nesting");
    if (!put(value)) return false;
    open_.push_back(value);
    keys_.emplace_back();
    return true;
  }
  bool close() {
    open_.pop_back();
    keys_.pop_back();
    return true;
  }

  TemplateArena& arena_;
  std::vector<TemplateValue> open_;
  std::vector<std::string_view> keys_;
};

}  // namespace

Result<void> write_json(const TemplateValue& value, std::int64_t indent, BoundedText& out, std::size_t depth) {
  if (depth > kTemplateNestingMax) return invalid("tojson: value is nested too deeply");
  if (out.over()) return invalid("tojson: output is too long");
  switch (value.kind) {
    case Kind::kNone:
      return out.add("null"), Result<void>();
    case Kind::kBool:
      return out.add(value.integer != 0 ? "true" : "false"), Result<void>();
    case Kind::kInt:
      return out.add(std::to_string(value.integer)), Result<void>();
    case Kind::kFloat:
      return out.add(json_real(value.real)), Result<void>();
    case Kind::kString:
      return write_string(value.text, out), Result<void>();
    case Kind::kList:
      return write_list(*value.list, indent, out, depth);
    case Kind::kDict:
      return write_dict(*value.dict, indent, out, depth);
    default:
      return invalid("tojson: a value of type " + std::string(kind_name(value)) + " has no JSON form");
  }
}

Result<TemplateValue> read_json(std::string_view json, TemplateArena& arena) {
  Reader reader(arena);
  if (!nlohmann::json::sax_parse(json.begin(), json.end(), &reader)) return invalid("JSON has " + reader.problem);
  return reader.result;
}

}  // namespace cairn

// Values of chat templates. They are small and copied; what they point to lives in a TemplateArena until it goes.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "text/chat_template.h"

namespace cairn {

struct TemplateList;
struct TemplateDict;
struct TemplateLoop;
struct TemplateFunction;

struct TemplateValue {
  enum class Kind : std::uint8_t {
    kUndefined,
    kNone,
    kBool,
    kInt,
    kFloat,
    kString,
    kList,
    kDict,
    kNamespace,
    kLoop,
    kFunction,
    kMacro
  };
  Kind kind = Kind::kUndefined;
  std::string_view text;  // kString: its bytes (UTF-8); kUndefined: what was looked for
  union {
    std::int64_t integer = 0;  // also kBool
    double real;
    TemplateList* list;
    TemplateDict* dict;  // also kNamespace
    TemplateLoop* loop;
    const TemplateFunction* function;
    const TemplateNode* macro;
  };

  static TemplateValue undefined(std::string_view name) { return of(Kind::kUndefined, name); }
  static TemplateValue none() { return of(Kind::kNone, {}); }
  static TemplateValue string(std::string_view text) { return of(Kind::kString, text); }
  static TemplateValue boolean(bool value) { return number(Kind::kBool, value ? 1 : 0); }
  static TemplateValue integral(std::int64_t value) { return number(Kind::kInt, value); }
  static TemplateValue floating(double value);
  static TemplateValue of_list(TemplateList* list);
  static TemplateValue of_dict(TemplateDict* dict);

  bool is(Kind k) const { return kind == k; }
  bool is_number() const { return kind == Kind::kBool || kind == Kind::kInt || kind == Kind::kFloat; }
  bool is_integral() const { return kind == Kind::kBool || kind == Kind::kInt; }
  double as_real() const { return kind == Kind::kFloat ? real : static_cast<double>(integer); }

 private:
  static TemplateValue of(Kind kind, std::string_view text) {
    TemplateValue value;
    value.kind = kind;
    value.text = text;
    return value;
  }
  static TemplateValue number(Kind kind, std::int64_t integer) {
    TemplateValue value = of(kind, {});
    value.integer = integer;
    return value;
  }
};

struct TemplateList {
  std::vector<TemplateValue> items;
  bool tuple = false;  // prints with parentheses
};

inline constexpr std::size_t kTemplateDictEntriesMax = 4096;

struct TemplateDict {
  std::vector<std::pair<std::string_view, TemplateValue>> entries;  // in order of insertion
  const TemplateValue* find(std::string_view key) const;
  void set(std::string_view key, TemplateValue value);
};

struct TemplateLoop {
  std::vector<TemplateValue> items;
  std::size_t index = 0;  // from 0
};

// Text under construction that stops growing at its limit, so that no template can ask for all memory at once.
class BoundedText {
 public:
  explicit BoundedText(std::size_t limit) : limit_(limit) {}
  void add(std::string_view part) {
    if (part.size() > limit_ - text_.size()) {
      over_ = true;
    } else {
      text_ += part;
    }
  }
  void add(std::size_t count, char c);
  bool over() const { return over_; }
  std::size_t size() const { return text_.size(); }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
  std::size_t limit_;
  bool over_ = false;
};

// Owns what the values of one rendering point to. Allocation never fails: over() says that the bound is passed, and the
// rendering stops at its next step.
class TemplateArena {
 public:
  explicit TemplateArena(std::size_t bytes_max) : bytes_max_(bytes_max) {}
  BoundedText text() const { return BoundedText(over() ? 0 : bytes_max_ - bytes_); }
  TemplateValue own(BoundedText text);
  TemplateValue own(std::string text);
  TemplateList* list(std::vector<TemplateValue> items = {});
  TemplateDict* dict();
  TemplateLoop* loop(std::vector<TemplateValue> items);
  void charge(std::size_t bytes) { bytes_ += bytes; }
  bool over() const { return bytes_ > bytes_max_; }

 private:
  std::deque<std::string> texts_;
  std::deque<TemplateList> lists_;
  std::deque<TemplateDict> dicts_;
  std::deque<TemplateLoop> loops_;
  std::size_t bytes_ = 0, bytes_max_;
};

std::string_view kind_name(const TemplateValue& value);
bool truth(const TemplateValue& value);
bool equal(const TemplateValue& a, const TemplateValue& b);  // as Python's ==
// Nested deeper than kTemplateNestingMax ends with over().
void write_text(const TemplateValue& value, BoundedText& out);  // as Python's str()
void write_repr(const TemplateValue& value, BoundedText& out, std::size_t depth = 0);

// template_json.cc. A negative indent writes one line.
Result<void> write_json(const TemplateValue& value, std::int64_t indent, BoundedText& out, std::size_t depth = 0);
Result<TemplateValue> read_json(std::string_view json, TemplateArena& arena);
std::string python_real_text(double value);  // shortest form that reads back equal, as Python prints it

}  // namespace cairn

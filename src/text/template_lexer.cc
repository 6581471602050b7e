#include "text/template_lexer.h"

#include <algorithm>
#include <array>

#include "text/unicode.h"

namespace cairn {
namespace {

using Kind = TemplateToken::Kind;

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

std::string unify_newlines(std::string_view source) {
  std::string out;
  out.reserve(source.size());
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r') {
      out += '\n';
      if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
    } else {
      out += source[i];
    }
  }
  if (out.ends_with('\n')) out.pop_back();
  return out;
}

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(unify_newlines(source)) {}

  Result<std::vector<TemplateToken>> run() {
    while (at_ < source_.size()) {
      const std::size_t tag = next_tag();
      if (tag == std::string::npos) {
        text(source_.substr(at_));
        break;
      }
      CAIRN_TRY_VOID(lex_tag(tag));
    }
    push(Kind::kEnd, "");
    return std::move(tokens_);
  }

 private:
  std::size_t next_tag() const {
    for (std::size_t i = source_.find('{', at_); i != std::string::npos; i = source_.find('{', i + 1)) {
      const char c = i + 1 < source_.size() ? source_[i + 1] : '\0';
      if (c == '{' || c == '%' || c == '#') return i;
    }
    return std::string::npos;
  }

  // The text before a tag, shortened as the tag's mark and lstrip_blocks say, then the tag.
  Result<void> lex_tag(std::size_t tag) {
    const char kind = source_[tag + 1];
    const char mark = tag + 2 < source_.size() ? source_[tag + 2] : '\0';
    std::string before = source_.substr(at_, tag - at_);
    if (mark == '-') {
      while (!before.empty() && is_space(before.back())) before.pop_back();
    } else if (mark != '+' && kind != '{') {
      const std::size_t line_begin = before.rfind('\n') + 1;
      const bool whole_line = line_begin > 0 || line_starting_;
      if (whole_line && std::all_of(before.begin() + static_cast<std::ptrdiff_t>(line_begin), before.end(), is_space)) {
        before.resize(line_begin);
      }
    }
    text(before);
    count_lines(tag);
    at_ = tag + 2 + (mark == '-' || mark == '+' ? 1u : 0u);
    if (kind == '#') return comment();
    push(kind == '{' ? Kind::kOutputBegin : Kind::kBlockBegin, "");
    return kind == '%' && is_raw() ? raw() : tag_body(kind);
  }

  Result<void> comment() {
    const std::size_t end = source_.find("#}", at_);
    if (end == std::string::npos) return error("a comment is not closed");
    const bool trim = end > at_ && source_[end - 1] == '-', keep = end > at_ && source_[end - 1] == '+';
    count_lines(end + 2);
    at_ = end + 2;
    after_tag(trim, !keep);
    return {};
  }

  // Behind a closing mark: '-' drops all white space, a block or comment drops one newline.
  void after_tag(bool all, bool newline) {
    const std::size_t from = at_;
    if (all) {
      while (at_ < source_.size() && is_space(source_[at_])) ++at_;
    } else if (newline && at_ < source_.size() && source_[at_] == '\n') {
      ++at_;
    }
    line_starting_ = at_ > from && source_[at_ - 1] == '\n';
    const std::size_t to = at_;
    at_ = from;
    count_lines(to);
    at_ = to;
  }

  bool is_raw() const {
    std::size_t i = at_;
    while (i < source_.size() && is_space(source_[i])) ++i;
    return source_.compare(i, 3, "raw") == 0 && i + 3 < source_.size() &&
           (is_space(source_[i + 3]) || source_[i + 3] == '-' || source_[i + 3] == '%');
  }
  Result<void> raw() { return error("'raw' is not implemented"); }

  Result<void> tag_body(char kind) {
    std::string open;  // brackets that wait for their partner
    while (true) {
      while (at_ < source_.size() && is_space(source_[at_])) line_ += source_[at_++] == '\n' ? 1u : 0u;
      if (at_ >= source_.size()) return error("a tag is not closed");
      if (open.empty() && close_tag(kind)) return {};
      CAIRN_TRY_VOID(token(open));
    }
  }

  bool close_tag(char kind) {
    const std::string_view end = kind == '{' ? "}}" : "%}";
    const char mark = source_[at_];
    const bool minus = mark == '-', plus = mark == '+' && kind == '%';
    const std::size_t begin = at_ + (minus || plus ? 1u : 0u);
    if (source_.compare(begin, 2, end) != 0) return false;
    push(kind == '{' ? Kind::kOutputEnd : Kind::kBlockEnd, "");
    at_ = begin + 2;
    after_tag(minus, kind == '%' && !plus);
    return true;
  }

  Result<void> token(std::string& open) {
    const char c = source_[at_];
    if (is_name_start(c)) {
      const std::size_t begin = at_;
      while (at_ < source_.size() && (is_name_start(source_[at_]) || is_digit(source_[at_]))) ++at_;
      push(Kind::kName, source_.substr(begin, at_ - begin));
      return {};
    }
    if (is_digit(c)) return number();
    if (c == '"' || c == '\'') return string(c);
    return symbol(open);
  }

  Result<void> number() {
    std::string digits;
    const auto take = [&] {
      while (at_ < source_.size() && (is_digit(source_[at_]) || source_[at_] == '_')) {
        if (source_[at_] != '_') digits += source_[at_];
        ++at_;
      }
    };
    take();
    const bool fraction = at_ + 1 < source_.size() && source_[at_] == '.' && is_digit(source_[at_ + 1]);
    if (fraction) {
      digits += source_[at_++];
      take();
    }
    if (at_ < source_.size() && (source_[at_] == 'e' || source_[at_] == 'E' || source_[at_] == 'x')) {
      return error("numbers with exponent or base are not implemented");
    }
    push(fraction ? Kind::kFloat : Kind::kInt, digits);
    return {};
  }

  Result<void> string(char quote) {
    std::string value;
    for (++at_; at_ < source_.size() && source_[at_] != quote; ++at_) {
      line_ += source_[at_] == '\n' ? 1u : 0u;
      if (source_[at_] != '\\') {
        value += source_[at_];
        continue;
      }
      if (++at_ >= source_.size()) break;
      CAIRN_TRY_VOID(escape(value));
    }
    if (at_ >= source_.size()) return error("a string is not closed");
    ++at_;
    push(Kind::kString, value);
    return {};
  }

  Result<void> escape(std::string& value) {
    const char c = source_[at_];
    constexpr std::string_view kFrom = "nrtbfav0\\'\"", kTo("\n\r\t\b\f\a\v\0\\'\"", 11);
    if (c == '\n') return {};
    if (c == 'x') return code_point(2, value);
    if (c == 'u') return code_point(4, value);
    if (c == 'U') return code_point(8, value);
    const std::size_t found = kFrom.find(c);
    if (found != std::string_view::npos) {
      value += kTo[found];
    } else {
      value += '\\';
      value += c;
    }
    return {};
  }

  Result<void> code_point(std::size_t digits, std::string& value) {
    char32_t point = 0;
    for (std::size_t i = 0; i < digits; ++i) {
      const char c = ++at_ < source_.size() ? source_[at_] : '\0';
      const std::size_t digit =
          std::string_view("0123456789abcdef").find(c >= 'A' && c <= 'F' ? static_cast<char>(c + 32) : c);
      if (digit == std::string_view::npos) return error("a string has a broken escape");
      point = point * 16 + static_cast<char32_t>(digit);
    }
    if (point > 0x10FFFF || (point >= 0xD800 && point < 0xE000)) return error("a string has a broken escape");
    utf8_append(value, point);
    return {};
  }

  Result<void> symbol(std::string& open) {
    constexpr std::array<std::string_view, 6> kTwo = {"//", "**", "==", "!=", "<=", ">="};
    constexpr std::string_view kOne = "+-*/%~<>()[]{},:.|=";
    const std::string_view rest = std::string_view(source_).substr(at_);
    std::string_view found;
    for (const std::string_view two : kTwo) {
      if (rest.starts_with(two)) found = two;
    }
    if (found.empty() && kOne.find(rest[0]) != std::string_view::npos) found = rest.substr(0, 1);
    if (found.empty()) return error(std::string("unexpected character '") + rest[0] + "'");
    const char c = found[0];
    if (c == '(' || c == '[' || c == '{') open += c == '(' ? ')' : c == '[' ? ']' : '}';
    if (c == ')' || c == ']' || c == '}') {
      if (open.empty() || open.back() != c) return error(std::string("unexpected '") + c + "'");
      open.pop_back();
    }
    at_ += found.size();
    push(Kind::kOperator, std::string(found));
    return {};
  }

  void text(std::string value) {
    if (!value.empty()) push(Kind::kText, std::move(value));
  }
  void push(Kind kind, std::string value) { tokens_.push_back({kind, std::move(value), line_}); }
  void count_lines(std::size_t to) {
    line_ += static_cast<std::uint32_t>(std::count(source_.begin() + static_cast<std::ptrdiff_t>(at_),
                                                   source_.begin() + static_cast<std::ptrdiff_t>(to), '\n'));
  }
  Error error(const std::string& what) const {
    return invalid("chat template line " + std::to_string(line_) + ": " + what);
  }

  std::string source_;
  std::size_t at_ = 0;
  std::uint32_t line_ = 1;
  bool line_starting_ = true;
  std::vector<TemplateToken> tokens_;
};

}  // namespace

Result<std::vector<TemplateToken>> lex_template(std::string_view source) { return Lexer(source).run(); }

}  // namespace cairn

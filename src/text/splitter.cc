#include "text/splitter.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <utility>

namespace cairn {
namespace {

constexpr std::size_t kJitStackBytesMin = 32 * 1024, kJitStackBytesMax = 1024 * 1024;

// Sets that the published expressions mean by \s, \p{L} and \p{N}. White space is spelled out because the library
// counts one code point too many; letters and numbers gain what Unicode 15 and 16 assigned, in case the library is
// older.
constexpr std::string_view kSpaceSet =
    R"(\t-\r \x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000})";
constexpr std::string_view kLetterSet = R"(\p{L})";
constexpr std::string_view kNumberSet = R"(\p{N})";

// Rewrites the shorthand classes of one expression.
class Rewriter {
 public:
  explicit Rewriter(std::string_view pattern) : pattern_(pattern) {}

  std::string run() {
    while (at_ < pattern_.size()) step();
    return std::move(out_);
  }

 private:
  void step() {
    const char c = pattern_[at_];
    if (c == '\\' && at_ + 1 < pattern_.size()) return escape();
    if (in_set_) {
      if (c == ']' && at_ != set_begin_) in_set_ = false;
    } else if (c == '[') {
      in_set_ = true;
      set_begin_ = at_ + 1 + (at_ + 1 < pattern_.size() && pattern_[at_ + 1] == '^' ? 1u : 0u);
    }
    copy(1);
  }

  void escape() {
    const std::string_view rest = pattern_.substr(at_);
    if (rest.starts_with("\\s")) return replace(2, kSpaceSet, "[");
    if (rest.starts_with("\\S") && !in_set_) return replace(2, kSpaceSet, "[^");
    if (rest.starts_with("\\p{L}")) return replace(5, kLetterSet, "[");
    if (rest.starts_with("\\p{N}")) return replace(5, kNumberSet, "[");
    copy(2);
  }

  void replace(std::size_t length, std::string_view set, std::string_view open) {
    at_ += length;
    if (!in_set_) out_ += open;
    out_ += set;
    if (!in_set_) out_ += ']';
  }
  void copy(std::size_t length) {
    out_ += pattern_.substr(at_, length);
    at_ += length;
  }

  std::string_view pattern_;
  std::string out_;
  std::size_t at_ = 0, set_begin_ = 0;
  bool in_set_ = false;
};

template <auto Free>
struct Deleter {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Code = std::unique_ptr<pcre2_code, Deleter<pcre2_code_free>>;
using MatchSpace = std::unique_ptr<pcre2_match_data, Deleter<pcre2_match_data_free>>;
using MatchLimits = std::unique_ptr<pcre2_match_context, Deleter<pcre2_match_context_free>>;
using JitStack = std::unique_ptr<pcre2_jit_stack, Deleter<pcre2_jit_stack_free>>;

// What one call of split() needs beside the compiled expressions.
struct Matcher {
  Matcher()
      : space(pcre2_match_data_create(1, nullptr)),
        limits(pcre2_match_context_create(nullptr)),
        stack(pcre2_jit_stack_create(kJitStackBytesMin, kJitStackBytesMax, nullptr)) {
    CAIRN_CHECK(space && limits, "out of memory");
    pcre2_set_match_limit(limits.get(), kSplitMatchStepsMax);
    if (stack) pcre2_jit_stack_assign(limits.get(), nullptr, stack.get());
  }
  MatchSpace space;
  MatchLimits limits;
  JitStack stack;
};

std::string message_of(int code) {
  PCRE2_UCHAR buffer[256];
  const int length = pcre2_get_error_message(code, buffer, sizeof buffer);
  return length < 0 ? "error " + std::to_string(code) : std::string(reinterpret_cast<char*>(buffer));
}

}  // namespace

struct Splitter::Expression {
  Code code;
  bool jit = false;

  // Appends matches and gaps of `piece`. An empty match cuts nothing and is stepped over.
  Result<void> split(std::string_view piece, Matcher& matcher, std::vector<std::string_view>& out) const {
    const auto* subject = reinterpret_cast<PCRE2_SPTR>(piece.data());
    const std::size_t* ends = pcre2_get_ovector_pointer(matcher.space.get());
    std::size_t cut = 0, from = 0;
    while (from < piece.size()) {
      const int found =
          jit ? pcre2_jit_match(code.get(), subject, piece.size(), from, 0, matcher.space.get(), matcher.limits.get())
              : pcre2_match(code.get(), subject, piece.size(), from, PCRE2_NO_UTF_CHECK, matcher.space.get(),
                            matcher.limits.get());
      if (found == PCRE2_ERROR_NOMATCH) break;
      if (found < 0) return invalid("text cannot be split: " + message_of(found));
      const std::size_t begin = ends[0], end = ends[1];
      if (end <= begin || begin < cut) {
        from = std::max(end, from) + 1;
        while (from < piece.size() && (static_cast<unsigned char>(piece[from]) & 0xC0) == 0x80) ++from;
        continue;
      }
      if (begin > cut) out.push_back(piece.substr(cut, begin - cut));
      out.push_back(piece.substr(begin, end - begin));
      cut = from = end;
    }
    if (cut < piece.size()) out.push_back(piece.substr(cut));
    return {};
  }
};

Splitter::Splitter(std::vector<std::unique_ptr<Expression>> expressions) : expressions_(std::move(expressions)) {}
Splitter::Splitter(Splitter&&) noexcept = default;
Splitter& Splitter::operator=(Splitter&&) noexcept = default;
Splitter::~Splitter() = default;

Result<Splitter> Splitter::make(const std::vector<std::string>& patterns) {
  if (patterns.size() > kSplitStepsMax) return invalid("more than " + std::to_string(kSplitStepsMax) + " split steps");
  std::vector<std::unique_ptr<Expression>> expressions;
  for (const std::string& pattern : patterns) {
    if (pattern.size() > kSplitPatternBytesMax) return invalid("split pattern is too long");
    const std::string source = Rewriter(pattern).run();
    int error = 0;
    PCRE2_SIZE where = 0;
    Code code(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(source.data()), source.size(), PCRE2_UTF | PCRE2_UCP, &error,
                            &where, nullptr));
    if (!code) return invalid("split pattern '" + pattern + "' does not compile: " + message_of(error));
    auto expression = std::make_unique<Expression>();
    expression->jit = pcre2_jit_compile(code.get(), PCRE2_JIT_COMPLETE) == 0;
    expression->code = std::move(code);
    expressions.push_back(std::move(expression));
  }
  return Splitter(std::move(expressions));
}

Result<void> Splitter::split(std::string_view text, std::vector<std::string_view>& pieces) const {
  if (text.empty()) return {};
  if (expressions_.empty()) {
    pieces.push_back(text);
    return {};
  }
  Matcher matcher;
  std::vector<std::string_view> before{text}, after;
  for (const auto& expression : expressions_) {
    after.clear();
    for (const std::string_view piece : before) CAIRN_TRY_VOID(expression->split(piece, matcher, after));
    before.swap(after);
  }
  pieces.insert(pieces.end(), before.begin(), before.end());
  return {};
}

std::string_view gpt2_split_pattern() {
  return R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
}

}  // namespace cairn

// Syntax tree of a chat template and its parser. Every construct the evaluator does not know is refused here.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "text/template_functions.h"
#include "text/template_lexer.h"
#include "text/template_value.h"

namespace cairn {

inline constexpr std::size_t kTemplateTreeDepthMax = 200;
inline constexpr std::size_t kTemplateTokensMax = 200'000;

// What `children` and `text` mean stands beside each kind.
enum class NodeKind : std::uint8_t {
  kNothing,    // an absent optional part
  kLiteral,    // value
  kName,       // text
  kList,       // elements
  kTuple,      // elements
  kDict,       // key, value, key, value ...
  kAttribute,  // object; text: name
  kItem,       // object, key
  kSlice,      // object, begin, end, step
  kCall,       // callee, arguments; names: keywords of the last arguments
  kMethod,     // object, arguments; text: name; names
  kFilter,     // value, arguments; function; names
  kTest,       // value, arguments; function; names
  kNot,
  kNegate,
  kPlus,  // operand
  kAnd,
  kOr,  // left, right
  kAdd,
  kSubtract,
  kMultiply,
  kDivide,
  kFloorDivide,
  kModulo,
  kConcat,  // parts
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kIn,
  kNotIn,
  kConditional,  // condition, then, else or kNothing
  kBlock,        // statements
  kText,         // text
  kOutput,       // expression
  kIf,           // condition, block, condition, block ..., else block if odd
  kFor,          // iterable, filter or kNothing, block, else block or kNothing; names: targets
  kSet,          // value; names: targets; text: attribute of the one target, or empty
  kSetBlock,     // block; names: target
  kMacro,        // block, default values of the last parameters; text: name; names: parameters
  kBreak,
  kContinue
};

struct TemplateNode {
  NodeKind kind = NodeKind::kNothing;
  std::uint32_t line = 0, depth = 1;
  std::string text;
  TemplateValue value;
  const TemplateFunction* function = nullptr;
  std::vector<std::string> names;
  std::vector<std::unique_ptr<TemplateNode>> children;
};
using TemplateNodePtr = std::unique_ptr<TemplateNode>;

// The block of all statements. kInvalid names line and construct.
Result<TemplateNodePtr> parse_template(std::string_view source);

// template_expressions.cc. Reads tokens from `at` on, which is moved behind what was read.
class TemplateCursor {
 public:
  explicit TemplateCursor(std::vector<TemplateToken> tokens) : tokens_(std::move(tokens)) {}
  const TemplateToken& peek(std::size_t ahead = 0) const { return tokens_[std::min(at_ + ahead, tokens_.size() - 1)]; }
  const TemplateToken& next() { return tokens_[at_ < tokens_.size() - 1 ? at_++ : at_]; }
  bool is_operator(std::string_view text) const {
    return peek().kind == TemplateToken::Kind::kOperator && peek().text == text;
  }
  bool is_name(std::string_view text) const { return peek().kind == TemplateToken::Kind::kName && peek().text == text; }
  bool take_operator(std::string_view text) { return is_operator(text) && (next(), true); }
  bool take_name(std::string_view text) { return is_name(text) && (next(), true); }
  Result<void> expect_operator(std::string_view text);
  Result<std::string> expect_name(std::string_view what);
  Error error(const std::string& what) const;

 private:
  std::vector<TemplateToken> tokens_;
  std::size_t at_ = 0;
};

class TemplateExpressions {
 public:
  explicit TemplateExpressions(TemplateCursor& cursor) : cursor_(cursor) {}
  Result<TemplateNodePtr> expression();        // without a bare tuple
  Result<TemplateNodePtr> expression_tuple();  // a, b: a tuple
  Result<TemplateNodePtr> disjunction();       // without inline if
  TemplateNodePtr make(NodeKind kind) const;
  // Appends `child`; kInvalid when the tree gets too deep.
  Result<void> adopt(TemplateNode& parent, TemplateNodePtr child) const;

 private:
  using Rule = Result<TemplateNodePtr> (TemplateExpressions::*)();
  Result<TemplateNodePtr> conjunction();
  Result<TemplateNodePtr> negation();
  Result<TemplateNodePtr> comparison();
  Result<TemplateNodePtr> sum();
  Result<TemplateNodePtr> concatenation();
  Result<TemplateNodePtr> product();
  Result<TemplateNodePtr> unary() { return signed_value(true); }
  Result<TemplateNodePtr> signed_value(bool with_filters);
  Result<TemplateNodePtr> primary();
  Result<TemplateNodePtr> name();
  Result<TemplateNodePtr> parenthesis();
  Result<TemplateNodePtr> list();
  Result<TemplateNodePtr> dict();
  Result<TemplateNodePtr> postfix(TemplateNodePtr node);
  Result<TemplateNodePtr> member(TemplateNodePtr object);
  Result<TemplateNodePtr> subscript(TemplateNodePtr object);
  Result<TemplateNodePtr> call(TemplateNodePtr callee);
  Result<TemplateNodePtr> filters(TemplateNodePtr node);
  Result<TemplateNodePtr> filter(TemplateNodePtr value);
  Result<TemplateNodePtr> test(TemplateNodePtr value);
  Result<void> arguments(TemplateNode& node);
  Result<TemplateNodePtr> binary(NodeKind kind, TemplateNodePtr left, Rule right);
  Result<TemplateNodePtr> wrap(NodeKind kind, TemplateNodePtr child) const;

  TemplateCursor& cursor_;
  std::size_t nesting_ = 0;
};

}  // namespace cairn

#include <algorithm>
#include <array>
#include <charconv>

#include "text/template_parser.h"

namespace cairn {
namespace {
using Kind = TemplateToken::Kind;

struct Operator {
  std::string_view text;
  NodeKind kind;
};
constexpr std::array<Operator, 6> kComparisons = {{{"==", NodeKind::kEqual},
                                                   {"!=", NodeKind::kNotEqual},
                                                   {"<=", NodeKind::kLessEqual},
                                                   {">=", NodeKind::kGreaterEqual},
                                                   {"<", NodeKind::kLess},
                                                   {">", NodeKind::kGreater}}};
constexpr std::array<Operator, 4> kProducts = {
    {{"*", NodeKind::kMultiply}, {"//", NodeKind::kFloorDivide}, {"/", NodeKind::kDivide}, {"%", NodeKind::kModulo}}};

bool is_method(std::string_view name) {
  return find_template_method(MethodOwner::kString, name) != nullptr ||
         find_template_method(MethodOwner::kDict, name) != nullptr ||
         find_template_method(MethodOwner::kLoop, name) != nullptr;
}
}  // namespace

Error TemplateCursor::error(const std::string& what) const {
  return invalid("chat template line " + std::to_string(peek().line) + ": " + what);
}

Result<void> TemplateCursor::expect_operator(std::string_view text) {
  if (take_operator(text)) return {};
  return error("expected '" + std::string(text) + "' before '" + peek().text + "'");
}

Result<std::string> TemplateCursor::expect_name(std::string_view what) {
  if (peek().kind != Kind::kName) return error("expected " + std::string(what) + " before '" + peek().text + "'");
  return next().text;
}

TemplateNodePtr TemplateExpressions::make(NodeKind kind) const {
  auto node = std::make_unique<TemplateNode>();
  node->kind = kind;
  node->line = cursor_.peek().line;
  return node;
}

Result<void> TemplateExpressions::adopt(TemplateNode& parent, TemplateNodePtr child) const {
  parent.depth = std::max(parent.depth, child->depth + 1);
  parent.children.push_back(std::move(child));
  if (parent.depth > kTemplateTreeDepthMax) return cursor_.error("the expression is nested too deeply");
  return {};
}

Result<TemplateNodePtr> TemplateExpressions::wrap(NodeKind kind, TemplateNodePtr child) const {
  auto node = make(kind);
  CAIRN_TRY_VOID(adopt(*node, std::move(child)));
  return node;
}

Result<TemplateNodePtr> TemplateExpressions::binary(NodeKind kind, TemplateNodePtr left, Rule right) {
  CAIRN_TRY(auto node, wrap(kind, std::move(left)));
  CAIRN_TRY(auto other, (this->*right)());
  CAIRN_TRY_VOID(adopt(*node, std::move(other)));
  return node;
}

Result<TemplateNodePtr> TemplateExpressions::expression() {
  if (++nesting_ > kTemplateNestingMax) return cursor_.error("the expression is nested too deeply");
  CAIRN_TRY(auto node, disjunction());
  while (cursor_.take_name("if")) {
    auto choice = make(NodeKind::kConditional);
    CAIRN_TRY(auto condition, disjunction());
    TemplateNodePtr otherwise = make(NodeKind::kNothing);
    if (cursor_.take_name("else")) {
      CAIRN_TRY(otherwise, expression());
    }
    CAIRN_TRY_VOID(adopt(*choice, std::move(condition)));
    CAIRN_TRY_VOID(adopt(*choice, std::move(node)));
    CAIRN_TRY_VOID(adopt(*choice, std::move(otherwise)));
    node = std::move(choice);
  }
  --nesting_;
  return node;
}

Result<TemplateNodePtr> TemplateExpressions::expression_tuple() {
  CAIRN_TRY(auto first, expression());
  if (!cursor_.is_operator(",")) return first;
  CAIRN_TRY(auto tuple, wrap(NodeKind::kTuple, std::move(first)));
  while (cursor_.take_operator(",")) {
    if (cursor_.is_operator(")") || cursor_.peek().kind == Kind::kBlockEnd || cursor_.peek().kind == Kind::kOutputEnd)
      break;
    CAIRN_TRY(auto element, expression());
    CAIRN_TRY_VOID(adopt(*tuple, std::move(element)));
  }
  return tuple;
}

Result<TemplateNodePtr> TemplateExpressions::disjunction() {
  CAIRN_TRY(auto node, conjunction());
  while (cursor_.take_name("or")) {
    CAIRN_TRY(node, binary(NodeKind::kOr, std::move(node), &TemplateExpressions::conjunction));
  }
  return node;
}

Result<TemplateNodePtr> TemplateExpressions::conjunction() {
  CAIRN_TRY(auto node, negation());
  while (cursor_.take_name("and")) {
    CAIRN_TRY(node, binary(NodeKind::kAnd, std::move(node), &TemplateExpressions::negation));
  }
  return node;
}

Result<TemplateNodePtr> TemplateExpressions::negation() {
  std::size_t count = 0;
  while (cursor_.take_name("not")) ++count;
  CAIRN_TRY(auto node, comparison());
  // not not x is not x's own value but its truth, so at least one of a pair stays.
  for (std::size_t i = 0; i < std::min<std::size_t>(count, count % 2 == 0 ? 2 : 1); ++i) {
    CAIRN_TRY(node, wrap(NodeKind::kNot, std::move(node)));
  }
  return node;
}

Result<TemplateNodePtr> TemplateExpressions::comparison() {
  CAIRN_TRY(auto node, sum());
  bool again = false;
  while (true) {
    const auto found = std::find_if(kComparisons.begin(), kComparisons.end(),
                                    [&](const Operator& each) { return cursor_.is_operator(each.text); });
    NodeKind kind = NodeKind::kNothing;
    if (found != kComparisons.end()) {
      cursor_.next();
      kind = found->kind;
    } else if (cursor_.take_name("in")) {
      kind = NodeKind::kIn;
    } else if (cursor_.is_name("not") && cursor_.peek(1).kind == Kind::kName && cursor_.peek(1).text == "in") {
      cursor_.next();
      cursor_.next();
      kind = NodeKind::kNotIn;
    } else {
      return node;
    }
    if (again) return cursor_.error("a chain of comparisons is not implemented");
    again = true;
    CAIRN_TRY(node, binary(kind, std::move(node), &TemplateExpressions::sum));
  }
}

Result<TemplateNodePtr> TemplateExpressions::sum() {
  CAIRN_TRY(auto node, concatenation());
  while (cursor_.is_operator("+") || cursor_.is_operator("-")) {
    const NodeKind kind = cursor_.next().text == "+" ? NodeKind::kAdd : NodeKind::kSubtract;
    CAIRN_TRY(node, binary(kind, std::move(node), &TemplateExpressions::concatenation));
  }
  return node;
}

Result<TemplateNodePtr> TemplateExpressions::concatenation() {
  CAIRN_TRY(auto node, product());
  if (!cursor_.is_operator("~")) return node;
  CAIRN_TRY(auto parts, wrap(NodeKind::kConcat, std::move(node)));
  while (cursor_.take_operator("~")) {
    CAIRN_TRY(auto part, product());
    CAIRN_TRY_VOID(adopt(*parts, std::move(part)));
  }
  return parts;
}

Result<TemplateNodePtr> TemplateExpressions::product() {
  CAIRN_TRY(auto node, unary());
  while (true) {
    const auto found = std::find_if(kProducts.begin(), kProducts.end(),
                                    [&](const Operator& each) { return cursor_.is_operator(each.text); });
    if (found == kProducts.end()) break;
    cursor_.next();
    CAIRN_TRY(node, binary(found->kind, std::move(node), &TemplateExpressions::unary));
  }
  if (cursor_.is_operator("**")) return cursor_.error("operator '**' is not implemented");
  return node;
}

Result<TemplateNodePtr> TemplateExpressions::signed_value(bool with_filters) {
  if (++nesting_ > kTemplateNestingMax) return cursor_.error("the expression is nested too deeply");
  TemplateNodePtr node;
  if (cursor_.is_operator("-") || cursor_.is_operator("+")) {
    const NodeKind kind = cursor_.next().text == "-" ? NodeKind::kNegate : NodeKind::kPlus;
    CAIRN_TRY(auto operand, signed_value(false));
    CAIRN_TRY(node, wrap(kind, std::move(operand)));
  } else {
    CAIRN_TRY(node, primary());
  }
  CAIRN_TRY(node, postfix(std::move(node)));
  if (with_filters) {
    CAIRN_TRY(node, filters(std::move(node)));
  }
  --nesting_;
  return node;
}

Result<TemplateNodePtr> TemplateExpressions::primary() {
  const TemplateToken& token = cursor_.peek();
  auto literal = make(NodeKind::kLiteral);
  switch (token.kind) {
    case Kind::kName:
      return name();
    case Kind::kString:
      while (cursor_.peek().kind == Kind::kString) literal->text += cursor_.next().text;
      literal->value = TemplateValue::string(literal->text);
      return literal;
    case Kind::kInt: {
      std::int64_t value = 0;
      const auto read = std::from_chars(token.text.data(), token.text.data() + token.text.size(), value);
      if (read.ec != std::errc()) return cursor_.error("the number '" + token.text + "' is too large");
      cursor_.next();
      literal->value = TemplateValue::integral(value);
      return literal;
    }
    case Kind::kFloat: {
      double value = 0;
      std::from_chars(token.text.data(), token.text.data() + token.text.size(), value);
      cursor_.next();
      literal->value = TemplateValue::floating(value);
      return literal;
    }
    case Kind::kOperator:
      if (token.text == "(") return parenthesis();
      if (token.text == "[") return list();
      if (token.text == "{") return dict();
      break;
    default:
      break;
  }
  return cursor_.error(token.text.empty() ? "an expression is missing" : "unexpected '" + token.text + "'");
}

Result<TemplateNodePtr> TemplateExpressions::name() {
  auto node = make(NodeKind::kLiteral);
  const std::string text = cursor_.next().text;
  if (text == "true" || text == "True" || text == "false" || text == "False") {
    node->value = TemplateValue::boolean(text == "true" || text == "True");
  } else if (text == "none" || text == "None") {
    node->value = TemplateValue::none();
  } else {
    node->kind = NodeKind::kName;
    node->text = text;
  }
  return node;
}

Result<TemplateNodePtr> TemplateExpressions::parenthesis() {
  cursor_.next();
  if (cursor_.take_operator(")")) return make(NodeKind::kTuple);
  CAIRN_TRY(auto node, expression_tuple());
  CAIRN_TRY_VOID(cursor_.expect_operator(")"));
  return node;
}

Result<TemplateNodePtr> TemplateExpressions::list() {
  auto node = make(NodeKind::kList);
  cursor_.next();
  while (!cursor_.take_operator("]")) {
    if (!node->children.empty()) CAIRN_TRY_VOID(cursor_.expect_operator(","));
    if (cursor_.take_operator("]")) break;
    CAIRN_TRY(auto element, expression());
    CAIRN_TRY_VOID(adopt(*node, std::move(element)));
  }
  return node;
}

Result<TemplateNodePtr> TemplateExpressions::dict() {
  auto node = make(NodeKind::kDict);
  cursor_.next();
  while (!cursor_.take_operator("}")) {
    if (!node->children.empty()) CAIRN_TRY_VOID(cursor_.expect_operator(","));
    if (cursor_.take_operator("}")) break;
    CAIRN_TRY(auto key, expression());
    CAIRN_TRY_VOID(cursor_.expect_operator(":"));
    CAIRN_TRY(auto value, expression());
    CAIRN_TRY_VOID(adopt(*node, std::move(key)));
    CAIRN_TRY_VOID(adopt(*node, std::move(value)));
  }
  return node;
}

Result<TemplateNodePtr> TemplateExpressions::postfix(TemplateNodePtr node) {
  while (true) {
    if (cursor_.take_operator(".")) {
      CAIRN_TRY(node, member(std::move(node)));
    } else if (cursor_.take_operator("[")) {
      CAIRN_TRY(node, subscript(std::move(node)));
    } else if (cursor_.is_operator("(")) {
      CAIRN_TRY(node, call(std::move(node)));
    } else {
      return node;
    }
  }
}

// object.name, object.name(arguments), object.0
Result<TemplateNodePtr> TemplateExpressions::member(TemplateNodePtr object) {
  if (cursor_.peek().kind == Kind::kInt) {
    CAIRN_TRY(auto item, wrap(NodeKind::kItem, std::move(object)));
    CAIRN_TRY(auto index, primary());
    CAIRN_TRY_VOID(adopt(*item, std::move(index)));
    return item;
  }
  CAIRN_TRY(std::string name, cursor_.expect_name("an attribute"));
  const bool called = cursor_.is_operator("(");
  if (called && !is_method(name)) return cursor_.error("method '" + name + "' is not implemented");
  CAIRN_TRY(auto node, wrap(called ? NodeKind::kMethod : NodeKind::kAttribute, std::move(object)));
  node->text = std::move(name);
  if (called) CAIRN_TRY_VOID(arguments(*node));
  return node;
}

Result<TemplateNodePtr> TemplateExpressions::subscript(TemplateNodePtr object) {
  CAIRN_TRY(auto node, wrap(NodeKind::kItem, std::move(object)));
  for (std::size_t part = 0; part < 3; ++part) {
    if (cursor_.is_operator(":") || cursor_.is_operator("]")) {
      CAIRN_TRY_VOID(adopt(*node, make(NodeKind::kNothing)));
    } else {
      CAIRN_TRY(auto bound, expression());
      CAIRN_TRY_VOID(adopt(*node, std::move(bound)));
    }
    if (!cursor_.take_operator(":")) break;
    node->kind = NodeKind::kSlice;
  }
  CAIRN_TRY_VOID(cursor_.expect_operator("]"));
  if (node->kind == NodeKind::kItem) {
    if (node->children[1]->kind == NodeKind::kNothing) return cursor_.error("an index is missing");
    return node;
  }
  while (node->children.size() < 4) CAIRN_TRY_VOID(adopt(*node, make(NodeKind::kNothing)));
  return node;
}

Result<TemplateNodePtr> TemplateExpressions::call(TemplateNodePtr callee) {
  if (callee->kind != NodeKind::kName) return cursor_.error("a call of something without a name is not implemented");
  CAIRN_TRY(auto node, wrap(NodeKind::kCall, std::move(callee)));
  CAIRN_TRY_VOID(arguments(*node));
  return node;
}

// (a, b, name=c): keyword arguments come last.
Result<void> TemplateExpressions::arguments(TemplateNode& node) {
  CAIRN_TRY_VOID(cursor_.expect_operator("("));
  bool first = true;
  while (!cursor_.take_operator(")")) {
    if (!first) CAIRN_TRY_VOID(cursor_.expect_operator(","));
    if (!first && cursor_.take_operator(")")) break;
    first = false;
    if (cursor_.is_operator("*") || cursor_.is_operator("**"))
      return cursor_.error("unpacked arguments are not implemented");
    const TemplateToken& after = cursor_.peek(1);
    if (cursor_.peek().kind == Kind::kName && after.kind == Kind::kOperator && after.text == "=") {
      node.names.push_back(cursor_.next().text);
      cursor_.next();
    } else if (!node.names.empty()) {
      return cursor_.error("an argument without a name follows one with a name");
    }
    CAIRN_TRY(auto argument, expression());
    CAIRN_TRY_VOID(adopt(node, std::move(argument)));
  }
  return {};
}

Result<TemplateNodePtr> TemplateExpressions::filters(TemplateNodePtr node) {
  while (true) {
    if (cursor_.take_operator("|")) {
      CAIRN_TRY(node, filter(std::move(node)));
    } else if (cursor_.take_name("is")) {
      CAIRN_TRY(node, test(std::move(node)));
    } else {
      return node;
    }
  }
}

Result<TemplateNodePtr> TemplateExpressions::filter(TemplateNodePtr value) {
  CAIRN_TRY(const std::string name, cursor_.expect_name("a filter"));
  CAIRN_TRY(auto node, wrap(NodeKind::kFilter, std::move(value)));
  node->function = find_template_filter(name);
  if (node->function == nullptr) return cursor_.error("filter '" + name + "' is not implemented");
  if (cursor_.is_operator("(")) CAIRN_TRY_VOID(arguments(*node));
  return node;
}

Result<TemplateNodePtr> TemplateExpressions::test(TemplateNodePtr value) {
  const bool negated = cursor_.take_name("not");
  CAIRN_TRY(const std::string name, cursor_.expect_name("a test"));
  CAIRN_TRY(auto node, wrap(NodeKind::kTest, std::move(value)));
  node->function = find_template_test(name);
  if (node->function == nullptr) return cursor_.error("test '" + name + "' is not implemented");
  const TemplateToken& token = cursor_.peek();
  const bool word = token.kind == Kind::kName && token.text != "else" && token.text != "or" && token.text != "and" &&
                    token.text != "is" && token.text != "if" && token.text != "in" && token.text != "not";
  if (cursor_.is_operator("(")) {
    CAIRN_TRY_VOID(arguments(*node));
  } else if (word || token.kind == Kind::kString || token.kind == Kind::kInt || token.kind == Kind::kFloat ||
             cursor_.is_operator("[") || cursor_.is_operator("{")) {
    CAIRN_TRY(auto argument, primary());
    CAIRN_TRY(argument, postfix(std::move(argument)));
    CAIRN_TRY_VOID(adopt(*node, std::move(argument)));
  }
  if (negated) return wrap(NodeKind::kNot, std::move(node));
  return node;
}

}  // namespace cairn

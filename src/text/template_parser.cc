#include "text/template_parser.h"

#include <initializer_list>

namespace cairn {
namespace {

using Kind = TemplateToken::Kind;

class Parser {
 public:
  explicit Parser(std::vector<TemplateToken> tokens) : cursor_(std::move(tokens)), expressions_(cursor_) {}

  Result<TemplateNodePtr> run() {
    CAIRN_TRY(auto root, block({}));
    if (cursor_.peek().kind != Kind::kEnd) return cursor_.error("'" + cursor_.peek(1).text + "' has no beginning");
    return root;
  }

 private:
  // Statements up to a block tag that begins with one of `ends`, whose name is not read yet.
  Result<TemplateNodePtr> block(std::initializer_list<std::string_view> ends) {
    if (++nesting_ > kTemplateNestingMax) return cursor_.error("blocks are nested too deeply");
    auto node = expressions_.make(NodeKind::kBlock);
    while (cursor_.peek().kind != Kind::kEnd && !at_tag(ends)) {
      CAIRN_TRY(auto child, statement());
      if (child->kind != NodeKind::kNothing) CAIRN_TRY_VOID(expressions_.adopt(*node, std::move(child)));
    }
    if (ends.size() > 0 && cursor_.peek().kind == Kind::kEnd) {
      return cursor_.error("'" + std::string(*(ends.end() - 1)) + "' is missing");
    }
    --nesting_;
    return node;
  }

  bool at_tag(std::initializer_list<std::string_view> names) const {
    if (cursor_.peek().kind != Kind::kBlockBegin || cursor_.peek(1).kind != Kind::kName) return false;
    for (const std::string_view name : names) {
      if (cursor_.peek(1).text == name) return true;
    }
    return false;
  }

  // Reads "{% name": the caller reads what follows up to "%}".
  std::string open_tag() {
    cursor_.next();
    return cursor_.next().text;
  }
  Result<void> close_tag() {
    if (cursor_.peek().kind != Kind::kBlockEnd) return cursor_.error("unexpected '" + cursor_.peek().text + "'");
    cursor_.next();
    return {};
  }
  Result<void> end_tag() {
    open_tag();
    return close_tag();
  }

  Result<TemplateNodePtr> statement() {
    const TemplateToken& token = cursor_.peek();
    if (token.kind == Kind::kText) {
      auto node = expressions_.make(NodeKind::kText);
      node->text = cursor_.next().text;
      return node;
    }
    if (token.kind == Kind::kOutputBegin) {
      auto node = expressions_.make(NodeKind::kOutput);
      cursor_.next();
      CAIRN_TRY(auto value, expressions_.expression_tuple());
      if (cursor_.peek().kind != Kind::kOutputEnd) return cursor_.error("unexpected '" + cursor_.peek().text + "'");
      cursor_.next();
      CAIRN_TRY_VOID(expressions_.adopt(*node, std::move(value)));
      return node;
    }
    if (at_tag({"endif", "endfor", "else", "elif", "endset", "endmacro", "endgeneration"})) {
      return cursor_.error("'" + cursor_.peek(1).text + "' has no beginning");
    }
    const std::string name = open_tag();
    if (name == "if") return if_block();
    if (name == "for") return for_block();
    if (name == "set") return set();
    if (name == "macro") return macro();
    if (name == "generation") return generation();
    if (name == "break" || name == "continue") {
      if (loops_ == 0) return cursor_.error("'" + name + "' outside a loop");
      auto node = expressions_.make(name == "break" ? NodeKind::kBreak : NodeKind::kContinue);
      CAIRN_TRY_VOID(close_tag());
      return node;
    }
    return cursor_.error("'" + name + "' is not implemented");
  }

  Result<TemplateNodePtr> if_block() {
    auto node = expressions_.make(NodeKind::kIf);
    while (true) {
      CAIRN_TRY(auto condition, expressions_.expression_tuple());
      CAIRN_TRY_VOID(close_tag());
      CAIRN_TRY(auto body, block({"elif", "else", "endif"}));
      CAIRN_TRY_VOID(expressions_.adopt(*node, std::move(condition)));
      CAIRN_TRY_VOID(expressions_.adopt(*node, std::move(body)));
      const std::string name = open_tag();
      if (name == "elif") continue;
      CAIRN_TRY_VOID(close_tag());
      if (name == "endif") return node;
      CAIRN_TRY(auto otherwise, block({"endif"}));
      CAIRN_TRY_VOID(expressions_.adopt(*node, std::move(otherwise)));
      CAIRN_TRY_VOID(end_tag());
      return node;
    }
  }

  Result<std::vector<std::string>> targets() {
    std::vector<std::string> names;
    const bool bracket = cursor_.take_operator("(");
    do {
      CAIRN_TRY(std::string name, cursor_.expect_name("a variable"));
      names.push_back(std::move(name));
    } while (cursor_.take_operator(","));
    if (bracket) CAIRN_TRY_VOID(cursor_.expect_operator(")"));
    return names;
  }

  Result<TemplateNodePtr> for_block() {
    auto node = expressions_.make(NodeKind::kFor);
    CAIRN_TRY(node->names, targets());
    if (!cursor_.take_name("in")) return cursor_.error("expected 'in' before '" + cursor_.peek().text + "'");
    CAIRN_TRY(auto iterable, expressions_.disjunction());
    TemplateNodePtr condition = expressions_.make(NodeKind::kNothing);
    if (cursor_.take_name("if")) {
      CAIRN_TRY(condition, expressions_.expression());
    }
    if (cursor_.is_name("recursive")) return cursor_.error("'recursive' is not implemented");
    CAIRN_TRY_VOID(close_tag());
    ++loops_;
    CAIRN_TRY(auto body, block({"else", "endfor"}));
    --loops_;
    TemplateNodePtr otherwise = expressions_.make(NodeKind::kNothing);
    if (at_tag({"else"})) {
      CAIRN_TRY_VOID(end_tag());
      CAIRN_TRY(otherwise, block({"endfor"}));
    }
    CAIRN_TRY_VOID(end_tag());
    for (TemplateNodePtr* part : {&iterable, &condition, &body, &otherwise}) {
      CAIRN_TRY_VOID(expressions_.adopt(*node, std::move(*part)));
    }
    return node;
  }

  Result<TemplateNodePtr> set() {
    auto node = expressions_.make(NodeKind::kSet);
    CAIRN_TRY(node->names, targets());
    if (cursor_.take_operator(".")) {
      if (node->names.size() != 1) return cursor_.error("a list of attributes as target is not implemented");
      CAIRN_TRY(node->text, cursor_.expect_name("an attribute"));
    }
    if (cursor_.take_operator("=")) {
      CAIRN_TRY(auto value, expressions_.expression_tuple());
      CAIRN_TRY_VOID(expressions_.adopt(*node, std::move(value)));
      CAIRN_TRY_VOID(close_tag());
      return node;
    }
    if (cursor_.is_operator("|")) return cursor_.error("a filter on a set block is not implemented");
    CAIRN_TRY_VOID(close_tag());
    if (node->names.size() != 1 || !node->text.empty()) return cursor_.error("a set block needs one plain variable");
    node->kind = NodeKind::kSetBlock;
    CAIRN_TRY(auto body, block({"endset"}));
    CAIRN_TRY_VOID(expressions_.adopt(*node, std::move(body)));
    CAIRN_TRY_VOID(end_tag());
    return node;
  }

  Result<TemplateNodePtr> macro() {
    auto node = expressions_.make(NodeKind::kMacro);
    CAIRN_TRY(node->text, cursor_.expect_name("a macro's name"));
    CAIRN_TRY_VOID(cursor_.expect_operator("("));
    std::vector<TemplateNodePtr> defaults;
    while (!cursor_.take_operator(")")) {
      if (!node->names.empty()) CAIRN_TRY_VOID(cursor_.expect_operator(","));
      CAIRN_TRY(std::string name, cursor_.expect_name("a parameter"));
      node->names.push_back(std::move(name));
      if (cursor_.take_operator("=")) {
        CAIRN_TRY(auto value, expressions_.expression());
        defaults.push_back(std::move(value));
      } else if (!defaults.empty()) {
        return cursor_.error("a parameter without default follows one with a default");
      }
    }
    CAIRN_TRY_VOID(close_tag());
    const std::size_t loops = std::exchange(loops_, 0);
    CAIRN_TRY(auto body, block({"endmacro"}));
    loops_ = loops;
    CAIRN_TRY_VOID(end_tag());
    CAIRN_TRY_VOID(expressions_.adopt(*node, std::move(body)));
    for (auto& value : defaults) CAIRN_TRY_VOID(expressions_.adopt(*node, std::move(value)));
    return node;
  }

  // Marks what an assistant wrote, for training; prints its body.
  Result<TemplateNodePtr> generation() {
    CAIRN_TRY_VOID(close_tag());
    CAIRN_TRY(auto body, block({"endgeneration"}));
    CAIRN_TRY_VOID(end_tag());
    return body;
  }

  TemplateCursor cursor_;
  TemplateExpressions expressions_;
  std::size_t nesting_ = 0, loops_ = 0;
};

}  // namespace

Result<TemplateNodePtr> parse_template(std::string_view source) {
  CAIRN_TRY(auto tokens, lex_template(source));
  if (tokens.size() > kTemplateTokensMax) return invalid("chat template has too many tokens");
  return Parser(std::move(tokens)).run();
}

}  // namespace cairn

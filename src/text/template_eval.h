// One rendering of a parsed chat template: scopes, output and bounds. Private to text/template_*.cc and
// chat_template.cc.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/template_functions.h"
#include "text/template_parser.h"

namespace cairn {

// One per rendering, one thread.
class TemplateRun {
 public:
  explicit TemplateRun(std::optional<std::int64_t> now_unix_s);
  TemplateArena& arena() { return arena_; }
  void define(std::string_view name, TemplateValue value) { set(name, value); }
  // kInvalid with the line of the statement that failed.
  Result<std::string> run(const TemplateNode& root);

 private:
  enum class Flow : std::uint8_t { kOn, kBreak, kContinue };
  using Scope = std::vector<std::pair<std::string_view, TemplateValue>>;
  struct CallArguments {
    std::vector<TemplateValue> values;  // those of the last names.size() are named
    const std::vector<std::string>* names;
  };

  // template_eval.cc: statements
  Result<Flow> execute(const TemplateNode& node);
  Result<Flow> perform(const TemplateNode& node);
  Result<Flow> block(const TemplateNode& node);
  Result<void> output(const TemplateNode& node);
  Result<Flow> choose(const TemplateNode& node);
  Result<Flow> loop(const TemplateNode& node);
  Result<std::vector<TemplateValue>> loop_items(const TemplateNode& node);
  Result<void> assign(const TemplateNode& node);
  Result<void> assign_block(const TemplateNode& node);
  Result<void> bind(const std::vector<std::string>& names, const TemplateValue& value);
  Result<TemplateValue> capture(const TemplateNode& body);
  Result<TemplateValue> call_macro(const TemplateNode& macro, const CallArguments& arguments);
  void set(std::string_view name, TemplateValue value);
  TemplateValue get(std::string_view name) const;

  // template_operators.cc: expressions
  Result<void> step(const TemplateNode& node);
  Result<TemplateValue> evaluate(const TemplateNode& node);
  Result<TemplateValue> compute(const TemplateNode& node);
  Result<TemplateValue> collection(const TemplateNode& node);
  Result<TemplateValue> dict(const TemplateNode& node);
  Result<TemplateValue> slice(const TemplateNode& node);
  Result<TemplateValue> call(const TemplateNode& node);
  Result<TemplateValue> method(const TemplateNode& node);
  Result<TemplateValue> apply(const TemplateNode& node);
  Result<TemplateValue> invoke(const TemplateFunction& function, const TemplateValue& self,
                               const CallArguments& arguments);
  Result<TemplateValue> make_dict(std::string_view name, const CallArguments& arguments);
  Result<TemplateValue> unary(const TemplateNode& node);
  Result<TemplateValue> binary(const TemplateNode& node);
  Result<TemplateValue> relation(const TemplateNode& node);
  Result<TemplateValue> concatenate(const TemplateNode& node);
  Result<TemplateValue> add(const TemplateValue& left, const TemplateValue& right);
  Result<TemplateValue> multiply_text(const TemplateValue& text, const TemplateValue& count);
  Result<CallArguments> arguments_of(const TemplateNode& node);

  TemplateArena arena_;
  TemplateWorld world_;
  std::vector<Scope> scopes_;
  std::size_t base_ = 0;  // first scope of the macro that runs
  std::size_t steps_ = 0, calls_ = 0;
  BoundedText out_;
};

}  // namespace cairn

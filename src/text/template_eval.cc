#include "text/template_eval.h"

#include <algorithm>

namespace cairn {
namespace {
using Kind = TemplateValue::Kind;
}

TemplateRun::TemplateRun(std::optional<std::int64_t> now_unix_s)
    : arena_(kTemplateMemoryBytesMax), world_{arena_, now_unix_s}, scopes_(1), out_(kTemplateOutputBytesMax) {}

Result<std::string> TemplateRun::run(const TemplateNode& root) {
  CAIRN_TRY_VOID(execute(root));
  if (out_.over()) return invalid("chat template: the output is too long");
  return out_.take();
}

void TemplateRun::set(std::string_view name, TemplateValue value) {
  Scope& scope = scopes_.back();
  const auto found = std::find_if(scope.begin(), scope.end(), [&](const auto& each) { return each.first == name; });
  if (found == scope.end()) {
    scope.emplace_back(name, value);
  } else {
    found->second = value;
  }
}

TemplateValue TemplateRun::get(std::string_view name) const {
  for (std::size_t i = scopes_.size(); i-- > 0;) {
    if (i < base_ && i > 0) continue;
    for (const auto& [known, value] : scopes_[i]) {
      if (known == name) return value;
    }
  }
  const TemplateFunction* function = find_template_function(name);
  if (function == nullptr || (name == "strftime_now" && !world_.now_unix_s)) return TemplateValue::undefined(name);
  TemplateValue value = TemplateValue::none();
  value.kind = Kind::kFunction;
  value.function = function;
  return value;
}

// Adds the line to what went wrong, once.
Result<TemplateRun::Flow> TemplateRun::execute(const TemplateNode& node) {
  CAIRN_TRY_VOID(step(node));
  auto flow = perform(node);
  constexpr std::string_view kMark = "chat template line ";
  if (!flow && !flow.error().detail.starts_with(kMark)) {
    return Error{flow.error().code, std::string(kMark) + std::to_string(node.line) + ": " + flow.error().detail};
  }
  return flow;
}

Result<TemplateRun::Flow> TemplateRun::perform(const TemplateNode& node) {
  switch (node.kind) {
    case NodeKind::kBlock:
      return block(node);
    case NodeKind::kText:
      out_.add(node.text);
      return Flow::kOn;
    case NodeKind::kOutput:
      CAIRN_TRY_VOID(output(node));
      return Flow::kOn;
    case NodeKind::kIf:
      return choose(node);
    case NodeKind::kFor:
      return loop(node);
    case NodeKind::kSet:
      CAIRN_TRY_VOID(assign(node));
      return Flow::kOn;
    case NodeKind::kSetBlock:
      CAIRN_TRY_VOID(assign_block(node));
      return Flow::kOn;
    case NodeKind::kMacro: {
      TemplateValue value = TemplateValue::none();
      value.kind = Kind::kMacro;
      value.macro = &node;
      set(node.text, value);
      return Flow::kOn;
    }
    case NodeKind::kBreak:
      return Flow::kBreak;
    case NodeKind::kContinue:
      return Flow::kContinue;
    default:
      return invalid("a statement was expected");
  }
}

Result<TemplateRun::Flow> TemplateRun::block(const TemplateNode& node) {
  for (const auto& child : node.children) {
    CAIRN_TRY(const Flow flow, execute(*child));
    if (flow != Flow::kOn) return flow;
  }
  return Flow::kOn;
}

Result<void> TemplateRun::output(const TemplateNode& node) {
  CAIRN_TRY(const TemplateValue value, evaluate(*node.children[0]));
  write_text(value, out_);
  return {};
}

Result<TemplateRun::Flow> TemplateRun::choose(const TemplateNode& node) {
  std::size_t i = 0;
  for (; i + 1 < node.children.size(); i += 2) {
    CAIRN_TRY(const TemplateValue condition, evaluate(*node.children[i]));
    if (truth(condition)) return execute(*node.children[i + 1]);
  }
  return i < node.children.size() ? execute(*node.children[i]) : Result<Flow>(Flow::kOn);
}

// What the loop goes over, after its filter.
Result<std::vector<TemplateValue>> TemplateRun::loop_items(const TemplateNode& node) {
  CAIRN_TRY(const TemplateValue iterable, evaluate(*node.children[0]));
  CAIRN_TRY(auto items, items_of(world_, iterable));
  if (node.children[1]->kind == NodeKind::kNothing) return items;
  std::vector<TemplateValue> kept;
  for (const TemplateValue& item : items) {
    scopes_.emplace_back();
    CAIRN_TRY_VOID(bind(node.names, item));
    CAIRN_TRY(const TemplateValue wanted, evaluate(*node.children[1]));
    scopes_.pop_back();
    if (truth(wanted)) kept.push_back(item);
  }
  return kept;
}

// Each turn has a scope of its own: what it sets is gone in the next.
Result<TemplateRun::Flow> TemplateRun::loop(const TemplateNode& node) {
  CAIRN_TRY(auto items, loop_items(node));
  if (items.empty()) {
    return node.children[3]->kind == NodeKind::kNothing ? Result<Flow>(Flow::kOn) : execute(*node.children[3]);
  }
  TemplateLoop& state = *arena_.loop(std::move(items));
  TemplateValue self = TemplateValue::none();
  self.kind = Kind::kLoop;
  self.loop = &state;
  for (; state.index < state.items.size(); ++state.index) {
    scopes_.emplace_back();
    set("loop", self);
    CAIRN_TRY_VOID(bind(node.names, state.items[state.index]));
    CAIRN_TRY(const Flow flow, execute(*node.children[2]));
    scopes_.pop_back();
    if (flow == Flow::kBreak) break;
  }
  return Flow::kOn;
}

Result<void> TemplateRun::bind(const std::vector<std::string>& names, const TemplateValue& value) {
  if (names.size() == 1) {
    set(names[0], value);
    return {};
  }
  CAIRN_TRY(const auto parts, items_of(world_, value));
  if (parts.size() != names.size()) {
    return invalid(std::to_string(parts.size()) + " values for " + std::to_string(names.size()) + " variables");
  }
  for (std::size_t i = 0; i < names.size(); ++i) set(names[i], parts[i]);
  return {};
}

Result<void> TemplateRun::assign(const TemplateNode& node) {
  CAIRN_TRY(const TemplateValue value, evaluate(*node.children[0]));
  if (node.text.empty()) return bind(node.names, value);
  const TemplateValue object = get(node.names[0]);
  if (!object.is(Kind::kNamespace)) return invalid("'" + node.names[0] + "' is not a namespace");
  if (object.dict->entries.size() >= kTemplateDictEntriesMax) return invalid("a namespace has too many attributes");
  object.dict->set(node.text, value);
  return {};
}

Result<void> TemplateRun::assign_block(const TemplateNode& node) {
  CAIRN_TRY(const TemplateValue text, capture(*node.children[0]));
  set(node.names[0], text);
  return {};
}

// What `body` prints, as a value.
Result<TemplateValue> TemplateRun::capture(const TemplateNode& body) {
  BoundedText outer = std::exchange(out_, arena_.text());
  auto flow = execute(body);
  BoundedText inner = std::exchange(out_, std::move(outer));
  if (!flow) return std::move(flow).error();
  return arena_.own(std::move(inner));
}

Result<TemplateValue> TemplateRun::call_macro(const TemplateNode& macro, const CallArguments& arguments) {
  if (++calls_ > kTemplateCallDepthMax) return invalid("macros call each other too deeply");
  const std::size_t plain = arguments.values.size() - arguments.names->size();
  if (plain > macro.names.size()) return invalid("macro '" + macro.text + "' got too many arguments");
  Scope scope;
  for (std::size_t i = 0; i < plain; ++i) scope.emplace_back(macro.names[i], arguments.values[i]);
  for (std::size_t i = 0; i < arguments.names->size(); ++i) {
    const std::string& name = (*arguments.names)[i];
    const auto parameter = std::find(macro.names.begin(), macro.names.end(), name);
    if (parameter == macro.names.end()) return invalid("macro '" + macro.text + "' has no parameter '" + name + "'");
    scope.emplace_back(*parameter, arguments.values[plain + i]);
  }
  const std::size_t outer = std::exchange(base_, scopes_.size());
  scopes_.push_back(std::move(scope));
  const std::size_t first_default = macro.names.size() - (macro.children.size() - 1);
  for (std::size_t i = 0; i < macro.names.size(); ++i) {
    const auto& given = scopes_.back();
    if (std::any_of(given.begin(), given.end(), [&](const auto& each) { return each.first == macro.names[i]; }))
      continue;
    TemplateValue value = TemplateValue::undefined(macro.names[i]);
    if (i >= first_default) {
      CAIRN_TRY(value, evaluate(*macro.children[1 + i - first_default]));
    }
    set(macro.names[i], value);
  }
  CAIRN_TRY(const TemplateValue text, capture(*macro.children[0]));
  scopes_.pop_back();
  base_ = outer;
  --calls_;
  return text;
}

}  // namespace cairn

#include <cmath>

#include "text/template_eval.h"

namespace cairn {
namespace {

using Kind = TemplateValue::Kind;
using Value = TemplateValue;

Error wrong_types(std::string_view what, const Value& left, const Value& right) {
  for (const Value* value : {&left, &right}) {
    if (value->is(Kind::kUndefined)) return invalid("'" + std::string(value->text) + "' is undefined");
  }
  return invalid(std::string(what) + " does not work on values of type " + std::string(kind_name(left)) + " and " +
                 std::string(kind_name(right)));
}

Result<Value> overflow() { return invalid("an integer beyond 64 bits"); }

// Rounds towards minus infinity, the remainder has the sign of the divisor.
Result<Value> divide_integers(NodeKind kind, std::int64_t left, std::int64_t right) {
  if (right == 0) return invalid("division by zero");
  if (right == -1) {
    if (kind == NodeKind::kModulo) return Value::integral(0);
    std::int64_t negated = 0;
    if (__builtin_sub_overflow(std::int64_t{0}, left, &negated)) return overflow();
    return Value::integral(negated);
  }
  std::int64_t quotient = left / right, rest = left % right;
  if (rest != 0 && (rest < 0) != (right < 0)) {
    --quotient;
    rest += right;
  }
  return Value::integral(kind == NodeKind::kModulo ? rest : quotient);
}

Result<Value> integer_arithmetic(NodeKind kind, std::int64_t left, std::int64_t right) {
  std::int64_t result = 0;
  switch (kind) {
    case NodeKind::kAdd:
      return __builtin_add_overflow(left, right, &result) ? overflow() : Value::integral(result);
    case NodeKind::kSubtract:
      return __builtin_sub_overflow(left, right, &result) ? overflow() : Value::integral(result);
    case NodeKind::kMultiply:
      return __builtin_mul_overflow(left, right, &result) ? overflow() : Value::integral(result);
    default:
      return divide_integers(kind, left, right);
  }
}

Result<Value> real_arithmetic(NodeKind kind, double left, double right) {
  switch (kind) {
    case NodeKind::kAdd:
      return Value::floating(left + right);
    case NodeKind::kSubtract:
      return Value::floating(left - right);
    case NodeKind::kMultiply:
      return Value::floating(left * right);
    default:
      break;
  }
  if (right == 0.0) return invalid("division by zero");
  if (kind == NodeKind::kDivide) return Value::floating(left / right);
  if (kind == NodeKind::kFloorDivide) return Value::floating(std::floor(left / right));
  const double rest = std::fmod(left, right);
  return Value::floating(rest != 0.0 && (rest < 0) != (right < 0) ? rest + right : rest);
}

bool is_relation(NodeKind kind) { return kind >= NodeKind::kEqual && kind <= NodeKind::kNotIn; }

}  // namespace

Result<void> TemplateRun::step(const TemplateNode&) {
  if (++steps_ > kTemplateStepsMax) return invalid("the chat template takes too many steps");
  if (arena_.over()) return invalid("the chat template takes too much memory");
  if (out_.over()) return invalid("the chat template prints too much");
  return {};
}

Result<Value> TemplateRun::evaluate(const TemplateNode& node) {
  CAIRN_TRY_VOID(step(node));
  return compute(node);
}

Result<Value> TemplateRun::compute(const TemplateNode& node) {
  switch (node.kind) {
    case NodeKind::kNothing:
      return Value::none();
    case NodeKind::kLiteral:
      return node.value;
    case NodeKind::kName:
      return get(node.text);
    case NodeKind::kList:
    case NodeKind::kTuple:
      return collection(node);
    case NodeKind::kDict:
      return dict(node);
    case NodeKind::kAttribute: {
      CAIRN_TRY(const Value object, evaluate(*node.children[0]));
      return attribute_of(object, node.text);
    }
    case NodeKind::kItem: {
      CAIRN_TRY(const Value object, evaluate(*node.children[0]));
      CAIRN_TRY(const Value key, evaluate(*node.children[1]));
      return item_of(world_, object, key);
    }
    case NodeKind::kSlice:
      return slice(node);
    case NodeKind::kCall:
      return call(node);
    case NodeKind::kMethod:
      return method(node);
    case NodeKind::kFilter:
    case NodeKind::kTest:
      return apply(node);
    case NodeKind::kConcat:
      return concatenate(node);
    case NodeKind::kConditional: {
      CAIRN_TRY(const Value condition, evaluate(*node.children[0]));
      if (!truth(condition) && node.children[2]->kind == NodeKind::kNothing) return Value::undefined("else");
      return evaluate(*node.children[truth(condition) ? 1 : 2]);
    }
    case NodeKind::kNot:
    case NodeKind::kNegate:
    case NodeKind::kPlus:
      return unary(node);
    default:
      return binary(node);
  }
}

Result<Value> TemplateRun::collection(const TemplateNode& node) {
  std::vector<Value> items;
  for (const auto& child : node.children) {
    CAIRN_TRY(const Value item, evaluate(*child));
    items.push_back(item);
  }
  TemplateList* list = arena_.list(std::move(items));
  list->tuple = node.kind == NodeKind::kTuple;
  return Value::of_list(list);
}

Result<Value> TemplateRun::dict(const TemplateNode& node) {
  TemplateDict* dict = arena_.dict();
  if (node.children.size() / 2 > kTemplateDictEntriesMax) return invalid("a dict has too many keys");
  for (std::size_t i = 0; i + 1 < node.children.size(); i += 2) {
    CAIRN_TRY(const Value key, evaluate(*node.children[i]));
    CAIRN_TRY(const Value value, evaluate(*node.children[i + 1]));
    if (!key.is(Kind::kString)) return invalid("a dict key that is not text is not implemented");
    arena_.charge(sizeof value);
    dict->set(key.text, value);
  }
  return Value::of_dict(dict);
}

Result<Value> TemplateRun::slice(const TemplateNode& node) {
  CAIRN_TRY(const Value object, evaluate(*node.children[0]));
  std::array<Value, 3> bounds;
  for (std::size_t i = 0; i < bounds.size(); ++i) {
    CAIRN_TRY(bounds[i], evaluate(*node.children[i + 1]));
  }
  return slice_of(world_, object, bounds);
}

Result<TemplateRun::CallArguments> TemplateRun::arguments_of(const TemplateNode& node) {
  CallArguments arguments{{}, &node.names};
  for (std::size_t i = 1; i < node.children.size(); ++i) {
    CAIRN_TRY(const Value value, evaluate(*node.children[i]));
    arguments.values.push_back(value);
  }
  return arguments;
}

Result<Value> TemplateRun::invoke(const TemplateFunction& function, const Value& self, const CallArguments& given) {
  TemplateArguments arguments;
  const std::string name(function.name);
  const std::size_t plain = given.values.size() - given.names->size();
  for (std::size_t i = 0; i < given.values.size(); ++i) {
    std::size_t at = i;
    if (i >= plain) {
      const std::string& keyword = (*given.names)[i - plain];
      at = 0;
      while (at < kTemplateParametersMax && function.parameters[at] != keyword) ++at;
      if (at == kTemplateParametersMax) return invalid("'" + name + "' has no parameter '" + keyword + "'");
    }
    if (at >= kTemplateParametersMax || function.parameters[at].empty()) {
      return invalid("'" + name + "' got too many arguments");
    }
    arguments.values[at] = given.values[i];
    arguments.has[at] = true;
  }
  for (std::size_t i = 0; i < function.required; ++i) {
    if (!arguments.has[i]) return invalid("'" + name + "' needs '" + std::string(function.parameters[i]) + "'");
  }
  return function.body(world_, self, arguments);
}

// namespace(a=1) and dict(a=1).
Result<Value> TemplateRun::make_dict(std::string_view name, const CallArguments& arguments) {
  if (arguments.values.size() != arguments.names->size()) {
    return invalid("'" + std::string(name) + "' with unnamed arguments is not implemented");
  }
  TemplateDict* dict = arena_.dict();
  for (std::size_t i = 0; i < arguments.values.size(); ++i) dict->set((*arguments.names)[i], arguments.values[i]);
  Value value = Value::of_dict(dict);
  if (name == "namespace") value.kind = Kind::kNamespace;
  return value;
}

Result<Value> TemplateRun::call(const TemplateNode& node) {
  const std::string& name = node.children[0]->text;
  const Value callee = get(name);
  CAIRN_TRY(const CallArguments arguments, arguments_of(node));
  if (callee.is(Kind::kFunction)) return invoke(*callee.function, Value::none(), arguments);
  if (callee.is(Kind::kMacro)) return call_macro(*callee.macro, arguments);
  if (callee.is(Kind::kUndefined) && (name == "namespace" || name == "dict")) return make_dict(name, arguments);
  return invalid("'" + name + "' is " + std::string(kind_name(callee)) + " and cannot be called");
}

Result<Value> TemplateRun::method(const TemplateNode& node) {
  CAIRN_TRY(const Value object, evaluate(*node.children[0]));
  CAIRN_TRY(const CallArguments arguments, arguments_of(node));
  const TemplateFunction* function = nullptr;
  if (object.is(Kind::kString)) function = find_template_method(MethodOwner::kString, node.text);
  if (object.is(Kind::kDict)) function = find_template_method(MethodOwner::kDict, node.text);
  if (object.is(Kind::kLoop)) function = find_template_method(MethodOwner::kLoop, node.text);
  if (function != nullptr) return invoke(*function, object, arguments);
  if (object.is(Kind::kUndefined)) return invalid("'" + std::string(object.text) + "' is undefined");
  return invalid("a value of type " + std::string(kind_name(object)) + " has no method '" + node.text + "'");
}

Result<Value> TemplateRun::apply(const TemplateNode& node) {
  CAIRN_TRY(const Value self, evaluate(*node.children[0]));
  CAIRN_TRY(const CallArguments arguments, arguments_of(node));
  return invoke(*node.function, self, arguments);
}

Result<Value> TemplateRun::unary(const TemplateNode& node) {
  CAIRN_TRY(const Value value, evaluate(*node.children[0]));
  if (node.kind == NodeKind::kNot) return Value::boolean(!truth(value));
  if (!value.is_number()) return wrong_types("a sign", value, value);
  if (node.kind == NodeKind::kPlus) return value;
  if (value.is(Kind::kFloat)) return Value::floating(-value.real);
  return integer_arithmetic(NodeKind::kSubtract, 0, value.integer);
}

Result<Value> TemplateRun::binary(const TemplateNode& node) {
  if (is_relation(node.kind)) return relation(node);
  CAIRN_TRY(const Value left, evaluate(*node.children[0]));
  if (node.kind == NodeKind::kAnd && !truth(left)) return left;
  if (node.kind == NodeKind::kOr && truth(left)) return left;
  CAIRN_TRY(const Value right, evaluate(*node.children[1]));
  if (node.kind == NodeKind::kAnd || node.kind == NodeKind::kOr) return right;
  if (left.is_number() && right.is_number()) {
    const bool real = node.kind == NodeKind::kDivide || !left.is_integral() || !right.is_integral();
    return real ? real_arithmetic(node.kind, left.as_real(), right.as_real())
                : integer_arithmetic(node.kind, left.integer, right.integer);
  }
  if (node.kind == NodeKind::kAdd) return add(left, right);
  if (node.kind == NodeKind::kMultiply && left.is(Kind::kString) && right.is_integral())
    return multiply_text(left, right);
  if (node.kind == NodeKind::kModulo && left.is(Kind::kString)) return invalid("'%' on text is not implemented");
  return wrong_types("arithmetic", left, right);
}

Result<Value> TemplateRun::relation(const TemplateNode& node) {
  CAIRN_TRY(const Value left, evaluate(*node.children[0]));
  CAIRN_TRY(const Value right, evaluate(*node.children[1]));
  if (node.kind == NodeKind::kEqual) return Value::boolean(equal(left, right));
  if (node.kind == NodeKind::kNotEqual) return Value::boolean(!equal(left, right));
  if (node.kind == NodeKind::kIn || node.kind == NodeKind::kNotIn) {
    CAIRN_TRY(const bool found, contains(world_, right, left));
    return Value::boolean(found == (node.kind == NodeKind::kIn));
  }
  CAIRN_TRY(const int order, compare(left, right));
  switch (node.kind) {
    case NodeKind::kLess:
      return Value::boolean(order < 0);
    case NodeKind::kLessEqual:
      return Value::boolean(order <= 0);
    case NodeKind::kGreater:
      return Value::boolean(order > 0);
    default:
      return Value::boolean(order >= 0);
  }
}

Result<Value> TemplateRun::concatenate(const TemplateNode& node) {
  BoundedText out = arena_.text();
  for (const auto& child : node.children) {
    CAIRN_TRY(const Value part, evaluate(*child));
    write_text(part, out);
  }
  return arena_.own(std::move(out));
}

Result<Value> TemplateRun::add(const Value& left, const Value& right) {
  if (left.is(Kind::kString) && right.is(Kind::kString)) {
    BoundedText out = arena_.text();
    out.add(left.text);
    out.add(right.text);
    return arena_.own(std::move(out));
  }
  if (!left.is(Kind::kList) || !right.is(Kind::kList)) return wrong_types("'+'", left, right);
  if (left.list->tuple != right.list->tuple) return wrong_types("'+'", left, right);
  std::vector<Value> items = left.list->items;
  items.insert(items.end(), right.list->items.begin(), right.list->items.end());
  TemplateList* list = arena_.list(std::move(items));
  list->tuple = left.list->tuple;
  return Value::of_list(list);
}

Result<Value> TemplateRun::multiply_text(const Value& text, const Value& count) {
  BoundedText out = arena_.text();
  for (std::int64_t i = 0; i < count.integer && !out.over() && !text.text.empty(); ++i) out.add(text.text);
  return arena_.own(std::move(out));
}

}  // namespace cairn

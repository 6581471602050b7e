#include <algorithm>

#include "text/template_functions.h"

namespace cairn {
namespace {

using Kind = TemplateValue::Kind;
using Value = TemplateValue;
using World = TemplateWorld;
using Args = TemplateArguments;

template <Kind... Kinds>
Result<Value> is_kind(World&, const Value& self, const Args&) {
  return Value::boolean((self.is(Kinds) || ...));
}
Result<Value> defined(World&, const Value& self, const Args&) { return Value::boolean(!self.is(Kind::kUndefined)); }
Result<Value> equal_to(World&, const Value& self, const Args& args) { return Value::boolean(equal(self, args[0])); }
Result<Value> not_equal_to(World&, const Value& self, const Args& args) {
  return Value::boolean(!equal(self, args[0]));
}
Result<Value> in(World& world, const Value& self, const Args& args) {
  CAIRN_TRY(const bool found, contains(world, args[0], self));
  return Value::boolean(found);
}
template <bool Truth>
Result<Value> is_truth(World&, const Value& self, const Args&) {
  return Value::boolean(self.is(Kind::kBool) && (self.integer != 0) == Truth);
}
template <int Low, int High>
Result<Value> ordered(World&, const Value& self, const Args& args) {
  CAIRN_TRY(const int order, compare(self, args[0]));
  const int sign = order < 0 ? -1 : order > 0 ? 1 : 0;
  return Value::boolean(sign >= Low && sign <= High);
}
Result<Value> divisible(World&, const Value& self, const Args& args) {
  if (!self.is_integral() || !args[0].is_integral() || args[0].integer == 0)
    return invalid("divisibleby needs integers");
  return Value::boolean(args[0].integer == -1 || self.integer % args[0].integer == 0);
}
template <bool Odd>
Result<Value> parity(World&, const Value& self, const Args&) {
  if (!self.is_integral()) return invalid("odd and even need an integer");
  return Value::boolean((self.integer % 2 != 0) == Odd);
}

constexpr std::array kTests = {
    TemplateFunction{"boolean", {}, 0, is_kind<Kind::kBool>},
    TemplateFunction{"callable", {}, 0, is_kind<Kind::kFunction, Kind::kMacro>},
    TemplateFunction{"defined", {}, 0, defined},
    TemplateFunction{"divisibleby", {"num"}, 1, divisible},
    TemplateFunction{"eq", {"other"}, 1, equal_to},
    TemplateFunction{"equalto", {"other"}, 1, equal_to},
    TemplateFunction{"even", {}, 0, parity<false>},
    TemplateFunction{"false", {}, 0, is_truth<false>},
    TemplateFunction{"float", {}, 0, is_kind<Kind::kFloat>},
    TemplateFunction{"ge", {"other"}, 1, ordered<0, 1>},
    TemplateFunction{"gt", {"other"}, 1, ordered<1, 1>},
    TemplateFunction{"in", {"seq"}, 1, in},
    TemplateFunction{"integer", {}, 0, is_kind<Kind::kInt>},
    TemplateFunction{
        "iterable", {}, 0, is_kind<Kind::kString, Kind::kList, Kind::kDict, Kind::kUndefined, Kind::kLoop>},
    TemplateFunction{"le", {"other"}, 1, ordered<-1, 0>},
    TemplateFunction{"lt", {"other"}, 1, ordered<-1, -1>},
    TemplateFunction{"mapping", {}, 0, is_kind<Kind::kDict>},
    TemplateFunction{"ne", {"other"}, 1, not_equal_to},
    TemplateFunction{"none", {}, 0, is_kind<Kind::kNone>},
    TemplateFunction{"number", {}, 0, is_kind<Kind::kBool, Kind::kInt, Kind::kFloat>},
    TemplateFunction{"odd", {}, 0, parity<true>},
    TemplateFunction{"sequence", {}, 0, is_kind<Kind::kString, Kind::kList, Kind::kDict, Kind::kUndefined>},
    TemplateFunction{"string", {}, 0, is_kind<Kind::kString>},
    TemplateFunction{"true", {}, 0, is_truth<true>},
    TemplateFunction{"undefined", {}, 0, is_kind<Kind::kUndefined>},
};

}  // namespace

const TemplateFunction* find_template_test(std::string_view name) {
  const auto found = std::find_if(kTests.begin(), kTests.end(), [&](const auto& each) { return each.name == name; });
  return found == kTests.end() ? nullptr : &*found;
}

}  // namespace cairn

// Numbers and names as people read them, and the scales of a chart. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cairn {

// Control characters and bytes that are no UTF-8 become U+FFFD: fit for a terminal, for JSON and for XML.
std::string printable(std::string_view text);
// printable() with <, >, & and both quotes escaped: fit for an element and for a quoted attribute.
std::string markup(std::string_view text);

// Three digits that count, thousands apart: 0.0412, 1.18, 12.1, 2,130. A dash where there is no finite value.
std::string short_number(std::optional<double> value);
std::string thousands(std::uint64_t value);

struct Range {
  double low = 0, high = 1;
};

enum class ScaleKind : std::uint8_t { kLinear, kLog };

// Values to places on paper. Its ends are round numbers around the given values: linear starts at 0, log at a tick.
class Scale {
 public:
  // Log takes only the values above 0 into account; without any it runs from 0.1 to 1.
  static Scale around(ScaleKind kind, const std::vector<double>& values, Range paper);
  // Ends as given, no ticks.
  static Scale exact(Range values, Range paper);
  double at(double value) const;                               // of a log scale: only for values above 0
  const std::vector<double>& ticks() const { return ticks_; }  // ascending; the first and the last are its ends

 private:
  Scale(ScaleKind kind, Range values, Range paper) : kind_(kind), values_(values), paper_(paper) {}
  ScaleKind kind_;
  Range values_, paper_;
  std::vector<double> ticks_;
};

}  // namespace cairn

#include "config/nearest.h"

#include <algorithm>
#include <vector>

namespace cairn {
namespace {

constexpr std::size_t kNameMax = 256;  // longer ones are compared by their first bytes: the cost is quadratic

}  // namespace

std::size_t edit_distance(std::string_view a, std::string_view b) {
  a = a.substr(0, kNameMax);
  b = b.substr(0, kNameMax);
  std::vector<std::size_t> before(b.size() + 1), above(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) above[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] == b[j - 1] ? 0u : 1u)});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    std::swap(before, above);
    std::swap(above, row);
  }
  return above[b.size()];
}

std::string nearest_name(std::string_view name, std::span<const std::string> valid) {
  name = name.substr(0, kNameMax);
  std::string best;
  std::size_t best_edits = ~std::size_t{0};
  for (const std::string& candidate : valid) {
    const std::size_t edits = edit_distance(name, candidate);
    const std::size_t allowed = std::max<std::size_t>(1, std::max(name.size(), candidate.size()) / 3);
    if (edits <= allowed && edits < best_edits) {
      best = candidate;
      best_edits = edits;
    }
  }
  if (!best.empty()) return best;
  for (const std::string& candidate : valid) {  // a part of the name: "stall" for "load_stall_ms"
    if (name.size() >= 4 && candidate.find(name) != std::string::npos) return candidate;
  }
  return best;
}

std::string did_you_mean(std::string_view name, std::span<const std::string> valid) {
  const std::string best = nearest_name(name, valid);
  return best.empty() ? std::string() : "; did you mean \"" + best + "\"?";
}

bool names_service(std::string_view variable) {
  if (variable.ends_with("_SERVICE_HOST") || variable.find("_SERVICE_PORT") != std::string_view::npos) return true;
  if (variable.ends_with("_PORT")) return true;
  for (auto at = variable.find("_PORT_"); at != std::string_view::npos; at = variable.find("_PORT_", at + 1)) {
    if (at + 6 < variable.size() && variable[at + 6] >= '0' && variable[at + 6] <= '9') return true;
  }
  return false;
}

}  // namespace cairn

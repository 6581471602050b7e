#include "cache/prefix_search.h"

#include <algorithm>

#include "base/check.h"

namespace cairn {

std::vector<std::size_t> PrefixSearch::probes() const {
  const std::size_t open = high_ - low_;
  const std::size_t count = std::min(open, kProbesMax);
  std::vector<std::size_t> positions(count);
  for (std::size_t i = 0; i < count; ++i) positions[i] = count == 1 ? low_ : low_ + i * (open - 1) / (count - 1);
  return positions;
}

void PrefixSearch::answer(std::span<const std::size_t> positions, std::span<const bool> present) {
  CAIRN_CHECK(positions.size() == present.size(), "one answer for each position");
  for (std::size_t i = 0; i < positions.size(); ++i) {
    CAIRN_CHECK(positions[i] < high_ || !present[i], "a position outside the search");
    if (!present[i]) {
      high_ = std::max(std::min(high_, positions[i]), low_);
      return;
    }
    low_ = std::max(low_, positions[i] + 1);
  }
}

}  // namespace cairn

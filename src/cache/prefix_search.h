// Length of the stored prefix by k-ary search: a few rounds of parallel questions instead of one by one. Assumes that
// a stored chunk's predecessors are stored too; a hole found later only shortens the hit. A value.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace cairn {

class PrefixSearch {
 public:
  static constexpr std::size_t kProbesMax = 32;  // 2 rounds for 512 chunks
  PrefixSearch() = default;
  // `known` leading chunks of `chunks` need no question.
  PrefixSearch(std::size_t known, std::size_t chunks) : low_(known), high_(chunks) {}

  bool done() const { return low_ == high_; }
  std::size_t length() const { return low_; }  // at least so many; exactly when done
  // Positions to ask now, ascending, with the first and the last open one among them (a full miss and a full hit take
  // one round).
  std::vector<std::size_t> probes() const;
  // Answers for positions that probes() gave, ascending.
  void answer(std::span<const std::size_t> positions, std::span<const bool> present);

 private:
  std::size_t low_ = 0, high_ = 0;  // the length lies in [low, high]
};

}  // namespace cairn

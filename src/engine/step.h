// What the engine does in one turn, as a value: printable, comparable, replayable.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/ids.h"

namespace cairn {

// One sequence's part of a step. run: `pages` is the block table from position 0. load: the pages of exactly `tokens`.
// save: `tokens` begins at 0 and `pages` are its pages.
struct Slice {
  RequestId id;
  TokenRange tokens;
  std::vector<PageId> pages;
  bool sample = false;  // run only: the last token of the sequence is in it, so the next one is sampled
  auto operator<=>(const Slice&) const = default;
};

struct Step {
  std::vector<Slice> run, load, save;
  std::vector<RequestId> preempted;  // gave up their pages in this turn and wait again
  bool empty() const { return run.empty() && load.empty(); }
  std::uint32_t run_tokens() const;
  auto operator<=>(const Step&) const = default;
};

// "run 3[0,16)* p0,1 | load 4[256,512) p2,3 | save 3[0,256) p0": one line.
std::string to_string(const Step& step);

}  // namespace cairn

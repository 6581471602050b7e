// The scheduler's record of one request. Only the scheduler touches it.
#pragma once

#include <cstdint>
#include <vector>

#include "base/ids.h"
#include "engine/prefix_tree.h"

namespace cairn {

struct Sequence {
  enum class State : std::uint8_t {
    kWaiting,  // holds nothing
    kLoading,  // holds its pages; the connector fills some of them
    kRunning,
    kParting,  // preempted: its pages are free once its saves are over, then it waits again
    kLeaving,  // ended: its pages are free once its transfers are over, then it is forgotten
  };

  RequestId id;
  State state = State::kWaiting;
  PrefixScope scope;
  std::vector<TokenId> tokens;       // prompt, then what was sampled
  std::vector<TokenId> stop_tokens;  // sorted
  std::uint32_t prompt_tokens = 0, output_tokens_max = 0;

  std::uint32_t computed = 0;       // leading tokens whose KV is in pages
  std::uint32_t device_tokens = 0;  // of them, found on the device when it was admitted last
  std::vector<PageId> pages;        // block table; one pool reference each
  std::vector<PrefixTree::Node*>
      nodes;                       // path in the tree, of the leading pages; a node may name an equal page of another
  bool publishing = true;          // false: another sequence is filling the next node of the path
  std::uint32_t chunks_saved = 0;  // leading chunks that the connector was asked to save
  TokenRange loading;              // under way
  bool saving = false;             // a save is under way

  bool matched = false;  // the connector's answer is in: tokens before external_end can be loaded
  std::uint32_t match_from = 0, external_end = 0;
  std::uint32_t rematches = 0, preemptions = 0;
  bool released = false;  // the connector was told to forget it

  std::uint32_t size() const { return static_cast<std::uint32_t>(tokens.size()); }
  std::uint32_t remaining() const { return size() - computed; }
  std::uint32_t generated() const { return size() - prompt_tokens; }
  bool in_transfer() const { return saving || !loading.empty(); }
};

}  // namespace cairn

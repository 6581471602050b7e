// Blocks from one tier into another before anyone asks: what a RAM tier starts with. At start; blocks.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "kv/identity.h"
#include "kv/keys.h"
#include "kv/layout.h"
#include "tier/tier.h"

namespace cairn {

// The youngest blocks of this identity in a store's directory, oldest first, as many as fit into `bytes_max`. Reads
// names and headers only; what is not a sound block of this store is passed by. Ends at the deadline with what it has.
std::vector<KvBlockId> youngest_blocks(const std::string& directory, const StoreIdentity& identity,
                                       const BlockLayout& layout, std::uint64_t bytes_max, const Clock& clock,
                                       Deadline deadline);

struct CopyReport {
  std::uint64_t blocks = 0, bytes = 0;  // that the second tier took
  std::uint64_t passed_by = 0;          // not read whole and right, or not taken
  bool in_time = true;
};
// Gets each block from one tier, verified as every get is, and puts it into the other, in order. kExhausted: no memory
// for the blocks under way.
Result<CopyReport> copy_blocks(const std::vector<KvBlockId>& ids, Tier& from, Tier& to, const BlockLayout& layout,
                               const Clock& clock, Deadline deadline);

}  // namespace cairn

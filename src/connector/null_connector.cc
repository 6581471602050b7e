#include "connector/null_connector.h"

#include <utility>

namespace cairn {

void NullConnector::load(RequestId id, TokenRange, std::span<const PageId>) { report_.loaded.push_back({id, 0}); }

TransferReport NullConnector::poll() { return std::exchange(report_, {}); }

RequestTally NullConnector::tally(RequestId, std::uint64_t prompt_tokens, std::uint64_t device_tokens) {
  RequestTally tally;
  tally.missed[static_cast<std::size_t>(MissReason::kDisabled)] = prompt_tokens - device_tokens;
  return tally;
}

}  // namespace cairn

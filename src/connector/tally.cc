#include "connector/tally.h"

#include <algorithm>

namespace cairn {
namespace {

// The one reason of a lookup besides kSlower: all chunks behind the found prefix share it.
MissReason reason_behind(const ChunkTally& lookup) {
  for (std::size_t r = 0; r < lookup.missed.size(); ++r) {
    if (lookup.missed[r] != 0 && static_cast<MissReason>(r) != MissReason::kSlower) return static_cast<MissReason>(r);
  }
  return MissReason::kFailed;
}

MissReason reason_of_chunk(const TokenSources& sources, std::uint32_t chunk) {
  if (!sources.asked) return MissReason::kTimeout;
  const std::uint32_t leased_end = sources.first_chunk + sources.leased_chunks;
  if (chunk < sources.first_chunk) return MissReason::kBusy;  // the device had it when asked, and gave it up
  if (chunk < leased_end) return sources.load_reason;
  const std::uint32_t slower = sources.lookup.missed[static_cast<std::size_t>(MissReason::kSlower)];
  return chunk < leased_end + slower ? MissReason::kSlower : reason_behind(sources.lookup);
}

}  // namespace

std::uint32_t loadable_tokens(std::uint64_t prompt_tokens, std::uint32_t chunk_tokens, std::uint32_t page_tokens) {
  if (prompt_tokens == 0) return 0;
  const std::uint64_t whole = prompt_tokens / chunk_tokens * chunk_tokens;
  return static_cast<std::uint32_t>(std::min(whole, (prompt_tokens - 1) / page_tokens * page_tokens));
}

TokenTally tally_tokens(const TokenSources& sources) {
  TokenTally tally;
  const std::uint32_t loadable = loadable_tokens(sources.prompt_tokens, sources.chunk_tokens, sources.page_tokens);
  // Runs of equal treatment end at chunk borders and at the ends of the loaded range.
  for (std::uint32_t at = std::min(sources.device_tokens, sources.prompt_tokens); at < sources.prompt_tokens;) {
    const std::uint32_t chunk = at / sources.chunk_tokens;
    std::uint32_t end = std::min(sources.prompt_tokens, (chunk + 1) * sources.chunk_tokens);
    for (const std::uint32_t border : {sources.loaded.begin, sources.loaded.end, loadable}) {
      if (at < border) end = std::min(end, border);
    }
    const std::uint32_t tokens = end - at;
    if (at >= sources.loaded.begin && at < sources.loaded.end) {
      tally.tier[sources.served[chunk - sources.loaded.begin / sources.chunk_tokens]] += tokens;
    } else {
      const MissReason reason = at >= loadable ? MissReason::kTail : reason_of_chunk(sources, chunk);
      tally.missed[static_cast<std::size_t>(reason)] += tokens;
    }
    at = end;
  }
  return tally;
}

}  // namespace cairn

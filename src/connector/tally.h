// Where each prompt token came from, and for each computed one, why: a pure function, exact by construction, since
// every token is looked at once.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "base/ids.h"
#include "cache/tiered_cache.h"

namespace cairn {

// Tokens of a prompt that may come from a tier: whole chunks, without the token that must always be computed, down to
// a page.
std::uint32_t loadable_tokens(std::uint64_t prompt_tokens, std::uint32_t chunk_tokens, std::uint32_t page_tokens);

struct TokenSources {
  std::uint32_t prompt_tokens = 0, device_tokens = 0, chunk_tokens = 0, page_tokens = 0;
  TokenRange loaded;                     // verified and filled from tiers
  std::span<const std::uint8_t> served;  // tier of each chunk that `loaded` touches
  bool asked = false;                    // a lookup answered
  std::uint32_t first_chunk = 0;         // of that lookup
  std::uint32_t leased_chunks = 0;
  ChunkTally lookup;                           // its missed chunks
  MissReason load_reason = MissReason::kBusy;  // why leased chunks were not loaded; kBusy: the engine asked for fewer
};

struct TokenTally {
  std::array<std::uint64_t, ChunkTally::kTiersMax> tier{};
  std::array<std::uint64_t, static_cast<std::size_t>(MissReason::kCount_)> missed{};
};
TokenTally tally_tokens(const TokenSources& sources);

}  // namespace cairn

// All that an engine sees of the cache. Called from the step thread only; nothing here blocks.
// The connector maps engine pages to blocks (kv/layout.h) and owns the operations under way.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/digest.h"
#include "base/ids.h"
#include "base/load_forecast.h"
#include "tier/tier.h"

namespace cairn {

// What the engine tells about a request when it asks for the first time. `prompt` must stay alive for the call only.
struct MatchRequest {
  RequestId id;
  std::span<const TokenId> prompt;
  std::size_t computed = 0;  // leading tokens that the device already holds
  PrincipalTag tenant;
};

// kReady: `tokens` beyond `computed` can be loaded (a multiple of the page; may begin inside a chunk). kAskAgain: the
// lookup is under way: ask in a later step, the answer comes within the lookup deadline.
struct Match {
  enum class State : std::uint8_t { kReady, kAskAgain } state = State::kReady;
  std::size_t tokens = 0;
};

// Per load: what came from where. Tokens.
struct LoadReport {
  RequestId id;
  std::size_t tokens = 0;  // leading tokens of the asked range that are filled and verified; the rest: recompute
};

struct TransferReport {
  std::vector<LoadReport> loaded;  // from now on their pages may be read
  std::vector<RequestId> saved;    // every save of the request asked so far is over: its pages may be reused
};

// Where a request's prompt tokens went. Exact: device + Σ tier + computed = prompt tokens, Σ missed = computed.
struct RequestTally {
  std::vector<std::pair<std::string, std::uint64_t>> tier;  // tokens by tier name
  std::array<std::uint64_t, static_cast<std::size_t>(MissReason::kCount_)> missed{};
  LoadForecast forecast;  // of the last lookup
};

class Connector {
 public:
  virtual ~Connector() = default;
  // No side effect that the engine must undo but release(); may be asked many times for one request.
  virtual Match match(const MatchRequest& request) = 0;
  // Fills `pages` (the pages of exactly `tokens`, a range of whole pages inside the matched one). Reported once by
  // poll.
  virtual void load(RequestId id, TokenRange tokens, std::span<const PageId> pages) = 0;
  // `tokens`: the sequence from 0 whose KV is in `pages` (block table from 0). Chunks completed since the last call
  // are saved; the engine may not reuse their pages until poll reports the request as saved. False: nothing to save.
  virtual bool save(RequestId id, std::span<const TokenId> tokens, std::span<const PageId> pages) = 0;
  virtual TransferReport poll() = 0;
  // The measured prefill speed that load planning compares with.
  virtual void observe_prefill(std::size_t tokens, std::int64_t elapsed_us) = 0;
  // For a request whose prompt is computed: where its tokens came from, given what device and compute did.
  virtual RequestTally tally(RequestId id, std::uint64_t prompt_tokens, std::uint64_t device_tokens) = 0;
  // Starts no new transfer; those under way are still reported. The id may be used for a resumed request afterwards.
  virtual void release(RequestId id) = 0;
  virtual bool idle() const = 0;  // no transfer under way
  virtual std::uint32_t chunk_tokens() const = 0;
};

}  // namespace cairn

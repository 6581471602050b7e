// The connector over a TieredCache: tokens -> chunk keys, pages -> blocks, and the operations under way.
// One thread (the engine's step thread); the cache advances on its own.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <unordered_map>
#include <vector>

#include "cache/tiered_cache.h"
#include "connector/connector.h"
#include "connector/page_map.h"
#include "connector/scratch_pages.h"
#include "connector/tally.h"
#include "kv/keys.h"
#include "kv/layout.h"

namespace cairn {

struct ConnectorConfig {
  // For pages of a chunk that a load reads and nobody wants. 0: enough for any one load, 2 chunks, and at least 64.
  std::uint32_t scratch_pages = 0;
};

class CacheConnector final : public Connector {
 public:
  struct Deps {
    TieredCache& cache;  // opened for page_map's shards and block_bytes
    MemoryRegion& pool;  // the engine's pages, page_stride apart from the region's beginning
    const BlockLayout& layout;
    Digest store_root;
    PageMap pages;
    std::uint64_t page_stride = 0;
  };
  // kExhausted: no memory for scratch pages.
  static Result<std::unique_ptr<CacheConnector>> make(const ConnectorConfig& config, Deps deps);
  // Checked: idle. Drain the cache and poll() before.
  ~CacheConnector() override;

  Match match(const MatchRequest& request) override;
  void load(RequestId id, TokenRange tokens, std::span<const PageId> pages) override;
  bool save(RequestId id, std::span<const TokenId> tokens, std::span<const PageId> pages) override;
  TransferReport poll() override;
  void observe_prefill(std::size_t tokens, std::int64_t elapsed_us) override;
  RequestTally tally(RequestId id, std::uint64_t prompt_tokens, std::uint64_t device_tokens) override;
  void release(RequestId id) override;
  bool idle() const override {
    return under_way_.empty() && waiting_.empty() && report_.loaded.empty() && report_.saved.empty();
  }
  std::uint32_t chunk_tokens() const override { return chunk_tokens_; }

  double prefill_tokens_per_s() const;
  bool held(PageId page) const;                // an abandoned transfer may still touch it: not to be reused
  CompletionQueue& queue() { return queue_; }  // wait_us() on it wakes when something came back

 private:
  struct Transfer;
  struct LookupTransfer;
  struct LoadTransfer;
  struct SaveTransfer;
  struct Sequence;

  CacheConnector(Deps deps, std::unique_ptr<ScratchPages> scratch);
  void ask(Sequence& sequence, RequestId id, std::uint32_t first, std::uint32_t end);
  bool start(LoadTransfer& load);  // false: not enough scratch pages now
  void start_waiting();
  void returned(Transfer& transfer);
  void lookup_returned(LookupTransfer& transfer);
  void load_returned(LoadTransfer& transfer);
  void save_returned(SaveTransfer& transfer);
  MemoryRef page_memory(PageId page) const;

  Deps deps_;
  const std::uint32_t chunk_tokens_, page_tokens_;
  std::unique_ptr<ScratchPages> scratch_;
  CompletionQueue queue_;
  std::unordered_map<RequestId, std::unique_ptr<Sequence>> sequences_;
  std::unordered_map<Operation*, std::unique_ptr<Transfer>> under_way_;
  std::deque<std::unique_ptr<LoadTransfer>> waiting_;   // for scratch pages; at most one a request
  std::unordered_map<RequestId, std::uint32_t> saves_;  // under way, by request
  TransferReport report_;                               // for the next poll
  double prefill_tokens_ = 0, prefill_us_ = 0;
};

}  // namespace cairn

// A cache over fake tiers in virtual time: what a test submits runs until it is over, without threads.
#pragma once

#include <memory>
#include <vector>

#include "cache/fake_tier.h"
#include "cache/tiered_cache.h"

namespace cairn::test {

inline constexpr std::uint64_t kBlockBytes = 8192;
inline constexpr std::int64_t kForeverUs = 120'000'000;

class CacheWorld {
 public:
  explicit CacheWorld(std::vector<FakeTier::Options> tiers, CacheConfig with = {}, std::size_t shards = 1)
      : config(with), metrics(make_metrics()) {
    MemoryRegion::Options options;
    options.bytes = 4 * kMiB;
    options.huge_pages = options.touch = false;
    region = std::move(MemoryRegion::make(options)).value();
    std::vector<std::unique_ptr<Tier>> owned;
    for (auto& tier : tiers) {
      auto made = std::make_unique<FakeTier>(clock, tier);
      fakes.push_back(made.get());
      owned.push_back(std::move(made));
    }
    for (std::size_t s = 0; s < shards; ++s) shard_ids.push_back(static_cast<std::uint32_t>(s));
    clock.advance_us(1'000'000);
    cache = std::move(TieredCache::open(config, std::move(owned), shard_ids,
                                        std::vector<std::uint64_t>(shards, kBlockBytes), {clock, *metrics, null_log()}))
                .value();
  }
  ~CacheWorld() {
    for (FakeTier* fake : fakes) {
      fake->hang_all = fake->deaf_all = fake->blocked = false;
      fake->faults = {};
      fake->release_hanging();
    }
    run(kForeverUs);
    settle();
    cache->drain({clock.now_us()});
    run(0);
    cache.reset();
    while (queue.poll() != nullptr) {
    }
  }

  // Everything that is due now.
  Deadline turn() {
    Deadline next;
    for (bool moved = true; moved;) {
      next = cache->advance();
      moved = false;
      for (FakeTier* fake : fakes) moved = fake->pump() || moved;
    }
    return next;
  }
  // Virtual time passes, event by event, until nothing is due within `for_us`.
  void run(std::int64_t for_us) {
    const std::int64_t end_us = clock.now_us() + for_us;
    for (;;) {
      std::int64_t next_us = turn().at_us;
      for (FakeTier* fake : fakes) next_us = std::min(next_us, fake->next_us());
      if (next_us > end_us) break;
      clock.advance_us(std::max<std::int64_t>(next_us - clock.now_us(), 1));
    }
    if (for_us < kForeverUs) clock.advance_us(end_us - clock.now_us());
    turn();
  }
  // Until `op` is back; returns how long it took. -1: not within `max_us`.
  std::int64_t until_back(Operation& op, std::int64_t max_us = 100'000'000) {
    const std::int64_t begin_us = clock.now_us();
    for (;;) {
      std::int64_t next_us = turn().at_us;
      take_back();
      if (!op.under_way()) return clock.now_us() - begin_us;
      for (FakeTier* fake : fakes) next_us = std::min(next_us, fake->next_us());
      if (next_us - begin_us > max_us) return -1;
      clock.advance_us(std::max<std::int64_t>(next_us - clock.now_us(), 1));
    }
  }
  void take_back() {
    while (queue.poll() != nullptr) ++returned;
  }
  void settle() {
    turn();
    take_back();
  }

  // One chunk's memory: `shards` blocks of two pieces each.
  MemoryRef piece(std::size_t block, std::size_t half) const {
    return {region->data() + block * kBlockBytes + half * kBlockBytes / 2, kBlockBytes / 2, region.get(),
            MemoryKind::kHost, 0};
  }
  struct Memory {
    std::vector<std::vector<MemoryRef>> blocks;
    std::vector<Scatter> scatters;
  };
  Memory memory(std::size_t first_block, std::size_t chunks) const {
    Memory made;
    for (std::size_t i = 0; i < chunks * shard_ids.size(); ++i)
      made.blocks.push_back({piece(first_block + i, 0), piece(first_block + i, 1)});
    for (const auto& block : made.blocks) made.scatters.emplace_back(block);
    return made;
  }
  void fill(const Memory& into, std::span<const ChunkId> chunks) const {
    for (std::size_t i = 0; i < into.scatters.size(); ++i) {
      scatter(bytes_of({chunks[i / shard_ids.size()], shard_ids[i % shard_ids.size()]}, kBlockBytes), into.scatters[i]);
    }
  }
  std::size_t right_chunks(const Memory& from, std::span<const ChunkId> chunks) const {
    std::size_t right = 0;
    for (std::size_t c = 0; c < chunks.size() && (c + 1) * shard_ids.size() <= from.scatters.size(); ++c) {
      for (std::size_t s = 0; s < shard_ids.size(); ++s) {
        if (gather(from.scatters[c * shard_ids.size() + s]) != bytes_of({chunks[c], shard_ids[s]}, kBlockBytes))
          return right;
      }
      ++right;
    }
    return right;
  }
  void plant(std::size_t tier, std::span<const ChunkId> chunks) {
    for (const ChunkId& chunk : chunks) {
      for (const std::uint32_t shard : shard_ids) fakes[tier]->plant({chunk, shard}, kBlockBytes);
    }
  }
  PrefixLease find(std::span<const ChunkId> chunks, double prefill_tokens_per_s = 0) {
    Lookup op(queue);
    op.chunks = chunks;
    op.prefill_tokens_per_s = prefill_tokens_per_s;
    cache->lookup(op);
    until_back(op);
    tally = op.tally;
    return std::move(op.found);
  }
  std::uint32_t missed(MissReason reason) const { return tally.missed[static_cast<std::size_t>(reason)]; }
  double counter(const char* name, const Labels& labels = {}) { return metrics->counter(name, "", labels).value(); }
  double gauge(const char* name, const Labels& labels = {}) { return metrics->gauge(name, "", labels).value(); }

  VirtualClock clock;
  CacheConfig config;
  std::unique_ptr<Metrics> metrics;
  std::unique_ptr<MemoryRegion> region;
  std::vector<std::uint32_t> shard_ids;
  std::vector<FakeTier*> fakes;
  CompletionQueue queue;
  std::unique_ptr<TieredCache> cache;
  ChunkTally tally;  // of the last find()
  int returned = 0;
};

}  // namespace cairn::test

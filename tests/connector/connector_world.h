// An engine in miniature: pages whose bytes follow from the tokens before them, a cache over fake tiers, virtual time.
#pragma once

#include <algorithm>
#include <memory>
#include <vector>

#include "cache/fake_tier.h"
#include "connector/cache_connector.h"

namespace cairn::test {

inline LayoutSpec small_layout(ShardGrid grid = {}, std::uint32_t chunk_tokens = 64) {
  LayoutSpec spec;
  spec.geometry = {{{.layers = 2, .planes = 2, .heads = 2, .dim = 16, .dtype = KvDtype::kBf16}}};
  spec.page_tokens = 16;
  spec.chunk_tokens = chunk_tokens;
  spec.grid = grid;
  return spec;
}

inline std::vector<TokenId> prompt_of(std::uint64_t seed, std::size_t tokens) {
  Random random(seed);
  std::vector<TokenId> prompt(tokens);
  for (auto& token : prompt) token = static_cast<TokenId>(random.below(50'000));
  return prompt;
}

class ConnectorWorld {
 public:
  static constexpr std::uint32_t kPages = 128;

  explicit ConnectorWorld(std::vector<FakeTier::Options> tiers, ShardGrid grid = {},
                          ConnectorConfig with = {.scratch_pages = 16}, CacheConfig cache_config = {},
                          std::uint32_t chunk_tokens = 64)
      : layout(*BlockLayout::make(small_layout(grid, chunk_tokens))), metrics(make_metrics()) {
    stride = layout.page_stride(layout.whole());
    MemoryRegion::Options options;
    options.bytes = kPages * stride;
    options.huge_pages = options.touch = false;
    pool = std::move(MemoryRegion::make(options)).value();
    std::vector<std::unique_ptr<Tier>> owned;
    for (auto& tier : tiers) {
      auto made = std::make_unique<FakeTier>(clock, tier);
      fakes.push_back(made.get());
      owned.push_back(std::move(made));
    }
    clock.advance_us(1'000'000);
    PageMap map = *PageMap::make(layout, layout.whole(), stride);
    cache = std::move(TieredCache::open(cache_config, std::move(owned), map.shards(), map.block_bytes(),
                                        {clock, *metrics, null_log()}))
                .value();
    connector = std::move(CacheConnector::make(with, {*cache, *pool, layout, {}, map, stride})).value();
  }
  ~ConnectorWorld() {
    for (FakeTier* fake : fakes) {
      fake->hang_all = fake->deaf_all = false;
      fake->faults = {};
      fake->release_hanging();
    }
    while (!connector->idle()) pass(1'000'000);
    connector.reset();
    pass(60'000'000);
    cache->drain({clock.now_us()});
  }

  void turn() {
    for (bool moved = true; moved;) {
      next_us = cache->advance().at_us;
      moved = false;
      for (FakeTier* fake : fakes) moved = fake->pump() || moved;
    }
    for (FakeTier* fake : fakes) next_us = std::min(next_us, fake->next_us());
  }
  void pass(std::int64_t for_us) {
    const std::int64_t end_us = clock.now_us() + for_us;
    for (turn(); next_us <= end_us; turn()) clock.advance_us(std::max<std::int64_t>(next_us - clock.now_us(), 1));
    clock.advance_us(end_us - clock.now_us());
    turn();
    take(connector ? connector->poll() : TransferReport{});
  }
  void take(const TransferReport& report) {
    loaded.insert(loaded.end(), report.loaded.begin(), report.loaded.end());
    saved.insert(saved.end(), report.saved.begin(), report.saved.end());
  }

  // The page's bytes as computed from all tokens up to its end; zeros behind the last tile.
  std::vector<std::byte> page_bytes(std::span<const TokenId> tokens, std::uint32_t page) const {
    std::uint64_t state = 17;
    for (const TokenId token : tokens.first((page + 1) * 16)) state = state * 6364136223846793005ull + token;
    Random random(state);
    std::vector<std::byte> bytes(stride);
    for (std::size_t i = 0; i < layout.page_bytes(layout.whole()); ++i)
      bytes[i] = static_cast<std::byte>(random.next());
    return bytes;
  }
  void compute(std::span<const TokenId> tokens, std::uint32_t page, PageId into) const {
    const auto bytes = page_bytes(tokens, page);
    std::memcpy(pool->data() + into.index * stride, bytes.data(), stride);
  }
  bool right(std::span<const TokenId> tokens, std::uint32_t page, PageId at) const {
    return std::memcmp(pool->data() + at.index * stride, page_bytes(tokens, page).data(), stride) == 0;
  }
  std::vector<PageId> table(std::uint32_t first, std::size_t tokens) const {
    std::vector<PageId> pages;
    for (std::uint32_t i = 0; i < (tokens + 15) / 16; ++i) pages.push_back({first + i});
    return pages;
  }

  Match matched(RequestId id, std::span<const TokenId> prompt, std::size_t computed = 0, PrincipalTag tenant = {}) {
    for (int i = 0; i < 1000; ++i) {
      const Match match = connector->match({.id = id, .prompt = prompt, .computed = computed, .tenant = tenant});
      if (match.state == Match::State::kReady) return match;
      turn();
      clock.advance_us(500);
      take(connector->poll());
    }
    ADD_FAILURE() << "a lookup never came back";
    return {};
  }
  // What another instance left: the whole prompt computed and saved.
  void store(std::uint64_t id, std::span<const TokenId> prompt, PrincipalTag tenant = {}) {
    matched({id}, prompt, 0, tenant);
    const auto pages = table(0, prompt.size());
    for (std::uint32_t i = 0; i < prompt.size() / 16; ++i) compute(prompt, i, pages[i]);
    connector->save({id}, prompt, pages);
    pass(1'000'000);
    connector->release({id});
    saved.clear();
  }
  static std::uint64_t sum(const RequestTally& tally) {
    std::uint64_t all = 0;
    for (const auto& [name, tokens] : tally.tier) all += tokens;
    return all;
  }
  static std::uint64_t missed(const RequestTally& tally) {
    std::uint64_t all = 0;
    for (const auto tokens : tally.missed) all += tokens;
    return all;
  }

  VirtualClock clock;
  BlockLayout layout;
  std::uint64_t stride = 0;
  std::unique_ptr<Metrics> metrics;
  std::unique_ptr<MemoryRegion> pool;
  std::vector<FakeTier*> fakes;
  std::unique_ptr<TieredCache> cache;
  std::unique_ptr<CacheConnector> connector;
  std::vector<LoadReport> loaded;
  std::vector<RequestId> saved;
  std::int64_t next_us = 0;
};

}  // namespace cairn::test

#include "sim/cache_sim.h"

#include <algorithm>

namespace cairn::test {

CacheSim::CacheSim(const Options& options)
    : options_(options),
      random_(options.seed),
      metrics_(make_metrics()),
      bytes_(options.bucket ? SimBucket::kBlockBytes : 256),
      busy_(kSlots, false) {
  MemoryRegion::Options memory;
  memory.bytes = kSlots * bytes_;
  memory.huge_pages = memory.touch = false;
  memory.hold_granule = static_cast<std::uint32_t>(bytes_);
  region_ = std::move(MemoryRegion::make(memory)).value();
  clock_.advance_us(1'000'000);
  open();
}

void CacheSim::open() {
  config_.load_stall_ms = 200;
  config_.inflight_bytes_max = bytes_ * (4 + random_.below(60));
  config_.write_through_bytes_max = bytes_ * (1 + random_.below(40));
  config_.breaker_errors = static_cast<std::uint32_t>(1 + random_.below(6));
  config_.breaker_open_ms = static_cast<std::uint32_t>(100 + random_.below(5000));
  config_.promote = random_.chance(0.8);
  shards_ = {0};
  if (!options_.bucket && random_.chance(0.4)) shards_.push_back(3);
  std::vector<std::unique_ptr<Tier>> tiers;
  const auto add = [&](FakeTier::Options tier) {
    tier.seed = random_.next();
    auto made = std::make_unique<FakeTier>(clock_, tier);
    made->swaps_bytes = options_.swaps_bytes;
    fakes_.push_back(made.get());
    tiers.push_back(std::move(made));
  };
  if (random_.chance(0.75)) {
    add({.name = "ram", .lends = true, .bytes_per_s = 1e12, .capacity_bytes = bytes_ * (4 + random_.below(60))});
  }
  const std::size_t far = options_.bucket ? 0 : random_.below(3) + (tiers.empty() ? 1 : 0);
  for (std::size_t t = 0; t < far; ++t) {
    FakeTier::Options tier;
    tier.name = "far" + std::to_string(t);
    tier.latency_us = static_cast<std::int64_t>(random_.below(random_.chance(0.3) ? 150'000 : 5'000));
    tier.bytes_per_s = random_.chance(0.2) ? 2'000 + random_.uniform() * 50'000 : 1e6 + random_.uniform() * 1e8;
    tier.read_only = random_.chance(0.1);
    add(tier);
  }
  for (FakeTier* fake : fakes_) {
    for (std::uint32_t s = 1; s <= kSequences; ++s) {
      const auto stored = static_cast<std::uint32_t>(random_.below(kChunks + 1));
      for (std::uint32_t c = 0; c < stored; ++c) {
        for (const std::uint32_t shard : shards_) fake->plant({chunk_of(s, c), shard}, bytes_);
      }
    }
  }
  if (options_.bucket) {
    bucket_ = std::make_unique<SimBucket>(clock_, *metrics_, random_.next());
    tiers.push_back(bucket_->open());
  }
  const std::vector<std::uint64_t> bytes(shards_.size(), bytes_);
  cache_ =
      std::move(TieredCache::open(config_, std::move(tiers), shards_, bytes, {clock_, *metrics_, null_log()})).value();
}

void CacheSim::run() {
  for (now_ = 0; now_ < options_.steps && wrong.empty(); ++now_) step(now_);
  finish();
}

void CacheSim::step(int) {
  weather();
  const double dice = random_.uniform();
  if (dice < 0.35)
    start_lookup();
  else if (dice < 0.6)
    start_save();
  else if (dice < 0.68 && !asked_.empty())
    cache_->cancel(asked_[random_.below(asked_.size())]->op());
  else if (dice < 0.75)
    kept_.erase(std::remove_if(kept_.begin(), kept_.end(),
                               [&](Kept& kept) {
                                 if (kept.until > now_) return false;
                                 if (!right(kept.chunks, kept.memory))
                                   fail("bytes changed after the load had come back");
                                 free_memory(kept.memory);
                                 return true;
                               }),
                kept_.end());
  pass(static_cast<std::int64_t>(random_.below(random_.chance(0.2) ? 400'000 : 4'000)));
}

// Faults come and go.
void CacheSim::weather() {
  if (!random_.chance(0.15)) return;
  if (bucket_ && random_.chance(0.6)) return bucket_->weather(random_);
  if (fakes_.empty()) return;
  FakeTier& fake = *fakes_[random_.below(fakes_.size())];
  const bool near = fake.traits().lends;
  switch (random_.below(9)) {
    case 0:
      fake.faults = {};
      break;
    case 1:
      fake.faults.fail = random_.chance(0.3) ? 1 : random_.uniform() * 0.2;
      break;
    case 2:
      fake.faults.miss = random_.uniform() * 0.3;
      break;
    case 3:
      fake.faults.corrupt = random_.uniform() * 0.3;
      break;
    case 4:
      fake.faults.refuse = random_.uniform();
      break;
    case 5:
      fake.faults.hang = near ? 0 : random_.uniform() * 0.5, fake.faults.deaf = random_.uniform();
      break;
    case 6:
      fake.faults.abandons = near ? 0 : random_.uniform() * 0.5;
      break;
    case 7:
      fake.evict_some(random_.below(20));
      break;
    default:
      fake.release_hanging();
      break;
  }
}

void CacheSim::turn() {
  for (bool moved = true; moved;) {
    cache_->advance();
    check_bounds();
    moved = pump();
  }
}

bool CacheSim::pump() {
  bool moved = bucket_ && bucket_->pump();
  for (FakeTier* fake : fakes_) moved = fake->pump() || moved;
  return moved;
}

std::int64_t CacheSim::next_us() {
  std::int64_t next_us = cache_->advance().at_us;
  for (FakeTier* fake : fakes_) next_us = std::min(next_us, fake->next_us());
  return bucket_ ? std::min(next_us, bucket_->next_us()) : next_us;
}

bool CacheSim::ever_stored(const KvBlockId& id) const {
  return (bucket_ && bucket_->ever_stored(id)) ||
         std::any_of(fakes_.begin(), fakes_.end(), [&](FakeTier* fake) { return fake->ever.contains(id); });
}

void CacheSim::pass(std::int64_t for_us) {
  const std::int64_t end_us = clock_.now_us() + for_us;
  for (;;) {
    turn();
    take_back();
    const std::int64_t due_us = next_us();
    if (due_us > end_us) break;
    clock_.advance_us(std::max<std::int64_t>(due_us - clock_.now_us(), 1));
  }
  clock_.advance_us(end_us - clock_.now_us());
}

void CacheSim::check_bounds() {
  const double inflight = metrics_->gauge("cairn_cache_inflight_bytes", "").value();
  // Background stores and one chunk that is larger than the bound may stand beside it.
  if (inflight > static_cast<double>(std::max<std::uint64_t>(config_.inflight_bytes_max, bytes_ * shards()))) {
    fail("more bytes under way than allowed");
  }
  if (metrics_->gauge("cairn_cache_write_through_waiting_bytes", "").value() >
      static_cast<double>(config_.write_through_bytes_max)) {
    fail("more bytes wait for slower tiers than allowed");
  }
  for (const FakeTier* fake : fakes_) lends = std::max<std::uint64_t>(lends, fake->lent());
  held_seen = std::max(held_seen, region_->held_bytes());
}

bool CacheSim::take_memory(std::size_t blocks, Memory& memory) {
  for (std::size_t slot = 0; slot < kSlots && memory.slots.size() < blocks; ++slot) {
    if (!busy_[slot] && !region_->held(slot * bytes_, bytes_)) memory.slots.push_back(slot);
  }
  if (memory.slots.size() < blocks) return false;
  for (const std::size_t slot : memory.slots) {
    busy_[slot] = true;
    std::byte* at = region_->data() + slot * bytes_;
    const std::size_t first = 1 + random_.below(bytes_ - 1);
    memory.pieces.push_back({{at, first, region_.get(), MemoryKind::kHost, 0},
                             {at + first, bytes_ - first, region_.get(), MemoryKind::kHost, 0}});
  }
  for (const auto& pieces : memory.pieces) memory.scatters.emplace_back(pieces);
  return true;
}

void CacheSim::free_memory(const Memory& memory) {
  for (const std::size_t slot : memory.slots) busy_[slot] = false;
}

bool CacheSim::right(std::span<const ChunkId> chunks, const Memory& memory) const {
  for (std::size_t i = 0; i < chunks.size() * shards(); ++i) {
    if (gather(memory.scatters[i]) != bytes_of({chunks[i / shards()], shards_[i % shards()]}, bytes_)) return false;
  }
  return true;
}

void CacheSim::start_lookup() {
  auto asked = std::make_unique<Asked>(queue_);
  const auto count = static_cast<std::uint32_t>(1 + random_.below(kChunks));
  asked->chunks = chunks_of(1 + random_.below(kSequences), count);
  asked->lookup.chunks = asked->chunks;
  asked->lookup.prefill_tokens_per_s = random_.chance(0.5) ? 0 : 1000 + random_.uniform() * 100'000;
  asked->lookup.policy = static_cast<LoadPolicy>(random_.below(10) < 8 ? 0 : 1 + random_.below(2));
  ++submitted_;
  cache_->lookup(asked->lookup);
  asked_.push_back(std::move(asked));
}

void CacheSim::start_load(Asked& asked) {
  asked.phase = Asked::Phase::kLoad;
  asked.load.lease = std::move(asked.lookup.found);
  asked.load.into = asked.memory.scatters;
  asked.load.prefill_tokens_per_s = asked.lookup.prefill_tokens_per_s;
  ++submitted_;
  cache_->load(asked.load);
}

void CacheSim::start_save() {
  auto asked = std::make_unique<Asked>(queue_);
  asked->phase = Asked::Phase::kSave;
  const auto all = chunks_of(1 + random_.below(kSequences), kChunks);
  const std::size_t first = random_.below(kChunks), count = 1 + random_.below(kChunks - first);
  asked->chunks.assign(all.begin() + static_cast<std::ptrdiff_t>(first),
                       all.begin() + static_cast<std::ptrdiff_t>(first + count));
  if (!take_memory(count * shards(), asked->memory)) return;  // all of it is in use or held
  for (std::size_t i = 0; i < count * shards(); ++i) {
    scatter(bytes_of({asked->chunks[i / shards()], shards_[i % shards()]}, bytes_), asked->memory.scatters[i]);
  }
  asked->save.chunks = asked->chunks;
  asked->save.from = asked->memory.scatters;
  ++submitted_;
  cache_->save(asked->save);
  asked_.push_back(std::move(asked));
}

void CacheSim::take_back() {
  while (Operation* op = queue_.poll()) {
    const auto found =
        std::find_if(asked_.begin(), asked_.end(), [&](const auto& asked) { return &asked->op() == op; });
    if (found == asked_.end()) return fail("an operation came back that was not asked for");
    std::unique_ptr<Asked> asked = std::move(*found);
    asked_.erase(found);
    ++returned_;
    back(std::move(asked));
  }
}

void CacheSim::back(std::unique_ptr<Asked> asked) {
  const auto sum = [](const auto& counts) {
    std::uint64_t all = 0;
    for (const auto count : counts) all += count;
    return all;
  };
  if (asked->phase == Asked::Phase::kLookup) {
    const std::size_t found = asked->lookup.found.chunks();
    if (asked->lookup.result() && found + sum(asked->lookup.tally.missed) != asked->chunks.size())
      fail("a lookup's tally");
    if (asked->lookup.result() && sum(asked->lookup.tally.tier) != found) fail("a lookup's tiers");
    if (found == 0 || random_.chance(0.1)) return;
    asked->load.first_chunk = random_.below(found);
    if (!take_memory((found - asked->load.first_chunk) * shards(), asked->memory)) return;
    start_load(*asked);
    asked_.push_back(std::move(asked));
    return;
  }
  if (asked->phase == Asked::Phase::kSave) {
    if (asked->save.result()) {
      std::size_t whole = 0;
      for (const ChunkId& chunk : asked->chunks) {
        const auto stored = [&](std::uint32_t shard) { return ever_stored({chunk, shard}); };
        whole += std::all_of(shards_.begin(), shards_.end(), stored) ? 1 : 0;
      }
      if (asked->save.chunks_saved > whole) fail("a save claims chunks that no tier ever stored");
      chunks_saved += asked->save.chunks_saved;
    }
    return free_memory(asked->memory);
  }
  const std::size_t loaded = asked->load.chunks_loaded;
  if (sum(asked->load.tally.tier) != loaded) fail("a load's tiers");
  if (loaded + sum(asked->load.tally.missed) != asked->load.into.size() / shards()) fail("a load's tally");
  const std::span<const ChunkId> chunks = std::span(asked->chunks).subspan(asked->load.first_chunk, loaded);
  if (!right(chunks, asked->memory)) fail("wrong bytes were called loaded");
  chunks_loaded += loaded;
  // The engine keeps what was filled, and gives the other pages back at once.
  Kept kept;
  kept.chunks.assign(chunks.begin(), chunks.end());
  kept.memory = std::move(asked->memory);
  for (std::size_t i = loaded * shards(); i < kept.memory.slots.size(); ++i) busy_[kept.memory.slots[i]] = false;
  kept.memory.slots.resize(loaded * shards());
  kept.until = now_ + static_cast<int>(random_.below(20));
  kept_.push_back(std::move(kept));
}

// Whatever the tiers hold under a name must be what belongs there.
void CacheSim::check_stores() {
  for (FakeTier* fake : fakes_) {
    for (const auto& [id, block] : fake->all()) {
      if (block->bytes != bytes_of(id, bytes_)) fail("a tier was given wrong bytes");
    }
  }
  if (bucket_ && !bucket_->holds_only_right_blocks()) fail("an object of the bucket has wrong bytes");
}

void CacheSim::finish() {
  for (FakeTier* fake : fakes_) {
    fake->faults = {};
    fake->release_hanging();
  }
  if (bucket_) bucket_->clear_up();
  for (int i = 0; i < 20 && !asked_.empty(); ++i) pass(5'000'000);
  if (!asked_.empty()) fail("an operation never came back");
  if (submitted_ != returned_) fail("operations lost");
  pass(120'000'000);
  if (!cache_->drain({clock_.now_us()})) fail("drain found something left");
  for (const Kept& kept : kept_) {
    if (!right(kept.chunks, kept.memory)) fail("bytes changed while they were in use");
  }
  if (region_->held_bytes() != 0) fail("memory stayed held");
  for (FakeTier* fake : fakes_) {
    if (fake->lent() != 0) fail("a block stayed lent");
  }
  if (metrics_->gauge("cairn_cache_inflight_bytes", "").value() != 0) fail("bytes stayed under way");
  check_stores();
}

// A bucket's tier ends when nothing is under way, however the test ended.
CacheSim::~CacheSim() {
  if (!bucket_) return;
  bucket_->clear_up();
  pass(120'000'000);
}

}  // namespace cairn::test

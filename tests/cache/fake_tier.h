// A tier in a test's hands: virtual time, answers in the order and with the faults that the test or a seed says.
// Contents are derived from the block's identity, so any test can check bytes without keeping them.
#pragma once

#include <algorithm>
#include <cstring>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/clock.h"
#include "base/random.h"
#include "io/memory.h"
#include "tier/tier.h"

namespace cairn::test {

inline ChunkId chunk_of(std::uint64_t sequence, std::uint32_t index, std::uint32_t tokens = 256) {
  ChunkId chunk;
  const auto stamp = [](Digest& digest, std::uint64_t a, std::uint64_t b) {
    Random random(a * 1'000'003 + b);
    for (auto& byte : digest.bytes) byte = static_cast<std::uint8_t>(random.next());
  };
  stamp(chunk.key.digest, sequence, index + 1);
  stamp(chunk.parent.digest, sequence, index);
  stamp(chunk.token_digest, sequence + 77, index);
  chunk.index = index;
  chunk.tokens = tokens;
  return chunk;
}
inline std::vector<ChunkId> chunks_of(std::uint64_t sequence, std::uint32_t count) {
  std::vector<ChunkId> chunks;
  for (std::uint32_t i = 0; i < count; ++i) chunks.push_back(chunk_of(sequence, i));
  return chunks;
}

// The bytes that the block must have.
inline std::vector<std::byte> bytes_of(const KvBlockId& id, std::uint64_t size) {
  std::uint64_t word;
  std::memcpy(&word, id.chunk.key.digest.bytes.data(), sizeof word);
  Random random(word + id.shard * 31);
  std::vector<std::byte> bytes(size);
  for (auto& byte : bytes) byte = static_cast<std::byte>(random.next());
  return bytes;
}
inline std::vector<std::byte> gather(Scatter pieces) {
  std::vector<std::byte> bytes;
  for (const MemoryRef& piece : pieces) bytes.insert(bytes.end(), piece.data, piece.data + piece.size);
  return bytes;
}
inline void scatter(std::span<const std::byte> bytes, Scatter pieces) {
  for (const MemoryRef& piece : pieces) {
    std::memcpy(piece.data, bytes.data(), piece.size);
    bytes = bytes.subspan(piece.size);
  }
}

struct FakeFaults {
  double fail = 0, miss = 0, corrupt = 0, refuse = 0, hang = 0;  // of each row; hang: of each batch
  double deaf = 0;      // of each hanging batch: does not hear cancel() either, and writes late
  double abandons = 0;  // of each batch of gets: comes back as timed out while its call still holds the memory
};

class FakeTier final : public Tier {
 public:
  struct Options {
    std::string name = "far";
    bool lends = false, read_only = false;
    std::int64_t latency_us = 100;
    double bytes_per_s = 1e9;
    std::uint64_t capacity_bytes = 1ull << 40;
    std::uint64_t seed = 1;
  };
  struct Block {
    std::vector<std::byte> bytes;
  };
  FakeTier(Clock& clock, Options options) : options_(std::move(options)), clock_(clock), random_(options_.seed) {}
  ~FakeTier() override {
    CAIRN_CHECK(running_.empty(), "a fake tier ended with batches under way");
    CAIRN_CHECK(pins_.empty(), "a fake tier ended with lent blocks");
    release_hanging();  // calls left behind end with it at the latest
  }

  TierTraits traits() const override {
    TierTraits traits;
    traits.name = options_.name;
    traits.lends = options_.lends;
    traits.read_only = options_.read_only;
    traits.shared = traits.durable = !options_.lends;
    return traits;
  }
  TierUsage usage() const override {
    TierUsage usage;
    usage.capacity_bytes = options_.capacity_bytes;
    usage.used_bytes = used_bytes();
    usage.blocks = blocks_.size();
    return usage;
  }
  void submit(Batch& batch) override {
    batch.begin();
    Running run;
    run.batch = &batch;
    run.hangs = hang_all || random_.chance(faults.hang);
    run.deaf = run.hangs && (deaf_all || random_.chance(faults.deaf));
    run.abandons = batch.verb == Verb::kGet && faults.abandons > 0 && random_.chance(faults.abandons);
    const std::int64_t begin_us = std::max(clock_.now_us(), options_.lends ? 0 : busy_until_us_);
    run.start_us = begin_us;
    if (blocked) run.start_us = std::numeric_limits<std::int64_t>::max();
    std::int64_t at_us = begin_us + (options_.lends ? 0 : options_.latency_us);
    for (const BlockSlot& slot : batch.slots) {
      std::uint64_t bytes = 0;
      for (const MemoryRef& piece : slot.memory) bytes += piece.size;
      if (batch.verb == Verb::kContains) bytes = 0;
      at_us += static_cast<std::int64_t>(static_cast<double>(bytes) / options_.bytes_per_s * 1e6);
      run.row_end_us.push_back(at_us);
    }
    if (blocked) run.row_end_us.assign(batch.slots.size(), run.start_us);
    if (!run.hangs && !blocked && !options_.lends)
      busy_until_us_ = batch.verb == Verb::kContains ? busy_until_us_ : at_us;
    verbs.push_back(batch.verb);
    rows_asked += batch.slots.size();
    if (batch.verb == Verb::kGet)
      for (const BlockSlot& slot : batch.slots) ++gets[slot.id];
    running_.push_back(std::move(run));
  }
  void cancel(Batch& batch) override {
    for (Running& run : running_) {
      if (run.batch == &batch) run.cancelled = true;
    }
  }

  // Completes what is due; false: nothing was.
  bool pump() {
    bool any = false;
    for (auto run = running_.begin(); run != running_.end();) {
      if (!advance(*run)) {
        ++run;
        continue;
      }
      Batch* batch = run->batch;
      running_.erase(run);
      CompletionQueue::complete(*batch, {});
      any = true;
      run = running_.begin();
    }
    return any;
  }
  std::int64_t next_us() const {
    std::int64_t next = std::numeric_limits<std::int64_t>::max();
    for (const Running& run : running_) {
      if (run.abandons || (run.cancelled && !run.deaf)) next = std::min(next, std::max(run.start_us, clock_.now_us()));
      if (run.hangs) continue;
      next = std::min(next, run.start_us > clock_.now_us() ? run.start_us : run.row_end_us[run.next_row]);
    }
    return next;
  }
  // Hanging calls end at last: late bytes are written where the call still points.
  void release_hanging() {
    for (Running& run : running_) {
      if (run.hangs && run.batch->verb == Verb::kGet) {
        for (const BlockSlot& slot : run.batch->slots) {
          for (const MemoryRef& piece : slot.memory) std::memset(piece.data, 0xee, piece.size);
        }
      }
      run.cancelled = run.cancelled || run.hangs;
      run.released = true;
      run.deaf = run.abandons = false;
    }
    for (const MemoryRef& piece : late_) {
      std::memset(piece.data, 0xee, piece.size);
      piece.release();
    }
    late_.clear();
  }

  // Contents, by hand.
  void plant(const KvBlockId& id, std::uint64_t size) { store(id, bytes_of(id, size)); }
  void plant_bytes(const KvBlockId& id, std::vector<std::byte> bytes) { store(id, std::move(bytes)); }
  void erase(const KvBlockId& id) {
    if (!pins_.contains(id)) blocks_.erase(id);
  }
  bool has(const KvBlockId& id) const { return blocks_.contains(id); }
  std::vector<std::byte> content(const KvBlockId& id) const {
    const auto* block = blocks_.at(id).get();
    return {block->bytes.begin(), block->bytes.end()};
  }
  const auto& all() const { return blocks_; }
  std::size_t lent() const { return pins_.size(); }
  std::size_t blocks() const { return blocks_.size(); }
  std::size_t running() const { return running_.size(); }
  std::uint64_t used_bytes() const {
    std::uint64_t bytes = 0;
    for (const auto& [id, block] : blocks_) bytes += block->bytes.size();
    return bytes;
  }
  void evict_some(std::size_t count) {
    for (; count != 0 && !blocks_.empty(); --count) {
      auto at = blocks_.begin();
      std::advance(at, static_cast<std::ptrdiff_t>(random_.below(blocks_.size())));
      if (!pins_.contains(at->first)) blocks_.erase(at);
    }
  }

  FakeFaults faults;
  bool hang_all = false, deaf_all = false;
  bool blocked = false;      // what comes now waits in the tier's own queue until it is cancelled
  bool swaps_bytes = false;  // a broken tier: gives the bytes of another block and calls them verified
  std::vector<Verb> verbs;
  std::uint64_t rows_asked = 0;
  std::map<KvBlockId, int> gets;
  std::set<KvBlockId> ever;  // stored at any time

 private:
  struct Running {
    Batch* batch = nullptr;
    std::int64_t start_us = 0;
    std::vector<std::int64_t> row_end_us;
    std::size_t next_row = 0;
    bool hangs = false, deaf = false, abandons = false, released = false, cancelled = false;
  };

  void store(const KvBlockId& id, std::vector<std::byte> bytes) {
    ever.insert(id);
    if (blocks_.contains(id)) return;
    blocks_[id] = std::make_shared<Block>(Block{std::move(bytes)});
  }

  // True when the whole batch is over.
  bool advance(Running& run) {
    Batch& batch = *run.batch;
    const std::int64_t now_us = clock_.now_us();
    if (run.start_us <= now_us && batch.started_us.load() == 0)
      batch.started_us.store(std::max<std::int64_t>(run.start_us, 1));
    if ((run.abandons && run.start_us <= now_us) || (run.cancelled && !run.deaf)) {
      leave_behind(run);
      for (BlockSlot& slot : batch.slots) {
        if (slot.outcome != Outcome::kPending) continue;
        slot.outcome = batch.verb == Verb::kReturn ? work(batch.verb, slot) : Outcome::kFailed;
        slot.reason = MissReason::kTimeout;
      }
      return true;
    }
    if (run.hangs) return false;
    while (run.next_row < batch.slots.size() && run.row_end_us[run.next_row] <= now_us) {
      BlockSlot& slot = batch.slots[run.next_row++];
      slot.outcome = work(batch.verb, slot);
      if (slot.outcome == Outcome::kDone) batch.segments_done.fetch_add(1);
    }
    return run.next_row == batch.slots.size();
  }

  // As a read in the kernel that cannot be stopped: what it has not filled yet it will write, whenever that is.
  void leave_behind(const Running& run) {
    if (run.batch->verb != Verb::kGet || run.released || !(run.abandons || run.hangs)) return;
    for (const BlockSlot& slot : run.batch->slots) {
      if (slot.outcome != Outcome::kPending) continue;
      for (const MemoryRef& piece : slot.memory) {
        if (piece.region == nullptr) continue;
        piece.hold();
        late_.push_back(piece);
      }
    }
  }

  Outcome work(Verb verb, BlockSlot& slot) {
    if (verb == Verb::kReturn) {
      const auto pin = pins_.find(slot.id);
      CAIRN_CHECK(pin != pins_.end(), "a block was returned that is not lent");
      if (--pin->second.first == 0) pins_.erase(pin);
      return Outcome::kDone;
    }
    if (random_.chance(faults.fail)) return slot.reason = MissReason::kFailed, Outcome::kFailed;
    if (verb == Verb::kPut) return put(slot);
    const auto found = blocks_.find(slot.id);
    if (found == blocks_.end() || random_.chance(faults.miss)) return slot.reason = MissReason::kAbsent, Outcome::kMiss;
    if (verb == Verb::kGet) return get(slot, found->second->bytes);
    if (verb == Verb::kErase) return blocks_.erase(found), Outcome::kDone;
    if (verb == Verb::kLend) {
      auto& pin = pins_[slot.id];
      ++pin.first;
      pin.second = found->second;
      slot.lent = {found->second->bytes.data(), found->second->bytes.size(), nullptr, MemoryKind::kHost, 0};
    }
    return Outcome::kDone;
  }
  Outcome put(BlockSlot& slot) {
    if (options_.read_only || random_.chance(faults.refuse)) return Outcome::kRefused;
    std::vector<std::byte> bytes = gather(slot.memory);
    if (used_bytes() + bytes.size() > options_.capacity_bytes && options_.lends) evict_some(4);
    if (used_bytes() + bytes.size() > options_.capacity_bytes) return Outcome::kRefused;
    store(slot.id, std::move(bytes));
    return Outcome::kDone;
  }
  Outcome get(BlockSlot& slot, const std::vector<std::byte>& bytes) {
    if (random_.chance(faults.corrupt)) {
      for (const MemoryRef& piece : slot.memory) std::memset(piece.data, 0xdd, piece.size);
      return slot.reason = MissReason::kCorrupt, Outcome::kCorrupt;
    }
    const std::vector<std::byte>* source = &bytes;
    if (swaps_bytes && blocks_.size() > 1) {
      auto other =
          std::find_if(blocks_.begin(), blocks_.end(), [&](const auto& entry) { return entry.first != slot.id; });
      source = &other->second->bytes;
    }
    scatter(*source, slot.memory);
    return Outcome::kDone;
  }

  const Options options_;
  Clock& clock_;
  Random random_;
  std::int64_t busy_until_us_ = 0;
  std::list<Running> running_;
  std::vector<MemoryRef> late_;  // held by calls left behind
  std::map<KvBlockId, std::shared_ptr<Block>> blocks_;
  std::map<KvBlockId, std::pair<int, std::shared_ptr<Block>>> pins_;
};

}  // namespace cairn::test

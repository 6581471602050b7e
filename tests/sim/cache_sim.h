// A small world from one seed: a cache over faulty tiers in virtual time, requests that look up, load, keep, save and
// cancel at random, and checks after every turn. Throws nothing; what went wrong stands in `wrong`.
#pragma once

#include <deque>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "cache/fake_tier.h"
#include "cache/tiered_cache.h"
#include "sim/sim_bucket.h"

namespace cairn::test {

class CacheSim {
 public:
  static constexpr std::size_t kSlots = 96;  // blocks of memory
  static constexpr std::uint32_t kSequences = 4, kChunks = 10;

  struct Options {
    std::uint64_t seed = 1;
    int steps = 60;
    bool swaps_bytes = false;  // a tier that lies: the checks must notice
    bool bucket = false;       // the far tier is the real one for buckets, over a simulated transport
  };
  explicit CacheSim(const Options& options);
  ~CacheSim();
  void run();

  std::string wrong;  // empty: every invariant held
  std::uint64_t chunks_loaded = 0, chunks_saved = 0, lends = 0, held_seen = 0;

 private:
  struct Memory {
    std::vector<std::size_t> slots;
    std::vector<std::vector<MemoryRef>> pieces;
    std::vector<Scatter> scatters;
  };
  struct Kept {  // loaded chunks that the engine goes on reading
    std::vector<ChunkId> chunks;
    Memory memory;
    int until = 0;
  };
  struct Asked {
    explicit Asked(CompletionQueue& queue) : lookup(queue), load(queue), save(queue) {}
    enum class Phase { kLookup, kLoad, kSave } phase = Phase::kLookup;
    std::vector<ChunkId> chunks;
    Memory memory;
    Lookup lookup;
    Load load;
    Save save;
    Operation& op() {
      if (phase == Phase::kLookup) return lookup;
      if (phase == Phase::kLoad) return load;
      return save;
    }
  };

  void open();
  void step(int number);
  void turn();
  void pass(std::int64_t for_us);
  void weather();
  bool pump();
  std::int64_t next_us();
  bool ever_stored(const KvBlockId& id) const;
  void check_bounds();
  void check_stores();
  void take_back();
  void back(std::unique_ptr<Asked> asked);
  void start_lookup();
  void start_load(Asked& asked);
  void start_save();
  bool take_memory(std::size_t blocks, Memory& memory);
  void free_memory(const Memory& memory);
  bool right(std::span<const ChunkId> chunks, const Memory& memory) const;
  void finish();
  void fail(const std::string& what) {
    if (wrong.empty()) wrong = "seed " + std::to_string(options_.seed) + ": " + what;
  }
  std::size_t shards() const { return shards_.size(); }

  const Options options_;
  Random random_;
  VirtualClock clock_;
  std::unique_ptr<Metrics> metrics_;
  std::unique_ptr<MemoryRegion> region_;
  CacheConfig config_;
  std::vector<std::uint32_t> shards_;
  const std::uint64_t bytes_;  // of a block
  std::vector<FakeTier*> fakes_;
  std::unique_ptr<SimBucket> bucket_;
  CompletionQueue queue_;
  std::unique_ptr<TieredCache> cache_;
  std::vector<std::unique_ptr<Asked>> asked_;
  std::vector<Kept> kept_;
  std::vector<bool> busy_;
  std::uint64_t submitted_ = 0, returned_ = 0;
  int now_ = 0;
};

}  // namespace cairn::test

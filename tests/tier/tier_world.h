// What tests of tiers stand on: a small store (two segments a block, the last one partial), an arena of memory cut into
// pages, named blocks with known bytes, and verbs that wait.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "io/memory.h"
#include "kv/header.h"
#include "kv/identity.h"
#include "kv/keys.h"
#include "kv/layout.h"
#include "tier/tier.h"

namespace cairn::test {

// 16 pages of 21 × 4096 bytes: 1.3125 MiB.
inline StoreIdentity small_store() {
  StoreIdentity identity;
  identity.model_fingerprint.bytes.fill(7);
  identity.architecture = "llama";
  identity.hidden = 576;
  identity.layout.geometry.groups = {{.layers = 7, .planes = 2, .heads = 3, .dim = 64, .dtype = KvDtype::kBf16}};
  identity.rope.theta = 10000.0;
  identity.rope.rotary_dim = 64;
  identity.numerics_class = "t32-v1";
  return identity;
}

// One segment a block: 64 KiB.
inline StoreIdentity tiny_store() {
  StoreIdentity identity = small_store();
  identity.layout.geometry.groups = {{.layers = 1, .planes = 2, .heads = 1, .dim = 64, .dtype = KvDtype::kBf16}};
  return identity;
}

class TierWorld {
 public:
  explicit TierWorld(std::uint32_t arena_blocks = 24, const StoreIdentity& of = small_store())
      : identity(of), layout(make_layout(identity)) {
    block_bytes = layout.block_bytes(0);
    page_bytes = layout.page_stride(layout.cell(0));
    MemoryRegion::Options options;
    options.bytes = block_bytes * arena_blocks;
    options.huge_pages = false;
    arena = std::move(*MemoryRegion::make(options));
  }

  // The n-th block of a sequence whose tokens follow from `sequence`.
  KvBlockId id(std::uint32_t n, std::uint32_t sequence = 0) const {
    KeyChain chain(store_root(identity), {}, identity.layout.chunk_tokens);
    std::vector<TokenId> tokens((n + 1) * identity.layout.chunk_tokens);
    for (std::size_t i = 0; i < tokens.size(); ++i) tokens[i] = static_cast<TokenId>(i * 7 + sequence);
    chain.append(tokens);
    return {chain.complete().back(), 0};
  }

  // The arena's slot as pages, in order.
  std::vector<MemoryRef> pages(std::uint32_t slot) const {
    std::vector<MemoryRef> refs;
    for (std::uint64_t at = 0; at < block_bytes; at += page_bytes) {
      refs.push_back({arena->data() + slot * block_bytes + at, page_bytes, arena.get(), MemoryKind::kHost, 0});
    }
    return refs;
  }
  std::byte* data(std::uint32_t slot) const { return arena->data() + slot * block_bytes; }
  void fill(std::uint32_t slot, std::uint64_t seed) const {
    Random random(seed);
    for (std::uint64_t at = 0; at < block_bytes; at += 8) {
      const std::uint64_t word = random.next();
      std::memcpy(data(slot) + at, &word, 8);
    }
  }
  void wipe(std::uint32_t slot) const { std::memset(data(slot), 0xee, block_bytes); }
  bool filled_with(std::uint32_t slot, std::uint64_t seed) const {
    Random random(seed);
    for (std::uint64_t at = 0; at < block_bytes; at += 8) {
      const std::uint64_t word = random.next();
      if (std::memcmp(data(slot) + at, &word, 8) != 0) return false;
    }
    return true;
  }

  StoreIdentity identity;
  BlockLayout layout;
  std::uint64_t block_bytes = 0, page_bytes = 0;
  std::unique_ptr<MemoryRegion> arena;
  SystemClock clock;

 private:
  static BlockLayout make_layout(const StoreIdentity& identity) {
    auto made = BlockLayout::make(identity.layout);
    CAIRN_CHECK(made.has_value(), "the sample layout must be valid");
    return *made;
  }
};

// One batch with its rows and memory.
struct Work {
  Work(CompletionQueue& queue, Verb verb, Deadline deadline = {}) : batch(queue) {
    batch.verb = verb;
    batch.deadline = deadline;
  }
  void add(const KvBlockId& id, std::vector<MemoryRef> memory = {}) {
    memories.push_back(std::move(memory));
    BlockSlot slot;
    slot.id = id;
    slot.memory = memories.back();
    slots.push_back(slot);
  }
  void submit(Tier& tier) {
    batch.slots = slots;
    tier.submit(batch);
  }
  Batch batch;
  std::deque<std::vector<MemoryRef>> memories;
  std::vector<BlockSlot> slots;
};

// Ten real seconds at most: a batch that does not come back fails the test instead of hanging it.
inline Operation* wait_for(CompletionQueue& queue, std::int64_t patience_us = 10'000'000) {
  const SystemClock clock;
  const Deadline until = clock.after_us(patience_us);
  while (!clock.passed(until)) {
    if (Operation* operation = queue.wait_us(100'000)) return operation;
  }
  return nullptr;
}

inline BlockSlot run_one(Tier& tier, Verb verb, const KvBlockId& id, std::vector<MemoryRef> memory = {}) {
  CompletionQueue queue;
  Work work(queue, verb);
  work.add(id, std::move(memory));
  work.submit(tier);
  CAIRN_CHECK(wait_for(queue) == &work.batch, "a batch did not come back");
  return work.slots.front();
}
inline Outcome run(Tier& tier, Verb verb, const KvBlockId& id, std::vector<MemoryRef> memory = {}) {
  return run_one(tier, verb, id, std::move(memory)).outcome;
}

}  // namespace cairn::test

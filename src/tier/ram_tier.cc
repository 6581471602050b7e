#include "tier/ram_tier.h"

#include <algorithm>
#include <atomic>

#include "base/bytes.h"
#include "base/check.h"
#include "io/copy.h"
#include "io/executor.h"
#include "io/memory.h"
#include "node/segment_copy.h"
#include "tier/batch_run.h"
#include "tier/ram_state.h"

namespace cairn {
namespace {

constexpr std::int64_t kDrainPatienceUs = 10'000'000;

}  // namespace

Result<void> RamTierConfig::validate() const {
  if (capacity_bytes == 0) return invalid("capacity_bytes of the RAM tier must be positive");
  if (copy_threads == 0 || copy_threads > 256) return invalid("copy_threads must be between 1 and 256");
  if (queue_max == 0) return invalid("queue_max must be positive");
  return {};
}

struct RamTier::State {
  State(const RamTierConfig& with, std::unique_ptr<MemoryRegion> memory, std::unique_ptr<MemoryRegion> turns,
        std::uint64_t slot_bytes, std::uint32_t slots, const RamTierDeps& deps)
      : config(with),
        region(std::move(memory)),
        generations(std::move(turns)),
        index(*region, slot_bytes, slots,
              generations ? reinterpret_cast<std::atomic<std::uint64_t>*>(generations->data()) : nullptr),
        in_flight(deps.clock),
        executor(make_thread_pool({with.copy_threads, with.queue_max, 0}, "cairn-ram")) {}

  void get(BatchRun& run, std::size_t row);
  void put(BatchRun& run, std::size_t row);
  void lend(BatchRun& run, std::size_t row);
  void contains(BatchRun& run, std::size_t row);
  void erase(BatchRun& run, std::size_t row);
  void give_back(Batch& batch);
  bool verified_copy(BatchRun& run, std::size_t row, std::uint32_t slot, bool& matched);

  RamTierConfig config;
  std::unique_ptr<MemoryRegion> region, generations;  // generations: only where others map the region
  RamIndex index;
  InFlight in_flight;
  CopyChoice copy;
  std::unique_ptr<Executor> executor;
};

// Digest and copy in one pass over the slot; a lend only digests. False when the row was cut; `matched` tells the
// digests' verdict.
bool RamTier::State::verified_copy(BatchRun& run, std::size_t row, std::uint32_t slot, bool& matched) {
  const RamEntry& entry = index.entry(slot);
  const bool into_memory = run.verb() == Verb::kGet;
  ScatterWalk walk(run.memory(row));
  std::uint64_t at = 0;
  matched = true;
  for (const Checksum128& wanted : entry.digests) {
    const std::uint64_t bytes = std::min(kPoolSegmentBytes, entry.bytes - at);
    const std::byte* from = index.data(slot) + at;
    const bool open = run.while_open(row, [&] {
      const Checksum128 found = into_memory ? copy_segment_out(copy, from, walk, bytes) : xxh3_128({from, bytes});
      matched = found == wanted;
    });
    if (!open) return false;
    if (!matched) return true;
    at += bytes;
    run.report_segments(row, 1);
  }
  return true;
}

void RamTier::State::get(BatchRun& run, std::size_t row) {
  std::uint32_t slot = 0;
  switch (index.pin(run.id(row), slot)) {
    case RamIndex::Found::kNo:
      run.finish(row, Outcome::kMiss, MissReason::kAbsent);
      return;
    case RamIndex::Found::kOther:
      run.finish(row, Outcome::kMiss, MissReason::kForeign);
      return;
    case RamIndex::Found::kYes:
      break;
  }
  if (bytes_of(run.memory(row)) != index.entry(slot).bytes) {
    index.unpin(slot);
    run.finish(row, Outcome::kMiss, MissReason::kForeign);
    return;
  }
  bool matched = false;
  const bool open = verified_copy(run, row, slot, matched);
  if (open && !matched) index.erase_slot(slot);
  index.unpin(slot);
  if (!open) return;
  if (matched)
    run.finish(row, Outcome::kDone);
  else
    run.finish(row, Outcome::kCorrupt, MissReason::kCorrupt);
}

void RamTier::State::put(BatchRun& run, std::size_t row) {
  const std::uint64_t bytes = bytes_of(run.memory(row));
  if (bytes == 0 || bytes > index.slot_bytes()) {
    run.note_error(invalid("a block of " + std::to_string(bytes) + " bytes does not fit the RAM tier's slots"));
    run.finish(row, Outcome::kRefused, MissReason::kFailed);
    return;
  }
  if (index.contains(run.id(row)) == RamIndex::Found::kYes) {
    run.finish(row, Outcome::kDone);
    return;
  }
  const std::optional<std::uint32_t> slot = index.reserve();
  if (!slot) {
    run.finish(row, Outcome::kRefused, MissReason::kBusy);
    return;
  }
  RamEntry& entry = index.entry(*slot);
  entry = RamEntry{run.id(row), bytes, {}, false};
  entry.digests.reserve(segments_of(bytes));
  ScatterWalk walk(run.memory(row));
  for (std::uint64_t at = 0; at < bytes; at += kPoolSegmentBytes) {
    const bool open = run.while_open(row, [&] {
      entry.digests.push_back(
          copy_segment_in(copy, walk, index.data(*slot) + at, std::min(kPoolSegmentBytes, bytes - at)));
    });
    if (!open) {
      index.give_up(*slot);
      return;
    }
    run.report_segments(row, 1);
  }
  index.commit(*slot);
  run.finish(row, Outcome::kDone);
}

void RamTier::State::lend(BatchRun& run, std::size_t row) {
  std::uint32_t slot = 0;
  switch (index.pin(run.id(row), slot)) {
    case RamIndex::Found::kNo:
      run.finish(row, Outcome::kMiss, MissReason::kAbsent);
      return;
    case RamIndex::Found::kOther:
      run.finish(row, Outcome::kMiss, MissReason::kForeign);
      return;
    case RamIndex::Found::kYes:
      break;
  }
  bool matched = false;
  const bool open = verified_copy(run, row, slot, matched);
  const MemoryRef lent{index.data(slot), index.entry(slot).bytes, region.get(), MemoryKind::kHost, 0};
  if (open && matched && run.finish(row, Outcome::kDone, MissReason::kNone, &lent)) return;  // stays pinned
  if (open && !matched) index.erase_slot(slot);
  index.unpin(slot);
  if (open && !matched) run.finish(row, Outcome::kCorrupt, MissReason::kCorrupt);
}

void RamTier::State::contains(BatchRun& run, std::size_t row) {
  switch (index.contains(run.id(row))) {
    case RamIndex::Found::kYes:
      run.finish(row, Outcome::kDone);
      return;
    case RamIndex::Found::kNo:
      run.finish(row, Outcome::kMiss, MissReason::kAbsent);
      return;
    case RamIndex::Found::kOther:
      run.finish(row, Outcome::kMiss, MissReason::kForeign);
      return;
  }
}

void RamTier::State::erase(BatchRun& run, std::size_t row) {
  if (index.erase(run.id(row)))
    run.finish(row, Outcome::kDone);
  else
    run.finish(row, Outcome::kMiss, MissReason::kAbsent);
}

// Taken even while draining: whoever borrowed must be able to give back.
void RamTier::State::give_back(Batch& batch) {
  batch.start();
  for (BlockSlot& slot : batch.slots) {
    index.unpin(index.slot_of(slot.lent.data));
    slot.lent = MemoryRef{};
    slot.outcome = Outcome::kDone;
    slot.reason = MissReason::kNone;
  }
  batch.finish({});
}

Result<std::unique_ptr<RamTier>> RamTier::open(const RamTierConfig& config, std::uint64_t block_bytes,
                                               const RamTierDeps& deps) {
  CAIRN_TRY_VOID(config.validate());
  const std::uint64_t slot_bytes = round_up(block_bytes, 4096);
  const std::uint64_t slots = slot_bytes == 0 ? 0 : config.capacity_bytes / slot_bytes;
  if (slots == 0 || slots > UINT32_MAX) {
    return invalid("the RAM tier's " + format_bytes(config.capacity_bytes) + " cannot hold one block of " +
                   format_bytes(block_bytes));
  }
  MemoryRegion::Options options;
  options.bytes = slots * slot_bytes;
  options.huge_pages = config.huge_pages;
  options.shareable = config.shareable;
  options.background = true;
  CAIRN_TRY(auto region, MemoryRegion::make(options));
  const char* page_kind = region->page_kind();
  std::unique_ptr<MemoryRegion> generations;
  if (config.shareable) {
    CAIRN_TRY(generations,
              MemoryRegion::make({.bytes = slots * sizeof(std::uint64_t), .huge_pages = false, .shareable = true}));
  }
  auto state = std::make_unique<State>(config, std::move(region), std::move(generations), slot_bytes,
                                       static_cast<std::uint32_t>(slots), deps);
  state->copy = measure_copy(deps.clock);
  deps.log.info("tier.ram.open", {{"capacity_bytes", slots * slot_bytes},
                                  {"slots", slots},
                                  {"pages", page_kind},
                                  {"copy", state->copy.name},
                                  {"memcpy_gb_per_s", state->copy.cached_gb_per_s},
                                  {"streaming_gb_per_s", state->copy.streaming_gb_per_s}});
  return std::unique_ptr<RamTier>(new RamTier(std::move(state)));
}

RamTier::RamTier(std::unique_ptr<State> state) : state_(std::move(state)) {}

RamTier::~RamTier() {
  drain();
  state_->executor.reset();
  CAIRN_CHECK(state_->index.pins() == 0, "the RAM tier was destroyed while a block is lent");
}

TierTraits RamTier::traits() const {
  TierTraits traits;
  traits.name = "ram";
  traits.lends = true;
  return traits;
}

TierUsage RamTier::usage() const { return state_->index.usage(); }
void RamTier::cancel(Batch& batch) { state_->in_flight.cancel(batch); }
void RamTier::drain() { state_->in_flight.drain(kDrainPatienceUs); }
MemoryRegion& RamTier::region() { return *state_->region; }
std::uint64_t RamTier::slot_bytes() const { return state_->index.slot_bytes(); }

std::optional<RamTier::OpenSlot> RamTier::reserve(const KvBlockId& id, std::uint64_t bytes) {
  CAIRN_CHECK(bytes > 0 && bytes <= slot_bytes(), "a block that no slot holds");
  const std::optional<std::uint32_t> slot = state_->index.reserve();
  if (!slot) return std::nullopt;
  state_->index.entry(*slot) = RamEntry{id, bytes, {}, false};
  const MemoryRef memory{state_->index.data(*slot), bytes, state_->region.get(), MemoryKind::kHost, 0};
  return OpenSlot{*slot, state_->index.generation(*slot), memory};
}

bool RamTier::seal(std::uint32_t slot, std::vector<Checksum128> digests) {
  RamEntry& entry = state_->index.entry(slot);
  if (digests.size() != segments_of(entry.bytes)) {
    state_->index.give_up(slot);
    return false;
  }
  entry.digests = std::move(digests);
  state_->index.commit(slot);
  return true;
}

void RamTier::give_up(std::uint32_t slot) { state_->index.give_up(slot); }

std::optional<RamTier::SealedSlot> RamTier::pin(const KvBlockId& id) {
  std::uint32_t slot = 0;
  if (state_->index.pin(id, slot) != RamIndex::Found::kYes) return std::nullopt;
  const RamEntry& entry = state_->index.entry(slot);
  return SealedSlot{slot, state_->index.generation(slot), entry.digests,
                    MemoryRef{state_->index.data(slot), entry.bytes, state_->region.get(), MemoryKind::kHost, 0}};
}

void RamTier::unpin(std::uint32_t slot) { state_->index.unpin(slot); }

std::uint32_t RamTier::slots() const { return state_->index.slots(); }
int RamTier::generations_descriptor() const { return state_->generations ? state_->generations->descriptor() : -1; }

void RamTier::submit(Batch& batch) {
  if (batch.verb == Verb::kReturn) {
    state_->give_back(batch);
    return;
  }
  const std::shared_ptr<BatchRun> run = state_->in_flight.enter(batch);
  if (!run) return;
  State* state = state_.get();  // outlives its executor's tasks: copies do not get stuck
  const auto inline_rows = [&](void (State::*work)(BatchRun&, std::size_t)) {
    while (const std::optional<std::size_t> row = run->take()) (state->*work)(*run, *row);
  };
  const auto on_threads = [&](void (State::*work)(BatchRun&, std::size_t)) {
    run_rows(run, *state->executor, state->config.copy_threads,
             [state, work](BatchRun& batch_run, std::size_t row) { (state->*work)(batch_run, row); });
  };
  switch (run->verb()) {
    case Verb::kContains:
      inline_rows(&State::contains);
      return;
    case Verb::kErase:
      inline_rows(&State::erase);
      return;
    case Verb::kGet:
      on_threads(&State::get);
      return;
    case Verb::kPut:
      on_threads(&State::put);
      return;
    case Verb::kLend:
      on_threads(&State::lend);
      return;
    case Verb::kReturn:
      return;
  }
}

}  // namespace cairn

#include "tier/ram_tier.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/check.h"
#include "io/copy.h"
#include "io/executor.h"
#include "io/memory.h"
#include "tier/batch_run.h"
#include "tier/ram_state.h"

namespace cairn {
namespace {

constexpr std::uint64_t kCacheStepBytes = 128 * kKiB;  // digested, then copied while it is in the cache
constexpr std::int64_t kDrainPatienceUs = 10'000'000;

std::uint64_t bytes_of(std::span<const MemoryRef> memory) {
  std::uint64_t sum = 0;
  for (const MemoryRef& ref : memory) sum += ref.size;
  return sum;
}

// Walks scattered memory in steps that lie in one piece.
struct Walker {
  std::span<const MemoryRef> pieces;
  std::size_t piece = 0;
  std::uint64_t inside = 0;

  std::span<std::byte> next(std::uint64_t bytes_max) {
    while (inside == pieces[piece].size) {
      ++piece;
      inside = 0;
    }
    const std::uint64_t bytes = std::min({bytes_max, kCacheStepBytes, pieces[piece].size - inside});
    const std::span<std::byte> step(pieces[piece].data + inside, bytes);
    inside += bytes;
    return step;
  }
};

}  // namespace

Result<void> RamTierConfig::validate() const {
  if (capacity_bytes == 0) return invalid("capacity_bytes of the RAM tier must be positive");
  if (copy_threads == 0 || copy_threads > 256) return invalid("copy_threads must be between 1 and 256");
  if (queue_max == 0) return invalid("queue_max must be positive");
  return {};
}

struct RamTier::State {
  State(const RamTierConfig& with, std::unique_ptr<MemoryRegion> memory, std::uint64_t slot_bytes, std::uint32_t slots,
        const RamTierDeps& deps)
      : config(with),
        region(std::move(memory)),
        index(*region, slot_bytes, slots),
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
  std::unique_ptr<MemoryRegion> region;
  RamIndex index;
  InFlight in_flight;
  CopyChoice copy;
  std::unique_ptr<Executor> executor;
};

// Digest and copy in one pass over the source. False when the row was cut; `matched` tells the digests' verdict.
bool RamTier::State::verified_copy(BatchRun& run, std::size_t row, std::uint32_t slot, bool& matched) {
  const RamEntry& entry = index.entry(slot);
  const std::byte* from = index.data(slot);
  const bool into_memory = run.verb() == Verb::kGet;
  Walker walker{run.memory(row)};
  Xxh3Stream digest;
  std::uint64_t at = 0;
  matched = true;
  for (const Checksum128& wanted : entry.digests) {
    const std::uint64_t end = std::min(at + kRamSegmentBytes, entry.bytes);
    const bool open = run.while_open(row, [&] {
      while (at < end) {
        std::uint64_t bytes = std::min(kCacheStepBytes, end - at);
        std::byte* into = nullptr;
        if (into_memory) {
          const std::span<std::byte> step = walker.next(bytes);
          bytes = step.size();
          into = step.data();
        }
        digest.update({from + at, bytes});
        if (into != nullptr) copy.copy(into, from + at, bytes);
        at += bytes;
      }
    });
    if (!open) return false;
    if (digest.finish() != wanted) {
      matched = false;
      return true;
    }
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
  entry.digests.reserve((bytes + kRamSegmentBytes - 1) / kRamSegmentBytes);
  Walker walker{run.memory(row)};
  Xxh3Stream digest;
  for (std::uint64_t at = 0; at < bytes;) {
    const std::uint64_t end = std::min(at + kRamSegmentBytes, bytes);
    const bool open = run.while_open(row, [&] {
      while (at < end) {
        const std::span<std::byte> step = walker.next(end - at);
        digest.update(step);
        copy.copy(index.data(*slot) + at, step.data(), step.size());
        at += step.size();
      }
    });
    if (!open) {
      index.give_up(*slot);
      return;
    }
    entry.digests.push_back(digest.finish());
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
  auto state = std::make_unique<State>(config, std::move(region), slot_bytes, static_cast<std::uint32_t>(slots), deps);
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

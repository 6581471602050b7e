#include "tier/staged.h"

#include <algorithm>
#include <cstring>

#include "base/bytes.h"

namespace cairn {
namespace {

constexpr std::uint64_t kDirect = 0;  // RowJob::stage: no slot, else the slot's index + 1
constexpr std::int64_t kHeldAgainUs = 1'000;

enum class Way : std::uint8_t { kGather, kScatter };

void move_bytes(std::span<const MemoryRef> pieces, std::byte* block, Way way) {
  for (const MemoryRef& piece : pieces) {
    if (way == Way::kGather)
      std::memcpy(block, piece.data, piece.size);
    else
      std::memcpy(piece.data, block, piece.size);
    block += piece.size;
  }
}

}  // namespace

Result<std::unique_ptr<StagedTier>> StagedTier::open(std::unique_ptr<Tier> inner, const StagedConfig& config,
                                                     std::uint64_t block_bytes, const Clock& clock) {
  if (config.staging_blocks == 0 || block_bytes == 0) return invalid("staging_blocks must be positive");
  const std::uint64_t slot_bytes = round_up(block_bytes, 4096);
  MemoryRegion::Options options;
  options.bytes = slot_bytes * config.staging_blocks;
  CAIRN_TRY(auto region, MemoryRegion::make(options));
  return std::unique_ptr<StagedTier>(
      new StagedTier(std::move(inner), clock, std::move(region), slot_bytes, config.staging_blocks));
}

StagedTier::StagedTier(std::unique_ptr<Tier> inner_tier, const Clock& clock, std::unique_ptr<MemoryRegion> region,
                       std::uint64_t slot_bytes, std::uint32_t slots)
    : Wrapper(std::move(inner_tier), clock), region_(std::move(region)), slot_bytes_(slot_bytes) {
  behind_ = inner().traits();
  for (std::uint32_t slot = slots; slot > 0; --slot) free_.push_back(slot - 1);
  Wrapper::open();
}

TierTraits StagedTier::traits() const {
  TierTraits traits = behind_;
  traits.alignment = 1;
  traits.pieces_max = TierTraits{}.pieces_max;
  return traits;
}

TierUsage StagedTier::usage() const {
  TierUsage usage = Wrapper::usage();
  usage.held_bytes += region_->held_bytes();
  return usage;
}

bool StagedTier::fits(const RowJob& job) const {
  if (job.memory.size() > behind_.pieces_max) return false;
  return std::all_of(job.memory.begin(), job.memory.end(), [&](const MemoryRef& ref) {
    return reinterpret_cast<std::uintptr_t>(ref.data) % behind_.alignment == 0 && ref.size % behind_.alignment == 0;
  });
}

void StagedTier::on_row(RowJob& job) {
  job.inner.stands_for = job.outer->batch;
  if (job.bytes > slot_bytes_) {
    note_error(*job.outer, invalid("a block is larger than a staging slot"));
    finish_row(job, job.inner.verb == Verb::kGet ? Outcome::kMiss : Outcome::kRefused, MissReason::kFailed);
    return;
  }
  if (fits(job)) {
    job.stage = kDirect;
    send_row(job);
    return;
  }
  waiting_.push_back(&job);
}

std::int64_t StagedTier::on_turn(std::int64_t now_us) {
  for (std::size_t tries = free_.size(); tries > 0 && !waiting_.empty(); --tries) {
    const std::uint32_t slot = free_.back();
    free_.pop_back();
    if (region_->held(slot * slot_bytes_, slot_bytes_)) {  // an abandoned call may still write there
      free_.insert(free_.begin(), slot);
      continue;
    }
    RowJob& job = *waiting_.front();
    waiting_.pop_front();
    start(job, slot);
  }
  return waiting_.empty() || free_.empty() ? kNoTimer : now_us + kHeldAgainUs;
}

void StagedTier::start(RowJob& job, std::uint32_t slot) {
  std::byte* block = region_->data() + slot * slot_bytes_;
  if (job.inner.verb == Verb::kPut) move_bytes(job.memory, block, Way::kGather);
  job.stage = slot + 1;
  job.memory = {MemoryRef{block, job.bytes, region_.get(), MemoryKind::kHost, 0}};
  send_row(job);
}

void StagedTier::put_back(RowJob& job) {
  if (job.stage != kDirect) free_.push_back(static_cast<std::uint32_t>(job.stage - 1));
  job.stage = kDirect;
}

void StagedTier::on_inner(RowJob& job) {
  if (job.stage != kDirect && job.slot.outcome == Outcome::kDone && job.inner.verb == Verb::kGet) {
    move_bytes(job.outer->batch->slots[job.row].memory, job.memory.front().data, Way::kScatter);
  }
  put_back(job);
  finish_as_inner(job);
}

void StagedTier::on_stopped(RowJob& job) {
  std::erase(waiting_, &job);
  put_back(job);
}

}  // namespace cairn

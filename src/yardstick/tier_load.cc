#include "yardstick/tier_load.h"

#include <sys/resource.h>

#include <algorithm>
#include <cstdio>

#include "base/bytes.h"

namespace cairn {
namespace {

constexpr std::uint32_t kLookupRows = 32;
constexpr std::int64_t kBatchPatienceUs = 120'000'000;

StoreIdentity identity_of(const BlockShape& shape) {
  StoreIdentity identity;
  identity.model_fingerprint.bytes.fill(0xbe);
  identity.architecture = "bench";
  identity.hidden = shape.kv_heads * shape.head_dim;
  identity.layout.geometry.groups = {
      {.layers = shape.layers, .planes = 2, .heads = shape.kv_heads, .dim = shape.head_dim, .dtype = KvDtype::kBf16}};
  identity.layout.chunk_tokens = shape.chunk_tokens;
  identity.numerics_class = "bench";
  return identity;
}

struct Lane {
  explicit Lane(CompletionQueue& queue) : batch(queue) {}
  Batch batch;
  std::vector<BlockSlot> slots;
  std::vector<std::vector<MemoryRef>> memory;
};

}  // namespace

Result<void> BlockShape::validate() const {
  if (batch_blocks == 0 || batches_in_flight == 0)
    return invalid("batch_blocks and batches_in_flight must be positive");
  return {};
}

Consumption::Consumption() {
  if (std::FILE* file = std::fopen("/proc/self/io", "re")) {
    char line[128];
    while (std::fgets(line, sizeof line, file) != nullptr) {
      unsigned long long value = 0;
      if (std::sscanf(line, "read_bytes: %llu", &value) == 1) read_bytes_ = value;
      if (std::sscanf(line, "write_bytes: %llu", &value) == 1) written_bytes_ = value;
    }
    std::fclose(file);
  }
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  cpu_s_ = seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

void Consumption::add_to(LoadFigures& figures) const {
  const Consumption now;
  figures.cpu_s += now.cpu_s_ - cpu_s_;
  figures.read_bytes += now.read_bytes_ - read_bytes_;
  figures.written_bytes += now.written_bytes_ - written_bytes_;
}

Result<std::unique_ptr<TierLoad>> TierLoad::make(const BlockShape& shape, const Clock& clock) {
  CAIRN_TRY_VOID(shape.validate());
  std::unique_ptr<TierLoad> load(new TierLoad(shape, clock));
  load->identity_ = identity_of(shape);
  CAIRN_TRY(const BlockLayout layout, BlockLayout::make(load->identity_.layout));
  load->page_bytes_ = layout.page_stride(layout.whole());
  load->block_bytes_ = layout.block_bytes(0);
  MemoryRegion::Options memory;
  memory.bytes = load->block_bytes_ * shape.batch_blocks * shape.batches_in_flight;
  CAIRN_TRY(load->region_, MemoryRegion::make(memory));
  for (std::uint64_t at = 0; at < load->region_->size(); at += 8) {
    store_le(load->region_->data() + at, load->random_.next());
  }
  return load;
}

std::vector<KvBlockId> TierLoad::fresh_ids(std::size_t count) {
  std::vector<KvBlockId> ids(count);
  for (KvBlockId& id : ids) {
    for (std::size_t at = 0; at < 32; at += 8) store_le(id.chunk.key.digest.bytes.data() + at, random_.next());
    id.chunk.tokens = shape_.chunk_tokens;
  }
  return ids;
}

std::vector<KvBlockId> TierLoad::shuffled(std::vector<KvBlockId> ids) {
  for (std::size_t i = ids.size(); i > 1; --i) std::swap(ids[i - 1], ids[random_.below(i)]);
  return ids;
}

LoadFigures TierLoad::run(Tier& tier, Verb verb, const std::vector<KvBlockId>& ids) {
  CompletionQueue queue;
  std::vector<std::unique_ptr<Lane>> lanes;
  std::size_t next = 0, under_way = 0;
  LoadFigures figures;
  const auto send = [&](Lane& lane, std::size_t index) {
    lane.slots.clear();
    lane.memory.assign(shape_.batch_blocks, {});
    for (std::uint32_t row = 0; row < shape_.batch_blocks && next < ids.size(); ++row, ++next) {
      BlockSlot slot;
      slot.id = ids[next];
      if (verb != Verb::kErase) {
        std::byte* block = region_->data() + (index * shape_.batch_blocks + row) * block_bytes_;
        for (std::uint64_t at = 0; at < block_bytes_; at += page_bytes_) {
          lane.memory[row].push_back({block + at, page_bytes_, region_.get(), MemoryKind::kHost, 0});
        }
        slot.memory = lane.memory[row];
      }
      lane.slots.push_back(slot);
    }
    lane.batch.verb = verb;
    lane.batch.slots = lane.slots;
    ++under_way;
    tier.submit(lane.batch);
  };
  const Consumption before;
  const std::int64_t begin_us = clock_.now_us();
  for (std::size_t i = 0; i < shape_.batches_in_flight && next < ids.size(); ++i) {
    lanes.push_back(std::make_unique<Lane>(queue));
    send(*lanes.back(), i);
  }
  while (under_way > 0) {
    Operation* operation = queue.wait_us(kBatchPatienceUs);
    if (operation == nullptr) continue;
    --under_way;
    for (std::size_t i = 0; i < lanes.size(); ++i) {
      if (operation != &lanes[i]->batch) continue;
      for (const BlockSlot& slot : lanes[i]->slots) figures.failed_rows += slot.outcome == Outcome::kDone ? 0 : 1;
      if (next < ids.size()) send(*lanes[i], i);
    }
  }
  figures.seconds = static_cast<double>(std::max<std::int64_t>(clock_.now_us() - begin_us, 1)) * 1e-6;
  figures.bytes = ids.size() * block_bytes_;
  before.add_to(figures);
  return figures;
}

double TierLoad::lookup_us(Tier& tier, const std::vector<KvBlockId>& ids) {
  CompletionQueue queue;
  std::vector<double> took_us;
  for (int turn = 0; turn < 50; ++turn) {
    Batch batch(queue);
    std::vector<BlockSlot> slots(kLookupRows);
    for (BlockSlot& slot : slots) slot.id = ids[random_.below(ids.size())];
    batch.verb = Verb::kContains;
    batch.slots = slots;
    const std::int64_t begin_us = clock_.now_us();
    tier.submit(batch);
    while (queue.wait_us(kBatchPatienceUs) == nullptr) {
    }
    took_us.push_back(static_cast<double>(std::max<std::int64_t>(clock_.now_us() - begin_us, 1)));
  }
  return median_of(std::move(took_us));
}

double median_of(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

}  // namespace cairn

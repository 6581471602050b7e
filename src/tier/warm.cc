#include "tier/warm.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <queue>

#include "io/memory.h"
#include "kv/header.h"
#include "kv/store_path.h"

namespace cairn {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBatchBlocks = 8;

struct FoundFile {
  fs::file_time_type written;
  std::string path;
  std::uint32_t shard = 0;
  // The oldest on top of a queue.
  bool operator<(const FoundFile& other) const { return written > other.written; }
};

// Nothing for a file that is not a block of this store.
std::optional<KvBlockId> id_of(const FoundFile& file, const Digest& root, const BlockLayout& layout) {
  std::array<std::byte, kHeaderBytes> bytes;
  std::ifstream stream(file.path, std::ios::binary);
  if (!stream.read(reinterpret_cast<char*>(bytes.data()), kHeaderBytes)) return std::nullopt;
  BlockHeader header;
  if (recognise_header(bytes, root, layout, file.shard, header) != HeaderVerdict::kOk) return std::nullopt;
  return KvBlockId{header.chunk, file.shard};
}

// One batch of blocks through memory of its own.
class BlockMover {
 public:
  BlockMover(Tier& from, Tier& to, const BlockLayout& layout, MemoryRegion& region, Deadline deadline)
      : from_(from), to_(to), layout_(layout), region_(region), deadline_(deadline), batch_(queue_) {}

  void move(std::span<const KvBlockId> ids, CopyReport& report) {
    slots_.clear();
    memory_.assign(ids.size(), {});
    std::uint64_t at = 0;
    for (std::size_t row = 0; row < ids.size(); ++row) {
      const std::uint64_t stride = layout_.page_stride(layout_.cell(ids[row].shard));
      for (std::uint32_t page = 0; page < layout_.pages_per_chunk(); ++page, at += stride) {
        memory_[row].push_back({region_.data() + at, stride, &region_, MemoryKind::kHost, 0});
      }
      slots_.push_back({ids[row], memory_[row], {}});
    }
    run(from_, Verb::kGet);
    const std::size_t asked = slots_.size();
    std::erase_if(slots_, [](const BlockSlot& slot) { return slot.outcome != Outcome::kDone; });
    if (!slots_.empty()) run(to_, Verb::kPut);
    std::size_t taken = 0;
    for (const BlockSlot& slot : slots_) {
      if (slot.outcome != Outcome::kDone) continue;
      ++taken;
      report.bytes += layout_.block_bytes(slot.id.shard);
    }
    report.blocks += taken;
    report.passed_by += asked - taken;
  }

 private:
  void run(Tier& tier, Verb verb) {
    for (BlockSlot& slot : slots_) slot.outcome = Outcome::kPending;
    batch_.verb = verb;
    batch_.slots = slots_;
    batch_.deadline = deadline_;
    tier.submit(batch_);
    while (queue_.wait_us(1'000'000) == nullptr) {  // a batch comes back at its deadline
    }
  }
  Tier& from_;
  Tier& to_;
  const BlockLayout& layout_;
  MemoryRegion& region_;
  const Deadline deadline_;
  CompletionQueue queue_;
  Batch batch_;
  std::vector<BlockSlot> slots_;
  std::vector<std::vector<MemoryRef>> memory_;
};

}  // namespace

std::vector<KvBlockId> youngest_blocks(const std::string& directory, const StoreIdentity& identity,
                                       const BlockLayout& layout, std::uint64_t bytes_max, const Clock& clock,
                                       Deadline deadline) {
  const StorePath path(identity, layout);
  const std::size_t blocks_max = bytes_max / layout.block_bytes_max();
  std::priority_queue<FoundFile> youngest;
  for (std::uint32_t shard = 0; shard < layout.cells(); ++shard) {
    std::error_code error;
    fs::recursive_directory_iterator entry(fs::path(directory) / path.shard_directory(shard),
                                           fs::directory_options::skip_permission_denied, error);
    // A directory that vanishes under the walk ends it: what was found so far is good.
    for (; !error && entry != fs::recursive_directory_iterator() && !clock.passed(deadline); entry.increment(error)) {
      std::error_code gone;
      const bool plain = fs::is_regular_file(entry->symlink_status(gone));
      if (!plain || !parse_block_name(entry->path().filename().string())) continue;
      const fs::file_time_type written = entry->last_write_time(gone);
      if (gone) continue;
      youngest.push({written, entry->path().string(), shard});
      if (youngest.size() > blocks_max) youngest.pop();
    }
  }
  std::vector<KvBlockId> ids;
  for (; !youngest.empty() && !clock.passed(deadline); youngest.pop()) {
    if (const auto id = id_of(youngest.top(), path.root(), layout)) ids.push_back(*id);
  }
  return ids;
}

Result<CopyReport> copy_blocks(const std::vector<KvBlockId>& ids, Tier& from, Tier& to, const BlockLayout& layout,
                               const Clock& clock, Deadline deadline) {
  CopyReport report;
  if (ids.empty()) return report;
  CAIRN_TRY(const std::unique_ptr<MemoryRegion> region,
            MemoryRegion::make({.bytes = layout.block_bytes_max() * std::min(kBatchBlocks, ids.size())}));
  BlockMover mover(from, to, layout, *region, deadline);
  for (std::size_t at = 0; at < ids.size(); at += kBatchBlocks) {
    if (clock.passed(deadline)) {
      report.in_time = false;
      report.passed_by += ids.size() - at;
      break;
    }
    mover.move(std::span(ids).subspan(at, std::min(kBatchBlocks, ids.size() - at)), report);
  }
  return report;
}

}  // namespace cairn

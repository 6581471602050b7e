#include "bench/tier_bench.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>

#include "base/bytes.h"
#include "base/random.h"
#include "bench/fio.h"
#include "kv/layout.h"
#include "tier/file_tier.h"

namespace cairn {
namespace {

namespace fs = std::filesystem;
constexpr const char* kBenchDirectory = "/cairn-bench-XXXXXX";
constexpr std::uint32_t kLookupRows = 32;
constexpr std::int64_t kBatchPatienceUs = 120'000'000;

struct Consumed {
  std::uint64_t read_bytes = 0, write_bytes = 0;
  double cpu_s = 0;
};

// Bytes that this process caused at block devices, and its CPU time.
Consumed consumed_now() {
  Consumed now;
  if (std::FILE* file = std::fopen("/proc/self/io", "re")) {
    char line[128];
    while (std::fgets(line, sizeof line, file) != nullptr) {
      unsigned long long value = 0;
      if (std::sscanf(line, "read_bytes: %llu", &value) == 1) now.read_bytes = value;
      if (std::sscanf(line, "write_bytes: %llu", &value) == 1) now.write_bytes = value;
    }
    std::fclose(file);
  }
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  now.cpu_s = seconds(usage.ru_utime) + seconds(usage.ru_stime);
  return now;
}

StoreIdentity identity_of(const TierBenchOptions& options) {
  StoreIdentity identity;
  identity.model_fingerprint.bytes.fill(0xbe);
  identity.architecture = "bench";
  identity.hidden = options.kv_heads * options.head_dim;
  identity.layout.geometry.groups = {{.layers = options.layers,
                                      .planes = 2,
                                      .heads = options.kv_heads,
                                      .dim = options.head_dim,
                                      .dtype = KvDtype::kBf16}};
  identity.layout.chunk_tokens = options.chunk_tokens;
  identity.numerics_class = "bench";
  return identity;
}

class TierBench {
 public:
  TierBench(const TierBenchOptions& options, const Clock& clock, Log& log,
            const std::function<void(const std::string&)>& progress)
      : options_(options), clock_(clock), log_(log), progress_(progress) {}

  Result<TierBenchReport> run() {
    CAIRN_TRY_VOID(prepare());
    std::vector<double> puts, gets, fio_puts, fio_gets;
    for (std::uint32_t round = 0; round < options_.rounds; ++round) {
      const std::vector<KvBlockId> ids = fresh_ids();
      fio_puts.push_back(fio(FioDirection::kWrite));
      puts.push_back(phase(Verb::kPut, ids, report_.put));
      fio_gets.push_back(fio(FioDirection::kRead));
      forget_fio();
      if (!report_.direct) forget_pages();
      std::vector<KvBlockId> shuffled = ids;
      for (std::size_t i = shuffled.size(); i > 1; --i) std::swap(shuffled[i - 1], shuffled[random_.below(i)]);
      gets.push_back(phase(Verb::kGet, shuffled, report_.get));
      if (round + 1 == options_.rounds) lookups(ids);
      phase(Verb::kErase, ids, erased_);
      say(round, puts.back(), gets.back());
    }
    close(report_.put, puts, fio_puts);
    close(report_.get, gets, fio_gets);
    return report_;
  }
  ~TierBench() {
    tier_.reset();
    std::error_code ignored;
    if (!directory_.empty()) fs::remove_all(directory_, ignored);
  }

 private:
  Result<void> prepare() {
    std::error_code error;
    const fs::space_info space = fs::space(options_.store.path, error);
    // The round's blocks, and fio's files beside them.
    if (!error && space.available / 2 < options_.data_bytes)
      return invalid("data_bytes is " + format_bytes(options_.data_bytes) + ", which is needed twice, and " +
                     options_.store.path + " has " + format_bytes(space.available) + " left");
    std::string pattern = options_.store.path + kBenchDirectory;
    if (::mkdtemp(pattern.data()) == nullptr)
      return invalid("cannot make a directory in " + options_.store.path + ": " + std::strerror(errno));
    directory_ = pattern;
    FileTierConfig config = options_.store;
    config.path = directory_ + "/store";
    const FileTierDeps deps{clock_, log_, nullptr};
    StoreWish wish;
    wish.identity = identity_of(options_);
    wish.created_by = "cairn bench tier";
    CAIRN_TRY(BlockLayout layout, BlockLayout::make(wish.identity.layout));
    page_bytes_ = layout.page_stride(layout.whole());
    report_.block_bytes = layout.block_bytes(0);
    CAIRN_TRY(OpenedStore store, open_store(config, wish, deps));
    report_.file_system = store.mount.file_system;
    report_.direct = store.mount.direct;
    report_.direct_reason = store.mount.direct_reason;
    CAIRN_TRY(tier_, FileTier::open(config, std::move(store), deps));
    report_.path = options_.store.path;
    report_.durability = options_.store.durability;
    report_.blocks = std::max<std::uint64_t>(options_.data_bytes / report_.block_bytes, options_.batch_blocks);
    report_.data_bytes = report_.blocks * report_.block_bytes;
    struct sysinfo machine{};
    if (sysinfo(&machine) == 0) report_.ram_bytes = static_cast<std::uint64_t>(machine.totalram) * machine.mem_unit;
    MemoryRegion::Options memory;
    memory.bytes = report_.block_bytes * options_.batch_blocks * options_.batches_in_flight;
    CAIRN_TRY(region_, MemoryRegion::make(memory));
    for (std::uint64_t at = 0; at < region_->size(); at += 8) store_le(region_->data() + at, random_.next());
    return {};
  }

  std::vector<KvBlockId> fresh_ids() {
    std::vector<KvBlockId> ids(report_.blocks);
    for (KvBlockId& id : ids) {
      for (std::size_t at = 0; at < 32; at += 8) store_le(id.chunk.key.digest.bytes.data() + at, random_.next());
      id.chunk.tokens = options_.chunk_tokens;
    }
    return ids;
  }

  double fio(FioDirection direction) {
    if (!options_.with_fio) return 0;
    double best = 0;
    for (const char* block_size : {"1m", "4m"}) {
      best = std::max(best, run_fio({directory_, direction, report_.direct, report_.data_bytes, 4, block_size}));
    }
    return best;
  }

  // The next round writes new files, as the tier does: overwriting is another thing.
  void forget_fio() const {
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(directory_, ignored)) {
      if (entry.is_regular_file(ignored)) fs::remove(entry.path(), ignored);
    }
  }

  // GB/s of all ids through the tier, with a bounded number of batches in flight.
  double phase(Verb verb, const std::vector<KvBlockId>& ids, TierBenchPhase& into) {
    struct Lane {
      explicit Lane(CompletionQueue& queue) : batch(queue) {}
      Batch batch;
      std::vector<BlockSlot> slots;
      std::vector<std::vector<MemoryRef>> memory;
    };
    CompletionQueue queue;
    std::vector<std::unique_ptr<Lane>> lanes;
    std::size_t next = 0, under_way = 0;
    const auto send = [&](Lane& lane, std::size_t index) {
      lane.slots.clear();
      lane.memory.assign(options_.batch_blocks, {});
      for (std::uint32_t row = 0; row < options_.batch_blocks && next < ids.size(); ++row, ++next) {
        BlockSlot slot;
        slot.id = ids[next];
        if (verb != Verb::kErase) {
          std::byte* block = region_->data() + (index * options_.batch_blocks + row) * report_.block_bytes;
          for (std::uint64_t at = 0; at < report_.block_bytes; at += page_bytes_) {
            lane.memory[row].push_back({block + at, page_bytes_, region_.get(), MemoryKind::kHost, 0});
          }
          slot.memory = lane.memory[row];
        }
        lane.slots.push_back(slot);
      }
      lane.batch.verb = verb;
      lane.batch.slots = lane.slots;
      ++under_way;
      tier_->submit(lane.batch);
    };
    const Consumed before = consumed_now();
    const std::int64_t begin_us = clock_.now_us();
    for (std::size_t i = 0; i < options_.batches_in_flight && next < ids.size(); ++i) {
      lanes.push_back(std::make_unique<Lane>(queue));
      send(*lanes.back(), i);
    }
    while (under_way > 0) {
      Operation* operation = queue.wait_us(kBatchPatienceUs);
      if (operation == nullptr) continue;
      --under_way;
      for (std::size_t i = 0; i < lanes.size(); ++i) {
        if (operation != &lanes[i]->batch) continue;
        for (const BlockSlot& slot : lanes[i]->slots) report_.failed_rows += slot.outcome == Outcome::kDone ? 0 : 1;
        if (next < ids.size()) send(*lanes[i], i);
      }
    }
    const double seconds = static_cast<double>(std::max<std::int64_t>(clock_.now_us() - begin_us, 1)) * 1e-6;
    const Consumed after = consumed_now();
    const std::uint64_t bytes = ids.size() * report_.block_bytes;
    into.bytes += bytes;
    into.device_bytes +=
        verb == Verb::kGet ? after.read_bytes - before.read_bytes : after.write_bytes - before.write_bytes;
    into.cpu_s_per_gb += (after.cpu_s - before.cpu_s) * 1e9 / static_cast<double>(bytes) / options_.rounds;
    return static_cast<double>(bytes) / 1e9 / seconds;
  }

  void lookups(const std::vector<KvBlockId>& ids) {
    CompletionQueue queue;
    std::vector<double> took_us;
    for (int turn = 0; turn < 50; ++turn) {
      Batch batch(queue);
      std::vector<BlockSlot> slots(kLookupRows);
      for (BlockSlot& slot : slots) slot.id = ids[random_.below(ids.size())];
      batch.verb = Verb::kContains;
      batch.slots = slots;
      const std::int64_t begin_us = clock_.now_us();
      tier_->submit(batch);
      while (queue.wait_us(kBatchPatienceUs) == nullptr) {
      }
      took_us.push_back(static_cast<double>(std::max<std::int64_t>(clock_.now_us() - begin_us, 1)));
    }
    std::sort(took_us.begin(), took_us.end());
    report_.lookup_batch_us = took_us[took_us.size() / 2];
    report_.lookups_per_s = kLookupRows * 1e6 / report_.lookup_batch_us;
  }

  // Without direct I/O a read is cold only when the page cache forgot the file.
  void forget_pages() {
    std::error_code ignored;
    for (const auto& entry : fs::recursive_directory_iterator(directory_, ignored)) {
      if (!entry.is_regular_file(ignored)) continue;
      const int descriptor = ::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC);
      if (descriptor < 0) continue;
      ::fdatasync(descriptor);
      ::posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED);
      ::close(descriptor);
    }
  }

  void close(TierBenchPhase& phase, std::vector<double> rates, std::vector<double> fio_rates) const {
    std::sort(rates.begin(), rates.end());
    std::sort(fio_rates.begin(), fio_rates.end());
    phase.gb_per_s = rates[rates.size() / 2];
    phase.low = rates.front();
    phase.high = rates.back();
    phase.fio_gb_per_s = fio_rates[fio_rates.size() / 2];
    const bool moved = static_cast<double>(phase.device_bytes) >= 0.9 * static_cast<double>(phase.bytes);
    phase.source = !moved ? "page cache" : report_.direct ? "direct" : "buffered";
  }

  void say(std::uint32_t round, double put, double get) const {
    char text[160];
    std::snprintf(text, sizeof text, "round %u of %u: put %.2f GB/s, get %.2f GB/s", round + 1, options_.rounds, put,
                  get);
    if (progress_) progress_(text);
  }

  const TierBenchOptions& options_;
  const Clock& clock_;
  Log& log_;
  const std::function<void(const std::string&)>& progress_;
  Random random_{2024};
  std::string directory_;
  std::uint64_t page_bytes_ = 0;
  std::unique_ptr<MemoryRegion> region_;
  std::unique_ptr<FileTier> tier_;
  TierBenchReport report_;
  TierBenchPhase erased_;
};

std::string phase_line(const char* name, const TierBenchPhase& phase) {
  char text[320];
  std::snprintf(text, sizeof text, "%s %6.2f GB/s [%.2f-%.2f], %s, %s at the device for %s, %.2f CPU-s/GB", name,
                phase.gb_per_s, phase.low, phase.high, phase.source.c_str(), format_bytes(phase.device_bytes).c_str(),
                format_bytes(phase.bytes).c_str(), phase.cpu_s_per_gb);
  std::string line = text;
  if (phase.fio_gb_per_s > 0) {
    std::snprintf(text, sizeof text, "; fio %.2f GB/s, ratio %.2f", phase.fio_gb_per_s,
                  phase.gb_per_s / phase.fio_gb_per_s);
    line += text;
  }
  return line + "\n";
}

}  // namespace

Result<void> TierBenchOptions::validate() const {
  if (rounds == 0 || rounds > 100) return invalid("rounds must be between 1 and 100");
  if (batch_blocks == 0 || batches_in_flight == 0)
    return invalid("batch_blocks and batches_in_flight must be positive");
  return store.validate();
}

Result<TierBenchReport> bench_tier(const TierBenchOptions& options, const Clock& clock, Log& log,
                                   const std::function<void(const std::string&)>& progress) {
  CAIRN_TRY_VOID(options.validate());
  std::error_code error;
  if (!std::filesystem::is_directory(options.store.path, error))
    return invalid("there is no directory " + options.store.path + ": name one on the file system to measure");
  return TierBench(options, clock, log, progress).run();
}

std::string to_text(const TierBenchReport& report) {
  char text[512];
  std::string out;
  std::snprintf(text, sizeof text, "store %s (%s), direct I/O: %s (%s), durability %s\n", report.path.c_str(),
                report.file_system.c_str(), report.direct ? "yes" : "no", report.direct_reason.c_str(),
                report.durability.c_str());
  out += text;
  std::snprintf(text, sizeof text, "data set %s in %llu blocks of %s, RAM %s, checksums on\n",
                format_bytes(report.data_bytes).c_str(), static_cast<unsigned long long>(report.blocks),
                format_bytes(report.block_bytes).c_str(), format_bytes(report.ram_bytes).c_str());
  out += text;
  out += phase_line("put   ", report.put) + phase_line("get   ", report.get);
  std::snprintf(text, sizeof text, "lookup %6.0f per s, %.0f us for 32 at a time\n", report.lookups_per_s,
                report.lookup_batch_us);
  out += text;
  if (report.failed_rows > 0)
    out += std::to_string(report.failed_rows) + " rows failed: the rates above are too high\n";
  return out;
}

}  // namespace cairn

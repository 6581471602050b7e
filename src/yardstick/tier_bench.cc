#include "yardstick/tier_bench.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>

#include "base/bytes.h"
#include "tier/file_tier.h"
#include "yardstick/fio.h"

namespace cairn {
namespace {

namespace fs = std::filesystem;
constexpr const char* kBenchDirectory = "/cairn-bench-XXXXXX";
constexpr double kLookupRows = 32;

class TierBench {
 public:
  TierBench(const TierBenchOptions& options, const Clock& clock, Log& log,
            const std::function<void(const std::string&)>& progress)
      : options_(options), clock_(clock), log_(log), progress_(progress) {}

  Result<TierBenchReport> run() {
    CAIRN_TRY_VOID(prepare());
    std::vector<double> puts, gets, fio_puts, fio_gets;
    for (std::uint32_t round = 0; round < options_.rounds; ++round) {
      const std::vector<KvBlockId> ids = load_->fresh_ids(report_.blocks);
      fio_puts.push_back(fio(FioDirection::kWrite));
      puts.push_back(phase(Verb::kPut, ids, report_.put));
      fio_gets.push_back(fio(FioDirection::kRead));
      forget_fio();
      if (!report_.direct) forget_pages();
      gets.push_back(phase(Verb::kGet, load_->shuffled(ids), report_.get));
      if (round + 1 == options_.rounds) {
        report_.lookup_batch_us = load_->lookup_us(*tier_, ids);
        report_.lookups_per_s = kLookupRows * 1e6 / report_.lookup_batch_us;
      }
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
    CAIRN_TRY(load_, TierLoad::make(options_.shape, clock_));
    StoreWish wish;
    wish.identity = load_->identity();
    wish.created_by = "cairn bench tier";
    report_.block_bytes = load_->block_bytes();
    CAIRN_TRY(OpenedStore store, open_store(config, wish, deps));
    report_.file_system = store.mount.file_system;
    report_.direct = store.mount.direct;
    report_.direct_reason = store.mount.direct_reason;
    CAIRN_TRY(tier_, FileTier::open(config, std::move(store), deps));
    report_.path = options_.store.path;
    report_.durability = options_.store.durability;
    report_.blocks = std::max<std::uint64_t>(options_.data_bytes / report_.block_bytes, options_.shape.batch_blocks);
    report_.data_bytes = report_.blocks * report_.block_bytes;
    struct sysinfo machine{};
    if (sysinfo(&machine) == 0) report_.ram_bytes = static_cast<std::uint64_t>(machine.totalram) * machine.mem_unit;
    return {};
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

  // GB/s of all ids through the tier.
  double phase(Verb verb, const std::vector<KvBlockId>& ids, TierBenchPhase& into) {
    const LoadFigures figures = load_->run(*tier_, verb, ids);
    into.bytes += figures.bytes;
    into.device_bytes += verb == Verb::kGet ? figures.read_bytes : figures.written_bytes;
    into.cpu_s_per_gb += figures.cpu_s * 1e9 / static_cast<double>(figures.bytes) / options_.rounds;
    report_.failed_rows += figures.failed_rows;
    return figures.gb_per_s();
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
  std::string directory_;
  std::unique_ptr<TierLoad> load_;
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

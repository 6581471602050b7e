#include "tier/file_tier.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <thread>

#include "base/check.h"
#include "tier/file_state.h"
#include "tier/file_usage.h"

namespace cairn {
namespace {

constexpr std::int64_t kScanPauseUs = 20'000;

}  // namespace

FileState::FileState(const FileTierConfig& with, OpenedStore store, BlockLayout block_layout, const FileTierDeps& deps)
    : config(with),
      calls(deps.calls != nullptr ? *deps.calls : system_file_calls()),
      clock(deps.clock),
      log(deps.log),
      root(std::move(store.root)),
      identity(store.identity),
      layout(std::move(block_layout)),
      path(identity, layout),
      mount(store.mount),
      read_only(store.read_only),
      accounts(layout.cells()),
      ways_synced(std::size_t{layout.cells()} * FileAccounts::kFanOut),
      quarantines_(with.quarantines_per_minute_max) {
  file_mode = *parse_mode(with.file_mode);
  dir_mode = *parse_mode(with.dir_mode);
  if (with.durability == "data") durability = Durability::kData;
  if (with.durability == "full") durability = Durability::kFull;
  if (with.capacity_bytes == 0) return;
  accounts.assume(store.created ? 0 : read_usage(calls, root.get(), path.directory()));
}

OwnedFile FileState::open_directory_of(const KvBlockId& id) const {
  return OwnedFile(calls, calls.open_beneath(root.get(), path.block_directory(id).c_str(), O_RDONLY | O_DIRECTORY, 0));
}

void FileState::say_denied(const KvBlockId& id) {
  counters.denied.fetch_add(1);
  if (denied_said.exchange(true)) return;
  FileStat owner;
  const std::string name = path.block(id);
  const bool known =
      calls.stat(root.get(), name.c_str(), owner) >= 0 || calls.stat(root.get(), path.directory().c_str(), owner) >= 0;
  log.warn("tier.file.denied", {{"path", config.path + "/" + name},
                                {"our_uid", std::uint64_t{geteuid()}},
                                {"owner_uid", known ? std::to_string(owner.uid) : std::string("unknown")},
                                {"hint", "see file_mode and dir_mode"}});
}

bool FileState::way_synced(const KvBlockId& id) const {
  return ways_synced[std::size_t{id.shard} * FileAccounts::kFanOut + fan_of(id)].load();
}
void FileState::note_way_synced(const KvBlockId& id) {
  ways_synced[std::size_t{id.shard} * FileAccounts::kFanOut + fan_of(id)].store(true);
}

void FileState::put_failed(const char* why) {
  if (put_voice_.failed(clock.now_us())) log.warn("tier.file.put_failed", {{"error", why}, {"path", config.path}});
}

void FileState::put_worked() {
  if (const auto failed = put_voice_.worked()) {
    log.warn("tier.file.put_recovered", {{"path", config.path}, {"failed_puts", *failed}});
  }
}

bool FileState::may_quarantine() {
  if (quarantines_.take(clock.now_us())) return true;
  log.warn("tier.file.quarantine_stopped", {{"per_minute", config.quarantines_per_minute_max}, {"path", config.path}});
  return false;
}

void FileState::enter_call(BatchRun& run, std::size_t row, std::uint64_t bytes) {
  MutexLock lock(mutex_);
  calls_under_way_.push_back({&run, row, bytes});
}

void FileState::leave_call(BatchRun& run, std::size_t row) {
  MutexLock lock(mutex_);
  std::erase_if(calls_under_way_, [&](const Call& call) { return call.run == &run && call.row == row; });
}

std::uint64_t FileState::held_bytes() const {
  MutexLock lock(mutex_);
  std::uint64_t bytes = 0;
  for (const Call& call : calls_under_way_) bytes += call.run->open(call.row) ? 0 : call.bytes;
  return bytes;
}

// Counts the store at open and again every rescan_s, and what others changed every recheck_s, at a bounded rate. Shared
// with its thread, which may hang in a call for longer than the tier lives.
class StoreScan : public std::enable_shared_from_this<StoreScan> {
 public:
  explicit StoreScan(std::shared_ptr<FileState> state) : state_(std::move(state)) {}
  void start() {
    thread_ = std::thread([self = shared_from_this()] { self->run(); });
  }
  void end(std::int64_t patience_us) {
    bool ended = false;
    {
      MutexLock lock(mutex_);
      stop_ = true;
      changed_.notify_all();
      while (!ended_ && changed_.wait_for_us(mutex_, patience_us)) {
      }
      ended = ended_;
    }
    if (ended)
      thread_.join();
    else
      thread_.detach();
  }
  void wait_for_one() {
    mutex_.lock();
    while (whole_passes_ == 0 && !stop_) changed_.wait(mutex_);
    mutex_.unlock();
  }
  void look_now() {
    mutex_.lock();
    const std::uint64_t wanted = ++asked_;
    changed_.notify_all();
    while (answered_ < wanted && !stop_) changed_.wait(mutex_);
    mutex_.unlock();
  }

 private:
  bool pause_us(std::int64_t pause_us) {
    MutexLock lock(mutex_);
    if (!stop_ && pause_us > 0) changed_.wait_for_us(mutex_, pause_us);
    return !stop_;
  }
  void pass(ScanDepth depth) {
    const std::uint32_t burst =
        std::max<std::uint32_t>(state_->config.scan_directories_per_s / (1'000'000 / kScanPauseUs), 1);
    std::uint32_t in_burst = 0;
    const bool whole = scan_store(*state_, depth, seen_, [&](std::uint32_t directories) {
      in_burst += directories;
      const bool rest = in_burst >= burst;
      if (rest) in_burst = 0;
      return pause_us(rest ? kScanPauseUs : 0);
    });
    if (whole && depth == ScanDepth::kAll) state_->accounts.counted();
    remember_usage();
  }
  void remember_usage() {
    const std::uint64_t used_bytes = state_->accounts.used_bytes();
    if (state_->config.capacity_bytes == 0 || state_->read_only || !state_->accounts.total_known()) return;
    if (remembered_ == used_bytes) return;
    const std::string& directory = state_->path.directory();
    if (write_usage(state_->calls, state_->root.get(), directory, used_bytes, state_->file_mode) == 0)
      remembered_ = used_bytes;
  }
  void run() {
    count_until_stopped();
    remember_usage();
    MutexLock lock(mutex_);
    ended_ = true;
    changed_.notify_all();
  }
  void count_until_stopped() {
    const auto next_in = [this](std::uint32_t seconds) {
      return seconds == 0 ? Deadline::never() : state_->clock.after_us(std::int64_t{seconds} * 1'000'000);
    };
    Deadline rescan;
    ScanDepth depth = ScanDepth::kAll;
    for (std::uint64_t taken = 0;;) {
      pass(depth);
      if (depth == ScanDepth::kAll) rescan = next_in(state_->config.rescan_s);
      const Deadline next{std::min(rescan.at_us, next_in(state_->config.recheck_s).at_us)};
      const std::int64_t pause_us = std::max<std::int64_t>(next.at_us - state_->clock.now_us(), 1);
      mutex_.lock();
      whole_passes_ += depth == ScanDepth::kAll ? 1 : 0;
      answered_ = taken;
      changed_.notify_all();
      while (!stop_ && asked_ == taken && changed_.wait_for_us(mutex_, pause_us)) {
      }
      taken = asked_;
      const bool stop = stop_;
      mutex_.unlock();
      if (stop) return;
      depth = state_->clock.passed(rescan) ? ScanDepth::kAll : ScanDepth::kChanged;
    }
  }

  std::shared_ptr<FileState> state_;
  ScanMemory seen_;                          // the thread's own
  std::optional<std::uint64_t> remembered_;  // likewise: what the usage file says
  Mutex mutex_;
  CondVar changed_;
  bool stop_ CAIRN_GUARDED_BY(mutex_) = false, ended_ CAIRN_GUARDED_BY(mutex_) = false;
  std::uint64_t whole_passes_ CAIRN_GUARDED_BY(mutex_) = 0;
  std::uint64_t asked_ CAIRN_GUARDED_BY(mutex_) = 0, answered_ CAIRN_GUARDED_BY(mutex_) = 0;
  std::thread thread_;
};

struct FileTier::Parts {
  std::shared_ptr<FileState> state;
  std::unique_ptr<InFlight> in_flight;
  std::unique_ptr<Executor> reads, writes, lookups;  // apart, so that stores that hang keep nobody from reading
  std::shared_ptr<StoreScan> scan;
};

Result<std::unique_ptr<FileTier>> FileTier::open(const FileTierConfig& config, OpenedStore store,
                                                 const FileTierDeps& deps) {
  CAIRN_TRY_VOID(config.validate());
  CAIRN_TRY(BlockLayout layout, BlockLayout::make(store.identity.layout));
  auto parts = std::make_unique<Parts>();
  parts->state = std::make_shared<FileState>(config, std::move(store), std::move(layout), deps);
  parts->in_flight = std::make_unique<InFlight>(deps.clock);
  parts->reads = make_thread_pool({config.io_threads, config.queue_max, config.stuck_threads_max}, "cairn-read");
  parts->writes = make_thread_pool({config.io_threads, config.queue_max, config.stuck_threads_max}, "cairn-write");
  parts->lookups = make_thread_pool({config.lookup_threads, config.queue_max, config.stuck_threads_max}, "cairn-stat");
  parts->scan = std::make_shared<StoreScan>(parts->state);
  parts->scan->start();
  const FileState& state = *parts->state;
  const auto level = !state.mount.direct && config.direct != "never" ? LogLevel::kWarning : LogLevel::kInfo;
  deps.log.write(level, "tier.file.open",
                 {{"path", config.path},
                  {"store", state.path.directory()},
                  {"direct", state.mount.direct ? "yes" : "no: transfers go through the page cache"},
                  {"direct_why", state.mount.direct_reason},
                  {"file_system", state.mount.file_system},
                  {"publish", to_string(state.mount.publish)},
                  {"durability", config.durability},
                  {"read_only", state.read_only ? "yes" : "no"}});
  return std::unique_ptr<FileTier>(new FileTier(std::move(parts)));
}

FileTier::FileTier(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

FileTier::~FileTier() {
  drain();
  parts_->scan->end(std::int64_t{parts_->state->config.drain_ms} * 1000);
  parts_->reads.reset();
  parts_->writes.reset();
  parts_->lookups.reset();
}

void FileTier::drain() { parts_->in_flight->drain(std::int64_t{parts_->state->config.drain_ms} * 1000); }
void FileTier::cancel(Batch& batch) { parts_->in_flight->cancel(batch); }
void FileTier::wait_for_scan() { parts_->scan->wait_for_one(); }
void FileTier::recount() {
  const std::shared_ptr<StoreScan> scan = parts_->scan;
  scan->look_now();
}
const MountTraits& FileTier::mount() const { return parts_->state->mount; }

TierTraits FileTier::traits() const {
  TierTraits traits;
  traits.name = "file";
  traits.alignment = parts_->state->mount.alignment;
  traits.durable = true;
  traits.shared = true;
  traits.read_only = parts_->state->read_only;
  return traits;
}

TierUsage FileTier::usage() const {
  const FileState& state = *parts_->state;
  TierUsage usage;
  usage.used_bytes = state.accounts.used_bytes();
  usage.blocks = state.accounts.blocks();
  usage.capacity_bytes = state.config.capacity_bytes;
  usage.inflight_bytes = state.accounts.reserved_bytes();
  usage.held_bytes = state.held_bytes();
  return usage;
}

FileTierReport FileTier::report() const {
  const FileTierCounters& counters = parts_->state->counters;
  FileTierReport report;
  report.quarantined = counters.quarantined;
  report.corrupt = counters.corrupt;
  report.left_alone = counters.left_alone;
  report.refused_capacity = counters.refused_capacity;
  report.refused_space = counters.refused_space;
  report.denied = counters.denied;
  report.swept = counters.swept;
  report.second_reads = counters.second_reads;
  report.bounced = counters.bounced;
  report.stuck_threads = parts_->reads->stuck() + parts_->writes->stuck() + parts_->lookups->stuck();
  return report;
}

void FileTier::submit(Batch& batch) {
  const std::shared_ptr<BatchRun> run = parts_->in_flight->enter(batch);
  if (!run) return;
  const bool lookup = run->verb() == Verb::kContains;
  const bool read = run->verb() == Verb::kGet;
  Executor& executor = lookup ? *parts_->lookups : read ? *parts_->reads : *parts_->writes;
  const FileTierConfig& config = parts_->state->config;
  const auto refuse = [&](ErrorCode code, const char* why, MissReason reason) {
    run->note_error({code, why});
    for (std::size_t row = 0; row < run->rows(); ++row) run->finish(row, Outcome::kFailed, reason);
  };
  if (config.stuck_threads_max > 0 && executor.stuck() >= config.stuck_threads_max) {
    refuse(ErrorCode::kUnavailable, "the store hangs: too many calls have not come back", MissReason::kBreakerOpen);
    return;
  }
  void (*work)(FileState&, BatchRun&, std::size_t) = nullptr;
  switch (run->verb()) {
    case Verb::kContains:
      work = &file_contains;
      break;
    case Verb::kGet:
      work = &file_get;
      break;
    case Verb::kPut:
      work = &file_put;
      break;
    case Verb::kErase:
      work = &file_erase;
      break;
    case Verb::kLend:
    case Verb::kReturn:
      refuse(ErrorCode::kInvalid, "the file tier does not lend", MissReason::kFailed);
      return;
  }
  run_rows(run, executor, lookup ? config.lookup_threads : config.io_threads,
           [state = parts_->state, work](BatchRun& batch_run, std::size_t row) { work(*state, batch_run, row); });
}

}  // namespace cairn

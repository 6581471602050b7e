#include "tier/s3_tier.h"

#include <algorithm>
#include <functional>

#include "tier/s3_state.h"

namespace cairn {
namespace {

constexpr std::uint32_t kDigestThreads = 2, kDigestQueueMax = 4096;

class Work final : public Task {
 public:
  explicit Work(std::function<void()> work) : work_(std::move(work)) {}
  void run() noexcept override {
    work_();
    delete this;
  }

 private:
  const std::function<void()> work_;
};

}  // namespace

S3State::S3State(OpenedBucket store, BlockLayout block_layout, Executor& digest_threads, const S3TierDeps& deps)
    : client(std::move(store.client)),
      clock(deps.clock),
      log(deps.log),
      identity(store.identity),
      layout(std::move(block_layout)),
      path(identity, layout),
      rights(store.rights),
      present(client->config().known_keys_max),
      damaged(4096),
      used_bytes(store.used_bytes),
      blocks(store.blocks),
      digests(digest_threads),
      erases_(client->config().erases_per_minute_max) {}

bool S3State::prepare(std::function<void()> work) {
  auto* task = new Work(std::move(work));  // deletes itself when it ran
  if (digests.submit(*task)) return true;
  delete task;
  return false;
}

// What others stored was not counted: never below zero.
void S3State::forget_bytes(std::uint64_t bytes) {
  const auto less = [](std::atomic<std::uint64_t>& from, std::uint64_t by) {
    std::uint64_t now = from.load();
    while (!from.compare_exchange_weak(now, now - std::min(now, by))) {
    }
  };
  less(used_bytes, bytes);
  less(blocks, 1);
}

S3Request S3State::request(S3Op op, const KvBlockId& id) const {
  S3Request request;
  request.op = op;
  request.key = path.block(id);
  return request;
}

void S3State::submit(const std::shared_ptr<BatchRun>& run, std::size_t row, S3Request request) {
  request.sent = [run, row] { run->report_started(row); };
  if (request.deadline.at_us == Deadline::never().at_us) request.deadline = run->deadline();
  const S3RequestId id = client->submit(std::move(request));
  run->on_cut([weak = std::weak_ptr<S3Client>(client), id] {
    if (const std::shared_ptr<S3Client> alive = weak.lock()) alive->cancel(id);
  });
}

void S3State::fail(BatchRun& run, std::size_t row, const S3Answer& answer) const {
  const bool late = answer.verdict == S3Verdict::kTimeout;
  run.note_error(late ? Error{ErrorCode::kTimeout, answer.detail} : unavailable(client->complaint(answer)));
  run.finish(row, Outcome::kFailed, late ? MissReason::kTimeout : MissReason::kFailed);
}

void S3State::say_denied(const S3Answer& answer) {
  counters.denied.fetch_add(1);
  if (denied_said_.exchange(true)) return;
  log.warn("tier.s3.denied", {{"error", client->complaint(answer)}});
}

void S3State::put_failed(const std::string& why) {
  if (put_voice_.failed(clock.now_us())) log.warn("tier.s3.put_failed", {{"error", why}});
}

void S3State::put_worked() {
  if (const auto failed = put_voice_.worked()) log.warn("tier.s3.put_recovered", {{"failed_puts", *failed}});
}

bool S3State::may_erase() { return rights.erase && erases_.take(clock.now_us()); }

struct S3Tier::Parts {
  std::unique_ptr<Executor> own_digests;
  std::shared_ptr<S3State> state;
  std::unique_ptr<InFlight> in_flight;
};

Result<std::unique_ptr<S3Tier>> S3Tier::open(OpenedBucket store, const S3TierDeps& deps) {
  CAIRN_TRY(BlockLayout layout, BlockLayout::make(store.identity.layout));
  auto parts = std::make_unique<Parts>();
  if (deps.digests == nullptr)
    parts->own_digests = make_thread_pool({kDigestThreads, kDigestQueueMax, 0}, "cairn-digest");
  Executor& digests = deps.digests != nullptr ? *deps.digests : *parts->own_digests;
  parts->state = std::make_shared<S3State>(std::move(store), std::move(layout), digests, deps);
  parts->in_flight = std::make_unique<InFlight>(deps.clock);
  const S3State& state = *parts->state;
  const S3Config& config = state.client->config();
  deps.log.info("tier.s3.open", {{"bucket", config.bucket},
                                 {"endpoint", state.client->address().host()},
                                 {"tls", config.tls ? "yes" : "no"},
                                 {"store", state.client->address().key(state.path.directory())},
                                 {"list", state.rights.list ? "yes" : "no"},
                                 {"put", state.rights.put ? "yes" : "no"},
                                 {"erase", state.rights.erase ? "yes" : "no"},
                                 {"publish_once", state.rights.publish_once ? "yes" : "no"}});
  return std::unique_ptr<S3Tier>(new S3Tier(std::move(parts)));
}

S3Tier::S3Tier(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

S3Tier::~S3Tier() {
  drain();
  const std::int64_t patience_us = std::int64_t{parts_->state->client->config().drain_ms} * 1000;
  parts_->state->client->drain(patience_us);  // an answer may still hand work to the digests
  parts_->own_digests.reset();                // rows are over: what runs there ends at once
  // Aborts of uploads may be on their way. Afterwards no request holds the state, so it ends here, not on their thread.
  parts_->state->client->drain(patience_us);
}

void S3Tier::drain() { parts_->in_flight->drain(std::int64_t{parts_->state->client->config().drain_ms} * 1000); }
void S3Tier::cancel(Batch& batch) { parts_->in_flight->cancel(batch); }

TierTraits S3Tier::traits() const {
  TierTraits traits;
  traits.name = "s3";
  traits.durable = true;
  traits.shared = true;
  traits.read_only = !parts_->state->rights.put;
  return traits;
}

TierUsage S3Tier::usage() const {
  const S3State& state = *parts_->state;
  TierUsage usage;
  usage.used_bytes = state.used_bytes;
  usage.blocks = state.blocks;
  usage.capacity_bytes = state.client->config().capacity_bytes;
  usage.inflight_bytes = state.inflight_bytes;
  return usage;
}

S3TierReport S3Tier::report() const {
  const S3TierCounters& counters = parts_->state->counters;
  S3TierReport report;
  report.corrupt = counters.corrupt;
  report.erased = counters.erased;
  report.left_alone = counters.left_alone;
  report.refused_capacity = counters.refused_capacity;
  report.denied = counters.denied;
  report.second_reads = counters.second_reads;
  report.abandoned_puts = counters.abandoned_puts;
  return report;
}

void S3Tier::submit(Batch& batch) {
  const std::shared_ptr<BatchRun> run = parts_->in_flight->enter(batch);
  if (!run) return;
  void (*work)(const std::shared_ptr<S3State>&, const std::shared_ptr<BatchRun>&, std::size_t) = nullptr;
  switch (run->verb()) {
    case Verb::kContains:
      work = &s3_contains;
      break;
    case Verb::kGet:
      work = &s3_get;
      break;
    case Verb::kPut:
      work = &s3_put;
      break;
    case Verb::kErase:
      work = &s3_erase;
      break;
    case Verb::kLend:
    case Verb::kReturn:
      run->note_error({ErrorCode::kInvalid, "the s3 tier does not lend"});
      for (std::size_t row = 0; row < run->rows(); ++row) run->finish(row, Outcome::kFailed, MissReason::kFailed);
      return;
  }
  // In order: the client's lanes are first in, first out, so leading chunks come first.
  for (std::size_t row = 0; row < run->rows(); ++row) {
    if (run->open(row)) work(parts_->state, run, row);
  }
}

}  // namespace cairn

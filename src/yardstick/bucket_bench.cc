#include "yardstick/bucket_bench.h"

#include <algorithm>
#include <cstdio>

#include "base/bytes.h"
#include "kv/header.h"
#include "kv/store_path.h"
#include "s3/connect.h"
#include "telemetry/metrics.h"
#include "tier/s3_tier.h"
#include "yardstick/raw_bucket.h"

namespace cairn {
namespace {

struct Rounds {
  std::vector<double> ours, raw, our_cpu, raw_cpu;
  void add(const LoadFigures& our, const LoadFigures& bare) {
    ours.push_back(our.gb_per_s());
    raw.push_back(bare.gb_per_s());
    our_cpu.push_back(our.cpu_s * 1e9 / static_cast<double>(our.bytes));
    raw_cpu.push_back(bare.cpu_s * 1e9 / static_cast<double>(bare.bytes));
  }
  BucketBenchPhase phase() const {
    return {median_of(ours),
            *std::ranges::min_element(ours),
            *std::ranges::max_element(ours),
            median_of(our_cpu),
            median_of(raw),
            median_of(raw_cpu)};
  }
};

class BucketBench {
 public:
  BucketBench(const BucketBenchOptions& options, const Clock& clock, Log& log) : clock_(clock), log_(log) {
    config_ = options.store;
    config_.prefix += (config_.prefix.empty() ? "" : "/") + ("cairn-bench-" + random_hex(8));
  }

  Result<BucketBenchReport> run(const BucketBenchOptions& options, const std::function<void(const std::string&)>& say) {
    CAIRN_TRY(load_, TierLoad::make(options.shape, clock_));
    CAIRN_TRY(const Credentials credentials, credential_source(config_)());
    const RawBucket bare{config_, credentials, options.raw_connections};
    BucketBenchReport report;
    report.place = "s3://" + config_.bucket + "/" + options.store.prefix + " at " + S3Address(config_).host();
    report.tls = config_.tls;
    report.block_bytes = load_->block_bytes();
    const std::uint64_t object_bytes = kHeaderBytes + round_up(report.block_bytes, 4096);
    report.blocks = std::max<std::uint64_t>(options.data_bytes / report.block_bytes, options.shape.batch_blocks);
    std::vector<std::string> raw_keys;
    for (std::uint64_t i = 0; i < report.blocks; ++i) raw_keys.push_back("raw/" + std::to_string(i));
    const std::vector<std::byte> memory(object_bytes, std::byte{0x5a});
    Rounds puts, gets;
    for (std::uint32_t round = 0; round < options.rounds; ++round) {
      const std::vector<KvBlockId> ids = load_->fresh_ids(report.blocks);
      CAIRN_TRY(std::unique_ptr<S3Tier> writer, open());
      const LoadFigures bare_put = raw_put(bare, raw_keys, memory, clock_);
      const LoadFigures put = load_->run(*writer, Verb::kPut, ids);
      CAIRN_TRY(std::unique_ptr<S3Tier> reader, open());  // knows nothing
      if (round == 0) report.lookup_batch_us = first_lookup_us(*reader, ids);
      const LoadFigures bare_get = raw_get(bare, raw_keys, object_bytes, clock_);
      const LoadFigures get = load_->run(*reader, Verb::kGet, load_->shuffled(ids));
      const LoadFigures erase = load_->run(*writer, Verb::kErase, ids);
      for (const LoadFigures* each : {&bare_put, &put, &bare_get, &get, &erase})
        report.failed_rows += each->failed_rows;
      puts.add(put, bare_put);
      gets.add(get, bare_get);
      char text[160];
      std::snprintf(text, sizeof text, "round %u of %u: put %.2f GB/s (bare %.2f), get %.2f GB/s (bare %.2f)",
                    round + 1, options.rounds, put.gb_per_s(), bare_put.gb_per_s(), get.gb_per_s(),
                    bare_get.gb_per_s());
      if (say) say(text);
    }
    report.put = puts.phase();
    report.get = gets.phase();
    CAIRN_TRY_VOID(remove(raw_keys));
    return report;
  }

 private:
  Result<std::unique_ptr<S3Tier>> open() {
    StoreWish wish;
    wish.identity = load_->identity();
    wish.created_by = "cairn bench tier";
    CAIRN_TRY(std::shared_ptr<S3Client> client, connect_bucket(config_, clock_, log_, *metrics_));
    CAIRN_TRY(OpenedBucket store, open_bucket(std::move(client), wish, clock_, log_));
    return S3Tier::open(std::move(store), {clock_, log_});
  }

  double first_lookup_us(Tier& tier, const std::vector<KvBlockId>& ids) const {
    CompletionQueue queue;
    Batch batch(queue);
    std::vector<BlockSlot> slots(std::min<std::size_t>(32, ids.size()));
    for (std::size_t i = 0; i < slots.size(); ++i) slots[i].id = ids[i];
    batch.verb = Verb::kContains;
    batch.slots = slots;
    const std::int64_t begin_us = clock_.now_us();
    tier.submit(batch);
    while (queue.wait_us(60'000'000) == nullptr) {
    }
    return static_cast<double>(clock_.now_us() - begin_us);
  }

  // The yardstick's objects, and the manifest.
  Result<void> remove(std::vector<std::string> keys) {
    CAIRN_TRY(const std::shared_ptr<S3Client> client, connect_bucket(config_, clock_, log_, *metrics_));
    CAIRN_TRY(const BlockLayout layout, BlockLayout::make(load_->identity().layout));
    keys.push_back(StorePath(load_->identity(), layout).manifest());
    for (const std::string& key : keys) {
      S3Request request;
      request.op = S3Op::kDelete;
      request.key = key;
      request.deadline = clock_.after_us(30'000'000);
      const S3Answer answer = client->ask(std::move(request));
      if (answer.verdict != S3Verdict::kDone) return unavailable("cannot remove " + key + ": " + answer.detail);
    }
    return {};
  }

  const Clock& clock_;
  Log& log_;
  S3Config config_;
  const std::unique_ptr<Metrics> metrics_ = make_metrics();
  std::unique_ptr<TierLoad> load_;
};

std::string phase_line(const char* name, const BucketBenchPhase& phase) {
  char text[240];
  std::snprintf(
      text, sizeof text,
      "%s %6.2f GB/s [%.2f-%.2f], %.2f CPU-s/GB; bare libcurl %.2f GB/s, %.2f CPU-s/GB: ratio %.2f, CPU %.2f\n", name,
      phase.gb_per_s, phase.low, phase.high, phase.cpu_s_per_gb, phase.raw_gb_per_s, phase.raw_cpu_s_per_gb,
      phase.gb_per_s / phase.raw_gb_per_s, phase.cpu_s_per_gb / std::max(1e-9, phase.raw_cpu_s_per_gb));
  return text;
}

}  // namespace

Result<BucketBenchReport> bench_bucket(const BucketBenchOptions& options, const Clock& clock, Log& log,
                                       const std::function<void(const std::string&)>& progress) {
  CAIRN_TRY_VOID(options.store.validate());
  if (options.rounds == 0 || options.rounds > 100) return invalid("rounds must be between 1 and 100");
  return BucketBench(options, clock, log).run(options, progress);
}

std::string to_text(const BucketBenchReport& report) {
  char text[400];
  std::snprintf(text, sizeof text, "store %s, %s, %llu blocks of %s, checksums on\n", report.place.c_str(),
                report.tls ? "TLS" : "no TLS", static_cast<unsigned long long>(report.blocks),
                format_bytes(report.block_bytes).c_str());
  std::string out = text + phase_line("put   ", report.put) + phase_line("get   ", report.get);
  std::snprintf(text, sizeof text, "lookup %.0f us for 32 unknown blocks\n", report.lookup_batch_us);
  out += text;
  if (report.failed_rows > 0)
    out += std::to_string(report.failed_rows) + " rows failed: the rates above are too high\n";
  return out;
}

}  // namespace cairn

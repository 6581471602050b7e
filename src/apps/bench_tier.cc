// cairn bench tier DIR | s3://bucket/prefix: how fast a directory or a bucket is as a tier, checksums on, beside fio or
// a bare libcurl loop in the same place.
#include <unistd.h>

#include <cstdio>

#include "apps/stores.h"
#include "apps/verbs.h"
#include "yardstick/bucket_bench.h"
#include "yardstick/tier_bench.h"

namespace cairn {
namespace {

int bench_bucket_at(const std::string& url, const TierBenchOptions& words, const Clock& clock,
                    const std::function<void(const std::string&)>& progress) {
  BucketBenchOptions bench;
  const Result<S3Config> store = parse_bucket(url);
  if (!store) return wrong_words(store.error());
  bench.store = *store;
  bench.shape = words.shape;
  bench.data_bytes = words.data_bytes;
  bench.rounds = words.rounds;
  const auto report = bench_bucket(bench, clock, null_log(), progress);
  if (!report) return fail(report.error());
  std::fputs(to_text(*report).c_str(), stdout);
  return report->failed_rows == 0 ? 0 : 1;
}

}  // namespace

int run_bench_tier(const VerbInput& input) {
  TierBenchOptions bench;
  bench.store.path = ".";  // until the word is known
  OptionSet options;
  options.add("", "What to measure", bench);
  options.add("", "A block", bench.shape);
  options.add("store", "The directory under test", bench.store);
  options.drop("store", "path");  // the word says it
  const Parsed parsed = parse(
      options, input,
      {"cairn bench tier DIR|s3://BUCKET/PREFIX [options]",
       "Puts, gets and looks up blocks in a new directory under DIR, which is removed afterwards, and runs fio on "
       "the same file system between the rounds. Says whether I/O was direct and what the device really moved; a "
       "read that the page cache served is labelled so and says nothing about the disk. In a bucket, below a new "
       "prefix that is removed likewise, the yardstick is a bare libcurl loop; settings stand in the URL.",
       "cairn bench tier /mnt/kv --data-bytes 8GiB"},
      1);
  if (parsed.done) return parsed.status;
  const std::string& place = parsed.loaded.positional[0];
  const SystemClock clock;
  const bool terminal = isatty(STDERR_FILENO) != 0;
  const auto progress = [terminal](const std::string& line) {
    if (terminal) std::fprintf(stderr, "%s\n", line.c_str());
  };
  if (place.starts_with("s3://")) return bench_bucket_at(place, bench, clock, progress);
  bench.store.path = place;
  const auto report = bench_tier(bench, clock, null_log(), progress);
  if (!report) return fail(report.error());
  std::fputs(to_text(*report).c_str(), stdout);
  return report->failed_rows == 0 ? 0 : 1;
}

}  // namespace cairn

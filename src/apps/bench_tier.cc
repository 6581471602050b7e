// cairn bench tier DIR: how fast a directory is as a tier, checksums on, beside fio on the same directory.
#include <unistd.h>

#include <cstdio>

#include "apps/verbs.h"
#include "bench/tier_bench.h"

namespace cairn {

int run_bench_tier(const VerbInput& input) {
  TierBenchOptions bench;
  bench.store.path = ".";  // until the word is known
  OptionSet options;
  options.add("", "What to measure", bench);
  options.add("store", "The store under test", bench.store);
  options.drop("store", "path");  // DIR says it
  const Parsed parsed = parse(
      options, input,
      {"cairn bench tier DIR [options]",
       "Puts, gets and looks up blocks in a new directory under DIR, which is removed afterwards, and runs fio on "
       "the same file system between the rounds. Says whether I/O was direct and what the device really moved; a "
       "read that the page cache served is labelled so and says nothing about the disk.",
       "cairn bench tier /mnt/kv --data-bytes 8GiB"},
      1);
  if (parsed.done) return parsed.status;
  bench.store.path = parsed.loaded.positional[0];
  const SystemClock clock;
  const bool terminal = isatty(STDERR_FILENO) != 0;
  const auto report = bench_tier(bench, clock, null_log(), [terminal](const std::string& line) {
    if (terminal) std::fprintf(stderr, "%s\n", line.c_str());
  });
  if (!report) return fail(report.error());
  std::fputs(to_text(*report).c_str(), stdout);
  return report->failed_rows == 0 ? 0 : 1;
}

}  // namespace cairn

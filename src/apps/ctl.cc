// cairn ctl verify|purge STORE: a whole store, seen from outside, while instances use it or not.
#include <cstdio>

#include "apps/output.h"
#include "apps/stores.h"
#include "apps/verbs.h"
#include "base/bytes.h"
#include "evict/bucket_files.h"
#include "evict/directory_files.h"
#include "evict/purge.h"
#include "evict/verify.h"
#include "s3/connect.h"

namespace cairn {
namespace {

// `place`: a directory, or a store URL as `serve` takes it.
Result<std::unique_ptr<StoreFiles>> open_files(const std::string& place, const Clock& clock, Metrics& metrics) {
  if (place.starts_with("s3://")) {
    CAIRN_TRY(const S3Config bucket, parse_bucket(place));
    CAIRN_TRY(std::shared_ptr<S3Client> client, connect_bucket(bucket, clock, null_log(), metrics));
    return bucket_files(std::move(client), clock);
  }
  CAIRN_TRY(const std::string directory, store_directory(place));
  return open_directory_files(directory);
}

// What both verbs hold while they look at a store.
struct Look {
  const SystemClock clock;
  const std::unique_ptr<Metrics> metrics = make_metrics();
  Screen screen;
  std::unique_ptr<StoreFiles> files;  // ends before what it reports to
  Result<void> open(const std::string& place) {
    CAIRN_TRY(files, open_files(place, clock, *metrics));
    return {};
  }
  void show(const std::string& line) { screen.progress(line, clock.now_us()); }
};

std::string rate(double per_s, const char* unit) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f %s", per_s < 10 ? 2 : 0, per_s, unit);
  return text;
}

}  // namespace

int run_ctl_verify(const VerbInput& input) {
  VerifyOptions words;
  OptionSet options;
  options.add("", "What to look at", words);
  const HelpHead head{
      "cairn ctl verify STORE [options]",
      "Reads every block of a store (a directory, or a URL as --store of cairn serve takes it) and says which are not "
      "what their name, place and header say, to the last segment. Such a block is a miss wherever it is asked for; "
      "--repair removes it. May run beside instances that use the store. Exit status 1 when blocks are damaged (and "
      "stay) or could not be read.",
      "cairn ctl verify s3://kv/fleet", ConfigFile::kNone};
  const Parsed parsed = parse(options, input, head, 1);
  if (parsed.done) return parsed.status;
  Look look;
  if (const Result<void> opened = look.open(parsed.loaded.positional[0]); !opened) return fail(opened.error());
  const auto report = verify_store(*look.files, words, look.clock, [&](const VerifyProgress& now) {
    const double seconds = std::max(now.seconds, 1e-3);
    look.show(std::to_string(now.blocks) + " blocks right, " + std::to_string(now.damaged) + " damaged, " +
              format_bytes(now.bytes) + " at " + rate(static_cast<double>(now.bytes) / 1e6 / seconds, "MB/s"));
  });
  look.screen.clear();
  if (!report) return fail(report.error());
  if (report->manifests == 0 && report->stores.empty() && report->findings.empty()) {
    return fail(invalid("there is no store of Cairn's in " + redact_url(parsed.loaded.positional[0]) +
                        ": name the directory or the bucket and prefix that --store of cairn serve names"));
  }
  std::fputs(to_text(*report).c_str(), stdout);
  return report->good() ? 0 : 1;
}

int run_ctl_purge(const VerbInput& input) {
  PurgeOptions words;
  OptionSet options;
  options.add("", "What to remove", words);
  const HelpHead head{
      "cairn ctl purge STORE [options]",
      "Removes blocks and what writers left behind from a store (a directory, or a URL as --store of cairn serve takes "
      "it). Only files whose names are Cairn's; whatever else lies there stays. Instances that use the store see "
      "misses, and compute. Look first: --dry-run. Exit status 1 when something "
      "could not be removed.",
      "cairn ctl purge /srv/kv --older-than-hours 168 --leftovers --dry-run", ConfigFile::kNone};
  const Parsed parsed = parse(options, input, head, 1);
  if (parsed.done) return parsed.status;
  if (const Result<void> named = words.names_something(); !named) return wrong_words(named.error());
  Look look;
  if (const Result<void> opened = look.open(parsed.loaded.positional[0]); !opened) return fail(opened.error());
  const auto report = purge_store(*look.files, words, look.clock, [&](std::uint64_t seen, std::uint64_t removed) {
    look.show(std::to_string(seen) + " files seen, " + std::to_string(removed) + " removed");
  });
  look.screen.clear();
  if (!report) return fail(report.error());
  std::fputs(to_text(*report).c_str(), stdout);
  return report->refused > 0 ? 1 : 0;
}

}  // namespace cairn

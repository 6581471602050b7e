#include "evict/purge.h"

#include <cmath>
#include <cstdio>
#include <map>
#include <vector>

#include "base/bytes.h"
#include "base/text.h"
#include "evict/store_catalog.h"

namespace cairn {
namespace {

constexpr std::size_t kRoundFiles = 1000;  // as many as one request to a bucket may name
constexpr std::int64_t kLeftoverUs = 24ll * 3600 * 1'000'000;

class Purge {
 public:
  Purge(StoreFiles& files, const PurgeOptions& options, std::int64_t unix_us)
      : files_(files), options_(options), unix_us_(unix_us), catalog_(files) {}

  // Chooses; what is chosen goes with the round.
  void take(const StoredFile& file, PurgeReport& report) {
    const StoreName name = parse_store_name(file.path);
    const bool block = name.kind == FileKind::kBlock;
    if (name.kind == FileKind::kStranger) ++report.strangers;
    if (!chosen(name, file.modified_us)) {
      report.kept_blocks += block ? 1 : 0;
      report.kept_bytes += block ? file.bytes : 0;
      return;
    }
    round_.push_back({file.path, file.bytes, block});
  }
  bool round_is_full() const { return round_.size() >= kRoundFiles; }
  bool store_is_gone() const { return gone_; }  // it answers removals no more: the rest would wait for nothing

  void settle(PurgeReport& report) {
    std::map<std::string, std::string> refused = options_.dry_run ? std::map<std::string, std::string>() : remove();
    for (Chosen& file : round_) {
      const auto why = refused.find(file.path);
      if (why == refused.end()) {
        (file.block ? report.blocks : report.others) += 1;
        (file.block ? report.block_bytes : report.other_bytes) += file.bytes;
        continue;
      }
      report.kept_blocks += file.block ? 1 : 0;
      report.kept_bytes += file.block ? file.bytes : 0;
      refuse(file.path, why->second, report);
      refused.erase(why);
    }
    // What the store refused in words that we did not send: nobody knows which file that is.
    for (const auto& [path, why] : refused) refuse(path, why, report);
    round_.clear();
  }
  Result<void> finish(PurgeReport& report) {
    settle(report);
    report.ended_early = gone_;
    if (gone_) return {};
    if (options_.all || options_.leftovers) CAIRN_TRY_VOID(abort_uploads(report));
    if (!options_.dry_run) files_.tidy_up();
    return {};
  }

 private:
  bool is_of_model(const StoreName& name) {
    if (options_.model_name.empty()) return true;
    const auto store = name.directory.empty() ? nullptr : catalog_.find(name.directory);
    return store && store->manifest.model_name == options_.model_name;
  }

  // Manifests stay: an instance that serves writes its own only when it starts.
  bool chosen(const StoreName& name, std::int64_t written_us) {
    const bool dated = written_us > 0;  // else nobody knows how old it is
    const std::int64_t age_us = unix_us_ - written_us;
    if (!is_of_model(name)) return false;
    switch (name.kind) {
      case FileKind::kBlock:
        return options_.all || (dated && options_.older_than_hours > 0 &&
                                static_cast<double>(age_us) > options_.older_than_hours * 3600e6);
      case FileKind::kLeftover:
      case FileKind::kSetAside:
        return (options_.all || options_.leftovers) && dated && age_us > kLeftoverUs;
      default:
        return false;
    }
  }

  static void refuse(const std::string& path, const std::string& why, PurgeReport& report) {
    if (report.refused++ == 0) report.first_refused = {path, why};
  }

  // What is refused, and why.
  std::map<std::string, std::string> remove() {
    std::vector<std::string> paths;
    for (const Chosen& file : round_) paths.push_back(file.path);
    std::map<std::string, std::string> refused;
    StoreFiles::Removal removal = files_.remove(paths);
    gone_ = removal.store_is_gone;
    for (StoreFiles::Refused& each : removal.refused) refused.emplace(std::move(each.path), std::move(each.why));
    return refused;
  }

  Result<void> abort_uploads(PurgeReport& report) {
    CAIRN_TRY(const auto uploads, files_.unfinished());
    for (const StoreFiles::Unfinished& upload : uploads) {
      StoreName name = parse_store_name(upload.path);
      if (name.kind != FileKind::kBlock) continue;
      name.kind = FileKind::kLeftover;
      if (!chosen(name, upload.begun_us)) continue;
      const Result<void> aborted = options_.dry_run ? Result<void>() : files_.abort(upload);
      report.uploads += aborted ? 1 : 0;
      if (!aborted) refuse(upload.path, aborted.error().detail, report);
    }
    return {};
  }

  StoreFiles& files_;
  const PurgeOptions options_;
  const std::int64_t unix_us_;
  StoreCatalog catalog_;
  struct Chosen {
    std::string path;
    std::uint64_t bytes = 0;
    bool block = false;
  };
  std::vector<Chosen> round_;
  bool gone_ = false;
};

}  // namespace

Result<void> PurgeOptions::validate() const {
  if (!std::isfinite(older_than_hours) || older_than_hours < 0) return invalid("older_than_hours must be 0 or more");
  return {};
}

Result<void> PurgeOptions::names_something() const {
  if (all || older_than_hours > 0 || leftovers) return {};
  return invalid("say what to remove: --all, --older-than-hours N, --leftovers, or several of them");
}

Result<PurgeReport> purge_store(StoreFiles& files, const PurgeOptions& options, const Clock& clock,
                                const std::function<void(std::uint64_t, std::uint64_t)>& progress) {
  CAIRN_TRY_VOID(options.names_something());
  PurgeReport report;
  report.dry_run = options.dry_run;
  Purge purge(files, options, clock.unix_time_us());
  std::uint64_t seen = 0;
  CAIRN_TRY_VOID(files.each([&](const StoredFile& file) {
    ++seen;
    purge.take(file, report);
    if (!purge.round_is_full()) return true;
    purge.settle(report);
    progress(seen, report.blocks + report.others);
    return !purge.store_is_gone();
  }));
  CAIRN_TRY_VOID(purge.finish(report));
  return report;
}

std::string to_text(const PurgeReport& report) {
  const char* gone = report.dry_run ? "would be removed" : "removed";
  std::string text;
  const auto row = [&](const char* name, std::uint64_t count, std::uint64_t bytes, const char* what) {
    char line[128];
    std::snprintf(line, sizeof line, "%-12s %12llu  %10s  %s\n", name, static_cast<unsigned long long>(count),
                  bytes > 0 ? format_bytes(bytes).c_str() : "", what);
    text += line;
  };
  row("blocks", report.blocks, report.block_bytes, gone);
  if (report.others > 0) row("other files", report.others, report.other_bytes, gone);
  if (report.uploads > 0) row("uploads", report.uploads, 0, gone);
  row("blocks", report.kept_blocks, report.kept_bytes, "stay");
  if (report.strangers > 0) row("strangers", report.strangers, 0, "stay: files that are none of Cairn's");
  if (report.refused > 0) {
    row("refused", report.refused, 0, "stay:");
    text.pop_back();
    text += printable(" " + report.first_refused.path + ": " + report.first_refused.why) +
            (report.refused > 1 ? ", and so on\n" : "\n");
  }
  if (report.ended_early) text += "ended early: the store does not answer; what lies behind was not looked at\n";
  return text;
}

}  // namespace cairn

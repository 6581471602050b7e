#include "evict/verify.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <thread>

#include "base/bytes.h"
#include "base/text.h"
#include "evict/store_catalog.h"
#include "kv/header.h"

namespace cairn {
namespace {

constexpr std::size_t kRoundFiles = 256, kFindingsMax = 1000;

// What became of one block. `what` is empty when it is right.
struct Judgement {
  enum class Kind : std::uint8_t { kGood, kDamaged, kForeign, kUnknown, kUnread, kVanished } kind = Kind::kGood;
  std::string what;
  std::uint64_t read_bytes = 0;
};

class Verification {
 public:
  Verification(StoreFiles& files, const VerifyOptions& options) : files_(files), options_(options), catalog_(files) {}

  void take(const StoredFile& file, VerifyReport& report) {
    const StoreName name = parse_store_name(file.path);
    switch (name.kind) {
      case FileKind::kBlock:
        round_.push_back({file, name, {}});
        break;
      case FileKind::kLeftover:
      case FileKind::kSetAside:
        ++report.leftovers;
        report.leftover_bytes += file.bytes;
        break;
      case FileKind::kStranger:
        ++report.strangers;
        break;
      case FileKind::kManifest:
        ++report.manifests;
        break;
      case FileKind::kUsage:
        break;
    }
  }
  bool round_is_full() const { return round_.size() >= kRoundFiles; }

  void settle(VerifyReport& report) {
    std::atomic<std::size_t> next = 0;
    const auto work = [&] {
      std::vector<std::byte> bytes;
      for (std::size_t i = next++; i < round_.size(); i = next++) {
        round_[i].found = judge(round_[i], bytes);
        // What a wire or a cache did is not the block's fault: read it a second time.
        if (round_[i].found.kind == Judgement::Kind::kDamaged) round_[i].found = judge(round_[i], bytes);
      }
    };
    {
      std::vector<std::jthread> crew;
      for (std::uint32_t t = 1; t < options_.threads; ++t) crew.emplace_back(work);
      work();
    }
    for (const Candidate& candidate : round_) count(candidate, report);
    round_.clear();
  }

 private:
  struct Candidate {
    StoredFile file;
    StoreName name;
    Judgement found;
  };

  Judgement judge(const Candidate& candidate, std::vector<std::byte>& bytes) {
    using Kind = Judgement::Kind;
    std::string why;
    bool failed = false;
    const auto store = catalog_.find(candidate.name.directory, why, failed);
    if (!store) return {failed ? Kind::kUnread : Kind::kUnknown, why, 0};
    const auto shard = store->shards.find(candidate.name.shard);
    if (shard == store->shards.end()) return {Kind::kForeign, "its store has no such cell", 0};
    const std::uint64_t whole = kHeaderBytes + round_up(store->layout.block_bytes(shard->second), 4096);
    // Another length is no block of this store; its header tells what it is.
    const bool header_only = options_.headers_only || candidate.file.bytes != whole;
    const std::uint64_t wanted = std::min(candidate.file.bytes, header_only ? kHeaderBytes : whole);
    const Result<bool> there = files_.read(candidate.file.path, wanted, bytes);
    if (!there) return {Kind::kUnread, there.error().detail, 0};
    if (!*there) return {Kind::kVanished, "", 0};
    Judgement found{Kind::kGood, "", bytes.size()};
    const auto damaged = [&](std::string_view what) {
      found.kind = Kind::kDamaged;
      found.what = what;
      return found;
    };
    if (bytes.size() < kHeaderBytes) return damaged("shorter than a header");
    BlockHeader header;
    const HeaderBytes first(bytes.data(), kHeaderBytes);
    HeaderVerdict verdict = recognise_header(first, store->path.root(), store->layout, shard->second, header);
    if (verdict == HeaderVerdict::kOk && header.chunk.key != *candidate.name.key) verdict = HeaderVerdict::kWrongKey;
    if (verdict == HeaderVerdict::kOk && candidate.file.bytes != header.file_bytes()) {
      verdict = HeaderVerdict::kBadLength;
    }
    if (verdict == HeaderVerdict::kOk && !header_only) verdict = judge_payload(header, bytes);
    if (verdict == HeaderVerdict::kOk) return found;
    if (means_quarantine(verdict)) return damaged(to_string(verdict));
    found.kind = Kind::kForeign;
    found.what = to_string(verdict);
    return found;
  }

  static HeaderVerdict judge_payload(const BlockHeader& header, std::span<const std::byte> bytes) {
    if (bytes.size() != header.file_bytes()) return HeaderVerdict::kBadLength;
    const ByteSpan payload = bytes.subspan(kHeaderBytes, header.stored_bytes);
    if (!all_zero(bytes.subspan(kHeaderBytes + header.stored_bytes))) return HeaderVerdict::kNonzeroPadding;
    return verify_payload(header, {&payload, 1});
  }

  void repair(VerifyReport::Finding& finding, VerifyReport& report) {
    const StoreFiles::Removal removal = files_.remove({&finding.path, 1});
    finding.removed = removal.refused.empty();
    report.removed += finding.removed ? 1 : 0;
    if (!finding.removed) finding.what += ", not removed: " + removal.refused.front().why;
  }

  void count(const Candidate& candidate, VerifyReport& report) {
    report.read_bytes += candidate.found.read_bytes;
    VerifyReport::Finding finding{candidate.file.path, candidate.found.what, false};
    switch (candidate.found.kind) {
      case Judgement::Kind::kGood: {
        VerifyReport::Store& store = report.stores[candidate.name.directory];
        if (store.blocks == 0) store.model_name = catalog_.find(candidate.name.directory)->manifest.model_name;
        ++store.blocks;
        store.bytes += candidate.file.bytes;
        return;
      }
      case Judgement::Kind::kVanished:
        ++report.vanished;
        return;
      case Judgement::Kind::kForeign:
        ++report.foreign;
        break;
      case Judgement::Kind::kUnknown:
        ++report.unknown;
        break;
      case Judgement::Kind::kUnread:
        ++report.unread;
        break;
      case Judgement::Kind::kDamaged:
        ++report.damaged;
        if (options_.repair) repair(finding, report);
        break;
    }
    if (report.findings.size() < kFindingsMax) report.findings.push_back(std::move(finding));
  }

  StoreFiles& files_;
  const VerifyOptions options_;
  StoreCatalog catalog_;
  std::vector<Candidate> round_;
};

}  // namespace

Result<void> VerifyOptions::validate() const {
  if (threads < 1 || threads > 256) return invalid("threads must be 1 to 256");
  return {};
}

Result<VerifyReport> verify_store(StoreFiles& files, const VerifyOptions& options, const Clock& clock,
                                  const std::function<void(const VerifyProgress&)>& progress) {
  VerifyReport report;
  Verification verification(files, options);
  const std::int64_t began_us = clock.now_us();
  const auto settle = [&] {
    verification.settle(report);
    report.seconds = static_cast<double>(clock.now_us() - began_us) * 1e-6;
    VerifyProgress now{0, report.read_bytes, report.damaged, report.seconds};
    for (const auto& [directory, store] : report.stores) now.blocks += store.blocks;
    progress(now);
  };
  CAIRN_TRY_VOID(files.each([&](const StoredFile& file) {
    verification.take(file, report);
    if (verification.round_is_full()) settle();
    return true;
  }));
  settle();
  if (options.repair) files.tidy_up();
  const auto unfinished = files.unfinished();  // a service without that list has been verified all the same
  if (unfinished) report.leftovers += unfinished->size();
  return report;
}

// Names and texts of a store are somebody's.
std::string to_text(const VerifyReport& report) {
  std::string text;
  std::uint64_t blocks = 0;
  for (const auto& [directory, store] : report.stores) {
    blocks += store.blocks;
    text += printable(directory) + "  " + (store.model_name.empty() ? "" : "(" + printable(store.model_name) + ")  ") +
            std::to_string(store.blocks) + " blocks, " + format_bytes(store.bytes) + "\n";
  }
  for (const VerifyReport::Finding& finding : report.findings) {
    text += printable(finding.path) + ": " + printable(finding.what) + (finding.removed ? ", removed" : "") + "\n";
  }
  const std::uint64_t found = report.damaged + report.foreign + report.unknown + report.unread;
  if (found > report.findings.size()) text += "... and " + std::to_string(found - report.findings.size()) + " more\n";
  char line[256];
  const auto row = [&](const char* name, std::uint64_t count, const std::string& means) {
    if (count == 0) return;
    std::snprintf(line, sizeof line, "%-10s %12llu  %s\n", name, static_cast<unsigned long long>(count), means.c_str());
    text += line;
  };
  row("damaged", report.damaged, "misses wherever they are asked for; --repair removes them");
  row("foreign", report.foreign, "of another store or a newer version: left alone");
  row("unknown", report.unknown, "without a manifest nobody knows what they should be");
  row("unread", report.unread, "the store gave an error instead");
  row("leftovers", report.leftovers,
      format_bytes(report.leftover_bytes) + " of writers that ended: cairn ctl purge --leftovers removes them");
  row("strangers", report.strangers, "files that are none of Cairn's");
  std::snprintf(line, sizeof line, "%-10s %12llu  blocks; %s read at %.2f GB/s\n", "right",
                static_cast<unsigned long long>(blocks), format_bytes(report.read_bytes).c_str(),
                static_cast<double>(report.read_bytes) / 1e9 / std::max(report.seconds, 1e-3));
  text += line;
  return text;
}

}  // namespace cairn

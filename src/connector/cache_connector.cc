#include "connector/cache_connector.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "cache/lease.h"

namespace cairn {
namespace {

constexpr double kPrefillKeep = 0.9;  // share of the past in the measured prefill speed
constexpr std::uint32_t kScratchPagesMin = 64;

// A load leaves out less than a chunk before its first page and less than a chunk behind its last.
std::uint32_t scratch_pages(const ConnectorConfig& config, const LayoutSpec& spec) {
  if (config.scratch_pages != 0) return config.scratch_pages;
  return std::max(kScratchPagesMin, 2 * (spec.chunk_tokens / spec.page_tokens));
}

}  // namespace

// One operation under way, with all memory that it names. Owned by the connector until the queue hands it back.
struct CacheConnector::Transfer {
  enum class Kind : std::uint8_t { kLookup, kLoad, kSave };
  Transfer(Kind what, RequestId of) : kind(what), id(of) {}
  virtual ~Transfer() = default;
  const Kind kind;
  const RequestId id;
};

struct CacheConnector::LookupTransfer final : Transfer {
  LookupTransfer(CompletionQueue& queue, RequestId of) : Transfer(Kind::kLookup, of), op(queue) {}
  std::vector<ChunkId> chunks;
  Lookup op;
};

struct CacheConnector::LoadTransfer final : Transfer {
  LoadTransfer(CompletionQueue& queue, RequestId of) : Transfer(Kind::kLoad, of), op(queue) {}
  TokenRange tokens;
  std::vector<PageId> pages;
  std::uint32_t first = 0, end = 0;  // chunks
  std::vector<MemoryRef> scratch;
  std::vector<std::vector<MemoryRef>> pieces;
  std::vector<Scatter> into;
  Load op;
};

struct CacheConnector::SaveTransfer final : Transfer {
  SaveTransfer(CompletionQueue& queue, RequestId of) : Transfer(Kind::kSave, of), op(queue) {}
  std::vector<ChunkId> chunks;
  std::vector<std::vector<MemoryRef>> pieces;
  std::vector<Scatter> from;
  Save op;
};

struct CacheConnector::Sequence {
  Sequence(const Digest& root, const PrincipalTag& tenant, std::uint32_t tokens) : chain(root, tenant, tokens) {}
  KeyChain chain;
  Operation* asking = nullptr;  // the lookup under way
  bool answered = false;
  std::uint32_t first_chunk = 0;  // of the answer
  std::uint32_t leased_chunks = 0;
  ChunkTally found;
  LoadForecast forecast;
  PrefixLease lease;
  Operation* loading = nullptr;
  TokenRange loaded;
  std::vector<std::uint8_t> served;
  MissReason load_reason = MissReason::kBusy;
  std::uint32_t saved_chunks = 0;  // leading chunks that tiers have or that a save was started for
};

Result<std::unique_ptr<CacheConnector>> CacheConnector::make(const ConnectorConfig& config, Deps deps) {
  CAIRN_TRY(auto scratch, ScratchPages::make(scratch_pages(config, deps.layout.spec()), deps.page_stride,
                                             deps.pages.padding_bytes()));
  return std::unique_ptr<CacheConnector>(new CacheConnector(std::move(deps), std::move(scratch)));
}

CacheConnector::CacheConnector(Deps deps, std::unique_ptr<ScratchPages> scratch)
    : deps_(std::move(deps)),
      chunk_tokens_(deps_.layout.spec().chunk_tokens),
      page_tokens_(deps_.layout.spec().page_tokens),
      scratch_(std::move(scratch)) {}

CacheConnector::~CacheConnector() {
  CAIRN_CHECK(under_way_.empty() && waiting_.empty(), "the connector was destroyed with transfers under way");
}

MemoryRef CacheConnector::page_memory(PageId page) const {
  const std::uint64_t offset = page.index * deps_.page_stride;
  CAIRN_CHECK(offset + deps_.page_stride <= deps_.pool.size(), "a page outside the pool");
  return {deps_.pool.data() + offset, deps_.page_stride, &deps_.pool, MemoryKind::kHost, 0};
}

bool CacheConnector::held(PageId page) const {
  return deps_.pool.held(page.index * deps_.page_stride, deps_.page_stride);
}

Match CacheConnector::match(const MatchRequest& request) {
  std::unique_ptr<Sequence>& slot = sequences_[request.id];
  if (slot == nullptr) slot = std::make_unique<Sequence>(deps_.store_root, request.tenant, chunk_tokens_);
  Sequence& sequence = *slot;
  if (sequence.chain.tokens() < request.prompt.size()) {
    sequence.chain.append(request.prompt.subspan(sequence.chain.tokens()));
  }
  if (sequence.asking != nullptr) return {Match::State::kAskAgain, 0};
  const std::uint32_t loadable = loadable_tokens(request.prompt.size(), chunk_tokens_, page_tokens_);
  const auto computed = static_cast<std::uint32_t>(std::min<std::size_t>(request.computed, request.prompt.size()));
  if (computed >= loadable) return {};
  const std::uint32_t first = computed / chunk_tokens_;
  const std::uint32_t end = (loadable + chunk_tokens_ - 1) / chunk_tokens_;
  if (!sequence.answered || first < sequence.first_chunk) {
    ask(sequence, request.id, first, end);
    return {Match::State::kAskAgain, 0};
  }
  const std::uint32_t found = std::min((sequence.first_chunk + sequence.leased_chunks) * chunk_tokens_, loadable);
  return {Match::State::kReady, found > computed ? found - computed : 0};
}

void CacheConnector::ask(Sequence& sequence, RequestId id, std::uint32_t first, std::uint32_t end) {
  auto transfer = std::make_unique<LookupTransfer>(queue_, id);
  const auto chunks = sequence.chain.complete().subspan(first, end - first);
  transfer->chunks.assign(chunks.begin(), chunks.end());
  transfer->op.chunks = transfer->chunks;
  transfer->op.prefill_tokens_per_s = prefill_tokens_per_s();
  sequence.first_chunk = first;
  sequence.answered = false;
  sequence.lease = PrefixLease();
  Lookup& op = transfer->op;
  sequence.asking = &op;
  under_way_.emplace(&op, std::move(transfer));
  deps_.cache.lookup(op);
}

void CacheConnector::load(RequestId id, TokenRange tokens, std::span<const PageId> pages) {
  const auto found = sequences_.find(id);
  CAIRN_CHECK(found != sequences_.end() && found->second->answered, "a load without a match");
  Sequence& sequence = *found->second;
  CAIRN_CHECK(sequence.loading == nullptr, "one load of a request at a time");
  CAIRN_CHECK(!tokens.empty() && tokens.begin % page_tokens_ == 0 && tokens.end % page_tokens_ == 0,
              "a load of whole pages");
  CAIRN_CHECK(pages.size() == tokens.size() / page_tokens_, "a load names each of its pages");
  auto transfer = std::make_unique<LoadTransfer>(queue_, id);
  transfer->tokens = tokens;
  transfer->pages.assign(pages.begin(), pages.end());
  transfer->first = tokens.begin / chunk_tokens_;
  transfer->end = (tokens.end + chunk_tokens_ - 1) / chunk_tokens_;
  CAIRN_CHECK(transfer->first >= sequence.first_chunk && transfer->end <= sequence.first_chunk + sequence.leased_chunks,
              "a load outside its match");
  transfer->op.lease = std::move(sequence.lease);
  transfer->op.first_chunk = transfer->first - sequence.first_chunk;
  sequence.loading = &transfer->op;
  waiting_.push_back(std::move(transfer));
  start_waiting();
}

// In order of arrival. One that could not even start alone is reported as not loaded.
void CacheConnector::start_waiting() {
  while (!waiting_.empty()) {
    std::unique_ptr<LoadTransfer> transfer = std::move(waiting_.front());
    waiting_.pop_front();
    LoadTransfer& load = *transfer;
    if (start(load)) {
      under_way_.emplace(&load.op, std::move(transfer));
      deps_.cache.load(load.op);
    } else if (scratch_->all_back()) {
      load.op.tally.missed[static_cast<std::size_t>(MissReason::kBusy)] = load.end - load.first;
      load_returned(load);
    } else {
      waiting_.push_front(std::move(transfer));
      return;
    }
  }
}

bool CacheConnector::start(LoadTransfer& load) {
  const std::uint32_t pages_per_chunk = chunk_tokens_ / page_tokens_;
  const std::uint32_t lead = load.tokens.begin / page_tokens_ - load.first * pages_per_chunk;
  const std::uint32_t tail = load.end * pages_per_chunk - load.tokens.end / page_tokens_;
  load.scratch = scratch_->take(lead + tail);
  if (load.scratch.size() != lead + tail) return false;
  const std::size_t cells = deps_.pages.shards().size();
  for (std::uint32_t chunk = load.first; chunk < load.end; ++chunk) {
    for (std::size_t cell = 0; cell < cells; ++cell) {
      std::vector<MemoryRef>& pieces = load.pieces.emplace_back();
      for (std::uint32_t p = 0; p < pages_per_chunk; ++p) {
        const std::uint32_t index = (chunk - load.first) * pages_per_chunk + p;
        const bool wanted = index >= lead && index - lead < load.pages.size();
        const std::uint32_t spare = index < lead ? index : index - static_cast<std::uint32_t>(load.pages.size());
        deps_.pages.append(cell, wanted ? page_memory(load.pages[index - lead]) : load.scratch[spare],
                           scratch_->padding_to_write(), pieces);
      }
    }
  }
  for (const std::vector<MemoryRef>& pieces : load.pieces) load.into.emplace_back(pieces);
  load.op.into = load.into;
  load.op.prefill_tokens_per_s = prefill_tokens_per_s();
  return true;
}

bool CacheConnector::save(RequestId id, std::span<const TokenId> tokens, std::span<const PageId> pages) {
  const auto found = sequences_.find(id);
  if (found == sequences_.end()) return false;  // never asked about: its tenant is not known
  Sequence& sequence = *found->second;
  if (sequence.chain.tokens() < tokens.size()) sequence.chain.append(tokens.subspan(sequence.chain.tokens()));
  const auto complete = static_cast<std::uint32_t>(tokens.size()) / chunk_tokens_;
  const std::uint32_t first = sequence.saved_chunks;
  if (complete <= first) return false;
  const std::uint32_t pages_per_chunk = chunk_tokens_ / page_tokens_;
  CAIRN_CHECK(pages.size() >= std::size_t{complete} * pages_per_chunk, "a save names the pages from the first on");
  auto transfer = std::make_unique<SaveTransfer>(queue_, id);
  const auto chunks = sequence.chain.complete().subspan(first, complete - first);
  transfer->chunks.assign(chunks.begin(), chunks.end());
  for (std::uint32_t chunk = first; chunk < complete; ++chunk) {
    for (std::size_t cell = 0; cell < deps_.pages.shards().size(); ++cell) {
      std::vector<MemoryRef>& pieces = transfer->pieces.emplace_back();
      for (std::uint32_t p = 0; p < pages_per_chunk; ++p) {
        deps_.pages.append(cell, page_memory(pages[chunk * pages_per_chunk + p]), scratch_->padding_to_read(), pieces);
      }
    }
  }
  for (const std::vector<MemoryRef>& pieces : transfer->pieces) transfer->from.emplace_back(pieces);
  transfer->op.chunks = transfer->chunks;
  transfer->op.from = transfer->from;
  sequence.saved_chunks = complete;
  ++saves_[id];
  Save& op = transfer->op;
  under_way_.emplace(&op, std::move(transfer));
  deps_.cache.save(op);
  return true;
}

TransferReport CacheConnector::poll() {
  while (Operation* op = queue_.poll()) {
    const auto found = under_way_.find(op);
    CAIRN_CHECK(found != under_way_.end(), "an operation came back that is not under way");
    const std::unique_ptr<Transfer> transfer = std::move(found->second);
    under_way_.erase(found);
    returned(*transfer);
  }
  start_waiting();
  return std::exchange(report_, {});
}

void CacheConnector::returned(Transfer& transfer) {
  switch (transfer.kind) {
    case Transfer::Kind::kLookup:
      return lookup_returned(static_cast<LookupTransfer&>(transfer));
    case Transfer::Kind::kLoad:
      return load_returned(static_cast<LoadTransfer&>(transfer));
    case Transfer::Kind::kSave:
      return save_returned(static_cast<SaveTransfer&>(transfer));
  }
}

void CacheConnector::lookup_returned(LookupTransfer& transfer) {
  const auto found = sequences_.find(transfer.id);
  if (found == sequences_.end() || found->second->asking != &transfer.op) return;  // released meanwhile
  Sequence& sequence = *found->second;
  sequence.asking = nullptr;
  sequence.answered = true;
  sequence.lease = std::move(transfer.op.found);
  sequence.leased_chunks = static_cast<std::uint32_t>(sequence.lease.chunks());
  sequence.found = transfer.op.tally;
  sequence.forecast = transfer.op.forecast;
}

void CacheConnector::load_returned(LoadTransfer& transfer) {
  scratch_->give_back(transfer.scratch);
  const Load& op = transfer.op;
  const auto chunks_end = (transfer.first + static_cast<std::uint32_t>(op.chunks_loaded)) * chunk_tokens_;
  const std::uint32_t end = std::clamp(chunks_end, transfer.tokens.begin, transfer.tokens.end);
  report_.loaded.push_back({transfer.id, end - transfer.tokens.begin});
  const auto found = sequences_.find(transfer.id);
  if (found == sequences_.end() || found->second->loading != &transfer.op) return;
  Sequence& sequence = *found->second;
  sequence.loading = nullptr;
  sequence.loaded = {transfer.tokens.begin, end};
  sequence.served.clear();
  for (std::size_t c = 0; c < op.chunks_loaded; ++c) {
    sequence.served.push_back(op.lease.state()->served[op.first_chunk + c]);
  }
  if (op.chunks_loaded != 0) {
    sequence.saved_chunks =
        std::max(sequence.saved_chunks, transfer.first + static_cast<std::uint32_t>(op.chunks_loaded));
  }
  for (std::size_t r = 0; r < op.tally.missed.size(); ++r) {
    if (op.tally.missed[r] != 0) sequence.load_reason = static_cast<MissReason>(r);
  }
}

void CacheConnector::save_returned(SaveTransfer& transfer) {
  const auto saves = saves_.find(transfer.id);
  if (--saves->second != 0) return;
  saves_.erase(saves);
  report_.saved.push_back(transfer.id);
}

void CacheConnector::observe_prefill(std::size_t tokens, std::int64_t elapsed_us) {
  if (tokens == 0 || elapsed_us <= 0) return;
  prefill_tokens_ = prefill_tokens_ * kPrefillKeep + static_cast<double>(tokens);
  prefill_us_ = prefill_us_ * kPrefillKeep + static_cast<double>(elapsed_us);
}

double CacheConnector::prefill_tokens_per_s() const {
  return prefill_us_ == 0 ? 0 : prefill_tokens_ / prefill_us_ * 1e6;
}

RequestTally CacheConnector::tally(RequestId id, std::uint64_t prompt_tokens, std::uint64_t device_tokens) {
  RequestTally tally;
  TokenSources sources;
  sources.prompt_tokens = static_cast<std::uint32_t>(prompt_tokens);
  sources.device_tokens = static_cast<std::uint32_t>(device_tokens);
  sources.chunk_tokens = chunk_tokens_;
  sources.page_tokens = page_tokens_;
  if (const auto found = sequences_.find(id); found != sequences_.end()) {
    const Sequence& sequence = *found->second;
    sources.loaded = sequence.loaded;
    sources.served = sequence.served;
    sources.asked = sequence.answered;
    sources.first_chunk = sequence.first_chunk;
    sources.leased_chunks = sequence.leased_chunks;
    sources.lookup = sequence.found;
    sources.load_reason = sequence.load_reason;
    tally.forecast = sequence.forecast;
  }
  const TokenTally counted = tally_tokens(sources);
  tally.missed = counted.missed;
  const auto tiers = deps_.cache.tiers();
  for (std::size_t t = 0; t < tiers.size(); ++t) tally.tier.emplace_back(tiers[t]->traits().name, counted.tier[t]);
  return tally;
}

void CacheConnector::release(RequestId id) {
  const auto found = sequences_.find(id);
  if (found == sequences_.end()) return;
  if (found->second->asking != nullptr) deps_.cache.cancel(*found->second->asking);
  if (found->second->loading != nullptr) {
    const auto at = std::find_if(waiting_.begin(), waiting_.end(), [&](const auto& load) { return load->id == id; });
    if (at == waiting_.end()) {
      deps_.cache.cancel(*found->second->loading);
    } else {
      report_.loaded.push_back({id, 0});
      waiting_.erase(at);
    }
  }
  sequences_.erase(found);
}

}  // namespace cairn

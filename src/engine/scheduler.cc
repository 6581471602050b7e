#include "engine/scheduler.h"

#include <algorithm>
#include <utility>

namespace cairn {

Scheduler::Scheduler(const SchedulerConfig& config, DevicePages& pages)
    : config_(config), pages_(pages), tree_(config.page_tokens) {
  CAIRN_CHECK(config.step_tokens_max >= config.sequences_max, "a step must hold one token of each sequence");
  CAIRN_CHECK(config.chunk_tokens % config.page_tokens == 0, "a chunk is whole pages");
}

Scheduler::~Scheduler() = default;

Sequence& Scheduler::at(RequestId id) {
  const auto found = sequences_.find(id);
  CAIRN_CHECK(found != sequences_.end(), "an unknown sequence");
  return found->second;
}
const Sequence& Scheduler::at(RequestId id) const { return const_cast<Scheduler*>(this)->at(id); }

std::uint32_t Scheduler::pages_for(std::uint32_t tokens) const {
  return (tokens + config_.page_tokens - 1) / config_.page_tokens;
}

// At least one token is always computed, and only whole pages are shared.
std::size_t Scheduler::shareable_pages(const Sequence& sequence) const {
  return (sequence.size() - 1) / config_.page_tokens;
}

double Scheduler::pages_in_use() const {
  const double idle = static_cast<double>(pages_.free()) + static_cast<double>(tree_.evictable());
  return 1.0 - idle / static_cast<double>(pages_.capacity());
}

void Scheduler::add(RequestId id, SequenceRequest request) {
  Sequence sequence;
  sequence.id = id;
  sequence.scope = std::move(request.scope);
  sequence.prompt_tokens = static_cast<std::uint32_t>(request.prompt.size());
  sequence.output_tokens_max = request.output_tokens_max;
  sequence.tokens = std::move(request.prompt);
  sequence.stop_tokens = std::move(request.stop_tokens);
  std::sort(sequence.stop_tokens.begin(), sequence.stop_tokens.end());
  CAIRN_CHECK(sequence.prompt_tokens > 0 && sequence.output_tokens_max > 0, "nothing to generate");
  CAIRN_CHECK(pages_for(sequence.prompt_tokens + sequence.output_tokens_max) <= pages_.capacity(),
              "a request that never fits");
  const bool is_new = sequences_.emplace(id, std::move(sequence)).second;
  CAIRN_CHECK(is_new, "a request id is used once");
  waiting_.insert(id);
}

void Scheduler::abort(RequestId id) {
  const auto found = sequences_.find(id);
  if (found == sequences_.end() || found->second.state == State::kLeaving) return;
  Sequence& sequence = found->second;
  if (sequence.state == State::kLoading) {  // tell the connector now: it need not start what is still queued
    released_.push_back(id);
    sequence.released = true;
  }
  end(sequence);
}

void Scheduler::end(Sequence& sequence) {
  waiting_.erase(sequence.id);
  active_.erase(sequence.id);
  if (sequence.state == State::kParting) --parting_;
  sequence.state = State::kLeaving;
  ++leaving_;
  abandon_unfilled(sequence);
  part(sequence);
}

void Scheduler::transferred(const TransferReport& report) {
  for (const LoadReport& load : report.loaded) loaded(load);
  for (const RequestId id : report.saved) {
    const auto found = sequences_.find(id);
    if (found == sequences_.end()) continue;
    found->second.saving = false;
    part(found->second);
  }
}

void Scheduler::loaded(const LoadReport& report) {
  const auto found = sequences_.find(report.id);
  if (found == sequences_.end() || found->second.loading.empty()) return;
  Sequence& sequence = found->second;
  const TokenRange range = std::exchange(sequence.loading, {});
  if (sequence.state != State::kLoading) return part(sequence);
  const auto filled = static_cast<std::uint32_t>(std::min<std::size_t>(report.tokens, range.size()));
  sequence.state = State::kRunning;
  fill(sequence, range.begin + filled / config_.page_tokens * config_.page_tokens);
  if (!replace_held(sequence, range.end)) preempt(sequence);
}

// What was not filled is computed, but not into memory that an abandoned read may still write to.
bool Scheduler::replace_held(Sequence& sequence, std::uint32_t end) {
  for (std::uint32_t i = sequence.computed / config_.page_tokens; i < pages_for(end); ++i) {
    const PageId old = sequence.pages[i];
    if (!pages_.held(old)) continue;
    if (!make_room(1)) return false;
    const PageId fresh = *pages_.take();
    if (i < sequence.nodes.size() && sequence.nodes[i]->page == old) {
      tree_.move(sequence.nodes[i], fresh);
      pages_.retain(fresh);
      pages_.release(old);
    }
    sequence.pages[i] = fresh;
    pages_.release(old);
  }
  return true;
}

// KV of the first `computed` tokens is in the pages now: whole pages become visible to others.
void Scheduler::fill(Sequence& sequence, std::uint32_t computed) {
  const std::uint32_t before = sequence.computed / config_.page_tokens;
  sequence.computed = computed;
  for (std::uint32_t i = before; i < computed / config_.page_tokens; ++i) {
    if (i >= sequence.nodes.size()) {
      if (!publish(sequence, false)) return;  // another sequence fills this path: from there on ours is private
      CAIRN_CHECK(sequence.nodes.size() == i + 1, "a path without gaps");
    }
    PrefixTree::Node* node = sequence.nodes[i];
    if (node->filling) tree_.ready(node);
  }
}

// Extends the sequence's path in the tree by one page. False: it must stop there.
bool Scheduler::publish(Sequence& sequence, bool filling) {
  if (!sequence.publishing) return false;
  const std::size_t index = sequence.nodes.size();
  const auto tokens =
      std::span<const TokenId>(sequence.tokens).subspan(index * config_.page_tokens, config_.page_tokens);
  PrefixTree::Node* parent = index == 0 ? nullptr : sequence.nodes.back();
  if (PrefixTree::Node* node = tree_.child(sequence.scope, parent, tokens); node == nullptr) {
    const PageId page = sequence.pages[index];
    pages_.retain(page);
    sequence.nodes.push_back(tree_.insert(sequence.scope, parent, tokens, page, filling));
  } else if (node->filling) {
    sequence.publishing = false;
  } else {  // an equal page is there already: the path goes on over it, ours stays private
    tree_.use(node);
    sequence.nodes.push_back(node);
  }
  return sequence.publishing;
}

// Whoever waits for pages of this path falls back to filling them itself.
void Scheduler::abandon_unfilled(Sequence& sequence) {
  while (!sequence.nodes.empty() && sequence.nodes.back()->filling) {
    pages_.release(tree_.abandon(sequence.nodes.back()));
    sequence.nodes.pop_back();
  }
}

void Scheduler::let_go(Sequence& sequence) {
  for (; !sequence.nodes.empty(); sequence.nodes.pop_back()) tree_.unuse(sequence.nodes.back());
  for (; !sequence.pages.empty(); sequence.pages.pop_back()) pages_.release(sequence.pages.back());
}

// Pages follow their transfers: an ended or preempted sequence gives them back when nothing is under way.
void Scheduler::part(Sequence& sequence) {
  if (sequence.in_transfer()) return;
  if (sequence.state == State::kLeaving) {
    let_go(sequence);
    --leaving_;
    if (!sequence.released) released_.push_back(sequence.id);
    sequences_.erase(sequence.id);
  } else if (sequence.state == State::kParting) {
    let_go(sequence);
    --parting_;
    released_.push_back(sequence.id);
    sequence.state = State::kWaiting;
    sequence.computed = sequence.chunks_saved = sequence.rematches = 0;
    sequence.publishing = true;
    sequence.matched = false;
    waiting_.insert(sequence.id);
  }
}

std::vector<RequestId> Scheduler::take_released() { return std::exchange(released_, {}); }

std::vector<Unmatched> Scheduler::unmatched() {
  std::vector<Unmatched> open;
  std::size_t looked = 0;
  for (const RequestId id : waiting_) {
    if (looked++ == kLookAheadMax) break;
    Sequence& sequence = at(id);
    if (sequence.matched) continue;
    const PrefixTree::Found found = tree_.find(sequence.scope, sequence.tokens, shareable_pages(sequence));
    if (found.filling) continue;  // another sequence fills what this one needs next
    sequence.match_from = static_cast<std::uint32_t>(found.nodes.size()) * config_.page_tokens;
    open.push_back({id, sequence.tokens, sequence.match_from, sequence.scope.tenant});
  }
  return open;
}

std::size_t Scheduler::deferred() const {
  std::size_t deferred = parting_, looked = 0;
  for (const RequestId id : waiting_) {
    if (looked++ == kLookAheadMax) break;  // nobody asks for those behind: they wait for room
    deferred += at(id).matched ? 0 : 1;
  }
  return deferred;
}

void Scheduler::matched(RequestId id, std::size_t tokens) {
  Sequence& sequence = at(id);
  const std::size_t limit = shareable_pages(sequence) * config_.page_tokens;
  const std::size_t end = std::min(sequence.match_from + tokens, limit) / config_.page_tokens * config_.page_tokens;
  sequence.external_end = static_cast<std::uint32_t>(end);
  sequence.matched = true;
}

void Scheduler::saving(RequestId id) { at(id).saving = true; }

std::vector<Ended> Scheduler::commit(const Step& step, std::span<const TokenId> sampled) {
  std::vector<Ended> ended;
  std::size_t next = 0;
  for (const Slice& slice : step.run) {
    Sequence& sequence = at(slice.id);
    fill(sequence, slice.tokens.end);
    if (!slice.sample) continue;
    const TokenId token = sampled[next++];
    sequence.tokens.push_back(token);
    if (std::binary_search(sequence.stop_tokens.begin(), sequence.stop_tokens.end(), token)) {
      ended.push_back({slice.id, SequenceEnd::kStop, sequence.preemptions});
    } else if (sequence.generated() == sequence.output_tokens_max) {
      ended.push_back({slice.id, SequenceEnd::kLength, sequence.preemptions});
    }
  }
  CAIRN_CHECK(next == sampled.size(), "one token for each sampled slice");
  for (const Ended& it : ended) end(at(it.id));
  return ended;
}

}  // namespace cairn

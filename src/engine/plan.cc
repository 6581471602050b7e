// Scheduler's choices of one turn: decodes first, then admission, then prefill chunks in order of arrival.
#include <algorithm>
#include <utility>

#include "engine/scheduler.h"

namespace cairn {

Step Scheduler::plan() {
  Step step;
  std::uint32_t budget = config_.step_tokens_max;
  pages_.refresh();
  plan_decodes(step, budget);
  if (!step.run.empty()) budget = std::min(budget, config_.mixed_step_tokens);
  admit(step);
  plan_prefills(step, budget);
  step.preempted = std::exchange(preempted_, {});
  return step;
}

void Scheduler::plan_decodes(Step& step, std::uint32_t& budget) {
  const std::vector<RequestId> order(active_.begin(), active_.end());
  for (const RequestId id : order) {
    if (budget == 0) return;
    Sequence& sequence = at(id);  // a preempted one is not running any more, but still known
    if (sequence.state != State::kRunning || sequence.remaining() != 1 || !cover_next(sequence)) continue;
    schedule(sequence, 1, step);
    --budget;
  }
}

void Scheduler::plan_prefills(Step& step, std::uint32_t& budget) {
  std::vector<RequestId> planned;
  for (const Slice& slice : step.run) planned.push_back(slice.id);
  for (const RequestId id : active_) {
    if (budget == 0) return;
    Sequence& sequence = at(id);
    if (sequence.state != State::kRunning || std::binary_search(planned.begin(), planned.end(), id)) continue;
    const std::uint32_t room = static_cast<std::uint32_t>(sequence.pages.size()) * config_.page_tokens;
    const std::uint32_t tokens = std::min({sequence.remaining(), budget, room - sequence.computed});
    if (tokens == 0) continue;  // it waits for a page
    schedule(sequence, tokens, step);
    budget -= tokens;
  }
}

void Scheduler::schedule(Sequence& sequence, std::uint32_t tokens, Step& step) {
  const std::uint32_t end = sequence.computed + tokens;
  Slice slice{sequence.id, {sequence.computed, end}, {}, end == sequence.size()};
  slice.pages.assign(sequence.pages.begin(), sequence.pages.begin() + pages_for(end));
  step.run.push_back(std::move(slice));
  schedule_save(sequence, end, step);
}

// Chunks that this step completes are saved after it.
void Scheduler::schedule_save(Sequence& sequence, std::uint32_t end, Step& step) {
  const std::uint32_t limit = config_.save_decode_cache ? end : std::min(end, sequence.prompt_tokens);
  const std::uint32_t chunks = limit / config_.chunk_tokens;
  if (chunks <= sequence.chunks_saved) return;
  sequence.chunks_saved = chunks;
  Slice slice{sequence.id, {0, chunks * config_.chunk_tokens}, {}, false};
  slice.pages.assign(sequence.pages.begin(), sequence.pages.begin() + pages_for(slice.tokens.end));
  step.save.push_back(std::move(slice));
}

void Scheduler::admit(Step& step) {
  const std::vector<RequestId> order(waiting_.begin(), waiting_.end());
  std::size_t looked = 0;
  for (const RequestId id : order) {
    if (looked++ == kLookAheadMax || active_.size() >= config_.sequences_max) return;
    Sequence& sequence = at(id);
    if (!sequence.matched) continue;
    const PrefixTree::Found found = tree_.find(sequence.scope, sequence.tokens, shareable_pages(sequence));
    if (found.filling) continue;
    const std::uint32_t device = static_cast<std::uint32_t>(found.nodes.size()) * config_.page_tokens;
    if (device < sequence.match_from) {  // evicted since the connector was asked: what it offers begins too late
      sequence.matched = ++sequence.rematches >= kRematchesMax;
      sequence.match_from = sequence.external_end = 0;
      if (!sequence.matched) continue;
    }
    if (!claim(sequence, found)) return;  // those behind would only take the pages that this one waits for
    waiting_.erase(id);
    active_.insert(id);
    sequence.state = State::kRunning;
    if (sequence.external_end <= device) continue;
    sequence.state = State::kLoading;
    sequence.loading = {device, sequence.external_end};
    Slice load{id, sequence.loading, {}, false};
    load.pages.assign(sequence.pages.begin() + device / config_.page_tokens,
                      sequence.pages.begin() + sequence.external_end / config_.page_tokens);
    step.load.push_back(std::move(load));
  }
}

// Takes what the device has and pages for all the rest of the known tokens, visible as being filled.
bool Scheduler::claim(Sequence& sequence, const PrefixTree::Found& found) {
  for (PrefixTree::Node* node : found.nodes) tree_.use(node);
  const auto shared = static_cast<std::uint32_t>(found.nodes.size());
  const std::uint32_t wanted = pages_for(sequence.size()) - shared;
  const std::size_t reserve = active_.size();  // one page for the growth of each
  if (pages_.free() + tree_.evictable() < wanted + reserve || !make_room(wanted)) {
    for (auto node = found.nodes.rbegin(); node != found.nodes.rend(); ++node) tree_.unuse(*node);
    return false;
  }
  sequence.nodes = found.nodes;
  for (const PrefixTree::Node* node : found.nodes) {
    sequence.pages.push_back(node->page);
    pages_.retain(node->page);
  }
  for (std::uint32_t i = 0; i < wanted; ++i) sequence.pages.push_back(*pages_.take());
  sequence.computed = sequence.device_tokens = shared * config_.page_tokens;
  for (std::uint32_t i = shared; i < sequence.size() / config_.page_tokens; ++i) {
    if (!publish(sequence, true)) break;
  }
  return true;
}

// A page for the next token. When none can be had, the last arrived gives up its pages, in the end this one itself.
bool Scheduler::cover_next(Sequence& sequence) {
  if (sequence.computed < sequence.pages.size() * config_.page_tokens) return true;
  for (;;) {  // each turn preempts one of at most sequences_max
    if (make_room(1)) {
      sequence.pages.push_back(*pages_.take());
      return true;
    }
    if (parting_ + leaving_ > 0) return false;  // their pages come back by themselves: nobody else has to give way
    Sequence* victim = nullptr;
    for (auto id = active_.rbegin(); id != active_.rend() && victim == nullptr; ++id) {
      if (at(*id).state == State::kRunning) victim = &at(*id);
    }
    CAIRN_CHECK(victim != nullptr, "a running sequence finds itself at least");
    const bool itself = victim == &sequence;
    preempt(*victim);
    if (itself) return false;
  }
}

void Scheduler::preempt(Sequence& sequence) {
  ++sequence.preemptions;
  preempted_.push_back(sequence.id);
  active_.erase(sequence.id);
  sequence.state = State::kParting;
  ++parting_;
  abandon_unfilled(sequence);
  part(sequence);
}

bool Scheduler::make_room(std::uint32_t pages) {
  while (pages_.free() < pages) {
    const std::optional<PageId> evicted = tree_.evict();
    if (!evicted) return false;
    pages_.release(*evicted);
  }
  return true;
}

}  // namespace cairn

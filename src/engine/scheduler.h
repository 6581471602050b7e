// Who computes what in the next step: continuous batching, chunked prefill, admission by free pages, preemption,
// sharing of prefixes. Pure bookkeeping: no I/O, no clock, no device. The same calls give the same plans, so a test
// replays any schedule from its inputs. Owned by the step thread.
//
// Order of one turn: transferred, take_released, unmatched/matched, plan, saving, commit. add, abort: between turns.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <vector>

#include "base/ids.h"
#include "connector/connector.h"
#include "engine/device_pages.h"
#include "engine/prefix_tree.h"
#include "engine/sequence.h"
#include "engine/step.h"

namespace cairn {

struct SchedulerConfig {
  std::uint32_t page_tokens = 16;
  std::uint32_t chunk_tokens = 256;
  std::uint32_t step_tokens_max = 256;   // at least sequences_max
  std::uint32_t mixed_step_tokens = 64;  // of prompts, beside decodes
  std::uint32_t sequences_max = 64;      // loading or running
  bool save_decode_cache = true;         // false: only the prompt's chunks are saved
};

struct SequenceRequest {
  std::vector<TokenId> prompt;  // at least one; prompt + output fit into the pool (checked)
  std::uint32_t output_tokens_max = 1;
  std::vector<TokenId> stop_tokens;
  PrefixScope scope;
};

// A request that the connector has to be asked about. `tokens` lives until the next call.
struct Unmatched {
  RequestId id;
  std::span<const TokenId> tokens;
  std::uint32_t computed = 0;
  PrincipalTag tenant;
};

enum class SequenceEnd : std::uint8_t { kStop, kLength };
struct Ended {
  RequestId id;
  SequenceEnd end = SequenceEnd::kStop;
  std::uint32_t preemptions = 0;
};

class Scheduler {
 public:
  static constexpr std::size_t kLookAheadMax = 16;   // waiting requests that one turn looks at
  static constexpr std::uint32_t kRematchesMax = 3;  // then it is admitted without a load

  Scheduler(const SchedulerConfig& config, DevicePages& pages);
  ~Scheduler();  // every sequence may be given up; the pages' memory must be untouched by then (the engine's drain)

  void add(RequestId id, SequenceRequest request);
  // Ends it: nothing is planned for it any more; its pages follow when its transfers are over. Unknown: nothing.
  void abort(RequestId id);

  void transferred(const TransferReport& report);
  // Whose transfers the connector may forget: ended ones, and preempted ones before they are matched again.
  std::vector<RequestId> take_released();
  std::vector<Unmatched> unmatched();
  void matched(RequestId id, std::size_t tokens);  // tokens beyond Unmatched::computed that can be loaded
  Step plan();
  void saving(RequestId id);  // the connector took the save that the plan named
  // `sampled`: one token for each slice with `sample`, in order. Which sequences ended thereby; they are
  // unknown from then on.
  std::vector<Ended> commit(const Step& step, std::span<const TokenId> sampled);

  // Of a sequence that has not ended (checked).
  std::span<const TokenId> tokens(RequestId id) const { return at(id).tokens; }
  std::uint32_t device_tokens(RequestId id) const { return at(id).device_tokens; }

  std::size_t waiting() const { return waiting_.size() + parting_; }
  // Of them, those that wait for something else than room: the connector's answer, pages that another one fills, or
  // the end of their own saves.
  std::size_t deferred() const;
  std::size_t active() const { return active_.size(); }
  bool idle() const { return sequences_.empty() && released_.empty(); }
  std::size_t sequences() const { return sequences_.size(); }  // those that wait for transfers only included
  double pages_in_use() const;                                 // share of the pool that could not be given away now
  const PrefixTree& tree() const { return tree_; }

 private:
  using State = Sequence::State;
  Sequence& at(RequestId id);
  const Sequence& at(RequestId id) const;
  std::uint32_t pages_for(std::uint32_t tokens) const;
  std::size_t shareable_pages(const Sequence& sequence) const;

  // scheduler.cc: turns of a sequence's life
  void loaded(const LoadReport& report);
  bool replace_held(Sequence& sequence, std::uint32_t end);
  void fill(Sequence& sequence, std::uint32_t computed);
  bool publish(Sequence& sequence, bool filling);
  void abandon_unfilled(Sequence& sequence);
  void let_go(Sequence& sequence);
  void end(Sequence& sequence);
  void part(Sequence& sequence);

  // plan.cc: choices of one turn
  void plan_decodes(Step& step, std::uint32_t& budget);
  void plan_prefills(Step& step, std::uint32_t& budget);
  void admit(Step& step);
  bool claim(Sequence& sequence, const PrefixTree::Found& found);
  bool cover_next(Sequence& sequence);
  void preempt(Sequence& sequence);
  void schedule(Sequence& sequence, std::uint32_t tokens, Step& step);
  void schedule_save(Sequence& sequence, std::uint32_t end, Step& step);
  bool make_room(std::uint32_t pages);

  SchedulerConfig config_;
  DevicePages& pages_;
  PrefixTree tree_;
  std::map<RequestId, Sequence> sequences_;  // bounded by the engine's queue_max + sequences_max + those leaving
  std::set<RequestId> waiting_, active_;     // by arrival
  std::size_t parting_ = 0, leaving_ = 0;    // sequences whose pages come back without our doing
  std::vector<RequestId> released_, preempted_;
};

}  // namespace cairn

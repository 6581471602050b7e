#include "engine/engine.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "base/random.h"
#include "engine/sampler.h"

namespace cairn {
namespace {

constexpr std::int64_t kTransferWaitUs = 500;     // while a lookup, load or save is under way
constexpr std::int64_t kIdleWaitUs = 1'000'000;   // mail ends it at once
constexpr std::uint32_t kObservedTokensMin = 32;  // shorter prefills say little about speed

SchedulerConfig scheduler_config(const EngineConfig& config, const EngineDeps& deps) {
  CAIRN_CHECK(config.validate().has_value(), "an engine configuration that was not validated");
  return {.page_tokens = deps.pages.page_tokens(),
          .chunk_tokens = deps.connector.chunk_tokens(),
          .step_tokens_max = config.step_tokens_max,
          .mixed_step_tokens = config.mixed_step_tokens,
          .sequences_max = config.sequences_max,
          .save_decode_cache = config.save_decode_cache};
}

Result<void> check(const Request& request, const GeneratorLimits& limits) {
  if (request.prompt.empty()) return invalid("the prompt has no tokens");
  if (request.prompt.size() >= limits.context_tokens_max) {
    return invalid("the prompt has " + std::to_string(request.prompt.size()) + " tokens; prompt and output together " +
                   "may have " + std::to_string(limits.context_tokens_max));
  }
  if (request.output_tokens_max == 0) return invalid("at least one token must be asked for");
  for (const TokenId token : request.prompt) {
    if (token >= limits.vocabulary) {
      return invalid("token " + std::to_string(token) + " is outside the vocabulary of " +
                     std::to_string(limits.vocabulary));
    }
  }
  const Sampling& s = request.sampling;
  if (!std::isfinite(s.temperature) || s.temperature < 0) return invalid("temperature must be 0 or more");
  if (!(s.top_p > 0 && s.top_p <= 1)) return invalid("top_p must be above 0 and at most 1");
  if (s.top_k < -1) return invalid("top_k must be -1 or more");
  return {};
}

}  // namespace

Engine::Engine(const EngineConfig& config, EngineModel model, const EngineDeps& deps)
    : model_(std::move(model)),
      limits_{std::min(model_.context_tokens, deps.pages.capacity() * deps.pages.page_tokens()),
              deps.runner.vocabulary()},
      connector_(deps.connector),
      runner_(deps.runner),
      clock_(deps.clock),
      log_(deps.log),
      inbox_(config.queue_max),
      probe_(deps.metrics, model_.name, {deps.pages.page_tokens(), deps.pages.capacity()}),
      scheduler_(scheduler_config(config, deps), deps.pages) {}

Engine::~Engine() { CAIRN_CHECK(ended(), "the engine is destroyed with open requests"); }

Result<RequestId> Engine::start(Request request, TokenSink& sink) {
  CAIRN_TRY_VOID(check(request, limits_));
  Arrival arrival;
  arrival.request = std::move(request);
  arrival.sink = &sink;
  arrival.at_us = clock_.now_us();
  const auto room = limits_.context_tokens_max - static_cast<std::uint32_t>(arrival.request.prompt.size());
  arrival.request.output_tokens_max = std::min(arrival.request.output_tokens_max, room);
  arrival.seed = arrival.request.sampling.has_seed ? arrival.request.sampling.seed : random_u64();
  return inbox_.post(std::move(arrival));
}

// The whole story: what came in, what is known already, what to do next, doing it, telling it.
bool Engine::step() {
  take_mail();
  take_transfers();
  for (const RequestId id : scheduler_.take_released()) connector_.release(id);
  for (const Unmatched& request : scheduler_.unmatched()) {
    const Match match = connector_.match(
        {.id = request.id, .prompt = request.tokens, .computed = request.computed, .tenant = request.tenant});
    if (match.state == Match::State::kReady) scheduler_.matched(request.id, match.tokens);
  }
  const Step step = scheduler_.plan();
  note_admitted(step);
  for (const Slice& slice : step.load) {
    live_.at(slice.id).load_began_us = clock_.now_us();
    connector_.load(slice.id, slice.tokens, slice.pages);
  }
  const Result<std::vector<Token>> sampled = run(step);
  if (!sampled) return fail(step, sampled.error());
  for (const Slice& slice : step.save) {
    const auto tokens = scheduler_.tokens(slice.id).first(slice.tokens.end);
    if (connector_.save(slice.id, tokens, slice.pages)) scheduler_.saving(slice.id);
  }
  account_prompts(step);
  std::vector<TokenId> ids(sampled->size());
  std::transform(sampled->begin(), sampled->end(), ids.begin(), [](const Token& token) { return token.id; });
  const std::vector<Ended> ended = scheduler_.commit(step, ids);
  deliver(step, *sampled, ended);
  report(step);
  return !step.run.empty();
}

void Engine::wait() {
  const bool idle = scheduler_.idle() && connector_.idle();
  inbox_.wait_us(idle ? kIdleWaitUs : kTransferWaitUs);
}

void Engine::take_mail() {
  Mail mail = inbox_.take();
  if (!mail.arrivals.empty()) quiet_.store(false, std::memory_order_release);
  for (Arrival& arrival : mail.arrivals) {
    Request& request = arrival.request;
    Live live{.sink = arrival.sink, .sampling = request.sampling, .seed = arrival.seed, .started_us = arrival.at_us};
    live.prompt_tokens = static_cast<std::uint32_t>(request.prompt.size());
    live_.emplace(arrival.id, live);
    SequenceRequest sequence{.prompt = std::move(request.prompt),
                             .output_tokens_max = request.output_tokens_max,
                             .stop_tokens = std::move(request.stop_tokens),
                             .scope = {request.tenant, {}}};
    if (!request.ignore_eos) {
      sequence.stop_tokens.insert(sequence.stop_tokens.end(), model_.eos_tokens.begin(), model_.eos_tokens.end());
    }
    scheduler_.add(arrival.id, std::move(sequence));
  }
  for (const RequestId id : mail.cancels) {
    scheduler_.abort(id);
    end(id, Finish{FinishReason::kCancelled, 0});
  }
}

void Engine::take_transfers() {
  const TransferReport report = connector_.poll();
  for (const LoadReport& loaded : report.loaded) {
    const auto live = live_.find(loaded.id);
    if (live != live_.end()) live->second.load_us += clock_.now_us() - live->second.load_began_us;
  }
  scheduler_.transferred(report);
}

Result<std::vector<Token>> Engine::run(const Step& step) {
  if (step.run.empty()) return std::vector<Token>{};
  std::vector<ForwardSlice> slices;
  std::uint32_t prefill_tokens = 0;
  for (const Slice& slice : step.run) {
    const auto tokens = scheduler_.tokens(slice.id).subspan(slice.tokens.begin, slice.tokens.size());
    slices.push_back({tokens, slice.tokens.begin, slice.pages, slice.sample ? LogitsOf::kLast : LogitsOf::kNone});
    if (tokens.size() > 1) prefill_tokens += slice.tokens.size();
  }
  const std::int64_t begin_us = clock_.now_us();
  CAIRN_TRY(const std::span<const float> logits, runner_.run(slices));
  const std::uint32_t all_tokens = step.run_tokens();
  if (prefill_tokens >= kObservedTokensMin && prefill_tokens * 2 >= all_tokens) {
    connector_.observe_prefill(all_tokens, std::max<std::int64_t>(clock_.now_us() - begin_us, 1));
  }
  return sample_step(step, logits);
}

Result<std::vector<Token>> Engine::sample_step(const Step& step, std::span<const float> logits) {
  std::vector<Token> sampled;
  for (const Slice& slice : step.run) {
    if (!slice.sample) continue;
    const Live& live = live_.at(slice.id);
    const auto row = logits.subspan(sampled.size() * limits_.vocabulary, limits_.vocabulary);
    CAIRN_TRY(Token token, sample(row, live.sampling, {live.seed, live.output_tokens}));
    sampled.push_back(std::move(token));
  }
  return sampled;
}

CacheUse Engine::cache_use(RequestId id, const Live& live) {
  CacheUse use;
  use.prompt_tokens = live.prompt_tokens;
  use.device_tokens = scheduler_.device_tokens(id);
  const RequestTally tally = connector_.tally(id, use.prompt_tokens, use.device_tokens);
  use.computed_tokens = use.prompt_tokens - use.device_tokens;
  for (const auto& [tier, tokens] : tally.tier) {
    CAIRN_CHECK(tokens <= use.computed_tokens, "more tokens loaded than the prompt has");
    use.computed_tokens -= tokens;
    if (tokens > 0) use.tier_tokens.emplace_back(tier, tokens);
  }
  std::uint64_t missed = 0;
  for (std::size_t i = 0; i < tally.missed.size(); ++i) {
    missed += tally.missed[i];
    if (tally.missed[i] > 0) use.missed_tokens.emplace_back(to_string(static_cast<MissReason>(i)), tally.missed[i]);
  }
  CAIRN_CHECK(missed == use.computed_tokens, "each computed token has one reason");
  use.forecast = tally.forecast;
  use.queued_s = seconds_between(live.started_us, live.admitted_us);
  use.load_s = static_cast<double>(live.load_us) * 1e-6;
  use.prefill_s = since(live.admitted_us);
  return use;
}

// A request leaves the queue with its first load or its first slice; a preemption does not put it back.
void Engine::note_admitted(const Step& step) {
  const std::int64_t now_us = clock_.now_us();
  for (const auto* slices : {&step.load, &step.run}) {
    for (const Slice& slice : *slices) {
      Live& live = live_.at(slice.id);
      if (live.admitted_us < 0) live.admitted_us = now_us;
    }
  }
}

// Whose first token comes now: where the prompt came from.
void Engine::account_prompts(const Step& step) {
  for (const Slice& slice : step.run) {
    Live& live = live_.at(slice.id);
    if (!slice.sample || live.output_tokens > 0) continue;
    const CacheUse use = cache_use(slice.id, live);
    probe_.prompt_done(use);
    live.sink->on_prompt(use);
  }
}

void Engine::deliver(const Step& step, std::span<const Token> tokens, std::span<const Ended> ended) {
  std::size_t next = 0;
  for (const Slice& slice : step.run) {
    if (!slice.sample) continue;
    Live& live = live_.at(slice.id);
    if (live.output_tokens++ > 0) probe_.token(since(live.last_token_us));
    live.last_token_us = clock_.now_us();
    live.sink->on_token(tokens[next++]);
  }
  probe_.generated(tokens.size());
  for (const Ended& it : ended) {
    end(it.id, Finish{it.end == SequenceEnd::kStop ? FinishReason::kStop : FinishReason::kLength, it.preemptions});
  }
}

// Only the requests of this step end; what they had filled before stays right and stays shared.
bool Engine::fail(const Step& step, const Error& error) {
  log_.error("engine.step.failed", {{"error", error.detail}, {"requests", std::uint64_t{step.run.size()}}});
  for (const Slice& slice : step.run) {
    scheduler_.abort(slice.id);
    end(slice.id, error);
  }
  report(step);
  return true;
}

void Engine::end(RequestId id, Result<Finish> finish) {
  const auto found = live_.find(id);
  if (found == live_.end()) return;
  const Live live = found->second;
  live_.erase(found);
  if (live.admitted_us >= 0) probe_.ended(since(live.admitted_us));
  live.sink->on_end(std::move(finish));
  inbox_.ended(id);
}

void Engine::report(const Step& step) {
  if (!step.run.empty()) probe_.step(step.run_tokens());
  if (!step.preempted.empty()) probe_.preempted(step.preempted.size());
  if (log_.enabled(LogLevel::kDebug) && !step.empty()) log_.debug("engine.step.done", {{"step", to_string(step)}});
  probe_.state({.running = scheduler_.active(),
                .waiting = scheduler_.waiting(),
                .deferred = scheduler_.deferred(),
                .pages_in_use = scheduler_.pages_in_use()});
  inbox_.waiting(scheduler_.waiting());
  quiet_.store(scheduler_.idle() && connector_.idle() && inbox_.empty(), std::memory_order_release);
}

}  // namespace cairn

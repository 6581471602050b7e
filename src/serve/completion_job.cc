#include "serve/completion_job.h"

#include <algorithm>
#include <map>

namespace cairn {
namespace {

constexpr const char* kStoppedText = "the server stopped before the answer was complete";

}  // namespace

// Called by the step thread. Keeps its job alive until on_end has been handled.
class CompletionJob::Sink final : public TokenSink {
 public:
  Sink(std::shared_ptr<CompletionJob> job, std::shared_ptr<SinkMailbox> mailbox, std::size_t choice)
      : job_(std::move(job)), mailbox_(std::move(mailbox)), choice_(choice) {}
  void on_prompt(const CacheUse& use) override { mailbox_->push({job_, choice_, use}); }
  void on_token(const Token& token) override { mailbox_->push({job_, choice_, token}); }
  void on_end(Result<Finish> end) override { mailbox_->push({job_, choice_, std::move(end)}); }

 private:
  const std::shared_ptr<CompletionJob> job_;
  const std::shared_ptr<SinkMailbox> mailbox_;
  const std::size_t choice_;
};

struct CompletionJob::Sequence {
  Sequence(const Tokenizer& tokenizer, const CompletionRequest& request, std::size_t index)
      : choice(tokenizer, request, index), at(index) {}

  Choice choice;
  const std::size_t at;
  std::unique_ptr<Sink> sink;  // null: never started, or ended
  RequestId id;
  CacheUse use;
  std::uint64_t prompt_tokens = 0;
  std::int64_t first_us = -1, last_us = -1;
  bool cancelled = false;
};

CompletionJob::CompletionJob(JobShared& shared, std::shared_ptr<HttpExchange> exchange, JobInput input)
    : shared_(shared), exchange_(std::move(exchange)), input_(std::move(input)) {}
CompletionJob::~CompletionJob() = default;

std::size_t CompletionJob::start() {
  exchange_->on_gone = [self = shared_from_this()](GoneReason reason) { self->on_gone(reason); };
  bodies_.resize(input_.prompts.size());
  for (std::size_t i = 0; i < input_.prompts.size(); ++i) {
    sequences_.push_back(std::make_unique<Sequence>(shared_.tokenizer, input_.request, i));
    bodies_[i].index = i;
  }
  std::size_t started = 0;
  const std::uint32_t context = shared_.generator.limits().context_tokens_max;
  for (const auto& sequence : sequences_) {
    std::vector<TokenId>& prompt = input_.prompts[sequence->at];
    Request request;
    sequence->prompt_tokens = prompt.size();
    request.output_tokens_max = input_.output_tokens_max;
    if (request.output_tokens_max == 0) request.output_tokens_max = context - static_cast<std::uint32_t>(prompt.size());
    request.sampling = input_.request.sampling;
    request.ignore_eos = input_.request.ignore_eos;
    request.stop_tokens = input_.request.stop_tokens;
    request.tenant = input_.principal;
    if (input_.request.return_token_ids) {
      bodies_[sequence->at].prompt_token_ids = prompt;
    }
    request.prompt = std::move(prompt);
    sequence->sink = std::make_unique<Sink>(shared_from_this(), shared_.mailbox, sequence->at);
    const std::uint32_t output_tokens_max = request.output_tokens_max;
    const Result<RequestId> id = shared_.generator.start(std::move(request), *sequence->sink);
    if (!id) {
      sequence->sink.reset();
      fail(id.error());
      break;
    }
    sequence->id = *id;
    ++started;
    shared_.probe.started(output_tokens_max);
  }
  return started;
}

void CompletionJob::on_event(SinkEvent& event) {
  Sequence& sequence = *sequences_[event.choice];
  if (auto* use = std::get_if<CacheUse>(&event.what)) {
    on_prompt(sequence, *use);
  } else if (auto* token = std::get_if<Token>(&event.what)) {
    on_token(sequence, *token);
  } else {
    on_end(sequence, std::get<Result<Finish>>(event.what));
  }
}

void CompletionJob::on_prompt(Sequence& sequence, const CacheUse& use) {
  sequence.use = use;
  if (!closed_ && input_.request.stream) begin_stream();
}

void CompletionJob::on_token(Sequence& sequence, const Token& token) {
  if (sequence.first_us < 0) {
    sequence.first_us = shared_.clock.now_us();
    const std::int64_t ttft_us = sequence.first_us - exchange_->request().received_us;
    if (first_token_us_ < 0) first_token_us_ = ttft_us;
    shared_.probe.first_token(ttft_us);
  }
  sequence.last_us = shared_.clock.now_us();
  if (closed_ || sequence.choice.finished()) return;
  if (!sequence.choice.push(token) && !sequence.cancelled) {  // a stop string: the generator need not go on
    sequence.cancelled = true;
    shared_.generator.cancel(sequence.id);
  }
}

void CompletionJob::on_end(Sequence& sequence, Result<Finish>& end) {
  const std::int64_t now_us = shared_.clock.now_us();
  const std::string text_reason = sequence.choice.finished() ? "stop" : "";
  ServeProbe::Ended ended;
  ended.reason = !end                                      ? "error"
                 : !text_reason.empty()                    ? text_reason
                 : end->reason == FinishReason::kLength    ? "length"
                 : end->reason == FinishReason::kCancelled ? "abort"
                                                           : "stop";
  ended.prompt_tokens = sequence.prompt_tokens;
  ended.output_tokens = sequence.choice.tokens();
  ended.total_us = now_us - exchange_->request().received_us;
  ended.decode_us = sequence.last_us - sequence.first_us;
  shared_.probe.ended(ended);
  sequence.sink.reset();
  shared_.on_sequence_ended(exchange_->request().tenant);
  if (closed_) return;
  if (!end) return fail(end.error());
  if (ended.reason == "abort") return fail(unavailable(kStoppedText), LastEvent::kError);
  sequence.choice.finish(ended.reason);
}

void CompletionJob::flush() {
  if (closed_) return;
  bool finished = true;
  for (const auto& sequence : sequences_) {
    if (input_.request.stream) flush_stream(*sequence);
    finished = finished && sequence->choice.finished();
  }
  if (finished) finish_answer();
}

void CompletionJob::begin_stream() {
  if (std::exchange(streaming_, true)) return;
  HttpHeaders headers = input_.headers;
  headers.emplace_back("Cache-Control", "no-cache");
  headers.emplace_back("Content-Type", "text/event-stream; charset=utf-8");
  exchange_->begin_stream({200, std::move(headers)});
}

void CompletionJob::flush_stream(Sequence& sequence) {
  if (!sequence.choice.has_news()) return;
  begin_stream();
  ChoiceBody body = sequence.choice.take();
  std::optional<UsageCount> each;
  if (input_.request.stream_usage_each) each = usage();
  body.prompt_token_ids = std::exchange(bodies_[sequence.at].prompt_token_ids, {});
  const std::string reason = std::exchange(body.finish_reason, "");
  if (!reason.empty()) finish_ = reason;
  const std::string stop_reason = std::exchange(body.stop_reason, "");
  // The last text and the reason for the end are two chunks in a chat, as clients of the original expect.
  const bool split = !reason.empty() && input_.frame.chat && (!body.text.empty() || body.first);
  if (split) {
    exchange_->write(stream_chunk(input_.frame, body, each, input_.request.stream_usage));
    body = ChoiceBody{body.index};
  }
  body.finish_reason = reason;
  body.stop_reason = stop_reason;
  exchange_->write(stream_chunk(input_.frame, body, each, input_.request.stream_usage));
}

UsageCount CompletionJob::usage() const {
  UsageCount count;
  for (const auto& sequence : sequences_) {
    count.prompt_tokens += sequence->prompt_tokens;
    count.completion_tokens += sequence->choice.tokens();
    count.cached_by_tier["device"] += sequence->use.device_tokens;
    for (const auto& [tier, tokens] : sequence->use.tier_tokens) count.cached_by_tier[tier] += tokens;
  }
  return count;
}

void CompletionJob::finish_answer() {
  if (input_.request.stream) {
    if (input_.request.stream_usage) exchange_->write(stream_usage(input_.frame, usage()));
    exchange_->write(kStreamDone);
    exchange_->end_stream();
  } else {
    for (const auto& sequence : sequences_) {
      ChoiceBody body = sequence->choice.take();
      body.prompt_token_ids = std::move(bodies_[sequence->at].prompt_token_ids);
      finish_ = body.finish_reason;
      bodies_[sequence->at] = std::move(body);
    }
    exchange_->respond({200, completion_body(input_.frame, bodies_, usage()), "application/json", input_.headers});
  }
  close(200, finish_);
}

void CompletionJob::fail(const Error& error, LastEvent last) {
  const ApiError shown = to_api_error(error);
  if (streaming_) {
    exchange_->write(stream_error(to_json(shown)));
    if (last == LastEvent::kDone) exchange_->write(kStreamDone);
    exchange_->end_stream();
  } else {
    HttpHeaders headers = input_.headers;
    if (shown.status == 429 || shown.status == 503) headers.emplace_back("Retry-After", "1");
    exchange_->respond({shown.status, to_json(shown), "application/json", headers});
  }
  close(shown.status, "error");
  cancel_all();
}

void CompletionJob::on_gone(GoneReason reason) {
  if (closed_) return;
  shared_.probe.gone(reason);
  if (reason == GoneReason::kStopping) return fail(unavailable(kStoppedText), LastEvent::kError);
  close(499, "cancelled");
  cancel_all();
}

void CompletionJob::cancel_all() {
  for (const auto& sequence : sequences_) {
    if (!sequence->sink || sequence->cancelled) continue;
    sequence->cancelled = true;
    shared_.generator.cancel(sequence->id);
  }
}

void CompletionJob::close(int status, const std::string& finish) {
  closed_ = true;
  exchange_->on_gone = nullptr;
  RequestSummary summary;
  summary.id = input_.frame.id;
  summary.path = exchange_->request().path;
  summary.tenant = exchange_->request().tenant;
  summary.status = status;
  summary.finish = finish;
  summary.ttft_us = first_token_us_;
  summary.total_us = shared_.clock.now_us() - exchange_->request().received_us;
  std::map<std::string, std::uint64_t> tiers, misses;
  for (const auto& sequence : sequences_) {
    summary.output_tokens += sequence->choice.tokens();
    summary.use.prompt_tokens += sequence->prompt_tokens;
    summary.use.device_tokens += sequence->use.device_tokens;
    summary.use.computed_tokens += sequence->use.computed_tokens;
    summary.use.forecast += sequence->use.forecast;
    summary.use.queued_s += sequence->use.queued_s;
    summary.use.load_s += sequence->use.load_s;
    summary.use.prefill_s += sequence->use.prefill_s;
    for (const auto& [tier, tokens] : sequence->use.tier_tokens) tiers[tier] += tokens;
    for (const auto& [why, tokens] : sequence->use.missed_tokens) misses[why] += tokens;
  }
  summary.use.tier_tokens.assign(tiers.begin(), tiers.end());
  summary.use.missed_tokens.assign(misses.begin(), misses.end());
  if (shared_.on_finished) shared_.on_finished(summary);
}

}  // namespace cairn

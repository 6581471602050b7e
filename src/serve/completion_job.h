// One completion request from its prompts to its last byte: starts a sequence a prompt, turns tokens into the answer,
// cancels when the client leaves. Everything here runs on the I/O thread except the sinks.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "api/generator.h"
#include "base/clock.h"
#include "http/exchange.h"
#include "serve/choice.h"
#include "serve/mailbox.h"
#include "serve/probe.h"

namespace cairn {

class CompletionJob;

// What a sink has to say, for the I/O thread.
struct SinkEvent {
  std::shared_ptr<CompletionJob> job;
  std::size_t choice = 0;
  std::variant<CacheUse, Token, Result<Finish>> what;
};
using SinkMailbox = Mailbox<SinkEvent>;

// What all jobs share; owned by the server.
struct JobShared {
  Generator& generator;
  const Tokenizer& tokenizer;
  const Clock& clock;
  ServeProbe& probe;
  std::shared_ptr<SinkMailbox> mailbox;
  std::function<void(const RequestSummary&)> on_finished;
  std::function<void(const std::string& tenant)> on_sequence_ended;  // gives its place back
};

struct JobInput {
  CompletionRequest request;
  std::vector<std::vector<TokenId>> prompts;
  PrincipalTag principal;
  ResponseFrame frame;
  std::uint32_t output_tokens_max = 0;  // 0: what the context leaves, for each prompt
  HttpHeaders headers;
};

class CompletionJob : public std::enable_shared_from_this<CompletionJob> {
 public:
  CompletionJob(JobShared& shared, std::shared_ptr<HttpExchange> exchange, JobInput input);
  ~CompletionJob();
  // Starts all sequences; on a refusal answers with it. Returns how many were started.
  std::size_t start();
  // From the mailbox, in order. flush() once after all events of a turn.
  void on_event(SinkEvent& event);
  void flush();

 private:
  class Sink;
  struct Sequence;
  void on_prompt(Sequence& sequence, const CacheUse& use);
  void on_token(Sequence& sequence, const Token& token);
  void on_end(Sequence& sequence, Result<Finish>& end);
  void on_gone(GoneReason reason);
  void cancel_all();
  void begin_stream();
  void flush_stream(Sequence& sequence);
  void finish_answer();
  enum class LastEvent : std::uint8_t { kDone, kError };
  void fail(const Error& error, LastEvent last = LastEvent::kDone);
  void close(int status, const std::string& finish);  // the answer is out: one summary
  UsageCount usage() const;

  JobShared& shared_;
  const std::shared_ptr<HttpExchange> exchange_;
  JobInput input_;
  std::vector<std::unique_ptr<Sequence>> sequences_;
  std::vector<ChoiceBody> bodies_;  // of a whole answer
  std::int64_t first_token_us_ = -1;
  std::string finish_;  // of the choice that ended last
  bool streaming_ = false, closed_ = false;
};

}  // namespace cairn

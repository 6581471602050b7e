// What "generate" means, for any front end. The local engine implements Generator. Values and two small interfaces.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/digest.h"
#include "base/ids.h"
#include "base/load_forecast.h"
#include "base/result.h"

namespace cairn {

struct Sampling {
  float temperature = 1.0f;  // 0: greedy
  float top_p = 1.0f;        // (0, 1]
  std::int32_t top_k = 0;    // 0 or -1: off
  std::uint64_t seed = 0;
  bool has_seed = false;
  std::int32_t logprobs = -1;  // how many alternatives beside the sampled token; -1: none wanted
};

struct Request {
  std::vector<TokenId> prompt;  // at least one token
  std::uint32_t output_tokens_max = 16;
  Sampling sampling = {};
  bool ignore_eos = false;
  std::vector<TokenId> stop_tokens = {};  // besides the model's own; text stops are the front end's (it cancels)
  PrincipalTag tenant = {};
};

struct TokenLogprob {
  TokenId token = 0;
  float logprob = 0;
};

// One sampled token and, when asked for, its log-probability and the best alternatives (best first).
struct Token {
  TokenId id = 0;
  float logprob = 0;
  std::vector<TokenLogprob> top;
};

// Where the prompt's tokens came from: device + Σ tier + computed = prompt, Σ missed = computed, exactly.
struct CacheUse {
  std::uint64_t prompt_tokens = 0, device_tokens = 0, computed_tokens = 0;
  std::vector<std::pair<std::string, std::uint64_t>> tier_tokens;
  std::vector<std::pair<std::string, std::uint64_t>> missed_tokens;  // reason -> tokens, zero ones left out
  LoadForecast forecast = {};
  // Before the first token: waiting to be taken up; from the load's start until the engine saw its end (part of
  // prefill_s); from being taken up to the first token.
  double queued_s = 0, load_s = 0, prefill_s = 0;
  std::uint64_t cached_tokens() const { return prompt_tokens - computed_tokens; }
};

enum class FinishReason : std::uint8_t { kStop, kLength, kCancelled };

struct Finish {
  FinishReason reason = FinishReason::kStop;
  std::uint32_t preemptions = 0;
};

// Called from the generator's step thread, in order: on_prompt, on_token*, on_end. Must not block and must not call
// the generator back. After on_end nothing is called; the sink may be destroyed then.
class TokenSink {
 public:
  virtual ~TokenSink() = default;
  virtual void on_prompt(const CacheUse& use) = 0;  // before the first token
  virtual void on_token(const Token& token) = 0;
  virtual void on_end(Result<Finish> end) = 0;
};

struct GeneratorLimits {
  std::uint32_t context_tokens_max = 0;  // prompt + output
  std::uint32_t vocabulary = 0;
};

class Generator {
 public:
  virtual ~Generator() = default;
  // Any thread. kInvalid: an empty or too long prompt, a token outside the vocabulary. kExhausted: the waiting queue
  // is full. `sink` outlives its on_end.
  virtual Result<RequestId> start(Request request, TokenSink& sink) = 0;
  virtual void cancel(RequestId id) = 0;  // any thread; on_end still comes, once
  virtual GeneratorLimits limits() const = 0;
};

}  // namespace cairn

// Bodies of answers, in OpenAI's forms with vLLM's extras. Pure: values in, JSON text out.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"

namespace cairn {

struct TokenText {
  std::string bytes;  // what the token adds to the text; possibly a part of a code point
  float logprob = 0;
};
struct LogprobEntry {
  TokenText token;
  std::vector<TokenText> top;
};

struct UsageCount {
  std::uint64_t prompt_tokens = 0, completion_tokens = 0;
  std::map<std::string, std::uint64_t> cached_by_tier;  // "device" and the tiers; their sum was not recomputed
};

// What every body of one request repeats.
struct ResponseFrame {
  std::string id, model;
  std::int64_t created_s = 0;
  bool chat = false, logprobs = false, token_ids = false;
};

// A part of a choice (a chunk), or the whole of it.
struct ChoiceBody {
  std::size_t index = 0;
  std::string text;
  std::vector<LogprobEntry> logprobs;
  std::uint64_t text_offset = 0;  // code points of this choice before the first entry of `logprobs`
  std::vector<TokenId> token_ids, prompt_token_ids;
  std::string finish_reason;  // empty: not yet
  std::string stop_reason;    // the stop string; empty: none
  bool first = false;         // of a chat stream: carries the role
};

std::string completion_body(const ResponseFrame& frame, const std::vector<ChoiceBody>& choices,
                            const UsageCount& usage);
// One SSE event. `usage` empty and `usage_null`: "usage": null stands in it.
std::string stream_chunk(const ResponseFrame& frame, const ChoiceBody& choice, const std::optional<UsageCount>& usage,
                         bool usage_null);
std::string stream_usage(const ResponseFrame& frame, const UsageCount& usage);
std::string stream_error(const std::string& error_json);
inline constexpr char kStreamDone[] = "data: [DONE]\n\n";

std::string model_body(const std::string& name, const std::vector<std::string>& names, std::int64_t created_s,
                       std::uint32_t context_tokens_max);
std::string models_body(const std::vector<std::string>& names, std::int64_t created_s,
                        std::uint32_t context_tokens_max);
std::string version_body(const std::string& version);
std::string tokenize_body(const std::vector<TokenId>& tokens, const std::optional<std::vector<std::string>>& strings,
                          std::uint32_t context_tokens_max);
std::string detokenize_body(const std::string& text);

// Code points of well-formed UTF-8; broken bytes count one each.
std::uint64_t code_points(const std::string& text);
// Itself, or "bytes:\xe2\x82" where it is no whole text: distinct tokens keep distinct names.
std::string token_name(const std::string& bytes);

}  // namespace cairn

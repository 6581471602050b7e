// Sends given chats to a server, a few at a time, and waits for all answers: to fill a store, to measure a rate.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "bench/multi_round_qa.h"

namespace cairn {

struct ChatBatch {
  std::string base_url, model;
  std::vector<std::vector<ChatTurn>> chats;
  std::uint32_t answer_tokens = 1, at_once = 1;
  double request_timeout_s = 600;  // without a byte from the server
};

struct ChatBatchReport {
  std::vector<std::uint64_t> prompt_tokens;  // of each chat, as the server counts
  double elapsed_s = 0;

  std::uint64_t total_tokens() const;
  double tokens_per_s() const;
};

struct ChatBatchDeps {
  const Clock& clock;
  const std::atomic<bool>& stop;                       // looked at ten times a second
  std::function<void(std::size_t answered)> progress;  // ten times a second
};

// Blocks. The first chat that is not answered ends it: kUnavailable, and why. kCancelled: stopped.
Result<ChatBatchReport> ask_each(const ChatBatch& batch, const ChatBatchDeps& deps);

// What those who are there from the start send first: as many as users, and the one who joins at once; by user. Who has
// no question left sends nothing.
std::vector<std::vector<ChatTurn>> first_chats(const QaWorkload& workload);

}  // namespace cairn

// The words of the multi-round QA workload. Word counts, not tokens: they are about equal where " hi" is one token.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace cairn {

// Unset: every filler word is "hi", so all users send the same. Set: words drawn from the seed, so that an answer made
// from another user's KV shows; the system filler stays the same for all users.
using FillerSeed = std::optional<std::uint64_t>;

std::string system_filler(std::uint32_t words, FillerSeed seed);
std::string history_filler(std::uint32_t words, FillerSeed seed, std::uint32_t user_id);
// What stands for an answer that was never computed, in pre-built histories: differs by user and question.
std::string answer_filler(std::uint32_t words, FillerSeed seed, std::uint32_t user_id, std::uint32_t question);

// Before the first question of a chat. The prefix that users share ends at the user id.
std::string chat_opening(const std::string& system, std::uint32_t user_id, const std::string& history);
std::string question_text(std::uint32_t question);
std::string warm_up_text(std::uint32_t chat);

}  // namespace cairn

#include "bench/answer_book.h"

#include <algorithm>

namespace cairn {

void AnswerBook::add(const std::string& scenario, std::uint32_t context_words, std::span<const RequestRecord> records) {
  std::map<std::uint32_t, std::uint32_t> first_failed;  // user -> question
  for (const RequestRecord& record : records) {
    if (record.finished()) continue;
    const auto [at, added] = first_failed.emplace(record.user_id, record.question);
    if (!added) at->second = std::min(at->second, record.question);
  }
  for (const RequestRecord& record : records) {
    const auto failed = first_failed.find(record.user_id);
    if (!record.finished() || (failed != first_failed.end() && record.question > failed->second)) continue;
    const auto [at, added] = first_.emplace(Question{context_words, record.user_id, record.question},
                                            Answer{record.answer_digest, scenario});
    if (added) continue;
    ++compared_;
    if (at->second.digest == record.answer_digest) continue;
    ++differ_;
    if (differing_.size() < kDifferingMax) {
      differing_.push_back(std::to_string(context_words) + " words, user " + std::to_string(record.user_id) +
                           ", question " + std::to_string(record.question) + ": '" + scenario + "' answers " +
                           record.answer_digest + ", '" + at->second.scenario + "' " + at->second.digest);
    }
  }
}

std::optional<bool> AnswerBook::equal() const {
  if (compared_ == 0) return std::nullopt;
  return differ_ == 0;
}

}  // namespace cairn

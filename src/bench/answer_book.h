// Whether the same question of the same user had the same answer in every scenario. Values.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "bench/request_record.h"

namespace cairn {

class AnswerBook {
 public:
  static constexpr std::size_t kDifferingMax = 20;

  // The answers of one cell. A user whose question failed is left out from there on: what it asks afterwards stands in
  // another chat. Questions asked in the order of their numbers.
  void add(const std::string& scenario, std::uint32_t context_words, std::span<const RequestRecord> records);

  std::uint64_t compared() const { return compared_; }
  // Unset: no answer was there twice.
  std::optional<bool> equal() const;
  const std::vector<std::string>& differing() const { return differing_; }  // a line each, the first kDifferingMax

 private:
  using Question = std::tuple<std::uint32_t, std::uint32_t, std::uint32_t>;  // context words, user, question
  struct Answer {
    std::string digest, scenario;
  };
  std::map<Question, Answer> first_;
  std::uint64_t compared_ = 0, differ_ = 0;
  std::vector<std::string> differing_;
};

}  // namespace cairn

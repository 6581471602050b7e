// Property: sampling is a function of logits, parameters, seed and output index alone, and follows the distribution
// that the parameters define.
#include "engine/sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "base/random.h"

namespace cairn {
namespace {

std::vector<float> random_logits(std::size_t count, std::uint64_t seed) {
  Random random(seed);
  std::vector<float> logits(count);
  for (float& logit : logits) logit = static_cast<float>(random.uniform() * 20 - 10);
  return logits;
}

TEST(Sampler, GreedyTakesTheHighestAndOfEqualOnesTheLowestId) {
  Sampling greedy;
  greedy.temperature = 0;
  EXPECT_EQ(sample(std::vector<float>{1, 3, 2, 3}, greedy, {})->id, 1u);
  EXPECT_EQ(sample(std::vector<float>{-INFINITY, -5, -5}, greedy, {})->id, 1u);
}

TEST(Sampler, LogprobsAreTheLogSoftmaxOfTheUncutRow) {
  const auto logits = random_logits(1000, 1);
  long double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<long double>(logit));
  Sampling sampling;
  sampling.temperature = 0.3f;
  sampling.top_k = 3;
  sampling.logprobs = 5;
  const Token token = *sample(logits, sampling, {7, 2});
  const auto exact = [&](TokenId id) { return static_cast<double>(logits[id] - std::log(sum)); };
  EXPECT_NEAR(token.logprob, exact(token.id), 1e-6);
  ASSERT_EQ(token.top.size(), 5u);
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_NEAR(token.top[i].logprob, exact(token.top[i].token), 1e-6);
    if (i > 0) {
      EXPECT_GE(token.top[i - 1].logprob, token.top[i].logprob);
    }
  }
  const auto row = log_softmax(logits);
  double total = 0;
  for (const float logprob : row) total += std::exp(static_cast<double>(logprob));
  EXPECT_NEAR(total, 1.0, 1e-6);
  EXPECT_EQ(row[token.id], token.logprob);
}

TEST(Sampler, SameSeedAndIndexGiveTheSameTokenOthersDiffer) {
  const auto logits = random_logits(500, 2);
  Sampling sampling;
  sampling.temperature = 5;
  std::set<TokenId> by_index, by_seed;
  for (std::uint32_t i = 0; i < 50; ++i) {
    EXPECT_EQ(sample(logits, sampling, {9, i})->id, sample(logits, sampling, {9, i})->id);
    by_index.insert(sample(logits, sampling, {9, i})->id);
    by_seed.insert(sample(logits, sampling, {i, 0})->id);
  }
  EXPECT_GT(by_index.size(), 30u);
  EXPECT_GT(by_seed.size(), 30u);
}

TEST(Sampler, FrequenciesFollowTheTemperedSoftmax) {
  const std::vector<float> logits = {0, 1, 2, -1};
  for (const float temperature : {0.5f, 1.0f, 2.0f}) {
    Sampling sampling;
    sampling.temperature = temperature;
    std::map<TokenId, int> seen;
    const int draws = 40000;
    for (int i = 0; i < draws; ++i) ++seen[sample(logits, sampling, {3, static_cast<std::uint32_t>(i)})->id];
    double total = 0;
    for (const float logit : logits) total += std::exp(logit / temperature);
    for (TokenId id = 0; id < 4; ++id) {
      EXPECT_NEAR(seen[id] / static_cast<double>(draws), std::exp(logits[id] / temperature) / total, 0.012) << id;
    }
  }
}

TEST(Sampler, TopKAndTopPCutTheTail) {
  const auto logits = random_logits(3000, 4);
  Sampling sampling;
  sampling.temperature = 3;
  const auto support = [&] {
    std::set<TokenId> seen;
    for (std::uint32_t i = 0; i < 600; ++i) seen.insert(sample(logits, sampling, {1, i})->id);
    return seen;
  };
  sampling.top_k = 4;
  const auto four = support();
  EXPECT_EQ(four.size(), 4u);
  sampling.top_k = 0;
  // The smallest set with half of the probability, by sorting everything.
  std::vector<double> weights;
  for (const float logit : logits) weights.push_back(std::exp(logit / 3.0));
  double total = 0;
  for (const double w : weights) total += w;
  std::sort(weights.rbegin(), weights.rend());
  double sum = 0, least = 0;
  for (const double w : weights) {
    sum += w, least = w;
    if (sum >= 0.5 * total) break;
  }
  sampling.top_p = 0.5f;
  for (const TokenId id : support()) EXPECT_GE(std::exp(logits[id] / 3.0), least * (1 - 1e-9));
  sampling.top_p = 1e-6f;
  EXPECT_EQ(support().size(), 1u);
  sampling.top_p = 0.999999f;
  EXPECT_GT(support().size(), 100u);
}

TEST(Sampler, NotANumberIsAnError) {
  Sampling sampling;
  EXPECT_FALSE(sample(std::vector<float>{1, std::nanf("")}, sampling, {}).has_value());
  EXPECT_FALSE(sample(std::vector<float>{-INFINITY, -INFINITY}, sampling, {}).has_value());
  EXPECT_FALSE(sample(std::vector<float>{}, sampling, {}).has_value());
}

}  // namespace
}  // namespace cairn

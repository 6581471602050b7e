#include "engine/sampler.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

#include "base/random.h"

namespace cairn {
namespace {

constexpr float kGreedyBelow = 1e-5f;

// exp for x <= 0 by 2^k × polynomial; the same bits everywhere, unlike libm's, which differs by processor.
double fixed_exp(double x) {
  if (x < -700.0) return 0.0;
  const double scaled = x * 1.4426950408889634074;
  const double whole = std::floor(scaled + 0.5);
  const double r = (x - whole * 0.693147180369123816490) - whole * 1.90821492927058770002e-10;  // |r| <= ln2 / 2
  double sum = 1.0 / 6227020800.0;  // 1/13!, then down to 1/0!
  for (const double factorial :
       {479001600.0, 39916800.0, 3628800.0, 362880.0, 40320.0, 5040.0, 720.0, 120.0, 24.0, 6.0, 2.0, 1.0, 1.0}) {
    sum = sum * r + 1.0 / factorial;
  }
  return sum * std::bit_cast<double>((static_cast<std::uint64_t>(static_cast<std::int64_t>(whole) + 1023)) << 52);
}

struct Candidate {
  float logit;
  TokenId id;
};
bool better(const Candidate& a, const Candidate& b) { return a.logit != b.logit ? a.logit > b.logit : a.id < b.id; }

std::vector<Candidate> best(std::span<const float> logits, std::size_t count) {
  std::vector<Candidate> all(logits.size());
  for (std::size_t i = 0; i < logits.size(); ++i) all[i] = {logits[i], static_cast<TokenId>(i)};
  count = std::min(count, all.size());
  std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(count), all.end(), better);
  all.resize(count);
  return all;
}

std::size_t argmax(std::span<const float> logits) {
  return static_cast<std::size_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

double log_sum_exp(std::span<const float> logits, float highest) {
  double sum = 0;
  for (const float logit : logits) sum += fixed_exp(static_cast<double>(logit) - highest);
  return std::log(sum);
}

double uniform(const Draw& draw) {
  Random mixer(draw.seed);
  Random random(mixer.next() ^ (std::uint64_t{draw.output_index} * 0xd1342543de82ef95ull + 1));
  random.next();
  return random.uniform();
}

// The smallest leading run of `sorted` with at least `share` of `total`; 0: `sorted` does not hold that much.
std::size_t nucleus(std::span<const double> weights, double total, double share) {
  double sum = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    sum += weights[i];
    if (sum >= share * total) return i + 1;
  }
  return 0;
}

TokenId draw_token(std::span<const float> logits, const Sampling& sampling, const Draw& draw) {
  const float highest = logits[argmax(logits)];
  const auto weight = [&](float logit) {
    return fixed_exp((static_cast<double>(logit) - highest) / sampling.temperature);
  };
  const std::size_t k = sampling.top_k > 0 ? static_cast<std::size_t>(sampling.top_k) : logits.size();
  const bool cut = sampling.top_p < 1.0f;
  std::vector<Candidate> kept;
  std::vector<double> weights;
  if (k < logits.size() || cut) {
    double total = 0;
    if (k >= logits.size()) {
      for (const float logit : logits) total += weight(logit);
    }
    // A nucleus is mostly small: sort a little, and more only when that did not reach top_p.
    for (std::size_t count = k < logits.size() ? k : 256;; count *= 8) {
      kept = best(logits, count);
      weights.resize(kept.size());
      std::transform(kept.begin(), kept.end(), weights.begin(), [&](const Candidate& c) { return weight(c.logit); });
      if (k < logits.size()) total = std::accumulate(weights.begin(), weights.end(), 0.0);
      const std::size_t size = cut ? nucleus(weights, total, sampling.top_p) : weights.size();
      if (size == 0 && kept.size() < std::min(k, logits.size())) continue;
      if (size != 0) weights.resize(size);
      break;
    }
  } else {
    weights.resize(logits.size());
    std::transform(logits.begin(), logits.end(), weights.begin(), weight);
  }
  double left = uniform(draw) * std::accumulate(weights.begin(), weights.end(), 0.0);
  std::size_t chosen = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (weights[i] > 0) chosen = i;
    if ((left -= weights[i]) < 0) break;
  }
  return kept.empty() ? static_cast<TokenId>(chosen) : kept[chosen].id;
}

}  // namespace

std::vector<float> log_softmax(std::span<const float> logits) {
  const float highest = logits[argmax(logits)];
  const double norm = log_sum_exp(logits, highest);
  std::vector<float> out(logits.size());
  std::transform(logits.begin(), logits.end(), out.begin(),
                 [&](float logit) { return static_cast<float>((static_cast<double>(logit) - highest) - norm); });
  return out;
}

Result<Token> sample(std::span<const float> logits, const Sampling& sampling, const Draw& draw) {
  for (const float logit : logits) {
    if (std::isnan(logit) || logit == HUGE_VALF) return corrupt("a logit is not a finite number");
  }
  const std::size_t top = argmax(logits);
  if (logits.empty() || logits[top] == -HUGE_VALF) return corrupt("no logit is a finite number");
  Token token;
  token.id = sampling.temperature < kGreedyBelow ? static_cast<TokenId>(top) : draw_token(logits, sampling, draw);
  if (sampling.logprobs < 0) return token;
  const double norm = log_sum_exp(logits, logits[top]);
  const auto logprob = [&](float logit) {
    return static_cast<float>((static_cast<double>(logit) - logits[top]) - norm);
  };
  token.logprob = logprob(logits[token.id]);
  for (const Candidate& c : best(logits, static_cast<std::size_t>(sampling.logprobs))) {
    token.top.push_back({c.id, logprob(c.logit)});
  }
  return token;
}

}  // namespace cairn

#include "model/rope.h"

#include <bit>

namespace cairn {

namespace {

constexpr double kTwoOverPi = 0x1.45f306dc9c883p-1;
// pi/2 in three parts; the first two have 33 bits, so their products with a quadrant number below 2^20 are exact.
constexpr double kHalfPi1 = 0x1.921fb544p+0, kHalfPi2 = 0x1.0b4611a6p-34, kHalfPi3 = 0x1.3198a2e037073p-69;
constexpr double kLn2 = 0x1.62e42fefa39efp-1;
constexpr double kInverseLn2 = 0x1.71547652b82fep+0;
constexpr double kTwoPi = 0x1.921fb54442d18p+2;

double nearest(double x) {
  constexpr double kMagic = 0x1.8p52;
  return (x + kMagic) - kMagic;
}

// Taylor's series in Horner form: the sum of r^n / n! with steps of `step`, from `first` to `last`.
double series(double square, int first, int last, double sign) {
  double sum = 1.0;
  for (int n = last; n > first; n -= 2) sum = 1.0 + sign * square * sum / (static_cast<double>(n) * (n - 1));
  return sum;
}

}  // namespace

SineCosine sine_cosine(double x) {
  const double quadrants = nearest(x * kTwoOverPi);
  const double r = ((x - quadrants * kHalfPi1) - quadrants * kHalfPi2) - quadrants * kHalfPi3;
  const double square = r * r;
  const double s = r * series(square, 1, 19, -1.0);  // r (1 - r^2/(2·3) (1 - r^2/(4·5) (...)))
  const double c = series(square, 0, 20, -1.0);      // 1 - r^2/(1·2) (1 - r^2/(3·4) (...))
  switch (static_cast<std::int64_t>(quadrants) & 3) {
    case 0:
      return {s, c};
    case 1:
      return {c, -s};
    case 2:
      return {-s, -c};
    default:
      return {-c, s};
  }
}

double power_of_two(double x) {
  const double whole = nearest(x);
  const double r = (x - whole) * kLn2;
  double sum = 1.0;
  for (int n = 20; n >= 1; --n) sum = 1.0 + r * sum / n;
  const auto exponent = static_cast<std::int64_t>(whole) + 1023;
  return sum * std::bit_cast<double>(static_cast<std::uint64_t>(exponent) << 52);
}

double log2_of(double x) {
  const auto bits = std::bit_cast<std::uint64_t>(x);
  auto exponent = static_cast<std::int64_t>(bits >> 52) - 1023;
  double m = std::bit_cast<double>((bits & 0x000fffffffffffffull) | 0x3ff0000000000000ull);
  if (m > 1.5) {
    m = m * 0.5;
    exponent = exponent + 1;
  }
  const double t = (m - 1.0) / (m + 1.0), square = t * t;  // ln m = 2 (t + t^3/3 + t^5/5 + ...), |t| <= 1/5
  double sum = 0.0;
  for (int n = 27; n >= 1; n -= 2) sum = 1.0 / n + square * sum;
  return static_cast<double>(exponent) + 2.0 * t * sum * kInverseLn2;
}

std::vector<double> rope_frequencies(const RopeSpec& rope, std::uint32_t head_dim) {
  std::vector<double> frequencies(head_dim / 2);
  const double log2_theta = log2_of(rope.theta);
  for (std::size_t i = 0; i < frequencies.size(); ++i) {
    double f = power_of_two(-(2.0 * static_cast<double>(i) / head_dim) * log2_theta);
    if (rope.llama3_scaling) {
      const double turns = rope.original_context * f / kTwoPi;  // full turns within the original context
      if (turns < rope.low_freq_factor) {
        f = f / rope.factor;
      } else if (turns < rope.high_freq_factor) {
        const double blend = (turns - rope.low_freq_factor) / (rope.high_freq_factor - rope.low_freq_factor);
        f = (1.0 - blend) * (f / rope.factor) + blend * f;
      }
    }
    frequencies[i] = f;
  }
  return frequencies;
}

void rope_row(std::span<const double> frequencies, std::uint32_t position, float* cosine, float* sine) {
  for (std::size_t i = 0; i < frequencies.size(); ++i) {
    const SineCosine at = sine_cosine(position * frequencies[i]);
    cosine[i] = static_cast<float>(at.cosine);
    sine[i] = static_cast<float>(at.sine);
  }
}

}  // namespace cairn

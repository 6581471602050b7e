// Rotary position angles. Own double arithmetic, so that no library and no instruction set can change a bit:
// docs/numerics.md states the method. Pure; any thread.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "model/spec.h"

namespace cairn {

struct SineCosine {
  double sine, cosine;
};
SineCosine sine_cosine(double x);  // 0 <= x < 2^20
double power_of_two(double x);     // 2^x, |x| < 1000
double log2_of(double x);          // x > 0, normal

// Angular frequency of each of the dim/2 pairs, Llama-3 scaling applied where the model asks for it.
std::vector<double> rope_frequencies(const RopeSpec& rope, std::uint32_t head_dim);

// cosine[i], sine[i] = f32 of position × frequencies[i].
void rope_row(std::span<const double> frequencies, std::uint32_t position, float* cosine, float* sine);

}  // namespace cairn

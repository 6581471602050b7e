// Property: rates are positive, shares compare like with like, and work is counted by the formulas that the
// documentation names.
#include "model/calibrate.h"

#include <gtest/gtest.h>

#include "model/kernel_select.h"
#include "model/random_model.h"

namespace cairn {
namespace {

TEST(Calibrate, WorkIsCountedFromTheShape) {
  ModelSpec spec = small_spec(Architecture::kLlama, 9, 3, 64);
  const double linear = static_cast<double>(spec.linear_parameters());
  EXPECT_EQ(prefill_flops_of(spec, 1), 2 * linear + 4.0 * 3 * 9 * 64);
  EXPECT_EQ(prefill_flops_of(spec, 2), 4 * linear + 4.0 * 3 * 9 * 64 * 3);
  EXPECT_EQ(decode_bytes_of(spec, 10), 2 * (linear + 301.0 * 80) + 2 * 2.0 * 3 * 3 * 64 * 11);
}

TEST(Calibrate, AVectorTableBeatsTheOracleInRegisters) {
  ThreadPool pool(1);
  const KernelTable& best = *select_kernels("").value();
  const double fast = measure_fma_rate(best, pool), slow = measure_fma_rate(scalar_kernels(), pool);
  EXPECT_GT(slow, 0);
  if (best.lanes > 1) {
    EXPECT_GT(fast, 4 * slow);
  }
  EXPECT_GT(ReadRate(8 << 20).measure(best, pool), 0);
}

TEST(Calibrate, TheMemorySampleIsFarLargerThanTheCaches) {
  EXPECT_GE(dram_sample_bytes(), std::size_t{512} << 20);
  EXPECT_LE(dram_sample_bytes(), std::size_t{2} << 30);
}

TEST(Calibrate, MeasuresBothPhasesOfAForward) {
  const ModelSpec spec = small_spec(Architecture::kQwen3, 4, 2, 32);
  const RandomModel weights(spec, 3);
  const BlockLayout layout = layout_of(spec);
  ForwardConfig config;
  config.threads = 2;
  config.step_tokens_max = 64;
  const auto forward = Forward::make(weights, layout, config).value();
  MeasureOptions options;
  options.prefill_tokens = 64, options.decode_context = 20, options.read_bytes = 4 << 20;
  options.rounds_max = 12, options.foreign_load_max = -1, options.decode_steps = 4;
  const auto rates = measure_forward(*forward, spec, layout, options);
  ASSERT_TRUE(rates);
  EXPECT_EQ(rates->threads, 2u);
  EXPECT_GT(rates->prefill_share(), 0);
  EXPECT_LT(rates->prefill_share(), 1);
  EXPECT_GT(rates->decode_tokens, 0);
  EXPECT_GE(rates->foreign_load, 0);
  EXPECT_LE(rates->foreign_load, 1);
  EXPECT_EQ(rates->rounds, 12u);  // no round is as quiet as none: all are taken, the quietest nine count
  options.rounds = 3;
  EXPECT_FALSE(measure_forward(*forward, spec, layout, options));
  options.rounds = 9, options.rounds_max = 8;
  EXPECT_FALSE(measure_forward(*forward, spec, layout, options));
}

}  // namespace
}  // namespace cairn

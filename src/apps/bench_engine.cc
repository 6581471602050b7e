// cairn bench engine MODEL_DIR: prefill and decode against the register rate and the DRAM read rate of this machine,
// all measured in one process.
#include <cstdio>

#include "apps/verbs.h"
#include "model/calibrate.h"
#include "model/weights.h"

namespace cairn {
namespace {

struct BenchEngineWords {
  std::uint32_t threads = 1, prefill_tokens = 512, decode_context = 64, rounds = 9;
  std::string isa;
  bool json = false;
  Result<void> validate() const {
    if (rounds == 0) return invalid("rounds is 0: at least 1, 9 for a median worth quoting");
    return {};
  }
  template <class V>
  static void describe(V& v) {
    v.field("threads", &BenchEngineWords::threads, "compute threads; 0: all cores");
    v.field("prefill_tokens", &BenchEngineWords::prefill_tokens, "tokens of the prompt");
    v.field("decode_context", &BenchEngineWords::decode_context, "tokens in the pages while decoding");
    v.field("rounds", &BenchEngineWords::rounds, "each measures everything once; medians are printed");
    v.field("isa", &BenchEngineWords::isa, "kernels to use: avx512, avx2, scalar; empty: the best this machine has");
    v.field("json", &BenchEngineWords::json, "the figures as JSON");
  }
};

void print(const ForwardRates& rates, const Forward& forward, const BenchEngineWords& words) {
  if (words.json) {
    std::printf(
        "{\"isa\": \"%.*s\", \"threads\": %u, \"fma_flops\": %.4g, \"read_bytes_per_s\": %.4g, "
        "\"prefill_tokens_per_s\": %.1f, "
        "\"prefill_share\": %.3f, \"decode_tokens_per_s\": %.1f, \"decode_share\": %.3f, \"foreign_load\": %.3f}\n",
        static_cast<int>(forward.isa().size()), forward.isa().data(), rates.threads, rates.fma_flops, rates.read_bytes,
        rates.prefill_tokens, rates.prefill_share(), rates.decode_tokens, rates.decode_share(), rates.foreign_load);
    return;
  }
  std::printf("kernels %.*s, class %.*s, %u threads, median of %u rounds, per CPU-second of the busiest thread\n",
              static_cast<int>(forward.isa().size()), forward.isa().data(),
              static_cast<int>(forward.numerics_class().size()), forward.numerics_class().data(), rates.threads,
              words.rounds);
  std::printf("F  register rate   %8.1f GFLOP/s\n", rates.fma_flops * 1e-9);
  std::printf("R  DRAM read       %8.1f GB/s\n", rates.read_bytes * 1e-9);
  std::printf("prefill %4u        %8.1f tokens/s   %7.1f GFLOP/s   %.2f F\n", words.prefill_tokens,
              rates.prefill_tokens, rates.prefill_flops * 1e-9, rates.prefill_share());
  std::printf("decode, batch 1     %8.1f tokens/s   %7.1f GB/s      %.2f R\n", rates.decode_tokens,
              rates.decode_bytes * 1e-9, rates.decode_share());
  std::printf("foreign load %.0f %%%s\n", rates.foreign_load * 100,
              rates.foreign_load > 0.1 ? "  (above 10 %: do not quote)" : "");
}

}  // namespace

int run_bench_engine(const VerbInput& input) {
  BenchEngineWords words;
  OptionSet options;
  options.add("", "What to measure", words);
  const Parsed parsed = parse(options, input,
                              {"cairn bench engine MODEL_DIR [options]",
                               "Measures prefill and decode of a model against this machine's own limits: F, the "
                               "register rate of the unit that the kernels use, "
                               "and R, the DRAM read rate, at the same thread count and in the same process."},
                              1);
  if (parsed.done) return parsed.status;
  const Result<std::unique_ptr<ModelWeights>> weights = ModelWeights::load(parsed.loaded.positional[0]);
  if (!weights) return fail(weights.error());
  const ModelSpec& spec = (*weights)->spec();
  const Result<BlockLayout> layout = BlockLayout::make({.geometry = spec.kv_geometry()});
  if (!layout) return fail(layout.error());
  const Result<std::unique_ptr<Forward>> forward = Forward::make(
      **weights, *layout, {.threads = words.threads, .step_tokens_max = words.prefill_tokens, .isa = words.isa});
  if (!forward) return fail(forward.error());
  const Result<ForwardRates> rates = measure_forward(
      **forward, spec, *layout,
      {.prefill_tokens = words.prefill_tokens, .decode_context = words.decode_context, .rounds = words.rounds});
  if (!rates) return fail(rates.error());
  print(*rates, **forward, words);
  return 0;
}

}  // namespace cairn

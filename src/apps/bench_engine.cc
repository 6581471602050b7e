// cairn bench engine MODEL_DIR: prefill and decode against the register rate and the DRAM read rate of this machine,
// all measured in one process.
#include <cstdio>

#include "apps/machine.h"
#include "apps/serve_options.h"
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
    CAIRN_TRY_VOID(check_isa(isa));
    if (threads > 256) return invalid("threads is " + std::to_string(threads) + ": 0 to 256");
    if (rounds < 9 || rounds > 1000) return invalid("rounds is " + std::to_string(rounds) + ": 9 to 1000");
    if (prefill_tokens == 0) return invalid("prefill_tokens is 0: at least 1");
    if (decode_context == 0 || decode_context > prefill_tokens) {
      return invalid("decode_context is " + std::to_string(decode_context) + ": 1 to prefill_tokens, " +
                     std::to_string(prefill_tokens));
    }
    return {};
  }
  template <class V>
  static void describe(V& v) {
    v.field("threads", &BenchEngineWords::threads, "compute threads; 0: all cores");
    v.field("prefill_tokens", &BenchEngineWords::prefill_tokens,
            "tokens of the prompt; at most the context of the model");
    v.field("decode_context", &BenchEngineWords::decode_context,
            "tokens in the pages while decoding; at most prefill_tokens");
    v.field("rounds", &BenchEngineWords::rounds, "quiet ones, at least 9; up to twice as many are tried");
    v.field("isa", &BenchEngineWords::isa, "kernels to use: avx512, avx2, scalar; empty: the best this machine has");
    v.field("json", &BenchEngineWords::json, "the figures as JSON");
  }
};

int length(std::string_view text) { return static_cast<int>(text.size()); }

void print_json(const ForwardRates& rates, const Forward& forward) {
  const std::string_view isa = forward.isa(), numerics = forward.numerics_class();
  std::printf("{\"machine\": \"%s\", \"isa\": \"%.*s\", \"class\": \"%.*s\", \"threads\": %u, \"rounds\": %u, ",
              machine_description().c_str(), length(isa), isa.data(), length(numerics), numerics.data(), rates.threads,
              rates.rounds);
  std::printf("\"fma_flops\": %.4g, \"read_bytes_per_s\": %.4g, ", rates.fma_flops, rates.read_bytes);
  std::printf("\"prefill_tokens_per_s\": %.1f, \"prefill_flops\": %.4g, \"prefill_share\": %.3f, ",
              rates.prefill_tokens, rates.prefill_flops, rates.prefill_share());
  std::printf("\"decode_tokens_per_s\": %.1f, \"decode_bytes_per_s\": %.4g, \"decode_share\": %.3f, ",
              rates.decode_tokens, rates.decode_bytes, rates.decode_share());
  std::printf("\"foreign_load\": %.3f}\n", rates.foreign_load);
}

void print(const ForwardRates& rates, const Forward& forward, const BenchEngineWords& words) {
  const std::string_view isa = forward.isa(), numerics = forward.numerics_class();
  std::printf("machine %s\n", machine_description().c_str());
  std::printf("kernels %.*s, class %.*s, %u thread%s\n", length(isa), isa.data(), length(numerics), numerics.data(),
              rates.threads, rates.threads == 1 ? "" : "s");
  std::printf("median of the %u quietest of %u rounds, per CPU-second of the busiest thread\n", words.rounds,
              rates.rounds);
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
                               "and R, the DRAM read rate, at the same thread count and in the same process.",
                               "cairn bench engine models/SmolLM2-135M-Instruct --threads 2"},
                              1);
  if (parsed.done) return parsed.status;
  const Result<std::unique_ptr<ModelWeights>> weights = ModelWeights::load(parsed.loaded.positional[0]);
  if (!weights) return fail(weights.error());
  const ModelSpec& spec = (*weights)->spec();
  if (words.prefill_tokens > spec.context) {
    return wrong_words(invalid("prefill_tokens is " + std::to_string(words.prefill_tokens) +
                               ": this model's context has " + std::to_string(spec.context) + " tokens"));
  }
  const Result<BlockLayout> layout = BlockLayout::make({.geometry = spec.kv_geometry()});
  if (!layout) return fail(layout.error());
  const ForwardConfig config{.threads = words.threads, .step_tokens_max = words.prefill_tokens, .isa = words.isa};
  if (const Result<void> fits = check_forward_memory(spec, config, "prefill_tokens"); !fits) return fail(fits.error());
  const Result<std::unique_ptr<Forward>> forward = Forward::make(**weights, *layout, config);
  if (!forward) return fail(forward.error());
  const Result<ForwardRates> rates = measure_forward(**forward, spec, *layout,
                                                     {.prefill_tokens = words.prefill_tokens,
                                                      .decode_context = words.decode_context,
                                                      .rounds = words.rounds,
                                                      .rounds_max = 2 * words.rounds});
  if (!rates) return fail(rates.error());
  words.json ? print_json(*rates, **forward) : print(*rates, **forward, words);
  return 0;
}

}  // namespace cairn

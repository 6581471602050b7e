#include "model/calibrate.h"

#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <new>
#include <numeric>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/random.h"
#include "model/kernel_select.h"

namespace cairn {

namespace {

constexpr std::uint64_t kBurnRounds = 2'000'000;  // some milliseconds on a vector unit
constexpr std::uint64_t kScalarBurnRounds = 200'000;
constexpr std::uint32_t kRoundsMin = 9;
constexpr std::uint32_t kTokenSeed = 17;

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// Runs work(thread) once on every thread of the pool; seconds of CPU time of the busiest.
template <class Function>
double on_all_threads(ThreadPool& pool, const Function& work) {
  std::vector<std::int64_t> used(pool.threads());
  std::atomic<std::uint32_t> started{0};
  pool.run(pool.threads(), [&](std::size_t task, std::uint32_t) {
    started.fetch_add(1, std::memory_order_acq_rel);
    while (started.load(std::memory_order_acquire) < pool.threads()) {  // one task each, and all at once
    }
    const std::int64_t begin = thread_cpu_us();
    work(task);
    used[task] = thread_cpu_us() - begin;
  });
  return static_cast<double>(std::max<std::int64_t>(1, *std::max_element(used.begin(), used.end()))) * 1e-6;
}

struct CpuTime {
  double all = 0, busy = 0;  // seconds of all cores since the machine started
  std::int64_t own_us = 0;   // of this process
};

CpuTime cpu_time() {
  CpuTime time;
  if (std::FILE* file = std::fopen("/proc/stat", "re")) {
    unsigned long long field[8] = {};  // user nice system idle iowait irq softirq steal
    if (std::fscanf(file, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &field[0], &field[1], &field[2], &field[3],
                    &field[4], &field[5], &field[6], &field[7]) == 8) {
      constexpr double kTick = 0.01;
      time.all = kTick * static_cast<double>(std::accumulate(field, field + 8, 0ull));
      time.busy = time.all - kTick * static_cast<double>(field[3] + field[4]);
    }
    std::fclose(file);
  }
  timespec own{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &own);
  time.own_us = own.tv_sec * 1'000'000 + own.tv_nsec / 1000;
  return time;
}

double foreign_share(const CpuTime& begin, const CpuTime& end) {
  const double own = static_cast<double>(end.own_us - begin.own_us) * 1e-6;
  const double all = end.all - begin.all;
  return all <= 0 ? 0.0 : std::clamp((end.busy - begin.busy - own) / all, 0.0, 1.0);
}

// A pool of pages for one sequence and the calls that are timed.
class Subject {
 public:
  Subject(Forward& forward, const ModelSpec& spec, const BlockLayout& layout, std::uint32_t tokens)
      : forward_(forward), stride_(layout.page_stride(layout.whole())), tokens_(tokens + 1) {
    const std::uint32_t page_tokens = layout.spec().page_tokens;
    const std::uint32_t pages = (tokens + page_tokens) / page_tokens;
    for (std::uint32_t i = 0; i < pages; ++i) pages_.push_back({i});
    memory_ = KernelArray<std::byte>(stride_ * pages);
    Random random(kTokenSeed);
    for (TokenId& token : tokens_) token = static_cast<TokenId>(random.below(spec.vocabulary));
  }

  // Seconds of the busiest thread for `times` runs of positions [position, position + count).
  double run(std::uint32_t position, std::uint32_t count, std::uint32_t times) {
    const ForwardSlice slice{std::span(tokens_).subspan(position, count), position, pages_, LogitsOf::kLast};
    const PagePool pool{memory_.data(), stride_, static_cast<std::uint32_t>(pages_.size())};
    const std::vector<std::int64_t> before = forward_.cpu_us();
    for (std::uint32_t i = 0; i < times; ++i) forward_.run({&slice, 1}, pool);
    const std::vector<std::int64_t> after = forward_.cpu_us();
    std::int64_t busiest = 1;
    for (std::size_t i = 0; i < before.size(); ++i) busiest = std::max(busiest, after[i] - before[i]);
    return static_cast<double>(busiest) * 1e-6;
  }

 private:
  Forward& forward_;
  std::uint64_t stride_;
  std::vector<TokenId> tokens_;
  std::vector<PageId> pages_;
  KernelArray<std::byte> memory_;
};

struct Round {
  double prefill_s = 0, decode_s = 0;  // of one prompt, of one token
  double foreign_load = 0;
};

// Rounds until enough of them were quiet; the quietest `options.rounds` come first. F and R go into `rates`.
std::vector<Round> take_rounds(Subject& subject, const KernelTable& kernels, const MeasureOptions& options,
                               ForwardRates& rates) {
  ThreadPool pool(rates.threads);
  const ReadRate memory(options.read_bytes != 0 ? options.read_bytes : dram_sample_bytes());
  std::vector<Round> rounds;
  for (std::uint32_t quiet = 0; quiet < options.rounds && rounds.size() < options.rounds_max;) {
    Round round;
    const CpuTime begin = cpu_time();
    rates.fma_flops = std::max(rates.fma_flops, measure_fma_rate(kernels, pool));
    round.prefill_s = subject.run(0, options.prefill_tokens, 1);
    rates.read_bytes = std::max(rates.read_bytes, memory.measure(kernels, pool));
    round.decode_s = subject.run(options.decode_context, 1, options.decode_steps) / options.decode_steps;
    round.foreign_load = foreign_share(begin, cpu_time());
    if (round.foreign_load <= options.foreign_load_max) ++quiet;
    rounds.push_back(round);
  }
  std::stable_sort(rounds.begin(), rounds.end(),
                   [](const Round& a, const Round& b) { return a.foreign_load < b.foreign_load; });
  return rounds;
}

Result<void> check_options(const MeasureOptions& options) {
  if (options.rounds < kRoundsMin) return invalid("rounds must be at least " + std::to_string(kRoundsMin));
  if (options.rounds_max < options.rounds) return invalid("rounds_max must not be less than rounds");
  if (options.prefill_tokens == 0 || options.decode_context == 0 || options.decode_steps == 0) {
    return invalid("prefill_tokens, decode_context and decode_steps must be at least 1");
  }
  if (options.decode_context > options.prefill_tokens) return invalid("decode_context must not exceed prefill_tokens");
  return {};
}

}  // namespace

double measure_fma_rate(const KernelTable& kernels, ThreadPool& pool) {
  const std::uint64_t rounds = kernels.lanes > 1 ? kBurnRounds : kScalarBurnRounds;
  std::vector<std::uint64_t> done(pool.threads());
  const double seconds = on_all_threads(pool, [&](std::size_t task) { done[task] = kernels.fma_burn(rounds); });
  return static_cast<double>(std::accumulate(done.begin(), done.end(), std::uint64_t{0})) / seconds;
}

ReadRate::ReadRate(std::size_t bytes) : region_(round_up(bytes, 2 * kMiB)) {
  for (std::size_t i = 0; i < region_.size(); i += 4 * kKiB) region_.data()[i] = std::byte{1};
}

double ReadRate::measure(const KernelTable& kernels, ThreadPool& pool) const {
  const std::size_t part = region_.size() / pool.threads() / 4096 * 4096;
  std::atomic<std::uint64_t> sink{0};
  double best = 0;
  for (const ReadAhead ahead : {ReadAhead::kNone, ReadAhead::kSome}) {
    const double seconds = on_all_threads(pool, [&](std::size_t task) {
      sink.fetch_add(kernels.read_sum(region_.data() + task * part, part, ahead), std::memory_order_relaxed);
    });
    best = std::max(best, static_cast<double>(part * pool.threads()) / seconds);
  }
  return best;
}

std::size_t dram_sample_bytes() {
  constexpr std::size_t kLeast = 512 * kMiB, kMost = 2 * kGiB;
  const long last_level = sysconf(_SC_LEVEL3_CACHE_SIZE);  // virtual machines report caches that many share
  return std::clamp(4 * static_cast<std::size_t>(std::max(0l, last_level)), kLeast, kMost);
}

double prefill_flops_of(const ModelSpec& spec, std::uint32_t tokens) {
  const double n = tokens;
  // Each query meets every position up to its own: a product with K and one with V.
  const double attention = 4.0 * spec.layers * spec.query_heads * spec.head_dim * n * (n + 1) / 2;
  return 2.0 * static_cast<double>(spec.linear_parameters()) * n + attention;
}

double decode_bytes_of(const ModelSpec& spec, std::uint32_t context) {
  const double weights = static_cast<double>(spec.linear_parameters()) + 1.0 * spec.vocabulary * spec.hidden;
  const double kv = 2.0 * spec.layers * spec.kv_heads * spec.head_dim * (context + 1.0);
  return 2.0 * (weights + kv);
}

namespace {
ForwardRates measured(Forward& forward, const ModelSpec& spec, const BlockLayout& layout, const MeasureOptions& options,
                      const KernelTable& table) {
  Subject subject(forward, spec, layout, options.prefill_tokens);
  subject.run(0, options.prefill_tokens, 1);  // warm
  ForwardRates rates;
  rates.threads = forward.threads();
  const std::vector<Round> rounds = take_rounds(subject, table, options, rates);
  rates.rounds = static_cast<std::uint32_t>(rounds.size());
  std::vector<double> prefill, decode;
  for (std::size_t i = 0; i < options.rounds; ++i) {
    prefill.push_back(rounds[i].prefill_s);
    decode.push_back(rounds[i].decode_s);
  }
  rates.foreign_load = rounds[options.rounds - 1].foreign_load;
  rates.prefill_tokens = options.prefill_tokens / median(prefill);
  rates.prefill_flops = prefill_flops_of(spec, options.prefill_tokens) / median(prefill);
  rates.decode_tokens = 1.0 / median(decode);
  rates.decode_bytes = decode_bytes_of(spec, options.decode_context) / median(decode);
  return rates;
}
}  // namespace

Result<ForwardRates> measure_forward(Forward& forward, const ModelSpec& spec, const BlockLayout& layout,
                                     const MeasureOptions& options) {
  CAIRN_TRY_VOID(check_options(options));
  CAIRN_TRY(const KernelTable* const kernels, select_kernels(forward.isa()));
  try {
    return measured(forward, spec, layout, options, *kernels);
  } catch (const std::bad_alloc&) {
    const std::size_t sample = options.read_bytes != 0 ? options.read_bytes : dram_sample_bytes();
    return Error{ErrorCode::kExhausted, "out of memory: measuring takes " + format_bytes(sample) +
                                            " to read and the KV of " + std::to_string(options.prefill_tokens) +
                                            " tokens: measure fewer, or lift the limit"};
  }
}

}  // namespace cairn

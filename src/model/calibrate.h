// How fast this machine can be, and how close a forward comes: register rate of the unit that the chosen kernels use,
// DRAM read rate at the same thread count, and both phases of the forward, measured in turn in one process. Rates are
// work per CPU-second of the busiest thread, so waiting for a shared machine does not count; caches and memory that
// neighbours use still do. Blocking for a second or more; spawns its own threads.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/result.h"
#include "kv/layout.h"
#include "model/forward.h"
#include "model/kernel_memory.h"
#include "model/kernel_table.h"
#include "model/spec.h"
#include "model/thread_pool.h"

namespace cairn {

// One burst of some milliseconds on all threads of the pool: f32 operations per second, registers only.
double measure_fma_rate(const KernelTable& kernels, ThreadPool& pool);

// Streams through a region: bytes per second, the better of two ways to read.
class ReadRate {
 public:
  explicit ReadRate(std::size_t bytes);  // touches all of it
  double measure(const KernelTable& kernels, ThreadPool& pool) const;

 private:
  KernelArray<std::byte> region_;
};

std::size_t dram_sample_bytes();  // far larger than the caches of this machine

struct MeasureOptions {
  std::uint32_t prefill_tokens = 512;  // at most the forward's step_tokens_max
  std::uint32_t decode_context = 64;   // tokens in the pages when decoding is measured
  std::uint32_t decode_steps = 32;     // of one sample
  // Each round takes every measurement once. Rounds in which others used the machine are repeated, up to rounds_max in
  // all; medians are those of the `rounds` rounds with the least foreign load, whatever they measured.
  std::uint32_t rounds = 9, rounds_max = 18;
  double foreign_load_max = 0.1;
  std::size_t read_bytes = 0;  // 0: dram_sample_bytes()
};

struct ForwardRates {
  std::uint32_t threads = 0;
  std::uint32_t rounds = 0;   // taken, the quoted ones among them
  double fma_flops = 0;       // F: best of all rounds
  double read_bytes = 0;      // R: best of all rounds
  double prefill_tokens = 0;  // per second, median
  double prefill_flops = 0;   // 2 × linear parameters + attention, per second, median
  double decode_tokens = 0;   // batch 1, per second, median
  double decode_bytes = 0;    // weights with head, and KV read, per second, median
  double foreign_load = 0;    // share of the machine's CPU time that others used in the worst quoted round, 0..1
  double prefill_share() const { return prefill_flops / fma_flops; }
  double decode_share() const { return decode_bytes / read_bytes; }
};

double prefill_flops_of(const ModelSpec& spec, std::uint32_t tokens);  // one prompt from position 0
double decode_bytes_of(const ModelSpec& spec, std::uint32_t context);  // one token at batch 1

// kInvalid: options that the forward or the model cannot take.
Result<ForwardRates> measure_forward(Forward& forward, const ModelSpec& spec, const BlockLayout& layout,
                                     const MeasureOptions& options);

}  // namespace cairn

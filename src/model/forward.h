// One forward pass of a decoder-only transformer over a batch of slices on paged KV, on the CPU, in numerics class
// t32-v1 (docs/numerics.md): the bits of KV and logits do not depend on batch, chunking, threads or instruction set.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "kv/layout.h"

namespace cairn {

class ModelWeights;  // model/weights.h
struct ModelSpec;    // model/spec.h

// The engine's device KV pool as kernels see it: page p starts at base + p × page_stride; inside, BlockLayout's page.
struct PagePool {
  std::byte* base = nullptr;
  std::uint64_t page_stride = 0;
  std::uint32_t pages = 0;
};

enum class LogitsOf : std::uint8_t { kNone, kLast, kAll };

// One sequence's part of a step: `tokens` stand at positions [position, position + tokens.size()). `pages` is the
// block table from position 0 and covers at least the end; positions before `position` are already filled.
struct ForwardSlice {
  std::span<const TokenId> tokens;
  std::uint32_t position = 0;
  std::span<const PageId> pages;
  LogitsOf logits = LogitsOf::kLast;
};

struct ForwardConfig {
  std::uint32_t threads = 0;            // 0: all cores of the machine
  std::uint32_t step_tokens_max = 512;  // the largest sum of slice tokens in one run
  std::string_view isa;                 // "", "scalar", "avx2", "avx512": CAIRN_ISA, resolved by config
};

// Memory that a forward takes: packed weights and the buffers of one step.
std::uint64_t forward_bytes(const ModelSpec& spec, const ForwardConfig& config);

// Owned by the engine's step thread: one run at a time. Blocks until the step is computed; spawns its own workers.
class Forward {
 public:
  // kInvalid: a shape or setting that is not served; kExhausted: not enough memory or threads.
  static Result<std::unique_ptr<Forward>> make(const ModelWeights& weights, const BlockLayout& layout,
                                               const ForwardConfig& config);
  virtual ~Forward() = default;
  // Writes K and V of every slice token into its page, then returns f32 logits, rows in slice order (kLast: one row,
  // kAll: one per token), each of vocabulary size; the span lives until the next run.
  virtual std::span<const float> run(std::span<const ForwardSlice> slices, const PagePool& pool) = 0;
  virtual std::string_view isa() const = 0;             // the kernel table in use
  virtual std::string_view numerics_class() const = 0;  // "t32-v1", or a private class when the self-test failed
  virtual std::uint32_t threads() const = 0;
  // CPU time that each compute thread has used so far, microseconds; index 0 is the caller's. For measuring only.
  virtual std::vector<std::int64_t> cpu_us() { return {}; }
};

}  // namespace cairn

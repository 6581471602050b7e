// Computes the slices of a step on a device. Owned by the step thread; blocks until the step is computed.
#pragma once

#include <span>

#include "base/result.h"
#include "model/forward.h"

namespace cairn {

class ModelRunner {
 public:
  virtual ~ModelRunner() = default;
  // Fills the KV of every slice token and returns f32 logits, one row for each slice that asks for them (kLast), in
  // slice order; the span lives until the next run. An error ends the requests of this step and no others.
  virtual Result<std::span<const float>> run(std::span<const ForwardSlice> slices) = 0;
  virtual std::uint32_t vocabulary() const = 0;
};

class CpuRunner final : public ModelRunner {
 public:
  CpuRunner(Forward& forward, const PagePool& pool, std::uint32_t vocabulary)
      : forward_(forward), pool_(pool), vocabulary_(vocabulary) {}
  Result<std::span<const float>> run(std::span<const ForwardSlice> slices) override;
  std::uint32_t vocabulary() const override { return vocabulary_; }

 private:
  Forward& forward_;
  PagePool pool_;
  std::uint32_t vocabulary_;
};

}  // namespace cairn

// Property: the runner refuses tokens that the model does not have before anything is computed, and passes slices on.
#include "engine/runner.h"

#include <gtest/gtest.h>

#include <vector>

namespace cairn {
namespace {

class CountingForward final : public Forward {
 public:
  std::span<const float> run(std::span<const ForwardSlice> slices, const PagePool& pool) override {
    ++runs;
    pages = pool.pages;
    std::size_t rows = 0;
    for (const ForwardSlice& slice : slices) rows += slice.logits == LogitsOf::kLast ? 1 : 0;
    logits.assign(rows * 8, 0.5f);
    return logits;
  }
  std::string_view isa() const override { return "none"; }
  std::string_view numerics_class() const override { return "none"; }
  std::uint32_t threads() const override { return 1; }
  int runs = 0;
  std::uint32_t pages = 0;
  std::vector<float> logits;
};

TEST(CpuRunner, ComputesKnownTokensOnly) {
  CountingForward forward;
  CpuRunner runner(forward, PagePool{nullptr, 4096, 3}, 8);
  const std::vector<TokenId> good = {1, 7}, bad = {1, 8};
  const std::vector<PageId> pages = {{0}};
  const ForwardSlice fine{good, 0, pages, LogitsOf::kLast}, silent{good, 0, pages, LogitsOf::kNone};
  const ForwardSlice broken{bad, 0, pages, LogitsOf::kLast};
  EXPECT_EQ(runner.run(std::vector{fine, silent})->size(), 8u);
  EXPECT_EQ(forward.pages, 3u);
  const auto refused = runner.run(std::vector{fine, broken});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalid);
  EXPECT_EQ(forward.runs, 1);
}

}  // namespace
}  // namespace cairn

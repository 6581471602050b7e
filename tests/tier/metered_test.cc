// Property: the counters are exactly what happened.
#include "tier/metered.h"

#include "tier/wrapped_world.h"

namespace cairn::test {
namespace {

TEST(Metered, CountsRowsBytesAndUse) {
  WrappedWorld world;
  const auto metrics = make_metrics();
  {
    MeteredTier tier(world.ram(), world.clock, *metrics);
    for (std::uint32_t n = 0; n < 3; ++n) ASSERT_EQ(world.put(tier, n), Outcome::kDone);
    for (std::uint32_t n = 0; n < 5; ++n) run(tier, Verb::kGet, world.id(n), world.pages(1));
    run(tier, Verb::kErase, world.id(0));
  }
  const auto counter = [&](const char* verb, const char* outcome) {
    return metrics
        ->counter("cairn_tier_operations_total", "rows by verb and outcome",
                  {{"tier", "ram"}, {"verb", verb}, {"outcome", outcome}})
        .value();
  };
  EXPECT_EQ(counter("put", "done"), 3);
  EXPECT_EQ(counter("get", "done"), 3);
  EXPECT_EQ(counter("get", "miss"), 2);
  EXPECT_EQ(counter("erase", "done"), 1);
  const auto block = static_cast<double>(world.block_bytes);
  EXPECT_EQ(metrics->counter("cairn_tier_read_bytes_total", "bytes of verified gets", {{"tier", "ram"}}).value(),
            3 * block);
  EXPECT_EQ(metrics->counter("cairn_tier_written_bytes_total", "bytes of stored puts", {{"tier", "ram"}}).value(),
            3 * block);
  EXPECT_EQ(metrics->gauge("cairn_tier_used_bytes", "bytes of stored blocks", {{"tier", "ram"}}).value(), 2 * block);
}

}  // namespace
}  // namespace cairn::test

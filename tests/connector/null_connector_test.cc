// Without tiers nothing is found and every computed token says that this was chosen.
#include "connector/null_connector.h"

#include <gtest/gtest.h>

namespace cairn {
namespace {

TEST(NullConnector, CountsAllComputedTokensAsDisabled) {
  NullConnector connector;
  const std::vector<TokenId> prompt(600, 1);
  const Match match = connector.match({.id = {1}, .prompt = prompt});
  EXPECT_EQ(match.state, Match::State::kReady);
  EXPECT_EQ(match.tokens, 0u);
  EXPECT_FALSE(connector.save({1}, prompt, {}));
  const RequestTally tally = connector.tally({1}, 600, 64);
  EXPECT_EQ(tally.missed[static_cast<std::size_t>(MissReason::kDisabled)], 536u);
  EXPECT_TRUE(connector.idle());
}

}  // namespace
}  // namespace cairn

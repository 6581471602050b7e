// Property: a step prints as one line that names every slice, and equal steps are equal values.
#include "engine/step.h"

#include <gtest/gtest.h>

namespace cairn {
namespace {

TEST(Step, PrintsWhatItDoes) {
  Step step;
  EXPECT_EQ(to_string(step), "nothing");
  step.run.push_back({{3}, {0, 16}, {{0}, {7}}, true});
  step.load.push_back({{4}, {256, 272}, {{2}}, false});
  step.save.push_back({{3}, {0, 256}, {{0}}, false});
  step.preempted.push_back({9});
  EXPECT_EQ(to_string(step), "run 3[0,16)* p0,7 | load 4[256,272) p2 | save 3[0,256) p0 | preempt 9");
  EXPECT_EQ(step.run_tokens(), 16u);
  Step other = step;
  EXPECT_EQ(step, other);
  other.run[0].sample = false;
  EXPECT_NE(step, other);
}

}  // namespace
}  // namespace cairn

#include "route/models_call.h"

#include <gtest/gtest.h>

namespace cairn {
namespace {

TEST(ModelsCall, MergesListsAndSkipsWhatIsNone) {
  EXPECT_EQ(merge_models({}), R"({"data":[],"object":"list"})");
  EXPECT_EQ(merge_models({"", "[]", "{}", "{\"data\":1}", "nonsense", "{\"data\":[{\"id\":1}]}"}),
            R"({"data":[],"object":"list"})");
  EXPECT_EQ(merge_models({R"({"data":[{"id":"a","n":1}]})", R"({"data":[{"id":"b"},{"id":"a","n":2}]})"}),
            R"({"data":[{"id":"a","n":1},{"id":"b"}],"object":"list"})");
  EXPECT_EQ(merge_models({"{\"data\":[{\"id\":\"\xff\"}]}"}), R"({"data":[],"object":"list"})");  // no UTF-8, no JSON
}

}  // namespace
}  // namespace cairn

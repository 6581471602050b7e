// Property: an error is OpenAI's form with its four members, and every code of ours has one status.
#include "http/api_error.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace cairn {
namespace {

TEST(ApiErrors, HaveFourMembers) {
  const auto json = nlohmann::json::parse(to_json(bad_field("stop", "too \"long\"\n")));
  EXPECT_EQ(json, (nlohmann::json{{"error",
                                   {{"message", "too \"long\"\n"},
                                    {"type", "invalid_request_error"},
                                    {"param", "stop"},
                                    {"code", "invalid_value"}}}}));
  EXPECT_TRUE(nlohmann::json::parse(to_json(http_error(404, "x")))["error"]["param"].is_null());
  EXPECT_TRUE(nlohmann::json::accept(to_json(http_error(400, "\xff\xfe"))));
}

TEST(ApiErrors, EveryCodeHasItsStatus) {
  const auto status = [](ErrorCode code) { return to_api_error({code, "x"}).status; };
  EXPECT_EQ(status(ErrorCode::kInvalid), 400);
  EXPECT_EQ(status(ErrorCode::kRefused), 429);
  EXPECT_EQ(status(ErrorCode::kExhausted), 429);
  EXPECT_EQ(status(ErrorCode::kUnavailable), 503);
  EXPECT_EQ(status(ErrorCode::kCancelled), 503);
  EXPECT_EQ(status(ErrorCode::kTimeout), 504);
  EXPECT_EQ(status(ErrorCode::kCorrupt), 500);
}

}  // namespace
}  // namespace cairn

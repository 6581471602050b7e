// Property: a refusal is OpenAI's error body with the status, the headers that the status asks for, and a name.
#include "http/refusal.h"

#include <gmock/gmock.h>

namespace cairn {
namespace {

using testing::HasSubstr;

std::string header(const HttpResponse& response, std::string_view name) {
  return std::string(header_of(response.headers, name));
}

TEST(HttpRefusal, EachReasonHasItsStatus) {
  const HttpConfig config;
  const std::pair<HttpRefusal, int> cases[] = {
      {HttpRefusal::kMalformed, 400},          {HttpRefusal::kHeaderTooLarge, 431}, {HttpRefusal::kBodyTooLarge, 413},
      {HttpRefusal::kTooManyConnections, 503}, {HttpRefusal::kBodyMemory, 503},     {HttpRefusal::kTimeout, 408}};
  for (const auto& [why, status] : cases) {
    const HttpResponse response = refusal_response(why, "detail", config);
    EXPECT_EQ(response.status, status) << reason_of(why);
    EXPECT_THAT(response.body, HasSubstr("{\"error\":{\"message\":"));
    EXPECT_THAT(header(response, "X-Request-Id"), testing::StartsWith("req-"));
    EXPECT_EQ(header(response, "Retry-After"), status == 503 ? "1" : "");
  }
  EXPECT_EQ(header(error_response({}, http_error(401, "")), "WWW-Authenticate"), "Bearer");
}

TEST(HttpRefusal, ANameIsTheClientsWhereItCanBeRepeated) {
  for (const char* good : {"a", "req-1_2.3:4"}) {
    HttpRequest head;
    head.request_id = good;
    name_request(head);
    EXPECT_EQ(head.request_id, good);
  }
  for (const std::string& bad : {std::string(), std::string("a b"), std::string("a\r\nb"), std::string(200, 'x')}) {
    HttpRequest head;
    head.request_id = bad;
    name_request(head);
    EXPECT_EQ(head.request_id.size(), 36u);
    EXPECT_THAT(head.request_id, testing::StartsWith("req-"));
  }
}

}  // namespace
}  // namespace cairn

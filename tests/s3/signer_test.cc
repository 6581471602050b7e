// Property: signatures are those of the published examples of Signature Version 4 for S3.
#include "s3/signer.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace cairn {
namespace {

const std::string kKey = "AKIAIOSFODNN7EXAMPLE", kSecret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
constexpr std::int64_t kFriday = 1'369'353'600'000'000;  // 2013-05-24T00:00:00Z

std::string value_of(const HttpHeaders& headers, std::string_view name) {
  const auto found = std::ranges::find_if(headers, [&](const auto& header) { return header.first == name; });
  return found == headers.end() ? "" : found->second;
}

// "GET Object" of Amazon's documentation of header-based authentication.
TEST(Signer, APublishedGetHasItsSignature) {
  HttpHeaders headers = {{"range", "bytes=0-9"}};
  ToSign request;
  request.method = HttpMethod::kGet;
  request.host = "examplebucket.s3.amazonaws.com";
  request.path_and_query = "/test.txt";
  request.payload = kEmptyPayload;
  request.region = "us-east-1";
  request.unix_us = kFriday;
  const Result<void> done = sign(request, Credentials::of(kKey, kSecret, ""), headers);
  ASSERT_TRUE(done) << done.error().detail;
  EXPECT_EQ(value_of(headers, "X-Amz-Date"), "20130524T000000Z");
  EXPECT_EQ(value_of(headers, "Authorization"),
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
            "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
            "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

// "GET Bucket (List Objects)" of the same page.
TEST(Signer, APublishedListHasItsSignature) {
  HttpHeaders headers;
  ToSign request;
  request.host = "examplebucket.s3.amazonaws.com";
  request.path_and_query = "/?max-keys=2&prefix=J";
  request.payload = kEmptyPayload;
  request.region = "us-east-1";
  request.unix_us = kFriday;
  ASSERT_TRUE(sign(request, Credentials::of(kKey, kSecret, ""), headers));
  EXPECT_NE(value_of(headers, "Authorization")
                .find("Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
            std::string::npos);
}

TEST(Signer, ASessionTokenIsSentAndSigned) {
  HttpHeaders headers;
  ToSign request;
  request.host = "h";
  request.path_and_query = "/";
  request.payload = kUnsignedPayload;
  request.region = "us-east-1";
  request.unix_us = kFriday;
  ASSERT_TRUE(sign(request, Credentials::of(kKey, kSecret, "the-token"), headers));
  EXPECT_EQ(value_of(headers, "X-Amz-Security-Token"), "the-token");
  EXPECT_NE(value_of(headers, "Authorization").find("x-amz-security-token"), std::string::npos);
  EXPECT_EQ(value_of(headers, "x-amz-content-sha256"), "UNSIGNED-PAYLOAD");
  for (const auto& [name, value] : headers) EXPECT_EQ(value.find(kSecret), std::string::npos);
}

}  // namespace
}  // namespace cairn

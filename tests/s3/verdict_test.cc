// Property: what a response means follows from its status, whatever a server calls it; backoff stays within its bounds.
#include "s3/verdict.h"

#include <gtest/gtest.h>

namespace cairn {
namespace {

TEST(S3Verdict, TheClassOfTheStatusDecides) {
  for (const auto& [status, code, expected] : std::vector<std::tuple<int, std::string, S3Verdict>>{
           {200, "", S3Verdict::kDone},
           {206, "", S3Verdict::kDone},
           {204, "", S3Verdict::kDone},
           {404, "NoSuchKey", S3Verdict::kMissing},
           {404, "", S3Verdict::kMissing},
           {404, "NoSuchBucket", S3Verdict::kRefused},
           {412, "PreconditionFailed", S3Verdict::kPrecondition},
           {304, "", S3Verdict::kPrecondition},
           {409, "ConditionalRequestConflict", S3Verdict::kPrecondition},
           {403, "AccessDenied", S3Verdict::kDenied},
           {401, "Whatever", S3Verdict::kDenied},
           {400, "ExpiredToken", S3Verdict::kDenied},
           {400, "AuthorizationHeaderMalformed", S3Verdict::kRefused},
           {400, "RequestTimeout", S3Verdict::kUnavailable},
           {408, "", S3Verdict::kUnavailable},
           {429, "", S3Verdict::kThrottled},
           {503, "SlowDown", S3Verdict::kThrottled},
           {503, "", S3Verdict::kThrottled},
           {500, "InternalError", S3Verdict::kUnavailable},
           {502, "", S3Verdict::kUnavailable},
           {501, "NotImplemented", S3Verdict::kRefused},
           {301, "PermanentRedirect", S3Verdict::kRefused},
           {307, "TemporaryRedirect", S3Verdict::kRefused},
           {416, "InvalidRange", S3Verdict::kRefused},
           {100, "", S3Verdict::kRefused},
       }) {
    EXPECT_EQ(verdict_of(status, code), expected) << status << " " << code;
  }
  for (int status = 100; status < 600; ++status) {
    const S3Verdict verdict = verdict_of(status, "Odd");
    EXPECT_EQ(verdict == S3Verdict::kDone, status / 100 == 2) << status;
    if (worth_a_retry(verdict)) {
      EXPECT_TRUE(status >= 500 || status == 408 || status == 429) << status;
    }
  }
}

TEST(S3Verdict, BackoffDoublesUpToItsBoundAndWaitsForTheServer) {
  EXPECT_EQ(backoff_us(2, 50'000, 1, 0), 50'000);
  EXPECT_EQ(backoff_us(3, 50'000, 1, 0), 100'000);
  EXPECT_EQ(backoff_us(3, 50'000, 0.5, 0), 50'000);
  EXPECT_EQ(backoff_us(3, 50'000, 0, 0), 0) << "full jitter";
  EXPECT_EQ(backoff_us(100, 50'000, 1, 0), 20'000'000);
  EXPECT_EQ(backoff_us(20, INT64_MAX / 2, 1, 0), 20'000'000);
  EXPECT_EQ(backoff_us(2, 50'000, 0, 2'000'000), 2'000'000);
  EXPECT_EQ(backoff_us(2, 50'000, 0, 3'600'000'000), 20'000'000);
}

TEST(S3Verdict, AdviceIsOneLineThatNamesTheRemedy) {
  S3Complaint complaint{403, "AccessDenied", "no", "", "s3.example.com", "kv", "us-east-1"};
  EXPECT_NE(advice(complaint).find("s3:PutObject"), std::string::npos);
  complaint = {400, "AuthorizationHeaderMalformed", "x", "eu-west-1", "s3.example.com", "kv", "us-east-1"};
  EXPECT_NE(advice(complaint).find("region=eu-west-1"), std::string::npos);
  complaint = {404, "NoSuchBucket", "", "", "s3.example.com", "kv", "us-east-1"};
  EXPECT_NE(advice(complaint).find("'kv'"), std::string::npos);
}

}  // namespace
}  // namespace cairn

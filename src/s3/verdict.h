// What a response means: by the class of its status first, by its code second, since servers differ in their codes.
// Pure; the one place that decides what is tried again.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace cairn {

enum class S3Verdict : std::uint8_t {
  kDone,
  kMissing,       // no such key
  kPrecondition,  // If-Match or If-None-Match said no; 304
  kDenied,        // who we are, or what we may
  kThrottled,     // slow down
  kUnavailable,   // no server, a broken connection, an error of the server
  kTimeout,       // the deadline passed
  kCancelled,     // the caller's wish
  kRefused,       // the request is wrong for this server: bucket, region, redirect, size
};
std::string_view to_string(S3Verdict verdict);

S3Verdict verdict_of(int status, std::string_view code);

bool worth_a_retry(S3Verdict verdict);              // kThrottled, kUnavailable
bool names_old_credentials(std::string_view code);  // worth one more try with new ones
bool names_wrong_clock(std::string_view code);

// For people, when a store is opened or a right is missing: what is wrong and what would be right.
struct S3Complaint {
  int status = 0;
  std::string code, message, region, endpoint, bucket, our_region;
};
std::string advice(const S3Complaint& complaint);

// Microseconds before try number `attempt` (2 is the first retry): at random up to base × 2^(attempt - 2), at most 20
// s, not before what the server asked for.
std::int64_t backoff_us(std::uint32_t attempt, std::int64_t base_us, double random_0_to_1, std::int64_t retry_after_us);

}  // namespace cairn

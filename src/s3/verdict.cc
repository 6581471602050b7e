#include "s3/verdict.h"

#include <algorithm>
#include <array>

namespace cairn {
namespace {

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> all) {
  return std::ranges::find(all, text) != all.end();
}

}  // namespace

std::string_view to_string(S3Verdict verdict) {
  constexpr std::array<std::string_view, 9> kNames = {"done",        "missing", "precondition", "denied", "throttled",
                                                      "unavailable", "timeout", "cancelled",    "refused"};
  return kNames[static_cast<std::size_t>(verdict)];
}

S3Verdict verdict_of(int status, std::string_view code) {
  if (status >= 200 && status < 300) return S3Verdict::kDone;
  if (status == 404) return code == "NoSuchBucket" ? S3Verdict::kRefused : S3Verdict::kMissing;
  if (status == 304 || status == 412 || status == 409) return S3Verdict::kPrecondition;
  if (status == 401 || status == 403) return S3Verdict::kDenied;
  if (status == 429 || status == 503) return S3Verdict::kThrottled;
  if (status == 400 && names_old_credentials(code)) return S3Verdict::kDenied;
  if (status == 408 || (status == 400 && code == "RequestTimeout")) return S3Verdict::kUnavailable;
  if (status >= 500) return status == 501 ? S3Verdict::kRefused : S3Verdict::kUnavailable;
  return S3Verdict::kRefused;
}

bool worth_a_retry(S3Verdict verdict) { return verdict == S3Verdict::kThrottled || verdict == S3Verdict::kUnavailable; }

bool names_old_credentials(std::string_view code) {
  return is_one_of(
      code, {"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "InvalidToken", "InvalidAccessKeyId"});
}

bool names_wrong_clock(std::string_view code) { return is_one_of(code, {"RequestTimeTooSkewed", "RequestExpired"}); }

std::string advice(const S3Complaint& c) {
  const std::string where = "bucket '" + c.bucket + "' at " + c.endpoint;
  const std::string said = " (" + std::to_string(c.status) + (c.code.empty() ? "" : " " + c.code) + ")";
  if (c.code == "NoSuchBucket") return where + ": there is no such bucket" + said + ": make it, or name another";
  if (names_wrong_clock(c.code)) {
    return where + ": our clock is more than the service allows off its own" + said + ": set the clock";
  }
  if (c.code == "SignatureDoesNotMatch") return where + ": the secret key is not the one of this access key" + said;
  if (c.code == "InvalidAccessKeyId") return where + ": the service does not know this access key" + said;
  if (names_old_credentials(c.code)) return where + ": the session token has ended" + said + ": get new credentials";
  if (c.status == 301 || c.status == 307 || c.status == 308 || !c.region.empty() ||
      c.code == "AuthorizationHeaderMalformed") {
    const std::string right = c.region.empty() ? "set the region of the bucket" : "set region=" + c.region;
    return where + ": it is not in region '" + c.our_region + "'" + said + ": " + right;
  }
  if (c.status == 401 || c.status == 403) {
    return where + ": access is denied" + said +
           ": allow s3:GetObject, s3:PutObject, s3:DeleteObject and s3:ListBucket";
  }
  if (c.status >= 500 || c.status == 429) return where + ": the service has trouble" + said + ": try again later";
  return where + ": the service refuses requests" + said + (c.message.empty() ? "" : ": " + c.message);
}

std::int64_t backoff_us(std::uint32_t attempt, std::int64_t base_us, double random_0_to_1,
                        std::int64_t retry_after_us) {
  constexpr std::int64_t kMost = 20'000'000;
  const std::uint32_t doublings = std::min(attempt < 2 ? 0u : attempt - 2, 30u);
  const std::int64_t most = base_us > (kMost >> doublings) ? kMost : base_us << doublings;
  return std::max(static_cast<std::int64_t>(random_0_to_1 * static_cast<double>(most)),
                  std::min(retry_after_us, kMost));
}

}  // namespace cairn

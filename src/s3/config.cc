#include "s3/config.h"

#include <algorithm>
#include <cctype>
#include <string_view>

namespace cairn {
namespace {

bool is_label(std::string_view text, std::string_view also) {
  return !text.empty() && std::ranges::all_of(text, [&](unsigned char c) {
    return std::islower(c) != 0 || std::isdigit(c) != 0 || also.find(static_cast<char>(c)) != std::string_view::npos;
  });
}

bool is_printable(std::string_view text) {
  return std::ranges::all_of(text, [](unsigned char c) { return c > 0x20 && c < 0x7f; });
}

// Percent signs and dots alone would make two names of one object, or leave the prefix.
bool is_prefix(std::string_view text) {
  if (text.empty()) return true;
  if (text.front() == '/' || text.back() == '/' || text.size() > 512) return false;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find('/', at), text.size());
    const std::string_view part = text.substr(at, end - at);
    const bool good = !part.empty() && part != "." && part != ".." && std::ranges::all_of(part, [](unsigned char c) {
      return std::isalnum(c) != 0 || std::string_view("-._").find(static_cast<char>(c)) != std::string_view::npos;
    });
    if (!good) return false;
    at = end + 1;
  }
  return true;
}

Result<void> within(const char* name, std::uint64_t value, std::uint64_t least, std::uint64_t most) {
  if (value >= least && value <= most) return {};
  return invalid(std::string(name) + " is " + std::to_string(value) + "; it must be " + std::to_string(least) + " to " +
                 std::to_string(most));
}

}  // namespace

Result<void> S3Config::validate() const {
  if (bucket.size() < 3 || bucket.size() > 63 || !is_label(bucket, "-.") || bucket.front() == '.' ||
      bucket.back() == '.' || bucket.find("..") != std::string::npos) {
    return invalid("bucket must be 3 to 63 lower-case letters, digits, - and ., not '" + bucket + "'");
  }
  if (bucket.ends_with("--x-s3")) return invalid("bucket: directory buckets (S3 Express) are not supported");
  if (!is_prefix(prefix)) {
    return invalid("prefix must be names of letters, digits, -, . and _ between single slashes, not '" + prefix + "'");
  }
  if (!is_printable(endpoint) || endpoint.find_first_of("/?#@\\") != std::string::npos) {
    return invalid("endpoint must be host or host:port, such as s3.example.com:9000, not '" + endpoint + "'");
  }
  const std::size_t colon = endpoint.rfind(':');
  if (colon != std::string::npos && !endpoint.ends_with(']') &&
      (colon + 1 == endpoint.size() || endpoint.find_first_not_of("0123456789", colon + 1) != std::string::npos)) {
    return invalid("endpoint must be host or host:port, such as s3.example.com:9000, not '" + endpoint + "'");
  }
  if (!region.empty() && !is_label(region, "-")) return invalid("region must be a name such as eu-central-1");
  CAIRN_TRY_VOID(within("connections", connections, 1, 1024));
  CAIRN_TRY_VOID(within("small_connections", small_connections, 1, 1024));
  CAIRN_TRY_VOID(within("part_bytes", part_bytes, 1 * kMiB, 1 * kGiB));
  CAIRN_TRY_VOID(within("multipart_bytes", multipart_bytes, 5 * kMiB, 5 * kGiB));
  CAIRN_TRY_VOID(within("connect_ms", connect_ms, 1, 600'000));
  CAIRN_TRY_VOID(within("attempt_ms", attempt_ms, 1, 3'600'000));
  CAIRN_TRY_VOID(within("attempts_max", attempts_max, 1, 20));
  CAIRN_TRY_VOID(within("backoff_ms", backoff_ms, 1, 60'000));
  CAIRN_TRY_VOID(within("known_keys_max", known_keys_max, 1, 1u << 26));
  CAIRN_TRY_VOID(within("drain_ms", drain_ms, 0, 600'000));
  CAIRN_TRY_VOID(within("erases_per_minute_max", erases_per_minute_max, 0, 1u << 20));
  if (storage_class == "GLACIER" || storage_class == "DEEP_ARCHIVE") {
    return invalid("storage_class " + storage_class + " cannot be read at once: use one of the others");
  }
  for (const auto& [name, text] : {std::pair("storage_class", &storage_class),
                                   {"sse_kms_key_id", &sse_kms_key_id},
                                   {"expected_owner", &expected_owner},
                                   {"access_key_id", &access_key_id},
                                   {"session_token", &session_token}}) {
    if (!is_printable(*text)) return invalid(std::string(name) + " has blanks or characters that no header can carry");
  }
  if (access_key_id.empty() != secret_access_key.empty()) {
    return invalid("access_key_id and secret_access_key go together");
  }
  return {};
}

bool uses_path_style(const S3Config& config) {
  if (config.path_style) return *config.path_style;
  // A dot in the bucket's name breaks the service's certificate; an address or a bare name has no names below it.
  const std::string host = config.endpoint.substr(0, config.endpoint.rfind(':'));
  const bool named =
      config.endpoint.empty() || (host.find('.') != std::string::npos &&
                                  host.find_first_not_of("0123456789.") != std::string::npos && host.front() != '[');
  const bool dotted = config.bucket.find('.') != std::string::npos;
  return !named || (config.tls && dotted);
}

}  // namespace cairn

// What S3 says in XML. Pure; text from outside: bounded, and anything odd is an error, never a crash.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace cairn {

struct S3ErrorText {  // empty fields: not said
  std::string code, message, region;
};
S3ErrorText parse_error(std::string_view body);  // nothing for what is no such document

struct S3Listing {
  struct Object {
    std::string key;
    std::uint64_t bytes = 0;
    std::int64_t modified_us = 0;  // since 1970; 0: not said
  };
  std::vector<Object> objects;
  std::vector<std::string> prefixes;  // with a delimiter: names up to it
  std::string next;                   // continuation token; empty: that was all
};
Result<S3Listing> parse_listing(std::string_view body);

Result<std::string> parse_upload_id(std::string_view body);  // of CreateMultipartUpload
struct S3Part {
  std::string etag, crc32c;  // crc32c: base64, as it was sent with the part
};
// The body of CompleteMultipartUpload; part numbers count from 1.
std::string complete_body(const std::vector<S3Part>& parts);
// Of ListMultipartUploads: those that began and did not end.
struct S3Uploads {
  struct Upload {
    std::string key, id;
    std::int64_t begun_us = 0;
  };
  std::vector<Upload> uploads;
  std::string next_key, next_id;  // markers; empty: that was all
};
Result<S3Uploads> parse_uploads(std::string_view body);

std::string delete_body(std::span<const std::string> keys);  // of DeleteObjects, at most 1,000
struct S3Deleted {
  std::vector<std::string> gone;  // there or not before: S3 does not tell
  struct Refused {
    std::string key, code, message;
  };
  std::vector<Refused> refused;
};
Result<S3Deleted> parse_deleted(std::string_view body);

bool says_completed(std::string_view body);  // an upload may fail behind its 200

}  // namespace cairn

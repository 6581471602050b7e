// Whatever a service answers is a value or an error; what it names stays within what it sent.
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/check.h"
#include "s3/xml.h"

namespace cairn {
namespace {

void check(std::string_view body) {
  const S3ErrorText error = parse_error(body);
  CAIRN_CHECK(error.code.size() + error.message.size() + error.region.size() <= 4 * body.size(), "text out of nothing");
  if (const auto listing = parse_listing(body)) {
    for (const S3Listing::Object& object : listing->objects) CAIRN_CHECK(!object.key.empty(), "an object has a key");
  }
  if (const auto uploads = parse_uploads(body)) {
    for (const S3Uploads::Upload& upload : uploads->uploads)
      CAIRN_CHECK(!upload.key.empty() && !upload.id.empty(), "an upload has a key and an id");
  }
  if (const auto deleted = parse_deleted(body)) {
    CAIRN_CHECK(deleted->gone.size() + deleted->refused.size() <= body.size(), "more rows than bytes");
  }
  static_cast<void>(parse_upload_id(body));
  static_cast<void>(says_completed(body));
  const std::string key(body.substr(0, 1000));
  static_cast<void>(delete_body({&key, 1}));
}

}  // namespace
}  // namespace cairn

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  cairn::check({reinterpret_cast<const char*>(bytes), size});
  return 0;
}

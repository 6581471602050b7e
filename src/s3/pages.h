// A listing, page by page. Blocks: at start and in tools. One thread.
#pragma once

#include <string>

#include "s3/client.h"
#include "s3/xml.h"

namespace cairn {

class S3Pages {
 public:
  struct Wish {
    std::string prefix;    // without the store's
    bool folders = false;  // names up to the next '/' instead of what lies below
    std::uint32_t keys_max = 1000;
    std::int64_t answer_us = 60'000'000;  // for each page
  };
  static constexpr std::size_t kPagesMax = 100'000;
  S3Pages(S3Client& client, const Clock& clock, Wish wish) : client_(client), clock_(clock), wish_(std::move(wish)) {}
  // False: that was all. An error: the service's, or it turns in a circle.
  Result<bool> next(S3Listing& page);

 private:
  S3Client& client_;
  const Clock& clock_;
  const Wish wish_;
  std::string from_;  // continuation token
  std::size_t pages_ = 0;
};

}  // namespace cairn

// A bucket's listing, answer by answer. Blocks: at start and in tools. One thread.
#pragma once

#include <string>
#include <utility>

#include "s3/client.h"
#include "s3/xml.h"

namespace cairn {

class S3ListingWalk {
 public:
  struct Wish {
    std::string prefix;    // without the store's
    bool folders = false;  // names up to the next '/' instead of what lies below
    std::uint32_t keys_max = 1000;
    std::int64_t answer_us = 60'000'000;  // for each answer
  };
  static constexpr std::size_t kPartsMax = 100'000;
  S3ListingWalk(S3Client& client, const Clock& clock, Wish wish)
      : client_(client), clock_(clock), wish_(std::move(wish)) {}
  // False: that was all. An error: the service's, or that it does not end.
  Result<bool> next(S3Listing& part);

 private:
  S3Client& client_;
  const Clock& clock_;
  const Wish wish_;
  std::string from_;  // continuation token
  std::size_t parts_ = 0;
};

}  // namespace cairn

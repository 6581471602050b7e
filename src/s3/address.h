// Where an object is: host, path and URL of a key. Pure values.
#pragma once

#include <string>
#include <string_view>

#include "s3/config.h"

namespace cairn {

class S3Address {
 public:
  explicit S3Address(const S3Config& config);  // validated; the region decided

  const std::string& host() const { return host_; }  // with a port that is not the scheme's own
  std::string path(std::string_view key) const;      // encoded; key "": the bucket
  std::string url(std::string_view path_and_query) const {
    return scheme_ + "://" + host_ + std::string(path_and_query);
  }
  // "prefix/name", or the name alone.
  std::string key(std::string_view name) const {
    return prefix_.empty() ? std::string(name) : prefix_ + "/" + std::string(name);
  }

 private:
  std::string scheme_, host_, bucket_path_, prefix_;
};

}  // namespace cairn

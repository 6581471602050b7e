// A directory under the build tree (a real disk, so that direct I/O is real), removed with the object.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <string>

#include "base/check.h"

namespace cairn::test {

class TemporaryDirectory {
 public:
  explicit TemporaryDirectory(const std::string& under = CAIRN_BINARY_DIR) {
    path_ = under + "/test-XXXXXX";
    CAIRN_CHECK(mkdtemp(path_.data()) != nullptr, "a test needs a directory");
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace cairn::test

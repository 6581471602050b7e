// The files of a shared store, whatever keeps them: for tools that look at all of it. A seam: a directory, a bucket, or
// a test's.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"

namespace cairn {

struct StoredFile {
  std::string path;  // relative to the store, '/' between names
  std::uint64_t bytes = 0;
  std::int64_t modified_us = 0;  // since 1970
};

// All but each() and unfinished() may be called by several threads at a time. All block.
class StoreFiles {
 public:
  virtual ~StoreFiles() = default;
  // Every file, in any order, while others write; what vanishes meanwhile is left out. False of `visit` ends it.
  using Visit = std::function<bool(const StoredFile&)>;
  virtual Result<void> each(const Visit& visit) = 0;
  // The first `bytes` of a file, or all that it has. False: it is gone.
  virtual Result<bool> read(const std::string& path, std::uint64_t bytes, std::vector<std::byte>& into) = 0;
  // One that cannot be removed does not keep the others.
  struct Refused {
    std::string path, why;
  };
  struct Removal {
    std::uint64_t gone = 0;  // a bucket counts what was not there, too
    std::vector<Refused> refused;
    bool store_is_gone = false;  // it did not answer: no reason to ask for more
  };
  virtual Removal remove(std::span<const std::string> paths) = 0;
  // Writes that somebody began and left: only a bucket keeps such. `path` is for people.
  struct Unfinished {
    std::string path, id;
    std::int64_t begun_us = 0;
  };
  virtual Result<std::vector<Unfinished>> unfinished() { return std::vector<Unfinished>(); }
  virtual Result<void> abort(const Unfinished&) { return {}; }
  virtual void tidy_up() {}  // after removals: directories that are empty now
};

}  // namespace cairn

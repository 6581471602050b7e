// Reads a whole store as a stranger to it: is every block what its name, its place and its header say, to the last
// segment? What an instance would call a miss while it serves is found here beforehand, with its reason.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "evict/store_files.h"

namespace cairn {

struct VerifyOptions {
  bool headers_only = false;  // names, places and headers: 4 KiB of each block
  bool repair = false;        // remove damaged blocks; what is foreign stays
  std::uint32_t threads = 4;  // blocks read at a time
  Result<void> validate() const;
  template <class V>
  static void describe(V& v) {
    v.field("headers_only", &VerifyOptions::headers_only, "look at names, places and headers, not at the payloads");
    v.field("repair", &VerifyOptions::repair, "remove damaged blocks: they are misses anyway");
    v.field("threads", &VerifyOptions::threads, "blocks read at a time");
  }
};

struct VerifyReport {
  struct Store {
    std::string model_name;
    std::uint64_t blocks = 0, bytes = 0;
  };
  struct Finding {
    std::string path, what;
    bool removed = false;
  };
  std::map<std::string, Store> stores;  // by directory; blocks that are right
  std::uint64_t damaged = 0, removed = 0, foreign = 0, unknown = 0, unread = 0;
  std::uint64_t leftovers = 0, leftover_bytes = 0;  // temporary files, what was set aside, unfinished uploads
  std::uint64_t strangers = 0;                      // files that are none of ours
  std::uint64_t manifests = 0;                      // 0, and no block: this is no store
  std::uint64_t vanished = 0;                       // removed by others meanwhile
  std::vector<Finding> findings;                    // the first 1,000
  double seconds = 0;
  std::uint64_t read_bytes = 0;
  bool good() const { return damaged == removed && unknown == 0 && unread == 0; }
};

struct VerifyProgress {
  std::uint64_t blocks = 0, bytes = 0, damaged = 0;
  double seconds = 0;
};

// Blocks; `progress` now and then, on the calling thread. An error: the store could not be listed.
Result<VerifyReport> verify_store(StoreFiles& files, const VerifyOptions& options, const Clock& clock,
                                  const std::function<void(const VerifyProgress&)>& progress);
std::string to_text(const VerifyReport& report);

}  // namespace cairn

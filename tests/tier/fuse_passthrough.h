// A FUSE file system of our own over a directory, in a process of its own: reads can be made to wait, renames refuse
// flags as network file systems do.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <string>

namespace cairn::test {

class FusePassthrough {
 public:
  // False (and `why`): this machine cannot mount.
  bool mount(const std::string& source, const std::string& at, std::string& why);
  ~FusePassthrough();

  // Shared with the server.
  struct Control {
    std::atomic<int> hang_reads;  // reads wait while it is not 0
    std::atomic<int> waiting_reads;
    std::atomic<int> served_reads;
  };
  Control& control() { return *control_; }

 private:
  std::string at_;
  Control* control_ = nullptr;
  pid_t server_ = -1;
};

}  // namespace cairn::test

// What the router tells to monitoring. I/O thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "route/policy.h"
#include "telemetry/metrics.h"

namespace cairn {

class RouteProbe {
 public:
  RouteProbe(Metrics& metrics, const std::vector<std::string>& backends);  // their names, by BackendId
  ~RouteProbe();

  void up(BackendId backend, bool is_up);
  void inflight(BackendId backend, std::uint32_t requests);
  void answered(BackendId backend, int status, std::int64_t head_us);  // the header of its answer came
  void retried(BackendId backend, const char* reason);                 // it gave no answer; another one is asked
  void broken_off(BackendId backend);                                  // in the middle of its answer
  void cancelled(BackendId backend);                                   // its client left
  void refused(const char* reason);                                    // by the router itself
  void connections(std::size_t open);

 private:
  struct Series;
  std::unique_ptr<Series> series_;
};

}  // namespace cairn

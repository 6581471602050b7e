// Whether a backend is asked: out after failures in a row, back after checks in a row that went well. A value.
#pragma once

#include <cstdint>

namespace cairn {

struct HealthRule {
  std::uint32_t failures_max = 2;   // checks that fail in a row before a backend is left out
  std::uint32_t successes_min = 1;  // checks that succeed in a row before it is asked again
};

class BackendHealth {
 public:
  explicit BackendHealth(const HealthRule& rule) : rule_(rule) {}
  bool is_up() const { return up_; }

  void check_succeeded();
  void check_failed();
  // A request found nobody there: no more of them are needed to know.
  void request_not_taken();

 private:
  HealthRule rule_;
  std::uint32_t failures_ = 0, successes_ = 0;
  bool up_ = true;  // a request may be the first to find out
};

}  // namespace cairn

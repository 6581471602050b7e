// What the cache expected when it decided how much of a found prefix is worth loading. A value that travels with a
// request from the cache to whoever prints it beside what happened.
#pragma once

#include <cstdint>

namespace cairn {

// Times are of the planned tokens; of the found ones where none was worth loading. 0: not measured yet.
struct LoadForecast {
  std::uint64_t found_tokens = 0, planned_tokens = 0;  // beyond what the device held
  double load_s = 0, compute_s = 0;

  LoadForecast& operator+=(const LoadForecast& other) {
    found_tokens += other.found_tokens;
    planned_tokens += other.planned_tokens;
    load_s += other.load_s;
    compute_s += other.compute_s;
    return *this;
  }
};

}  // namespace cairn

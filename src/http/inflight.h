// What is under way, of all and of each tenant, against its bounds. One thread.
#pragma once

#include <cstddef>
#include <map>
#include <string>

namespace cairn {

class InflightCounts {
 public:
  InflightCounts(std::size_t all_max, std::size_t tenant_max) : all_max_(all_max), tenant_max_(tenant_max) {}

  bool fits(const std::string& tenant, std::size_t more = 1) const;
  void begin(const std::string& tenant, std::size_t count = 1);  // whether it fits or not
  void end(const std::string& tenant);                           // of one that began
  std::size_t all() const { return all_; }

 private:
  const std::size_t all_max_, tenant_max_;
  std::size_t all_ = 0;
  std::map<std::string, std::size_t> of_;  // tenants with something under way
};

}  // namespace cairn

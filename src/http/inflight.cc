#include "http/inflight.h"

#include "base/check.h"

namespace cairn {

bool InflightCounts::fits(const std::string& tenant, std::size_t more) const {
  const auto own = of_.find(tenant);
  return all_ + more <= all_max_ && (own == of_.end() ? 0 : own->second) + more <= tenant_max_;
}

void InflightCounts::begin(const std::string& tenant, std::size_t count) {
  if (count == 0) return;
  all_ += count;
  of_[tenant] += count;
}

void InflightCounts::end(const std::string& tenant) {
  const auto own = of_.find(tenant);
  CAIRN_CHECK(own != of_.end(), "something ended that had not begun");
  --all_;
  if (--own->second == 0) of_.erase(own);
}

}  // namespace cairn

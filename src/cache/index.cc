#include "cache/index.h"

namespace cairn {

void Index::add(const BlockKey& block, std::size_t tier, std::int64_t now_us) {
  Part& part = part_of(block);
  MutexLock lock(part.mutex);
  auto found = part.entries.find(block);
  if (found == part.entries.end()) {
    if (part.entries.size() >= part_max_) {
      part.entries.erase(part.recent.back().block);
      part.recent.pop_back();
    }
    part.recent.push_front({block, 0, {}});
    found = part.entries.emplace(block, part.recent.begin()).first;
  } else {
    part.recent.splice(part.recent.begin(), part.recent, found->second);
  }
  Entry& entry = *found->second;
  entry.tiers = static_cast<TierMask>(entry.tiers | tier_bit(tier));
  entry.known_us[tier] = now_us;
}

void Index::remove(const BlockKey& block, std::size_t tier) {
  Part& part = part_of(block);
  MutexLock lock(part.mutex);
  const auto found = part.entries.find(block);
  if (found == part.entries.end()) return;
  Entry& entry = *found->second;
  entry.tiers = static_cast<TierMask>(entry.tiers & ~tier_bit(tier));
  if (entry.tiers != 0) return;
  part.recent.erase(found->second);
  part.entries.erase(found);
}

TierMask Index::where(const BlockKey& block, std::int64_t now_us) {
  Part& part = part_of(block);
  MutexLock lock(part.mutex);
  const auto found = part.entries.find(block);
  if (found == part.entries.end()) return 0;
  part.recent.splice(part.recent.begin(), part.recent, found->second);
  TierMask trusted = 0;
  for (std::size_t t = 0; t < found->second->known_us.size(); ++t) {
    if ((found->second->tiers & tier_bit(t)) != 0 && now_us - found->second->known_us[t] < trust_us_) {
      trusted = static_cast<TierMask>(trusted | tier_bit(t));
    }
  }
  return trusted;
}

std::size_t Index::size() const {
  std::size_t entries = 0;
  for (const Part& part : parts_) {
    MutexLock lock(part.mutex);
    entries += part.entries.size();
  }
  return entries;
}

}  // namespace cairn

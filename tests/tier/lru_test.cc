// Property: against a model made of a plain list, the policy names the same victims; pinned entries are never named.
#include "tier/lru.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <list>
#include <map>

#include "base/random.h"

namespace cairn {
namespace {

TEST(Lru, NamesTheVictimsOfAPlainListOverAMillionRandomOperations) {
  constexpr std::uint32_t kEntries = 40;
  Lru lru(kEntries);
  std::list<std::uint32_t> order;  // unpinned, oldest first
  std::map<std::uint32_t, std::uint32_t> pins;
  Random random(11);
  for (int step = 0; step < 1'000'000; ++step) {
    const auto entry = static_cast<std::uint32_t>(random.below(kEntries));
    const bool present = pins.contains(entry);
    switch (random.below(5)) {
      case 0:
        if (present) break;
        lru.insert(entry);
        pins[entry] = 0;
        order.push_back(entry);
        break;
      case 1:
        if (!present || random.below(4) != 0) break;
        lru.remove(entry);
        order.remove(entry);
        pins.erase(entry);
        break;
      case 2:
        if (present && pins[entry] == 0) {
          order.remove(entry);
          order.push_back(entry);
        }
        lru.touch(entry);
        break;
      case 3:
        if (!present || pins[entry] > 3) break;
        if (pins[entry]++ == 0) order.remove(entry);
        lru.pin(entry);
        break;
      default:
        if (!present || pins[entry] == 0) break;
        if (--pins[entry] == 0) order.push_back(entry);
        lru.unpin(entry);
        break;
    }
    ASSERT_EQ(lru.victim().has_value(), !order.empty());
    if (!order.empty()) {
      ASSERT_EQ(*lru.victim(), order.front());
    }
    ASSERT_EQ(lru.size(), pins.size());
  }
}

}  // namespace
}  // namespace cairn

#include "tier/tier.h"

#include <array>

namespace cairn {

void Batch::finish(Result<void> result) noexcept {
  if (BatchWatch* watching = watch; watching != nullptr) {
    watch = nullptr;
    watching->on_finish(*this, result);
  }
  CompletionQueue::complete(*this, std::move(result));
}

std::string_view to_string(MissReason reason) {
  static constexpr std::array<std::string_view, static_cast<std::size_t>(MissReason::kCount_)> kNames = {
      "none",   "tail",    "absent",  "vanished", "foreign",      "corrupt", "denied",
      "failed", "timeout", "stalled", "slower",   "breaker_open", "busy",    "disabled"};
  const auto index = static_cast<std::size_t>(reason);
  return index < kNames.size() ? kNames[index] : "unknown";
}

std::string_view to_string(Outcome outcome) {
  static constexpr std::array<std::string_view, 6> kNames = {"pending", "done", "miss", "refused", "corrupt", "failed"};
  const auto index = static_cast<std::size_t>(outcome);
  return index < kNames.size() ? kNames[index] : "unknown";
}

std::string_view to_string(Verb verb) {
  static constexpr std::array<std::string_view, 6> kNames = {"contains", "get", "put", "erase", "lend", "return"};
  const auto index = static_cast<std::size_t>(verb);
  return index < kNames.size() ? kNames[index] : "unknown";
}

}  // namespace cairn

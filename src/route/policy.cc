#include "route/policy.h"

#include <algorithm>

namespace cairn {
namespace {

// FNV-1a, then the finaliser of SplitMix64: every bit of session and backend moves every bit of the weight.
std::uint64_t weight(std::string_view session, BackendId id) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : session) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  hash += (std::uint64_t{id} + 1) * 0x9e3779b97f4a7c15;
  hash = (hash ^ (hash >> 30)) * 0xbf58476d1ce4e5b9;
  hash = (hash ^ (hash >> 27)) * 0x94d049bb133111eb;
  return hash ^ (hash >> 31);
}

BackendId in_turn(std::uint64_t turn, std::span<const BackendLoad> backends) {
  return backends[turn % backends.size()].id;
}

BackendId least_loaded(std::uint64_t turn, std::span<const BackendLoad> backends) {
  const std::size_t first = turn % backends.size();
  std::size_t best = first;
  for (std::size_t i = 1; i < backends.size(); ++i) {
    const std::size_t at = (first + i) % backends.size();
    if (backends[at].inflight < backends[best].inflight) best = at;
  }
  return backends[best].id;
}

}  // namespace

std::string_view to_string(RoutePolicy policy) {
  switch (policy) {
    case RoutePolicy::kRoundRobin:
      return "round-robin";
    case RoutePolicy::kLeastLoaded:
      return "least-loaded";
    case RoutePolicy::kSession:
      return "session";
  }
  return "unknown";
}

std::optional<BackendId> choose_backend(RoutePolicy policy, const RouteQuestion& question,
                                        std::span<const BackendLoad> backends) {
  if (backends.empty()) return std::nullopt;
  switch (policy) {
    case RoutePolicy::kRoundRobin:
      return in_turn(question.turn, backends);
    case RoutePolicy::kSession:
      if (!question.session.empty()) {
        return std::max_element(backends.begin(), backends.end(),
                                [&](const BackendLoad& a, const BackendLoad& b) {
                                  return weight(question.session, a.id) < weight(question.session, b.id);
                                })
            ->id;
      }
      [[fallthrough]];
    case RoutePolicy::kLeastLoaded:
      return least_loaded(question.turn, backends);
  }
  return std::nullopt;
}

}  // namespace cairn

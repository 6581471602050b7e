// Which backend gets a request: a decision over values, without clock, socket or memory of its own.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace cairn {

using BackendId = std::uint32_t;  // its place in the configuration

struct BackendLoad {
  BackendId id = 0;
  std::uint32_t inflight = 0;  // requests that this router has there
};

// The text form of an option is the name without k: round-robin, least-loaded, session.
enum class RoutePolicy : std::uint8_t {
  kRoundRobin,   // each in turn
  kLeastLoaded,  // the one with the fewest requests in flight; in turn among equals
  kSession,      // the same for the same session, by rendezvous hashing (Thaler and Ravishankar, 1998): when a backend
                 // comes or goes, only its own sessions move. Without a session: least-loaded
};

std::string_view to_string(RoutePolicy policy);

struct RouteQuestion {
  std::uint64_t turn = 0;    // counts requests: whose turn it is
  std::string_view session;  // empty: none
};

// One of `backends`, which may be any subset that can be asked now; nothing if it is empty.
std::optional<BackendId> choose_backend(RoutePolicy policy, const RouteQuestion& question,
                                        std::span<const BackendLoad> backends);

}  // namespace cairn

// Every path this server answers. Authentication stands before routing: only `open` routes are answered without a key.
#pragma once

#include <array>
#include <string_view>

namespace cairn {

enum class RouteId : std::uint8_t {
  kModels,
  kModel,
  kCompletions,
  kChat,
  kTokenize,
  kDetokenize,
  kHealth,
  kVersion,
  kMetrics
};

struct Route {
  RouteId id;
  std::string_view method, path;
  bool open = false;
  bool prefix = false;  // answers every longer path that begins so
};

inline constexpr std::array<Route, 9> kRoutes = {{
    {RouteId::kHealth, "GET", "/health", true},
    {RouteId::kModels, "GET", "/v1/models"},
    {RouteId::kModel, "GET", "/v1/models/", false, true},
    {RouteId::kCompletions, "POST", "/v1/completions"},
    {RouteId::kChat, "POST", "/v1/chat/completions"},
    {RouteId::kTokenize, "POST", "/tokenize"},
    {RouteId::kDetokenize, "POST", "/detokenize"},
    {RouteId::kVersion, "GET", "/version"},
    {RouteId::kMetrics, "GET", "/metrics"},
}};

// Null when no route has that path.
inline const Route* find_route(std::string_view path) {
  for (const Route& route : kRoutes) {
    if (route.path == path && !route.prefix) return &route;
    if (route.prefix && path.size() > route.path.size() && path.starts_with(route.path)) return &route;
  }
  return nullptr;
}

}  // namespace cairn

// The valid name that a mistyped one most likely meant.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace cairn {

// Edits (insert, delete, replace, swap of neighbours) that turn `a` into `b`.
std::size_t edit_distance(std::string_view a, std::string_view b);
// Empty when nothing is close (more than a third of the longer name would have to change).
std::string nearest_name(std::string_view name, std::span<const std::string> valid);
// `; did you mean "x"?`, or nothing.
std::string did_you_mean(std::string_view name, std::span<const std::string> valid);

// Whether an orchestrator derives such a variable from the name of a service, so that it is no mistyped setting:
// CAIRN_SERVICE_HOST, CAIRN_PORT_8000_TCP_ADDR.
bool names_service(std::string_view variable);

}  // namespace cairn

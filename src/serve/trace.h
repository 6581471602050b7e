// A request for machines: what was forecast of its load, and what happened. One line of JSON; docs/trace.md names the
// fields. Pure.
#pragma once

#include <string>

#include "serve/probe.h"

namespace cairn {

// Without the line's end. `at_s`: seconds since the epoch when the request ended.
std::string trace_line(const RequestSummary& summary, double at_s);

}  // namespace cairn

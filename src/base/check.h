// A bug check that stays on in release builds. Never reachable from input: what input can cause is an Error.
#pragma once

namespace cairn {

// Prints file, line, expression and message to standard error and aborts. Any thread.
[[noreturn]] void check_failed(const char* file, int line, const char* expression, const char* message) noexcept;

}  // namespace cairn

#define CAIRN_CHECK(condition, message) \
  (__builtin_expect(!(condition), 0) ? ::cairn::check_failed(__FILE__, __LINE__, #condition, message) : (void)0)

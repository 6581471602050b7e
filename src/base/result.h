// Operating errors. One code per distinct *reaction*; the text is for people only.
// A miss is an outcome (see tier/tier.h), never an Error; a bug is a CAIRN_CHECK.
// Member names follow std::expected, so that C++23 can replace this file by an alias.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "base/check.h"

namespace cairn {

enum class ErrorCode : std::uint8_t {
  kInvalid,      // the caller must fix its request                (HTTP 400)
  kRefused,      // admission said no: drop it, count it
  kExhausted,    // a limit is full: back off                      (HTTP 429)
  kUnavailable,  // a peer or device is gone: open its breaker     (HTTP 503)
  kTimeout,      // a deadline passed; memory may still be held
  kCancelled,    // the caller asked for it
  kCorrupt,      // bytes that do not match their checksum, key or format
};

std::string_view to_string(ErrorCode code);

struct Error {
  ErrorCode code = ErrorCode::kInvalid;
  std::string detail;
};

// Helpers that read well at the place of failure: `return invalid("page size must be 16");`
inline Error invalid(std::string detail) { return {ErrorCode::kInvalid, std::move(detail)}; }
inline Error unavailable(std::string detail) { return {ErrorCode::kUnavailable, std::move(detail)}; }
inline Error corrupt(std::string detail) { return {ErrorCode::kCorrupt, std::move(detail)}; }

template <class T>
class [[nodiscard]] Result {
 public:
  using value_type = T;
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }

  T& value() & { return check(), std::get<0>(state_); }
  const T& value() const& { return check(), std::get<0>(state_); }
  T&& value() && { return check(), std::get<0>(std::move(state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const Error& error() const& {
    CAIRN_CHECK(!has_value(), "error() of a success");
    return std::get<1>(state_);
  }
  Error&& error() && {
    CAIRN_CHECK(!has_value(), "error() of a success");
    return std::get<1>(std::move(state_));
  }

 private:
  void check() const { CAIRN_CHECK(has_value(), "value() of a failure"); }
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  using value_type = void;
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}

  bool has_value() const { return !error_; }
  explicit operator bool() const { return has_value(); }
  void value() const { CAIRN_CHECK(has_value(), "value() of a failure"); }

  const Error& error() const& {
    CAIRN_CHECK(!has_value(), "error() of a success");
    return *error_;
  }
  Error&& error() && {
    CAIRN_CHECK(!has_value(), "error() of a success");
    return std::move(*error_);
  }

 private:
  std::optional<Error> error_;
};

}  // namespace cairn

// CAIRN_TRY(auto page, pool.take());   declares `page` or returns the error.
// CAIRN_TRY_VOID(file.sync());         returns the error, if any.
#define CAIRN_CONCAT_INNER(a, b) a##b
#define CAIRN_CONCAT(a, b) CAIRN_CONCAT_INNER(a, b)
#define CAIRN_TRY(declaration, expression) CAIRN_TRY_INNER(CAIRN_CONCAT(cairn_try_, __LINE__), declaration, expression)
#define CAIRN_TRY_INNER(temporary, declaration, expression) \
  auto temporary = (expression);                            \
  if (!temporary) return std::move(temporary).error();      \
  declaration = std::move(temporary).value()
#define CAIRN_TRY_VOID(expression)                                                      \
  do {                                                                                  \
    if (auto cairn_try = (expression); !cairn_try) return std::move(cairn_try).error(); \
  } while (false)

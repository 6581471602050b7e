// Text of a setting <-> typed value. Messages say what was read and what would be right; where it stood is added by
// the loader.
#pragma once

#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/result.h"

namespace cairn {

enum class OptionKind : std::uint8_t { kSwitch, kWhole, kBytes, kReal, kText, kChoice, kList };

Result<bool> parse_switch(std::string_view text);  // true/false, yes/no, on/off, 1/0
Result<double> parse_real(std::string_view text);  // finite
// Whole numbers in [low, high]; with kBytes also "256MiB", "100MB".
Result<std::uint64_t> parse_unsigned(std::string_view text, OptionKind kind, std::uint64_t high);
Result<std::int64_t> parse_signed(std::string_view text, std::int64_t low, std::int64_t high);
// "256MiB", "100MB" or plain digits: always reads back to the same number.
std::string bytes_text(std::uint64_t bytes);
std::string real_text(double value);
std::string lower(std::string_view text);  // ASCII only, as upper
std::string upper(std::string_view text);
std::string list_text(const std::vector<std::string>& items);  // comma between
std::vector<std::string> split_list(std::string_view text);    // empty parts are dropped
Error not_a_choice(std::string_view text, const std::vector<std::string>& choices);

// A field whose name has the word "bytes" is a size: "capacity_bytes", "read_bytes_per_s".
bool names_bytes(std::string_view field);

// Names of an enumeration that has `to_string(E)`: its values count from 0, and to_string answers "unknown", something
// that is no name, or a name again beyond the last one.
template <class E>
std::vector<std::string> choices_of() {
  constexpr int kEnumeratorsMax = 64;
  std::vector<std::string> names;
  for (int i = 0; i < kEnumeratorsMax; ++i) {
    const std::string name(to_string(static_cast<E>(i)));
    if (name.empty() || name == "unknown" || name.find_first_of("? ") != std::string::npos) break;
    bool seen = false;
    for (const std::string& known : names) seen = seen || known == name;
    if (seen) break;
    names.push_back(name);
  }
  return names;
}

template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};

template <class T>
OptionKind kind_of(std::string_view field) {
  if constexpr (IsOptional<T>::value) {
    return kind_of<typename T::value_type>(field);
  } else if constexpr (std::same_as<T, bool>) {
    return OptionKind::kSwitch;
  } else if constexpr (std::is_enum_v<T>) {
    return OptionKind::kChoice;
  } else if constexpr (std::is_integral_v<T>) {
    return names_bytes(field) ? OptionKind::kBytes : OptionKind::kWhole;
  } else if constexpr (std::is_floating_point_v<T>) {
    return OptionKind::kReal;
  } else if constexpr (std::same_as<T, std::vector<std::string>>) {
    return OptionKind::kList;
  } else {
    static_assert(std::same_as<T, std::string>, "a described field has a type that no setting can hold");
    return OptionKind::kText;
  }
}

template <class T>
Result<T> parse_value(std::string_view text, OptionKind kind) {
  if constexpr (std::same_as<T, bool>) {
    return parse_switch(text);
  } else if constexpr (std::is_enum_v<T>) {
    const std::vector<std::string> names = choices_of<T>();
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (names[i] == text) return static_cast<T>(i);
    }
    return not_a_choice(text, names);
  } else if constexpr (std::is_unsigned_v<T>) {
    CAIRN_TRY(const std::uint64_t number, parse_unsigned(text, kind, std::numeric_limits<T>::max()));
    return static_cast<T>(number);
  } else if constexpr (std::is_integral_v<T>) {
    CAIRN_TRY(const std::int64_t number,
              parse_signed(text, std::numeric_limits<T>::min(), std::numeric_limits<T>::max()));
    return static_cast<T>(number);
  } else if constexpr (std::is_floating_point_v<T>) {
    CAIRN_TRY(const double number, parse_real(text));
    return static_cast<T>(number);
  } else {
    static_assert(std::same_as<T, std::string>);
    return std::string(text);
  }
}

template <class T>
std::string value_text(const T& value, OptionKind kind) {
  if constexpr (IsOptional<T>::value) {
    return value ? value_text(*value, kind) : std::string();
  } else if constexpr (std::same_as<T, bool>) {
    return value ? "true" : "false";
  } else if constexpr (std::is_enum_v<T>) {
    return std::string(to_string(value));
  } else if constexpr (std::is_integral_v<T>) {
    return kind == OptionKind::kBytes ? bytes_text(static_cast<std::uint64_t>(value)) : std::to_string(value);
  } else if constexpr (std::is_floating_point_v<T>) {
    return real_text(static_cast<double>(value));
  } else if constexpr (std::same_as<T, std::vector<std::string>>) {
    return list_text(value);
  } else {
    return value;
  }
}

}  // namespace cairn

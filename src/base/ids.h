// Small identities that cross rooms. Distinct types, so that one index cannot be passed for another.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace cairn {

using TokenId = std::uint32_t;

// A page of the engine's device KV pool: its index in the pool.
struct PageId {
  std::uint32_t index = 0;
  auto operator<=>(const PageId&) const = default;
};

// One request within one process, counted from 1. Never taken from a client.
struct RequestId {
  std::uint64_t number = 0;
  auto operator<=>(const RequestId&) const = default;
};

// Half-open range of token positions within one sequence.
struct TokenRange {
  std::uint32_t begin = 0, end = 0;
  std::uint32_t size() const { return end - begin; }
  bool empty() const { return begin == end; }
  auto operator<=>(const TokenRange&) const = default;
};

}  // namespace cairn

template <>
struct std::hash<cairn::RequestId> {
  std::size_t operator()(cairn::RequestId id) const noexcept { return std::hash<std::uint64_t>{}(id.number); }
};
template <>
struct std::hash<cairn::PageId> {
  std::size_t operator()(cairn::PageId id) const noexcept { return std::hash<std::uint32_t>{}(id.index); }
};

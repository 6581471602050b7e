// Least recently used with pins, over small indices: a pure policy without locks, memory of entries or I/O. The owner
// maps an index to whatever it keeps (a slot of the RAM tier, a row of an index). One thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/check.h"

namespace cairn {

class Lru {
 public:
  explicit Lru(std::uint32_t entries_max = 0) { grow(entries_max); }
  // Indices below `entries_max` may be used from now on.
  void grow(std::uint32_t entries_max) {
    if (entries_max > nodes_.size()) nodes_.resize(entries_max);
  }

  // The entry becomes the most recent. Checked: not there yet.
  void insert(std::uint32_t entry) {
    Node& node = at(entry);
    CAIRN_CHECK(!node.present, "an entry was inserted twice");
    node.present = true;
    ++size_;
    link(entry);
  }
  void remove(std::uint32_t entry) {
    Node& node = at(entry);
    CAIRN_CHECK(node.present, "removed an entry that is not there");
    if (node.pins == 0) unlink(entry);
    node = Node{};
    --size_;
  }
  void touch(std::uint32_t entry) {
    Node& node = at(entry);
    if (!node.present || node.pins > 0) return;
    unlink(entry);
    link(entry);
  }
  // A pinned entry is never a victim. Pins count.
  void pin(std::uint32_t entry) {
    Node& node = at(entry);
    CAIRN_CHECK(node.present, "pinned an entry that is not there");
    if (node.pins++ == 0) unlink(entry);
  }
  void unpin(std::uint32_t entry) {
    Node& node = at(entry);
    CAIRN_CHECK(node.present && node.pins > 0, "unpinned an entry that is not pinned");
    if (--node.pins == 0) link(entry);
  }
  std::uint32_t pins(std::uint32_t entry) const { return nodes_[entry].pins; }
  bool contains(std::uint32_t entry) const { return entry < nodes_.size() && nodes_[entry].present; }
  // The least recent entry without pins; it stays until removed.
  std::optional<std::uint32_t> victim() const {
    if (oldest_ == kNone) return std::nullopt;
    return oldest_;
  }
  std::uint32_t size() const { return size_; }

 private:
  static constexpr std::uint32_t kNone = UINT32_MAX;
  struct Node {
    std::uint32_t older = kNone, newer = kNone, pins = 0;
    bool present = false;
  };

  Node& at(std::uint32_t entry) {
    CAIRN_CHECK(entry < nodes_.size(), "an entry beyond the policy's size");
    return nodes_[entry];
  }
  void link(std::uint32_t entry) {
    nodes_[entry].older = newest_;
    nodes_[entry].newer = kNone;
    if (newest_ != kNone)
      nodes_[newest_].newer = entry;
    else
      oldest_ = entry;
    newest_ = entry;
  }
  void unlink(std::uint32_t entry) {
    const Node& node = nodes_[entry];
    if (node.older != kNone)
      nodes_[node.older].newer = node.newer;
    else
      oldest_ = node.newer;
    if (node.newer != kNone)
      nodes_[node.newer].older = node.older;
    else
      newest_ = node.older;
  }

  std::vector<Node> nodes_;
  std::uint32_t oldest_ = kNone, newest_ = kNone, size_ = 0;
};

}  // namespace cairn

// Which prefixes the device holds: a tree of whole pages, compared by token ids exactly (no digest stands for them),
// apart for each scope, never stored. A node is `filling` while one sequence computes or loads its page: others see it
// and wait for it, so that equal prefixes are filled once. Nodes that no sequence uses are evicted, oldest leaf first.
// Owned by the step thread. The tree holds one reference of each of its pages (device_pages.h); its caller counts them.
#pragma once

#include <algorithm>
#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/digest.h"
#include "base/ids.h"

namespace cairn {

// Equal tokens share KV only under equal scopes.
struct PrefixScope {
  PrincipalTag tenant;
  std::string extras;  // what else enters the KV (adapter, images), in canonical bytes
  auto operator<=>(const PrefixScope&) const = default;
};

class PrefixTree {
 public:
  struct Node;
  struct TokensLess {
    using is_transparent = void;
    bool operator()(std::span<const TokenId> a, std::span<const TokenId> b) const {
      return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end());
    }
  };
  using Children = std::map<std::vector<TokenId>, std::unique_ptr<Node>, TokensLess>;
  struct Node {
    Node* parent = nullptr;  // null: a scope's root, which has no page
    PageId page;
    bool filling = false;
    std::uint32_t uses = 0;       // sequences with this node on their path
    std::uint64_t last_used = 0;  // when `uses` became zero; unique
    Children children;
    Children::iterator place;            // in parent->children
    const PrefixScope* scope = nullptr;  // roots only: their key
  };
  struct Found {
    std::vector<Node*> nodes;  // ready, from position 0
    bool filling = false;      // the next page is being filled by another sequence: worth waiting for
  };

  explicit PrefixTree(std::uint32_t page_tokens) : page_tokens_(page_tokens) {}
  ~PrefixTree();
  PrefixTree(const PrefixTree&) = delete;
  PrefixTree& operator=(const PrefixTree&) = delete;

  // The longest prefix of `tokens` in at most `pages_max` whole pages.
  Found find(const PrefixScope& scope, std::span<const TokenId> tokens, std::size_t pages_max) const;
  // The child of `parent` (null: of the scope's root) for one page of tokens; null: none.
  Node* child(const PrefixScope& scope, const Node* parent, std::span<const TokenId> page_tokens) const;
  // Adds a used node (uses 1). Checked: there is none with these tokens, and a filling one gets ready children never.
  Node* insert(const PrefixScope& scope, Node* parent, std::span<const TokenId> page_tokens, PageId page, bool filling);
  void use(Node* node);
  void unuse(Node* node);      // paths are given back from their end, so that ends are evicted first
  void ready(Node* node);      // filled: others may share it
  PageId abandon(Node* node);  // removes a filling leaf that its one user gives up; its page, no longer the tree's
  void move(Node* node, PageId page) { node->page = page; }  // filling nodes only
  std::optional<PageId> evict();  // removes the oldest unused leaf; its page, no longer the tree's

  std::size_t evictable() const { return unused_; }
  std::size_t size() const { return nodes_; }

 private:
  PageId remove(Node* node);
  void forget_leaf(Node* node);
  void note_leaf(Node* node);

  std::uint32_t page_tokens_;
  std::map<PrefixScope, Node> roots_;                 // roots without children are removed
  std::set<std::pair<std::uint64_t, Node*>> leaves_;  // unused, by last_used
  std::uint64_t clock_ = 0;
  std::size_t unused_ = 0, nodes_ = 0;
};

}  // namespace cairn

#include "engine/prefix_tree.h"

#include <utility>

#include "base/check.h"

namespace cairn {

PrefixTree::~PrefixTree() {
  // By a list, not by recursion: a long context is a deep path.
  std::vector<std::unique_ptr<Node>> open;
  const auto take = [&open](Children& children) {
    for (auto& [tokens, child] : children) open.push_back(std::move(child));
    children.clear();
  };
  for (auto& [scope, root] : roots_) take(root.children);
  while (!open.empty()) {
    const std::unique_ptr<Node> node = std::move(open.back());
    open.pop_back();
    take(node->children);
  }
}

PrefixTree::Node* PrefixTree::child(const PrefixScope& scope, const Node* parent,
                                    std::span<const TokenId> page_tokens) const {
  const Children* children = parent == nullptr ? nullptr : &parent->children;
  if (children == nullptr) {
    const auto root = roots_.find(scope);
    if (root == roots_.end()) return nullptr;
    children = &root->second.children;
  }
  const auto found = children->find(page_tokens);
  return found == children->end() ? nullptr : found->second.get();
}

PrefixTree::Found PrefixTree::find(const PrefixScope& scope, std::span<const TokenId> tokens,
                                   std::size_t pages_max) const {
  Found found;
  const Node* parent = nullptr;
  const std::size_t pages = std::min(pages_max, tokens.size() / page_tokens_);
  for (std::size_t i = 0; i < pages; ++i) {
    Node* next = child(scope, parent, tokens.subspan(i * page_tokens_, page_tokens_));
    if (next == nullptr) break;
    if (next->filling) {
      found.filling = true;
      break;
    }
    found.nodes.push_back(next);
    parent = next;
  }
  return found;
}

PrefixTree::Node* PrefixTree::insert(const PrefixScope& scope, Node* parent, std::span<const TokenId> page_tokens,
                                     PageId page, bool filling) {
  CAIRN_CHECK(page_tokens.size() == page_tokens_, "a node is one whole page");
  if (parent == nullptr) {
    const auto root = roots_.try_emplace(scope).first;
    root->second.scope = &root->first;
    parent = &root->second;
  } else {
    CAIRN_CHECK(filling || !parent->filling, "a ready page below one that is not");
    CAIRN_CHECK(parent->uses > 0, "a path that its sequence does not use");
  }
  auto node = std::make_unique<Node>();
  node->parent = parent;
  node->page = page;
  node->filling = filling;
  node->uses = 1;
  const auto [place, is_new] =
      parent->children.try_emplace(std::vector<TokenId>(page_tokens.begin(), page_tokens.end()), std::move(node));
  CAIRN_CHECK(is_new, "two nodes for one prefix");
  place->second->place = place;
  ++nodes_;
  return place->second.get();
}

void PrefixTree::use(Node* node) {
  if (node->uses++ > 0) return;
  --unused_;
  forget_leaf(node);
}

void PrefixTree::unuse(Node* node) {
  CAIRN_CHECK(node->uses > 0, "a node is given back more often than it was used");
  CAIRN_CHECK(!node->filling, "a filling node is abandoned, not given back");
  if (--node->uses > 0) return;
  ++unused_;
  node->last_used = ++clock_;
  note_leaf(node);
}

void PrefixTree::ready(Node* node) {
  CAIRN_CHECK(node->parent->parent == nullptr || !node->parent->filling, "pages become ready from the front");
  node->filling = false;
}

PageId PrefixTree::abandon(Node* node) {
  CAIRN_CHECK(node->filling && node->uses == 1, "only its one user abandons a filling node");
  return remove(node);
}

std::optional<PageId> PrefixTree::evict() {
  if (leaves_.empty()) return std::nullopt;
  Node* node = leaves_.begin()->second;
  forget_leaf(node);
  --unused_;
  return remove(node);
}

PageId PrefixTree::remove(Node* node) {
  CAIRN_CHECK(node->children.empty(), "only a leaf is removed");
  const PageId page = node->page;
  Node* parent = node->parent;
  parent->children.erase(node->place);
  --nodes_;
  if (parent->parent != nullptr) {
    if (parent->uses == 0) note_leaf(parent);
  } else if (parent->children.empty()) {
    roots_.erase(roots_.find(*parent->scope));
  }
  return page;
}

void PrefixTree::forget_leaf(Node* node) { leaves_.erase({node->last_used, node}); }

void PrefixTree::note_leaf(Node* node) {
  if (node->children.empty()) leaves_.emplace(node->last_used, node);
}

}  // namespace cairn

// Property: a prefix is found only under its own scope and its exact tokens, only what is filled is shared, and only
// what nobody uses is evicted, ends before beginnings, oldest first.
#include "engine/prefix_tree.h"

#include <gtest/gtest.h>

namespace cairn {
namespace {

using Tokens = std::vector<TokenId>;

struct Tree {
  PrefixTree tree{2};
  PrefixScope scope;
  std::vector<PrefixTree::Node*> add(const Tokens& tokens, std::uint32_t first_page, bool filling = false) {
    std::vector<PrefixTree::Node*> path;
    for (std::size_t i = 0; i + 2 <= tokens.size(); i += 2) {
      PrefixTree::Node* parent = path.empty() ? nullptr : path.back();
      const auto page = std::span<const TokenId>(tokens).subspan(i, 2);
      PrefixTree::Node* node = tree.child(scope, parent, page);
      if (node != nullptr) {
        tree.use(node);
      } else {
        node = tree.insert(scope, parent, page, {first_page}, filling);
      }
      ++first_page;
      path.push_back(node);
    }
    return path;
  }
  void give_back(const std::vector<PrefixTree::Node*>& path) {
    for (auto node = path.rbegin(); node != path.rend(); ++node) tree.unuse(*node);
  }
  std::size_t find(const Tokens& tokens, std::size_t pages_max = 99) {
    return tree.find(scope, tokens, pages_max).nodes.size();
  }
};

TEST(PrefixTree, FindsExactTokensInWholePages) {
  Tree t;
  t.add({1, 2, 3, 4, 5, 6}, 10);
  EXPECT_EQ(t.find({1, 2, 3, 4, 5, 6, 7}), 3u);
  EXPECT_EQ(t.find({1, 2, 3, 4, 5}), 2u);
  EXPECT_EQ(t.find({1, 2, 3, 9, 5, 6}), 1u);
  EXPECT_EQ(t.find({3, 4, 5, 6}), 0u) << "a page counts only behind its own prefix";
  EXPECT_EQ(t.find({1, 2, 3, 4, 5, 6}, 2), 2u);
  EXPECT_EQ(t.tree.find(t.scope, Tokens{1, 2, 3, 4}, 9).nodes[1]->page, PageId{11});
}

TEST(PrefixTree, ScopesShareNothing) {
  Tree t;
  t.add({1, 2}, 0);
  t.scope.tenant.bytes[0] = 1;
  EXPECT_EQ(t.find({1, 2}), 0u);
  t.scope = {};
  t.scope.extras = "adapter";
  EXPECT_EQ(t.find({1, 2}), 0u);
}

TEST(PrefixTree, WhatIsBeingFilledIsSeenButNotShared) {
  Tree t;
  const auto path = t.add({1, 2, 3, 4}, 0, true);
  EXPECT_TRUE(t.tree.find(t.scope, Tokens{1, 2, 9, 9}, 9).filling);
  EXPECT_FALSE(t.tree.find(t.scope, Tokens{7, 7, 3, 4}, 9).filling);
  t.tree.ready(path[0]);
  const auto found = t.tree.find(t.scope, Tokens{1, 2, 3, 4}, 9);
  EXPECT_EQ(found.nodes.size(), 1u);
  EXPECT_TRUE(found.filling);
  EXPECT_FALSE(t.tree.find(t.scope, Tokens{1, 2, 3, 4}, 1).filling) << "beyond what may be shared";
  EXPECT_EQ(t.tree.abandon(path[1]), PageId{1});
  EXPECT_FALSE(t.tree.find(t.scope, Tokens{1, 2, 3, 4}, 9).filling);
}

TEST(PrefixTree, EvictsUnusedEndsOldestFirst) {
  Tree t;
  const auto first = t.add({1, 2, 3, 4}, 0);
  const auto second = t.add({1, 2, 5, 6}, 10);  // page 0 is shared, 11 its own
  EXPECT_FALSE(t.tree.evict().has_value());
  t.give_back(first);
  EXPECT_EQ(t.tree.evictable(), 1u);
  t.give_back(second);
  EXPECT_EQ(t.tree.evictable(), 3u);
  EXPECT_EQ(t.tree.evict(), PageId{1});
  EXPECT_EQ(t.tree.evict(), PageId{11});
  EXPECT_EQ(t.tree.evict(), PageId{0});
  EXPECT_FALSE(t.tree.evict().has_value());
  EXPECT_EQ(t.tree.size(), 0u);
}

TEST(PrefixTree, UseMakesYoung) {
  Tree t;
  t.give_back(t.add({1, 2}, 0));
  t.give_back(t.add({3, 4}, 1));
  t.give_back(t.add({1, 2}, 0));
  EXPECT_EQ(t.tree.evict(), PageId{1});
}

TEST(PrefixTree, DeepPathsEndWithoutDeepRecursion) {
  Tree t;
  Tokens tokens(400000);
  for (std::size_t i = 0; i < tokens.size(); ++i) tokens[i] = static_cast<TokenId>(i);
  EXPECT_EQ(t.add(tokens, 0).size(), tokens.size() / 2);
}

}  // namespace
}  // namespace cairn

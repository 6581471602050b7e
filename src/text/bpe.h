// Byte-level byte-pair encoding of one piece of text: bytes -> ids by merges of lowest rank, leftmost first.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/ids.h"
#include "base/result.h"

namespace cairn {

// The printable alphabet in which byte-level vocabularies spell arbitrary bytes (space is U+0120, and so on).
std::string byte_level_spelling(std::string_view bytes);
// The bytes a spelling stands for; nothing if a character is outside the alphabet.
std::optional<std::string> byte_level_bytes(std::string_view spelling);

struct BpeMerge {
  TokenId left = 0, right = 0, merged = 0;
};

struct BpeConfig {
  std::unordered_map<std::string, TokenId> vocabulary = {};  // spelling -> id
  std::vector<BpeMerge> merges = {};                         // in order of rank
  std::optional<TokenId> unknown = {};                       // for bytes without a token; without it such bytes vanish
  bool fuse_unknown = false;                                 // neighbouring unknown bytes give one id
  bool ignore_merges = false;                                // a piece that is itself a token is taken whole
};

// Immutable after make(); encode() from any thread, each with a Scratch of its own.
class Bpe {
 public:
  // Working memory of one encoding thread, reused between pieces.
  struct Symbol {
    TokenId id = 0;
    std::int32_t previous = -1, next = -1;
    bool alive = true;
  };
  struct Candidate {
    std::uint32_t rank = 0;
    std::int32_t left = 0;
    TokenId merged = 0;
  };
  struct Scratch {
    std::vector<Symbol> symbols;
    std::vector<Candidate> heap;
    std::string spelling;
  };

  static Bpe make(BpeConfig config);

  // Appends the ids of `piece` (at most 1 GiB). O(n log n) in its bytes.
  void encode(std::string_view piece, Scratch& scratch, std::vector<TokenId>& ids) const;
  const std::unordered_map<std::string, TokenId>& vocabulary() const { return config_.vocabulary; }

 private:
  struct PairSlot {
    std::uint64_t pair = 0;
    std::uint32_t rank = 0;
    TokenId merged = 0;
  };
  Bpe() = default;
  const PairSlot* find(TokenId left, TokenId right) const;
  void start(std::string_view piece, Scratch& scratch) const;
  void consider(Scratch& scratch, std::int32_t left) const;
  void merge_all(Scratch& scratch) const;

  BpeConfig config_;
  std::vector<PairSlot> pairs_;  // open addressing, a power of two
  std::array<std::int64_t, 256> byte_ids_{};
};

}  // namespace cairn

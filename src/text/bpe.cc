#include "text/bpe.h"

#include <algorithm>
#include <bit>

#include "text/unicode.h"

namespace cairn {
namespace {

// Bytes that print as themselves keep their code point; the others follow from U+0100 in order.
struct Alphabet {
  std::array<char32_t, 256> point{};
  std::array<std::int16_t, 512> byte{};

  Alphabet() {
    byte.fill(-1);
    char32_t next = 0x100;
    for (std::uint32_t b = 0; b < 256; ++b) {
      const bool prints = (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
      point[b] = prints ? static_cast<char32_t>(b) : next++;
      byte[point[b]] = static_cast<std::int16_t>(b);
    }
  }
};

const Alphabet& alphabet() {
  static const Alphabet instance;
  return instance;
}

constexpr std::uint64_t pair_of(TokenId left, TokenId right) { return (std::uint64_t{left} << 32) | right; }
constexpr std::uint64_t kEmptyPair = ~std::uint64_t{0};
constexpr std::uint64_t mix(std::uint64_t pair) {
  pair *= 0x9E3779B97F4A7C15u;
  return pair ^ (pair >> 29);
}

// The heap's top is the candidate to merge next: lowest rank, then leftmost.
bool later(const Bpe::Candidate& a, const Bpe::Candidate& b) {
  return a.rank != b.rank ? a.rank > b.rank : a.left > b.left;
}

}  // namespace

std::string byte_level_spelling(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const char c : bytes) utf8_append(out, alphabet().point[static_cast<unsigned char>(c)]);
  return out;
}

std::optional<std::string> byte_level_bytes(std::string_view spelling) {
  std::string out;
  out.reserve(spelling.size());
  for (std::size_t offset = 0; offset < spelling.size();) {
    const char32_t point = utf8_next(spelling, offset);
    if (point >= alphabet().byte.size() || alphabet().byte[point] < 0) return std::nullopt;
    out.push_back(static_cast<char>(static_cast<unsigned char>(alphabet().byte[point])));
  }
  return out;
}

Bpe Bpe::make(BpeConfig config) {
  Bpe bpe;
  bpe.config_ = std::move(config);
  for (std::uint32_t b = 0; b < 256; ++b) {
    const char byte = static_cast<char>(static_cast<unsigned char>(b));
    const auto found = bpe.config_.vocabulary.find(byte_level_spelling({&byte, 1}));
    bpe.byte_ids_[b] = found == bpe.config_.vocabulary.end() ? -1 : std::int64_t{found->second};
  }
  const auto& merges = bpe.config_.merges;
  bpe.pairs_.assign(std::bit_ceil(merges.size() * 2 + 2), PairSlot{kEmptyPair, 0, 0});
  const std::size_t mask = bpe.pairs_.size() - 1;
  for (std::size_t rank = 0; rank < merges.size(); ++rank) {
    const std::uint64_t pair = pair_of(merges[rank].left, merges[rank].right);
    std::size_t slot = mix(pair) & mask;
    while (bpe.pairs_[slot].pair != kEmptyPair && bpe.pairs_[slot].pair != pair) slot = (slot + 1) & mask;
    bpe.pairs_[slot] = {pair, static_cast<std::uint32_t>(rank), merges[rank].merged};
  }
  return bpe;
}

const Bpe::PairSlot* Bpe::find(TokenId left, TokenId right) const {
  const std::uint64_t pair = pair_of(left, right);
  const std::size_t mask = pairs_.size() - 1;
  for (std::size_t slot = mix(pair) & mask; pairs_[slot].pair != kEmptyPair; slot = (slot + 1) & mask) {
    if (pairs_[slot].pair == pair) return &pairs_[slot];
  }
  return nullptr;
}

// One symbol per byte. Bytes without a token become the unknown token or vanish.
void Bpe::start(std::string_view piece, Scratch& scratch) const {
  auto& symbols = scratch.symbols;
  symbols.clear();
  bool after_unknown = false;
  for (const char c : piece) {
    const std::int64_t id = byte_ids_[static_cast<unsigned char>(c)];
    if (id < 0 && (!config_.unknown || (after_unknown && config_.fuse_unknown))) continue;
    after_unknown = id < 0;
    symbols.push_back({.id = after_unknown ? *config_.unknown : static_cast<TokenId>(id)});
  }
  const auto count = static_cast<std::int32_t>(symbols.size());
  for (std::int32_t i = 0; i < count; ++i) {
    symbols[static_cast<std::size_t>(i)].previous = i - 1;
    symbols[static_cast<std::size_t>(i)].next = i + 1 < count ? i + 1 : -1;
  }
}

void Bpe::consider(Scratch& scratch, std::int32_t left) const {
  if (left < 0) return;
  const Symbol& symbol = scratch.symbols[static_cast<std::size_t>(left)];
  if (symbol.next < 0) return;
  const PairSlot* pair = find(symbol.id, scratch.symbols[static_cast<std::size_t>(symbol.next)].id);
  if (pair == nullptr) return;
  scratch.heap.push_back({pair->rank, left, pair->merged});
  std::push_heap(scratch.heap.begin(), scratch.heap.end(), later);
}

// Candidates are not taken back when a neighbour merges; a stale one is recognised when it comes up.
void Bpe::merge_all(Scratch& scratch) const {
  auto& [symbols, heap, spelling] = scratch;
  heap.clear();
  for (std::size_t i = 0; i < symbols.size(); ++i) consider(scratch, static_cast<std::int32_t>(i));
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), later);
    const Candidate top = heap.back();
    heap.pop_back();
    Symbol& left = symbols[static_cast<std::size_t>(top.left)];
    if (!left.alive || left.next < 0) continue;
    Symbol& right = symbols[static_cast<std::size_t>(left.next)];
    const PairSlot* pair = find(left.id, right.id);
    if (pair == nullptr || pair->merged != top.merged) continue;
    left.id = top.merged;
    right.alive = false;
    left.next = right.next;
    if (left.next >= 0) symbols[static_cast<std::size_t>(left.next)].previous = top.left;
    consider(scratch, left.previous);
    consider(scratch, top.left);
  }
}

void Bpe::encode(std::string_view piece, Scratch& scratch, std::vector<TokenId>& ids) const {
  CAIRN_CHECK(piece.size() <= (std::size_t{1} << 30), "piece longer than 1 GiB");
  if (config_.ignore_merges) {
    scratch.spelling.clear();
    for (const char c : piece) utf8_append(scratch.spelling, alphabet().point[static_cast<unsigned char>(c)]);
    if (const auto whole = config_.vocabulary.find(scratch.spelling); whole != config_.vocabulary.end()) {
      ids.push_back(whole->second);
      return;
    }
  }
  start(piece, scratch);
  merge_all(scratch);
  for (const Symbol& symbol : scratch.symbols) {
    if (symbol.alive) ids.push_back(symbol.id);
  }
}

}  // namespace cairn

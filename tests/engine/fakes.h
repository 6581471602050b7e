// A device and a cache whose contents can be told right from wrong. The KV of a token is a chain value over the whole
// prefix, kept per page slot: a wrong, stale or half-filled page changes what is "computed" from it, and the next token
// is a function of that value. `next_token` is the oracle that needs no pages at all.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "api/generator.h"
#include "base/random.h"
#include "connector/connector.h"
#include "engine/runner.h"

namespace cairn::testing {

inline constexpr std::uint32_t kPageTokens = 16;
inline constexpr std::uint32_t kVocabulary = 97;

inline std::uint64_t chain(std::uint64_t before, TokenId token) { return Random(before ^ (token + 1ull)).next(); }
inline TokenId token_of(std::uint64_t value) { return static_cast<TokenId>(value % kVocabulary); }
inline std::vector<TokenId> oracle(std::vector<TokenId> tokens, std::size_t count) {
  std::uint64_t value = 0;
  for (const TokenId token : tokens) value = chain(value, token);
  std::vector<TokenId> out;
  for (std::size_t i = 0; i < count; ++i) {
    out.push_back(token_of(value));
    value = chain(value, out.back());
  }
  return out;
}

// The memory of all pages: one chain value per token slot. 0: nothing was ever written there.
struct FakeMemory {
  explicit FakeMemory(std::uint32_t pages) : slots(pages, std::vector<std::uint64_t>(kPageTokens, 0)) {}
  std::uint64_t& at(PageId page, std::uint32_t slot) { return slots.at(page.index).at(slot); }
  std::vector<std::vector<std::uint64_t>> slots;
};

class FakeRunner final : public ModelRunner {
 public:
  explicit FakeRunner(FakeMemory& memory) : memory_(memory) {}
  Result<std::span<const float>> run(std::span<const ForwardSlice> slices) override {
    if (fail_next > 0 && --fail_next == 0) return unavailable("the device fell over");
    logits_.clear();
    for (const ForwardSlice& slice : slices) {
      computed_tokens += slice.tokens.size();
      std::uint64_t value = slice.position == 0 ? 0 : slot(slice, slice.position - 1);
      for (std::uint32_t i = 0; i < slice.tokens.size(); ++i) {
        value = chain(value, slice.tokens[i]);
        slot(slice, slice.position + i) = value;
      }
      if (slice.logits == LogitsOf::kNone) continue;
      // Attention reads every position: one wrong slot anywhere changes the result.
      const std::uint32_t end = slice.position + static_cast<std::uint32_t>(slice.tokens.size());
      for (std::uint32_t p = 0; p < end; ++p) read ^= slot(slice, p);
      logits_.resize(logits_.size() + kVocabulary, 0.0f);
      logits_[logits_.size() - kVocabulary + token_of(value)] = 10.0f;
    }
    return std::span<const float>(logits_);
  }
  std::uint32_t vocabulary() const override { return kVocabulary; }

  std::size_t computed_tokens = 0;
  int fail_next = 0;  // n: the n-th run from now fails
  std::uint64_t read = 0;

 private:
  std::uint64_t& slot(const ForwardSlice& slice, std::uint32_t position) {
    return memory_.at(slice.pages[position / kPageTokens], position % kPageTokens);
  }
  FakeMemory& memory_;
  std::vector<float> logits_;
};

// A cache with exact token prefixes as keys. Loads and saves take `delay` polls; a load gives up where `load_limit`
// says and leaves garbage behind.
class FakeConnector final : public Connector {
 public:
  explicit FakeConnector(FakeMemory& memory, std::uint32_t chunk_tokens = 32) : memory_(memory), chunk_(chunk_tokens) {}

  Match match(const MatchRequest& request) override {
    ++matches;
    if (ask_again[request.id] > 0) return --ask_again[request.id], Match{Match::State::kAskAgain, 0};
    State& state = states_[request.id];
    state.prompt.assign(request.prompt.begin(), request.prompt.end());
    std::size_t end = 0;
    while (end + chunk_ < request.prompt.size() && stored_.contains(prefix(request.prompt, end + chunk_)))
      end += chunk_;
    state.limit = end;
    return {Match::State::kReady, end > request.computed ? end - request.computed : 0};
  }
  void load(RequestId id, TokenRange tokens, std::span<const PageId> pages) override {
    loads_.push_back({id, tokens, {pages.begin(), pages.end()}, delay()});
    loaded_ranges.push_back(tokens);
    loaded_pages.assign(pages.begin(), pages.end());
  }
  bool save(RequestId id, std::span<const TokenId> tokens, std::span<const PageId> pages) override {
    ++saves;
    if (!keep) return false;
    saves_.push_back({id, {tokens.begin(), tokens.end()}, {pages.begin(), pages.end()}, delay()});
    return true;
  }
  TransferReport poll() override {
    TransferReport report;
    for (auto it = loads_.begin(); it != loads_.end();) {
      if (it->left-- > 0) {
        ++it;
        continue;
      }
      report.loaded.push_back({it->id, finish_load(*it)});
      it = loads_.erase(it);
    }
    std::set<RequestId> open, over;
    for (auto it = saves_.begin(); it != saves_.end();) {
      if (it->left-- > 0) {
        open.insert(it->id);
        ++it;
        continue;
      }
      for (std::size_t end = chunk_; end <= it->tokens.size(); end += chunk_) store(*it, end);
      over.insert(it->id);
      it = saves_.erase(it);
    }
    for (const RequestId id : over) {
      if (!open.contains(id)) report.saved.push_back(id);
    }
    return report;
  }
  void observe_prefill(std::size_t tokens, std::int64_t) override { observed += tokens; }
  RequestTally tally(RequestId id, std::uint64_t prompt_tokens, std::uint64_t device_tokens) override {
    RequestTally tally;
    const std::uint64_t loaded = states_[id].loaded;
    if (loaded > 0) tally.tier.emplace_back("fake", loaded);
    tally.missed[static_cast<std::size_t>(MissReason::kAbsent)] = prompt_tokens - device_tokens - loaded;
    return tally;
  }
  void release(RequestId id) override {
    ++releases;
    states_.erase(id);
  }
  bool idle() const override { return loads_.empty() && saves_.empty(); }
  std::uint32_t chunk_tokens() const override { return chunk_; }

  std::map<RequestId, int> ask_again;
  std::function<int()> delay = [] { return 0; };                                              // in polls
  std::function<std::size_t(TokenRange)> load_limit = [](TokenRange r) { return r.size(); };  // tokens that arrive
  bool keep = true;  // false: saves are refused
  int matches = 0, saves = 0, releases = 0;
  std::size_t observed = 0;
  std::vector<TokenRange> loaded_ranges;
  std::vector<PageId> loaded_pages;  // of the last load
  std::size_t open_states() const { return states_.size(); }

 private:
  struct State {
    std::vector<TokenId> prompt;
    std::size_t limit = 0, loaded = 0;
  };
  struct LoadUnderWay {
    RequestId id;
    TokenRange tokens;
    std::vector<PageId> pages;
    int left = 0;
  };
  struct SaveUnderWay {
    RequestId id;
    std::vector<TokenId> tokens;
    std::vector<PageId> pages;
    int left = 0;
  };
  static std::vector<TokenId> prefix(std::span<const TokenId> tokens, std::size_t end) {
    return {tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(end)};
  }
  std::size_t finish_load(const LoadUnderWay& load) {
    const auto state = states_.find(load.id);
    const std::size_t good = state == states_.end() ? 0 : load_limit(load.tokens);
    for (std::uint32_t i = 0; i < load.tokens.size(); ++i) {
      std::uint64_t& slot = memory_.at(load.pages[i / kPageTokens], i % kPageTokens);
      slot = 0xbad;  // what did not arrive whole is garbage
      if (i >= good) continue;
      const std::size_t position = load.tokens.begin + i;
      slot = stored_.at(prefix(state->second.prompt, (position / chunk_ + 1) * chunk_)).at(position % chunk_);
    }
    if (state != states_.end()) state->second.loaded = good;
    return good;
  }
  void store(const SaveUnderWay& save, std::size_t end) {
    std::vector<std::uint64_t> values;
    for (std::size_t p = end - chunk_; p < end; ++p) {
      values.push_back(memory_.at(save.pages[p / kPageTokens], static_cast<std::uint32_t>(p % kPageTokens)));
    }
    stored_[prefix(save.tokens, end)] = values;
  }

  FakeMemory& memory_;
  const std::uint32_t chunk_;
  std::map<RequestId, State> states_;
  std::deque<LoadUnderWay> loads_;
  std::deque<SaveUnderWay> saves_;
  std::map<std::vector<TokenId>, std::vector<std::uint64_t>> stored_;
};

// Keeps what it was told.
class FakeSink final : public TokenSink {
 public:
  void on_prompt(const CacheUse& cache_use) override { use = cache_use, ++prompts; }
  void on_token(const Token& token) override { tokens.push_back(token.id), full.push_back(token); }
  void on_end(Result<Finish> result) override { end.push_back(std::move(result)); }
  bool ended_as(FinishReason reason) const { return end.size() == 1 && end[0].has_value() && end[0]->reason == reason; }
  CacheUse use;
  int prompts = 0;
  std::vector<TokenId> tokens;
  std::vector<Token> full;
  std::vector<Result<Finish>> end;
};

inline std::vector<TokenId> random_tokens(std::uint64_t seed, std::size_t count) {
  Random random(seed);
  std::vector<TokenId> tokens(count);
  for (TokenId& token : tokens) token = static_cast<TokenId>(random.below(kVocabulary));
  return tokens;
}

}  // namespace cairn::testing

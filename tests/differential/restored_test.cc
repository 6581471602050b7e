// Property: KV that was restored, from the device, from memory or from a file, and KV that was computed are the same
// bytes and give the same logits, however much was restored, however steps are cut, with any number of threads. And the
// comparison has teeth: a tier that swaps two pages makes it fail.
#include <gtest/gtest.h>

#include <functional>
#include <span>

#include "differential/differential_world.h"
#include "tier/wrapper.h"

namespace cairn::test {
namespace {

constexpr std::uint32_t kChunk = 256;
constexpr std::uint32_t kOutput = 4;
enum class Place : std::uint8_t { kDevice, kRam, kFile };
constexpr Place kPlaces[] = {Place::kDevice, Place::kRam, Place::kFile};
const char* name_of(Place place) { return place == Place::kDevice ? "device" : place == Place::kRam ? "ram" : "file"; }

std::vector<TokenId> first(const std::vector<TokenId>& tokens, std::size_t count) {
  return {tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(count)};
}

// Restored traces of prompts that begin with something a first run has left at a place.
class Sweep {
 public:
  Sweep(Model& model, Place place) : model_(model), place_(place), directory_(CAIRN_BINARY_DIR) {}
  void leave(const std::vector<TokenId>& prompt) {
    if (prompt.empty()) return;
    if (place_ == Place::kDevice) {
      left_ = prompt;
      return;
    }
    open();
    EngineHost host(model_, cache_.get());
    Sink sink;
    host.start(prompt, 1, sink);
    host.settle();
    EXPECT_TRUE(sink.finished);
    host.engine->close();
    if (place_ == Place::kFile) reopen_ = true;
  }
  Trace restore(const std::vector<TokenId>& prompt, const EngineOptions& options) {
    if (place_ == Place::kDevice) {
      EngineHost host(model_, nullptr, options);
      Sink sink;
      if (!left_.empty()) {
        host.start(left_, 1, sink);
        host.settle();
      }
      return host.trace(prompt, kOutput);
    }
    open();
    EngineHost host(model_, cache_.get(), options);
    return host.trace(prompt, kOutput);
  }

 private:
  void open() {
    if (cache_ != nullptr && !reopen_) return;
    reopen_ = false;
    cache_.reset();  // drains: what was left is on disk
    cache_ = std::make_unique<CacheHost>(model_,
                                         tiers(place_ == Place::kRam ? ram_tier(model_, clock_, 64ull << 20)
                                                                     : file_tier(model_, directory_.path(), clock_)));
  }
  Model& model_;
  Place place_;
  SystemClock clock_;
  TemporaryDirectory directory_;
  std::unique_ptr<CacheHost> cache_;
  std::vector<TokenId> left_;
  bool reopen_ = false;
};

std::uint64_t from_place(const CacheUse& use, Place place) {
  if (place == Place::kDevice) return use.device_tokens;
  for (const auto& [tier, tokens] : use.tier_tokens) {
    if (tier == name_of(place)) return tokens;
  }
  return 0;
}

// `computed` tokens behind a prefix of two chunks, for each of them, step budget, thread count and place.
void sweep_suffixes(Model& model, const std::vector<std::size_t>& suffixes, const std::vector<std::uint32_t>& budgets) {
  const auto longest = model.prompt(2 * kChunk + 67, 3);
  std::map<std::size_t, Trace> recomputed;
  for (const std::size_t m : suffixes) {
    recomputed[m] = EngineHost(model, nullptr).trace(first(longest, 2 * kChunk + m), kOutput);
    ASSERT_TRUE(recomputed[m].finished);
    ASSERT_EQ(recomputed[m].use.computed_tokens, 2 * kChunk + m);
  }
  for (const Place place : kPlaces) {
    Sweep sweep(model, place);
    sweep.leave(first(longest, 2 * kChunk));
    for (const std::size_t m : suffixes) {
      for (const std::uint32_t budget : budgets) {
        for (const std::uint32_t threads : {1u, 2u}) {
          if (place == Place::kDevice && model.spec().hidden > 256 && (threads == 1 || budget != budgets.back()))
            continue;
          const Trace restored =
              sweep.restore(first(longest, 2 * kChunk + m), {.threads = threads, .step_tokens_max = budget});
          const std::string what = std::string(name_of(place)) + " M=" + std::to_string(m) + " budget " +
                                   std::to_string(budget) + " threads " + std::to_string(threads);
          EXPECT_EQ(difference(recomputed[m], restored), "") << what;
          EXPECT_EQ(from_place(restored.use, place), 2 * kChunk) << what;
          EXPECT_EQ(restored.use.computed_tokens, m) << what;
        }
      }
    }
  }
}

TEST(Restored, EqualsRecomputedForEverySuffixBudgetThreadsAndPlace) {
  Model model = random_llama();
  sweep_suffixes(model, {1, 5, 16, 67}, {16, 100, 256});
}

TEST(Restored, EqualsRecomputedAtEveryPartialHit) {
  Model model = random_llama();
  for (const std::size_t length : {std::size_t{600}, std::size_t{2 * kChunk}, std::size_t{kChunk + 1}}) {
    const auto prompt = model.prompt(length, 5 + length);
    const Trace recomputed = EngineHost(model, nullptr).trace(prompt, kOutput);
    const std::size_t most = (length - 1) / 16 * 16;  // one token is always computed
    for (const Place place : kPlaces) {
      for (const std::size_t left : {std::size_t{0}, std::size_t{1}, std::size_t{kChunk - 1}, std::size_t{kChunk},
                                     std::size_t{kChunk + 1}, length - 1, length}) {
        Sweep sweep(model, place);
        sweep.leave(first(prompt, left));
        const Trace restored = sweep.restore(prompt, {.step_tokens_max = 100});
        const std::string what =
            std::string(name_of(place)) + " left " + std::to_string(left) + " of " + std::to_string(length);
        EXPECT_EQ(difference(recomputed, restored), "") << what;
        const std::size_t unit = place == Place::kDevice ? 16 : kChunk;
        EXPECT_EQ(from_place(restored.use, place), std::min(left / unit * unit, most)) << what;
        EXPECT_EQ(restored.use.cached_tokens() + restored.use.computed_tokens, length) << what;
        EXPECT_GE(restored.use.computed_tokens, 1u) << what;
      }
    }
  }
}

TEST(Restored, EqualsRecomputedWhenDeviceAndTierServeOnePrompt) {
  Model model = random_llama();
  const auto prompt = model.prompt(3 * kChunk + 20, 9);
  const Trace recomputed = EngineHost(model, nullptr).trace(prompt, kOutput);
  for (const std::size_t on_device : {16, 256, 272, 400, 512, 700}) {
    SystemClock clock;
    CacheHost cache(model, tiers(ram_tier(model, clock)));
    Sink sink, short_sink;
    {
      EngineHost host(model, &cache);
      host.start(prompt, 1, sink);
      host.settle();
    }
    EngineHost host(model, &cache, {.pages = 128});
    host.start(first(prompt, on_device), 1, short_sink);
    host.settle();
    const Trace restored = host.trace(prompt, kOutput);
    EXPECT_EQ(difference(recomputed, restored), "") << on_device;
    EXPECT_EQ(restored.use.device_tokens, on_device / 16 * 16) << on_device;
    EXPECT_EQ(restored.use.cached_tokens(), 3 * kChunk) << on_device;
  }
}

// Reads every block right and then lays two of its parts the wrong way round: what verification cannot see any more.
class SwappingTier final : public Wrapper {
 public:
  using Swap = std::function<void(std::span<const MemoryRef> pages)>;
  SwappingTier(std::unique_ptr<Tier> inner, const Clock& clock, Swap swap)
      : Wrapper(std::move(inner), clock), swap_(std::move(swap)) {
    open();
  }
  ~SwappingTier() override { close(); }
  TierTraits traits() const override {
    TierTraits traits = inner_traits();
    traits.lends = false;
    return traits;
  }

 private:
  TierTraits inner_traits() const { return Wrapper::traits(); }
  void on_row(RowJob& job) override { send_row(job); }
  void on_inner(RowJob& job) override {
    if (job.inner.verb == Verb::kGet && job.slot.outcome == Outcome::kDone) swap_(job.memory);
    finish_as_inner(job);
  }
  const Swap swap_;
};

Trace restored_through(Model& model, const std::vector<TokenId>& prompt, SwappingTier::Swap swap) {
  SystemClock clock;
  CacheHost cache(
      model,
      tiers(std::unique_ptr<Tier>(std::make_unique<SwappingTier>(ram_tier(model, clock), clock, std::move(swap)))));
  Sink sink;
  {
    EngineHost host(model, &cache);
    host.start(prompt, 1, sink);
    host.settle();
  }
  Trace restored = EngineHost(model, &cache).trace(prompt, kOutput);
  EXPECT_EQ(restored.use.cached_tokens(), 2 * kChunk);
  return restored;
}

TEST(Restored, ATierThatSwapsTwoPagesIsNoticed) {
  Model model = random_llama();
  const auto prompt = model.prompt(2 * kChunk + 5, 11);
  const Trace recomputed = EngineHost(model, nullptr).trace(prompt, kOutput);
  // Attention is a sum over rows that carry their positions: two pages in the wrong order give nearly the same logits,
  // so that only the comparison of bytes is sure to see them.
  const Trace pages = restored_through(model, prompt, [](std::span<const MemoryRef> all) {
    std::swap_ranges(all[3].data, all[3].data + all[3].size, all[4].data);
  });
  EXPECT_EQ(difference(recomputed, pages), "KV bytes");
}

TEST(Restored, ATierThatSwapsTwoLayersIsNoticedInTheLogits) {
  Model model = random_llama();
  const auto prompt = model.prompt(2 * kChunk + 5, 11);
  const Trace recomputed = EngineHost(model, nullptr).trace(prompt, kOutput);
  const std::uint64_t layer = model.layout().offset(model.layout().whole(), 1, 0, 0);
  ASSERT_GT(layer, 0u);
  Trace layers = restored_through(model, prompt, [layer](std::span<const MemoryRef> all) {
    for (const MemoryRef& page : all) std::swap_ranges(page.data, page.data + layer, page.data + layer);
  });
  EXPECT_EQ(difference(recomputed, layers), "KV bytes");
  layers.kv = recomputed.kv;
  EXPECT_EQ(difference(recomputed, layers), "logits");
}

TEST(Restored, EqualsRecomputedOnTheChatModel) {
  if (kSanitized) GTEST_SKIP() << "minutes under a sanitizer; the random model takes the same paths";
  const std::filesystem::path directory = std::string(CAIRN_SOURCE_DIR) + "/models/SmolLM2-135M-Instruct";
  if (!std::filesystem::exists(directory / "config.json")) GTEST_SKIP() << "no model: make model";
  Model model(ModelWeights::load(directory).value());
  sweep_suffixes(model, {1, 67}, {16, 256});
}

}  // namespace
}  // namespace cairn::test

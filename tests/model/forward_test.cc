// Property: the bits of KV and logits depend on the tokens alone: not on how a prompt is cut into steps, on what else
// runs in a step, on threads, on pages or on the instruction set.
#include "model/forward.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <list>
#include <string>

#include "model/forward_state.h"
#include "model/kernel_select.h"
#include "model/random_model.h"

namespace cairn {
namespace {

constexpr std::uint32_t kPages = 101;

ForwardConfig config_of(std::uint32_t threads, std::string_view isa = "", std::uint32_t step_tokens_max = 512) {
  ForwardConfig config;
  config.threads = threads;
  config.isa = isa;
  config.step_tokens_max = step_tokens_max;
  return config;
}

struct Trace {
  std::vector<float> logits;  // one row for each token
  std::vector<Bf16> kv;       // of each token
};

struct World {
  explicit World(const ModelSpec& model_spec) : spec(model_spec), weights(spec, 11), layout(layout_of(spec)) {}
  std::unique_ptr<Forward> forward(std::uint32_t threads, std::string_view isa = "") const {
    return Forward::make(weights, layout, config_of(threads, isa)).value();
  }
  void collect(const TestPool& pool, std::span<const PageId> pages, std::size_t tokens, Trace& run) const {
    for (std::uint32_t t = 0; t < tokens; ++t) {
      const std::vector<Bf16> kv = pool.kv_of(layout, pages, t);
      run.kv.insert(run.kv.end(), kv.begin(), kv.end());
    }
  }
  // The whole prompt in steps of `step` tokens.
  Trace in_steps(Forward& forward, std::span<const TokenId> tokens, std::size_t step, std::uint32_t first_page) const {
    TestPool pool(layout, kPages);
    const auto pages = pool.table(first_page, static_cast<std::uint32_t>((tokens.size() + 15) / 16));
    Trace run;
    for (std::size_t at = 0; at < tokens.size(); at += step) {
      const ForwardSlice slice{tokens.subspan(at, std::min(step, tokens.size() - at)), static_cast<std::uint32_t>(at),
                               pages, LogitsOf::kAll};
      const auto logits = forward.run({&slice, 1}, pool.pool());
      run.logits.insert(run.logits.end(), logits.begin(), logits.end());
    }
    collect(pool, pages, tokens.size(), run);
    return run;
  }
  ModelSpec spec;
  RandomModel weights;
  BlockLayout layout;
};

void expect_same(const Trace& want, const Trace& got, const std::string& what) {
  ASSERT_EQ(want.logits.size(), got.logits.size()) << what;
  EXPECT_EQ(std::memcmp(want.logits.data(), got.logits.data(), want.logits.size() * sizeof(float)), 0)
      << what << ": logits";
  EXPECT_EQ(want.kv, got.kv) << what << ": KV";
}

std::list<World> worlds() {
  std::list<World> all;
  all.emplace_back(small_spec(Architecture::kLlama, 9, 3, 16));
  all.emplace_back(small_spec(Architecture::kQwen3, 4, 4, 48));
  all.emplace_back(small_spec(Architecture::kQwen3, 4, 2, 80));
  return all;
}

TEST(Forward, StepsOfAnySizeGiveTheSameBits) {
  for (const World& world : worlds()) {
    const auto tokens = random_tokens(300, world.spec.vocabulary, 5);
    const auto forward = world.forward(1);
    const Trace whole = world.in_steps(*forward, tokens, 300, 0);
    for (const float x : whole.logits) ASSERT_TRUE(std::isfinite(x));
    for (const std::size_t step : {1, 5, 16, 67, 100, 256}) {
      expect_same(whole, world.in_steps(*forward, tokens, step, 3), "steps of " + std::to_string(step));
    }
  }
}

TEST(Forward, ThreadsAndInstructionSetsGiveTheSameBits) {
  for (const World& world : worlds()) {
    const auto tokens = random_tokens(270, world.spec.vocabulary, 6);
    const Trace oracle = world.in_steps(*world.forward(1, "scalar"), tokens, 270, 0);
    for (const KernelTable* table : all_kernels()) {
      if (!table->supported()) continue;
      for (const std::uint32_t threads : {1u, 2u, 3u}) {
        if (table->lanes == 1 && threads != 2) continue;  // the oracle is slow
        expect_same(oracle, world.in_steps(*world.forward(threads, table->name), tokens, 100, 2),
                    std::string(table->name) + " on " + std::to_string(threads) + " threads");
      }
    }
  }
}

// Two sequences interleaved: one decodes token by token while the other one's prompt is computed in pieces.
TEST(Forward, MixedBatchesGiveTheSameBits) {
  for (const World& world : worlds()) {
    const auto a = random_tokens(40, world.spec.vocabulary, 7), b = random_tokens(280, world.spec.vocabulary, 8);
    const auto forward = world.forward(2);
    const Trace alone_a = world.in_steps(*forward, a, 40, 0), alone_b = world.in_steps(*forward, b, 280, 0);
    TestPool pool(world.layout, kPages);
    const auto pages_a = pool.table(50, 3), pages_b = pool.table(0, 18);
    Trace got_a, got_b;
    const std::span<const TokenId> tokens_a = a, tokens_b = b;
    for (std::uint32_t t = 0; t < 40; ++t) {
      const ForwardSlice slices[] = {{tokens_b.subspan(t * 7, 7), t * 7, pages_b, LogitsOf::kAll},
                                     {tokens_a.subspan(t, 1), t, pages_a, LogitsOf::kLast}};
      const auto logits = forward->run(slices, pool.pool());
      const auto cut = logits.begin() + static_cast<std::ptrdiff_t>(7 * world.spec.vocabulary);
      got_b.logits.insert(got_b.logits.end(), logits.begin(), cut);
      got_a.logits.insert(got_a.logits.end(), cut, logits.end());
    }
    world.collect(pool, pages_a, a.size(), got_a);
    world.collect(pool, pages_b, b.size(), got_b);
    expect_same(alone_a, got_a, "the decoding sequence");
    expect_same(alone_b, got_b, "the prompt");
  }
}

// A prefix whose KV was put back byte for byte continues as if it had been computed here.
TEST(Forward, RestoredPagesContinueWithTheSameBits) {
  const World world(small_spec(Architecture::kLlama, 9, 3, 64));
  const auto tokens = random_tokens(300, world.spec.vocabulary, 9);
  const auto forward = world.forward(2);
  const Trace whole = world.in_steps(*forward, tokens, 300, 0);
  for (const std::uint32_t prefix : {16u, 256u, 272u}) {
    TestPool source(world.layout, kPages), target(world.layout, kPages);
    const auto from = source.table(0, 19), to = target.table(40, 19);
    const ForwardSlice first{std::span(tokens).first(prefix), 0, from, LogitsOf::kNone};
    EXPECT_TRUE(forward->run({&first, 1}, source.pool()).empty());
    const PagePool source_pool = source.pool(), target_pool = target.pool();
    for (std::uint32_t page = 0; page < prefix / 16; ++page) {
      std::memcpy(target_pool.base + to[page].index * target.stride,
                  source_pool.base + from[page].index * source.stride, source.stride);
    }
    const ForwardSlice rest{std::span(tokens).subspan(prefix), prefix, to, LogitsOf::kAll};
    const auto logits = forward->run({&rest, 1}, target_pool);
    const float* want = whole.logits.data() + prefix * world.spec.vocabulary;
    EXPECT_EQ(std::memcmp(want, logits.data(), logits.size_bytes()), 0) << prefix;
    // And with a wrong page it does not.
    std::vector<PageId> wrong_pages = to;
    wrong_pages[0] = to[prefix / 16];
    const ForwardSlice wrong{std::span(tokens).subspan(prefix), prefix, wrong_pages, LogitsOf::kAll};
    EXPECT_NE(std::memcmp(want, forward->run({&wrong, 1}, target_pool).data(), logits.size_bytes()), 0) << prefix;
  }
}

TEST(Forward, LastAndAllLogitsAgree) {
  const World world(small_spec(Architecture::kLlama, 2, 1, 32));
  const auto tokens = random_tokens(21, world.spec.vocabulary, 10);
  const auto forward = world.forward(1);
  const Trace all = world.in_steps(*forward, tokens, 21, 0);
  TestPool pool(world.layout, kPages);
  const auto pages = pool.table(0, 2);
  const ForwardSlice slice{tokens, 0, pages, LogitsOf::kLast};
  const auto last = forward->run({&slice, 1}, pool.pool());
  ASSERT_EQ(last.size(), world.spec.vocabulary);
  EXPECT_EQ(std::memcmp(last.data(), all.logits.data() + 20 * world.spec.vocabulary, last.size_bytes()), 0);
}

TEST(Forward, ClaimsTheClassAndTellsItsKernels) {
  const World world(small_spec(Architecture::kLlama, 2, 1, 32));
  const auto forward = world.forward(2, "scalar");
  EXPECT_EQ(forward->numerics_class(), "t32-v1");
  EXPECT_EQ(forward->isa(), "scalar");
  EXPECT_EQ(forward->threads(), 2u);
}

TEST(Forward, RefusesWhatItCannotServeByName) {
  const auto refusal = [](const ModelSpec& spec, const ForwardConfig& config) -> std::string {
    const RandomModel weights(spec, 1);
    const auto forward = Forward::make(weights, layout_of(spec), config);
    return forward ? "" : forward.error().detail;
  };
  const ModelSpec good = small_spec(Architecture::kLlama, 2, 1, 32);
  EXPECT_EQ(refusal(good, config_of(1)), "");
  EXPECT_NE(refusal(small_spec(Architecture::kLlama, 2, 1, 24), {}).find("head_dim 24"), std::string::npos);
  EXPECT_NE(refusal(small_spec(Architecture::kLlama, 3, 2, 32), {}).find("num_key_value_heads"), std::string::npos);
  EXPECT_NE(refusal(good, config_of(1, "vliw")).find("vliw"), std::string::npos);
  EXPECT_NE(refusal(good, config_of(1, "", 0)).find("step_tokens_max"), std::string::npos);
  const RandomModel weights(good, 1);
  const ModelSpec other = small_spec(Architecture::kLlama, 2, 2, 32);
  EXPECT_FALSE(Forward::make(weights, layout_of(other), config_of(1)));
}

TEST(Forward, TheBytesItTakesAreTheBytesItSays) {
  for (const World& world : worlds()) {
    PackedModel model;
    model.spec = world.spec;
    const AttentionShape shape{world.spec.query_heads / world.spec.kv_heads, world.spec.head_dim, 16, 1.0f};
    const Buffers b = make_buffers(model, shape, 100, 2);
    const std::size_t floats = b.residual.size() + b.normed.size() + b.qkv.size() + b.query.size() +
                               b.attention.size() + b.inner.size() + b.cosine.size() + b.sine.size() +
                               b.gate_up.size() + b.head_rows.size() + b.heads.size();
    EXPECT_EQ(buffer_bytes(world.spec, 100, 2), floats * sizeof(float));
  }
}

TEST(Forward, AStepThatFitsNowhereIsAnErrorWithItsSize) {
  ModelSpec spec = small_spec(Architecture::kLlama, 2, 2, 16);
  spec.layers = 1;
  spec.intermediate = 32768;
  const World world(spec);
  const auto forward = Forward::make(world.weights, world.layout, config_of(1, "", ~0u));
  ASSERT_FALSE(forward);
  EXPECT_EQ(forward.error().code, ErrorCode::kExhausted);
  EXPECT_NE(forward.error().detail.find("a step of 4294967295 tokens"), std::string::npos) << forward.error().detail;
}

}  // namespace
}  // namespace cairn

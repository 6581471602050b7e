// A GGUF model becomes a directory that the loader reads, with Q and K rows back in natural order.
#include "model/import.h"

#include <gtest/gtest.h>

#include "model/fingerprint.h"
#include "model/model_texts.h"
#include "model/weights.h"

namespace cairn {
namespace {

struct Imported {
  test::Scratch scratch;
  Result<ImportSummary> summary = ImportSummary{};
  explicit Imported(const test::GgufBuilder& gguf) {
    test::write_file(scratch / "m.gguf", gguf.build());
    summary = model_import(scratch / "m.gguf", scratch / "m");
  }
};

TEST(Import, WritesADirectoryThatLoads) {
  const Imported run(test::tiny_llama());
  ASSERT_TRUE(run.summary) << run.summary.error().detail;
  EXPECT_EQ(run.summary->tensors, 11u);
  const auto weights = ModelWeights::load(run.scratch / "m");
  ASSERT_TRUE(weights) << weights.error().detail;
  const ModelSpec& spec = (*weights)->spec();
  EXPECT_EQ(spec.architecture, Architecture::kLlama);
  EXPECT_EQ(spec.query_heads, 2u);
  EXPECT_EQ(spec.kv_heads, 1u);
  EXPECT_EQ(spec.head_dim, 16u);
  EXPECT_EQ(spec.vocabulary, 8u);
  EXPECT_EQ(spec.context, 128u);
  EXPECT_EQ(spec.norm_epsilon, 1e-5f);
  EXPECT_EQ(spec.rope.theta, 100000.0);
  EXPECT_TRUE(spec.tied_embedding);
  EXPECT_EQ(spec.eos_tokens, std::vector<TokenId>{2});
  for (const char* name : {"config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"}) {
    EXPECT_FALSE(test::read_file(run.scratch / ("m/" + std::string(name))).empty()) << name;
  }
}

TEST(Import, BringsQueryAndKeyRowsBackToHalves) {
  const Imported run(test::tiny_llama());
  const auto weights = ModelWeights::load(run.scratch / "m");
  ASSERT_TRUE(weights);
  const LayerWeights& layer = (*weights)->layers()[0];
  const auto row = [](std::span<const Bf16> matrix, std::size_t index) {
    return f32_from_bf16(matrix[index * 32 + 5]);
  };
  for (std::size_t i = 0; i < 8; ++i) {
    for (std::size_t head = 0; head < 2; ++head) {
      EXPECT_EQ(row(layer.q, head * 16 + i), static_cast<float>(head * 16 + 2 * i));
      EXPECT_EQ(row(layer.q, head * 16 + 8 + i), static_cast<float>(head * 16 + 2 * i + 1));
    }
    EXPECT_EQ(row(layer.k, i), static_cast<float>(2 * i));
    EXPECT_EQ(row(layer.k, 8 + i), static_cast<float>(2 * i + 1));
  }
  for (std::size_t i = 0; i < 16; ++i) EXPECT_EQ(row(layer.v, i), static_cast<float>(i));  // V has no RoPE
  for (std::size_t i = 0; i < 32; ++i) EXPECT_EQ(row(layer.o, i), static_cast<float>(i));
}

TEST(Import, RefusesWhatItCannotExpressAndLeavesNothing) {
  const auto with = [](auto change) {
    test::GgufBuilder gguf = test::tiny_llama();
    change(gguf);
    return gguf;
  };
  const std::pair<test::GgufBuilder, std::string> cases[] = {
      {test::GgufBuilder().text("general.architecture", "gemma"), "gemma"},
      {with([](auto& g) { g.tensor_f32("rope_freqs.weight", {8}, std::vector<float>(8, 1)); }), "rope_freqs"},
      {with([](auto& g) { g.tensor_f32("blk.0.attn_q.bias", {32}, std::vector<float>(32, 1)); }), "12 tensors"},
      {with([](auto& g) { g.text("llama.rope.scaling.type", "yarn"); }), "yarn"},
      {with([](auto& g) { g.u32("llama.attention.key_length", 8); }), "RoPE over 16 of 8"},
  };
  for (const auto& [gguf, reason] : cases) {
    const Imported run(gguf);
    ASSERT_FALSE(run.summary) << reason;
    EXPECT_NE(run.summary.error().detail.find(reason), std::string::npos) << run.summary.error().detail;
    EXPECT_EQ(run.summary.error().detail.find('\n'), std::string::npos);
    EXPECT_EQ(
        std::distance(std::filesystem::directory_iterator(run.scratch.path()), std::filesystem::directory_iterator()),
        1);
  }
}

TEST(Import, DoesNotTouchADirectoryThatExists) {
  const test::Scratch scratch;
  test::write_file(scratch / "m.gguf", test::tiny_llama().build());
  std::filesystem::create_directory(scratch / "m");
  test::write_file(scratch / "m/keep", "x");
  EXPECT_EQ(model_import(scratch / "m.gguf", scratch / "m").error().code, ErrorCode::kInvalid);
  EXPECT_EQ(test::read_file(scratch / "m/keep"), "x");
}

TEST(Import, AStopLeavesNothing) {
  const test::Scratch scratch;
  test::write_file(scratch / "m.gguf", test::tiny_llama().build());
  std::stop_source source;
  source.request_stop();
  const auto run = model_import(scratch / "m.gguf", scratch / "m", source.get_token());
  ASSERT_FALSE(run);
  EXPECT_EQ(run.error().code, ErrorCode::kCancelled);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(scratch.path()), {}), 1);
}

TEST(Import, SaysWhichFileIsNoGguf) {
  const test::Scratch scratch;
  test::write_file(scratch / "m.gguf", "nonsense");
  const auto run = model_import(scratch / "m.gguf", scratch / "m");
  ASSERT_FALSE(run);
  EXPECT_NE(run.error().detail.find("m.gguf: not a GGUF file"), std::string::npos) << run.error().detail;
}

// The demonstration model, when it is there: every byte of its weights and its shape.
TEST(Import, TheDemonstrationModelIsTheOneThatIsKnown) {
  const std::filesystem::path model = std::filesystem::path(CAIRN_SOURCE_DIR) / "models/SmolLM2-135M-Instruct";
  if (!std::filesystem::exists(model / "config.json")) GTEST_SKIP() << "run 'make model' first";
  const auto fingerprint = model_fingerprint(model, {});
  ASSERT_TRUE(fingerprint) << fingerprint.error().detail;
  EXPECT_EQ(to_hex(fingerprint->digest), "1646b698009b81a2764718251f4d19fdb87c6869664126da470ad690ac378510");
  const auto spec = read_model_spec(model);
  ASSERT_TRUE(spec) << spec.error().detail;
  EXPECT_EQ(spec->layers, 30u);
  EXPECT_EQ(spec->query_heads, 9u);
  EXPECT_EQ(spec->kv_heads, 3u);
}

}  // namespace
}  // namespace cairn

// Random checkpoints load, are the same for the same seed, and hold no repeating numbers.
#include "model/init.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "model/scratch.h"
#include "model/weights.h"

namespace cairn {
namespace {

InitOptions shape(Architecture architecture, std::uint64_t seed) {
  return {.architecture = architecture,
          .layers = 2,
          .hidden = 48,
          .intermediate = 80,
          .heads = 6,
          .kv_heads = 2,
          .head_dim = 32,
          .vocabulary = 400,
          .context = 256,
          .seed = seed};
}

TEST(Init, AStopLeavesNothing) {
  const test::Scratch scratch;
  std::stop_source source;
  source.request_stop();
  EXPECT_EQ(model_init(shape(Architecture::kLlama, 5), scratch / "m", source.get_token()).error().code,
            ErrorCode::kCancelled);
  EXPECT_TRUE(std::filesystem::is_empty(scratch.path()));
}

TEST(Init, WritesModelsThatLoad) {
  for (const Architecture architecture : {Architecture::kLlama, Architecture::kQwen3}) {
    const test::Scratch scratch;
    const auto done = model_init(shape(architecture, 5), scratch / "m");
    ASSERT_TRUE(done) << done.error().detail;
    const auto weights = ModelWeights::load(scratch / "m");
    ASSERT_TRUE(weights) << weights.error().detail;
    EXPECT_EQ((*weights)->spec().architecture, architecture);
    EXPECT_EQ((*weights)->spec().head_dim, 32u);
    EXPECT_EQ((*weights)->spec().eos_tokens, std::vector<TokenId>{kInitMessageEnd});
    EXPECT_FALSE((*weights)->spec().tied_embedding);
  }
}

TEST(Init, TheSeedDecidesEveryByte) {
  const test::Scratch scratch;
  ASSERT_TRUE(model_init(shape(Architecture::kLlama, 5), scratch / "a"));
  ASSERT_TRUE(model_init(shape(Architecture::kLlama, 5), scratch / "b"));
  ASSERT_TRUE(model_init(shape(Architecture::kLlama, 6), scratch / "c"));
  const std::string a = test::read_file(scratch / "a/model.safetensors");
  EXPECT_EQ(a, test::read_file(scratch / "b/model.safetensors"));
  EXPECT_NE(a, test::read_file(scratch / "c/model.safetensors"));
}

TEST(Init, NumbersAreSpreadAsPlannedAndRowsDiffer) {
  const test::Scratch scratch;
  ASSERT_TRUE(model_init(shape(Architecture::kLlama, 7), scratch / "m"));
  const auto weights = ModelWeights::load(scratch / "m");
  ASSERT_TRUE(weights);
  std::set<std::vector<Bf16>> rows;
  double sum = 0, squares = 0;
  const auto head = (*weights)->lm_head();
  for (std::size_t i = 0; i < head.size(); i += 48) rows.insert({head.begin() + i, head.begin() + i + 48});
  for (const Bf16 value : head) {
    sum += f32_from_bf16(value);
    squares += std::pow(f32_from_bf16(value), 2);
  }
  EXPECT_EQ(rows.size(), 400u);
  const double count = static_cast<double>(head.size());
  EXPECT_NEAR(sum / count, 0, 0.02);
  EXPECT_NEAR(std::sqrt(squares / count), 3 / std::sqrt(48.0), 0.02);
}

TEST(Init, TheTokenizerCoversEveryByteOnce) {
  std::set<std::string> characters;
  for (int byte = 0; byte < 256; ++byte) characters.insert(byte_level_character(static_cast<std::uint8_t>(byte)));
  EXPECT_EQ(characters.size(), 256u);
  EXPECT_EQ(byte_level_character('A'), "A");
  EXPECT_EQ(byte_level_character(' '), "Ġ");
  EXPECT_EQ(byte_level_character('\n'), "Ċ");
  const test::Scratch scratch;
  ASSERT_TRUE(model_init(shape(Architecture::kLlama, 7), scratch / "m"));
  const auto tokenizer = nlohmann::json::parse(test::read_file(scratch / "m/tokenizer.json"));
  EXPECT_EQ(tokenizer["model"]["vocab"].size(), 400u);
  EXPECT_EQ(tokenizer["model"]["merges"].size(), 400u - kInitVocabularyMin);
  std::set<std::uint32_t> ids;
  for (const auto& [token, id] : tokenizer["model"]["vocab"].items()) ids.insert(id.get<std::uint32_t>());
  EXPECT_EQ(ids.size(), 400u);
  EXPECT_EQ(*ids.rbegin(), 399u);
}

TEST(Init, RefusesShapesThatCannotRun) {
  const test::Scratch scratch;
  InitOptions options = shape(Architecture::kLlama, 1);
  options.vocabulary = 258;
  EXPECT_NE(model_init(options, scratch / "m").error().detail.find("259"), std::string::npos);
  options = shape(Architecture::kLlama, 1);
  options.head_dim = 24;
  EXPECT_NE(model_init(options, scratch / "m").error().detail.find("head_dim"), std::string::npos);
  options = shape(Architecture::kLlama, 1);
  options.kv_heads = 4;
  EXPECT_FALSE(model_init(options, scratch / "m"));
  EXPECT_TRUE(std::filesystem::is_empty(scratch.path()));
}

}  // namespace
}  // namespace cairn

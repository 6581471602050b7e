// Weights are bound by name and shape: what is missing, surplus or misshapen is refused by name.
#include "model/weights.h"

#include <gtest/gtest.h>

#include "model/init.h"
#include "model/model_texts.h"
#include "model/safetensors.h"

namespace cairn {
namespace {

InitOptions small(Architecture architecture, HeadKind head) {
  return {.architecture = architecture,
          .layers = 2,
          .hidden = 48,
          .intermediate = 80,
          .heads = 3,
          .kv_heads = 1,
          .head_dim = 16,
          .vocabulary = 300,
          .context = 128,
          .head = head,
          .seed = 11};
}

// Writes the checkpoint's tensors again after `change` has seen their list.
template <class Change>
void rewrite(const std::filesystem::path& dir, Change change) {
  std::vector<TensorShape> shapes;
  std::vector<std::vector<Bf16>> values;
  {
    const auto set = SafetensorsSet::open(dir);
    ASSERT_TRUE(set);
    for (const TensorView* tensor : set->tensors()) {
      shapes.push_back({tensor->name, tensor->shape});
      values.emplace_back(tensor->bytes.size() / 2);
      std::memcpy(values.back().data(), tensor->bytes.data(), tensor->bytes.size());
    }
  }
  change(shapes, values);
  std::filesystem::remove(dir / "model.safetensors");
  auto writer = SafetensorsWriter::create(dir / "model.safetensors", shapes);
  ASSERT_TRUE(writer);
  for (const auto& one : values) ASSERT_TRUE(writer->append(one));
  ASSERT_TRUE(writer->finish());
}

TEST(Weights, BindsEveryTensorOfAQwen3Model) {
  const test::Scratch scratch;
  ASSERT_TRUE(model_init(small(Architecture::kQwen3, HeadKind::kOwn), scratch / "m"));
  const auto weights = ModelWeights::load(scratch / "m");
  ASSERT_TRUE(weights) << weights.error().detail;
  EXPECT_EQ((*weights)->embedding().size(), 300u * 48);
  EXPECT_NE((*weights)->lm_head().data(), (*weights)->embedding().data());
  EXPECT_EQ((*weights)->final_norm().size(), 48u);
  ASSERT_EQ((*weights)->layers().size(), 2u);
  const LayerWeights& layer = (*weights)->layers()[1];
  EXPECT_EQ(layer.q.size(), 48u * 48);
  EXPECT_EQ(layer.k.size(), 16u * 48);
  EXPECT_EQ(layer.q_norm.size(), 16u);
  EXPECT_EQ(layer.down.size(), 48u * 80);
  EXPECT_NE(layer.gate.data(), (*weights)->layers()[0].gate.data());
}

TEST(Weights, ATiedHeadIsTheEmbedding) {
  const test::Scratch scratch;
  ASSERT_TRUE(model_init(small(Architecture::kLlama, HeadKind::kTied), scratch / "m"));
  const auto weights = ModelWeights::load(scratch / "m");
  ASSERT_TRUE(weights) << weights.error().detail;
  EXPECT_EQ((*weights)->lm_head().data(), (*weights)->embedding().data());
  EXPECT_TRUE((*weights)->layers()[0].q_norm.empty());
}

TEST(Weights, MissingSurplusAndMisshapenTensorsAreNamed) {
  const test::Scratch scratch;
  ASSERT_TRUE(model_init(small(Architecture::kLlama, HeadKind::kOwn), scratch / "m"));
  rewrite(scratch / "m", [](auto& shapes, auto&) { shapes[3].name += ".lost"; });
  const auto lost = ModelWeights::load(scratch / "m");
  ASSERT_FALSE(lost);
  EXPECT_NE(lost.error().detail.find("model.layers.0.mlp.down_proj.weight"), std::string::npos) << lost.error().detail;
  rewrite(scratch / "m", [](auto& shapes, auto&) {
    for (TensorShape& shape : shapes) {
      if (shape.name.ends_with(".lost")) shape.name.resize(shape.name.size() - 5);
      if (shape.name == "model.layers.1.self_attn.k_proj.weight") std::swap(shape.shape[0], shape.shape[1]);
    }
  });
  const auto turned = ModelWeights::load(scratch / "m");
  ASSERT_FALSE(turned);
  EXPECT_NE(turned.error().detail.find("[48, 16]; config.json asks for [16, 48]"), std::string::npos)
      << turned.error().detail;
  rewrite(scratch / "m", [](auto& shapes, auto& values) {
    for (TensorShape& shape : shapes) {
      if (shape.name == "model.layers.1.self_attn.k_proj.weight") std::swap(shape.shape[0], shape.shape[1]);
    }
    shapes.push_back({"model.layers.0.self_attn.q_proj.bias", {2}});
    values.push_back({0, 0});
  });
  const auto surplus = ModelWeights::load(scratch / "m");
  ASSERT_FALSE(surplus);
  EXPECT_NE(surplus.error().detail.find("q_proj.bias"), std::string::npos) << surplus.error().detail;
}

TEST(Weights, OtherDtypesAreRefusedByName) {
  const test::Scratch scratch;
  ASSERT_TRUE(model_init(small(Architecture::kLlama, HeadKind::kOwn), scratch / "m"));
  std::string bytes = test::read_file(scratch / "m/model.safetensors");
  bytes.replace(bytes.find("\"BF16\""), 6, "\"F16\" ");
  test::write_file(scratch / "m/model.safetensors", bytes);
  const auto weights = ModelWeights::load(scratch / "m");
  ASSERT_FALSE(weights);
  EXPECT_NE(weights.error().detail.find("is F16; BF16 is supported"), std::string::npos) << weights.error().detail;
}

TEST(Weights, DataAtAnOddAddressIsCopied) {
  const test::Scratch scratch;
  ASSERT_TRUE(model_init(small(Architecture::kLlama, HeadKind::kOwn), scratch / "m"));
  std::vector<Bf16> expected;
  {
    const auto weights = ModelWeights::load(scratch / "m");
    ASSERT_TRUE(weights);
    expected.assign((*weights)->lm_head().begin(), (*weights)->lm_head().end());
  }
  std::string bytes = test::read_file(scratch / "m/model.safetensors");
  std::uint64_t header = 0;
  std::memcpy(&header, bytes.data(), 8);
  test::write_file(scratch / "m/model.safetensors",
                   test::raw(header + 1) + bytes.substr(8, header) + " " + bytes.substr(8 + header));
  const auto weights = ModelWeights::load(scratch / "m");
  ASSERT_TRUE(weights) << weights.error().detail;
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>((*weights)->lm_head().data()) % 2, 0u);
  EXPECT_TRUE(std::equal(expected.begin(), expected.end(), (*weights)->lm_head().begin()));
}

}  // namespace
}  // namespace cairn

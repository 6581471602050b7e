// A config.json is either understood completely or refused with the name of the field.
#include "model/spec.h"

#include <gtest/gtest.h>

#include "model/model_texts.h"

namespace cairn {
namespace {

using test::config_with;

Result<ModelSpec> read(const std::string& config, const std::string& generation = "") {
  const test::Scratch scratch;
  test::write_file(scratch / "config.json", config);
  if (!generation.empty()) test::write_file(scratch / "generation_config.json", generation);
  return read_model_spec(scratch.path());
}

void expect_refused(const std::vector<test::ConfigField>& changes, const std::string& named) {
  const auto spec = read(config_with(changes));
  ASSERT_FALSE(spec) << named;
  EXPECT_EQ(spec.error().code, ErrorCode::kInvalid);
  EXPECT_NE(spec.error().detail.find(named), std::string::npos) << spec.error().detail;
  EXPECT_EQ(spec.error().detail.find('\n'), std::string::npos);
}

TEST(Spec, ReadsALlamaModel) {
  const auto spec = read(config_with({}), R"({"eos_token_id": [2, 7]})");
  ASSERT_TRUE(spec) << spec.error().detail;
  EXPECT_EQ(spec->architecture, Architecture::kLlama);
  EXPECT_EQ(spec->layers, 2u);
  EXPECT_EQ(spec->kv_heads, 2u);
  EXPECT_EQ(spec->head_dim, 16u);
  EXPECT_EQ(spec->context, 512u);
  EXPECT_EQ(spec->norm_epsilon, 1e-5f);
  EXPECT_TRUE(spec->tied_embedding);
  EXPECT_EQ(spec->rope.theta, 100000.0);
  EXPECT_FALSE(spec->rope.llama3_scaling);
  EXPECT_EQ(spec->eos_tokens, (std::vector<TokenId>{2, 7}));
  const KvGeometry geometry = spec->kv_geometry();
  ASSERT_EQ(geometry.groups.size(), 1u);
  EXPECT_EQ(geometry.groups[0], (LayerGroup{2, 2, 2, 16, KvDtype::kBf16}));
  EXPECT_EQ(spec->linear_parameters(), 2u * (64 * 64 * 2 + 64 * 32 * 2 + 3 * 64 * 96));
}

TEST(Spec, ReadsQwen3WithItsOwnDefaults) {
  const auto spec = read(config_with({{"model_type", "\"qwen3\""},
                                      {"architectures", "[\"Qwen3ForCausalLM\"]"},
                                      {"head_dim", ""},
                                      {"use_sliding_window", "false"},
                                      {"sliding_window", "4096"}}));
  ASSERT_TRUE(spec) << spec.error().detail;
  EXPECT_EQ(spec->architecture, Architecture::kQwen3);
  EXPECT_EQ(spec->head_dim, 128u);
}

TEST(Spec, AbsentOptionalFieldsMeanWhatTheArchitectureSays) {
  const auto spec = read(config_with({{"num_key_value_heads", ""},
                                      {"head_dim", "null"},
                                      {"tie_word_embeddings", ""},
                                      {"eos_token_id", "null"},
                                      {"architectures", ""}}));
  ASSERT_TRUE(spec) << spec.error().detail;
  EXPECT_EQ(spec->kv_heads, 4u);
  EXPECT_EQ(spec->head_dim, 16u);
  EXPECT_FALSE(spec->tied_embedding);
  EXPECT_TRUE(spec->eos_tokens.empty());
}

TEST(Spec, ReadsBothFormsOfRopeScaling) {
  const std::string llama3 =
      R"({"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,)"
      R"( "original_max_position_embeddings": 8192)";
  const auto older = read(config_with({{"rope_scaling", llama3 + "}"}}));
  const auto newer =
      read(config_with({{"rope_theta", ""}, {"rope_parameters", llama3 + R"(, "rope_theta": 500000.0})"}}));
  ASSERT_TRUE(older) << older.error().detail;
  ASSERT_TRUE(newer) << newer.error().detail;
  for (const auto* spec : {&*older, &*newer}) {
    EXPECT_TRUE(spec->rope.llama3_scaling);
    EXPECT_EQ(spec->rope.factor, 8.0);
    EXPECT_EQ(spec->rope.high_freq_factor, 4.0);
    EXPECT_EQ(spec->rope.original_context, 8192u);
  }
  EXPECT_EQ(older->rope.theta, 100000.0);
  EXPECT_EQ(newer->rope.theta, 500000.0);
  EXPECT_TRUE(read(config_with({{"rope_parameters", R"({"rope_type": "default", "rope_theta": 100000.0})"}})));
  EXPECT_TRUE(
      read(config_with({{"rope_scaling", "null"}, {"sliding_window", "null"}, {"quantization_config", "null"}})));
}

TEST(Spec, RefusesWhatItDoesNotComputeByName) {
  expect_refused({{"sliding_window", "4096"}}, "sliding_window");
  expect_refused({{"layer_types", R"(["full_attention", "sliding_attention"])"}}, "layer_types");
  expect_refused({{"rope_scaling", R"({"rope_type": "yarn", "factor": 4.0})"}}, "yarn");
  expect_refused({{"rope_scaling", R"({"type": "linear", "factor": 4.0})"}}, "linear");
  expect_refused({{"rope_scaling", R"({"factor": 4.0})"}}, "rope_scaling");
  expect_refused({{"rope_scaling", "3"}}, "rope_scaling");
  expect_refused({{"rope_scaling", R"({"rope_type": "llama3", "factor": 8.0})"}}, "low_freq_factor");
  expect_refused({{"rope_parameters", R"({"rope_type": "dynamic", "rope_theta": 1e5})"}}, "dynamic");
  expect_refused({{"rope_parameters", R"({"rope_type": "default", "rope_theta": 5.0})"}}, "rope_theta");
  expect_refused({{"attention_bias", "true"}}, "attention_bias");
  expect_refused({{"mlp_bias", "true"}}, "mlp_bias");
  expect_refused({{"hidden_act", "\"gelu\""}}, "hidden_act");
  expect_refused({{"quantization_config", R"({"quant_method": "awq"})"}}, "quantization_config");
  expect_refused({{"final_logit_softcapping", "30.0"}}, "final_logit_softcapping");
  expect_refused({{"partial_rotary_factor", "0.5"}}, "partial_rotary_factor");
  expect_refused({{"head_dim", "40"}}, "head_dim");
  expect_refused({{"num_key_value_heads", "3"}}, "num_key_value_heads");
  expect_refused({{"model_type", "\"mistral\""}}, "mistral");
  expect_refused({{"architectures", R"(["LlamaForSequenceClassification"])"}}, "LlamaForSequenceClassification");
}

TEST(Spec, NamesMissingAndBrokenFields) {
  for (const char* field :
       {"model_type", "num_hidden_layers", "hidden_size", "intermediate_size", "num_attention_heads", "vocab_size",
        "max_position_embeddings", "rms_norm_eps", "rope_theta", "hidden_act"}) {
    expect_refused({{field, ""}}, field);
    expect_refused({{field, "[]"}}, field);
  }
  for (const char* broken : {"-1", "0", "1.5", "\"64\"", "1e300", "99999999999999999999", "true"}) {
    expect_refused({{"hidden_size", broken}}, "hidden_size");
  }
  expect_refused({{"rms_norm_eps", "-1.0"}}, "rms_norm_eps");
  expect_refused({{"eos_token_id", "300"}}, "eos_token_id");
  expect_refused({{"eos_token_id", "[2, \"x\"]"}}, "eos_token_id");
  expect_refused({{"tie_word_embeddings", "1"}}, "tie_word_embeddings");
}

TEST(Spec, RefusesFilesThatAreNoJsonObject) {
  for (const std::string text : {"", "[]", "{", "null", "{\"a\":NaN}"}) EXPECT_FALSE(read(text)) << text;
  EXPECT_FALSE(read("{\"a\":" + std::string(100000, '[') + std::string(100000, ']') + "}"));
  EXPECT_FALSE(read(config_with({}), "broken"));
  const test::Scratch scratch;
  EXPECT_EQ(read_model_spec(scratch.path()).error().code, ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace cairn

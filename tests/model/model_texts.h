// config.json texts and a small GGUF model for the tests of this folder.
#pragma once

#include <string>
#include <vector>

#include "model/scratch.h"

namespace cairn::test {

// One field of a config.json: name and JSON text; an empty text removes the field.
using ConfigField = std::pair<std::string, std::string>;

// A Llama config of 2 layers with some fields set, replaced or removed.
inline std::string config_with(const std::vector<ConfigField>& changes) {
  std::vector<ConfigField> fields = {{"architectures", R"(["LlamaForCausalLM"])"},
                                     {"model_type", "\"llama\""},
                                     {"num_hidden_layers", "2"},
                                     {"hidden_size", "64"},
                                     {"intermediate_size", "96"},
                                     {"num_attention_heads", "4"},
                                     {"num_key_value_heads", "2"},
                                     {"head_dim", "16"},
                                     {"vocab_size", "300"},
                                     {"max_position_embeddings", "512"},
                                     {"rms_norm_eps", "1e-5"},
                                     {"rope_theta", "100000.0"},
                                     {"hidden_act", "\"silu\""},
                                     {"tie_word_embeddings", "true"},
                                     {"eos_token_id", "2"}};
  for (const ConfigField& change : changes) {
    bool found = false;
    for (ConfigField& field : fields) {
      if (field.first != change.first) continue;
      field.second = change.second;
      found = true;
    }
    if (!found) fields.push_back(change);
  }
  std::string text;
  for (const auto& [name, value] : fields) {
    if (!value.empty()) text += (text.empty() ? "{\"" : ", \"") + name + "\": " + value;
  }
  return text + "}";
}

// A Llama model of one layer: hidden 32, 2 query heads and 1 KV head of 16, 8 tokens. Row r of Q and K holds the value
// r in every column, so that a test sees where each row went.
inline GgufBuilder tiny_llama() {
  const auto rows = [](std::size_t count, std::size_t columns) {
    std::vector<float> values;
    for (std::size_t row = 0; row < count; ++row) values.insert(values.end(), columns, static_cast<float>(row));
    return values;
  };
  GgufBuilder gguf;
  gguf.text("general.architecture", "llama").u32("llama.block_count", 1).u32("llama.context_length", 128);
  gguf.u32("llama.embedding_length", 32).u32("llama.feed_forward_length", 48).u32("llama.attention.head_count", 2);
  gguf.u32("llama.attention.head_count_kv", 1).u32("llama.rope.dimension_count", 16);
  gguf.f32("llama.attention.layer_norm_rms_epsilon", 1e-5f).f32("llama.rope.freq_base", 100000.0f);
  gguf.text("tokenizer.ggml.model", "gpt2").text("tokenizer.ggml.pre", "smollm");
  gguf.texts("tokenizer.ggml.tokens", {"<|endoftext|>", "<|im_start|>", "<|im_end|>", "a", "b", "Ġ", "ab", "\""});
  gguf.i32s("tokenizer.ggml.token_type", {3, 3, 3, 1, 1, 1, 1, 4}).texts("tokenizer.ggml.merges", {"a b"});
  gguf.u32("tokenizer.ggml.bos_token_id", 1).u32("tokenizer.ggml.eos_token_id", 2);
  gguf.u32("tokenizer.ggml.padding_token_id", 2).u32("tokenizer.ggml.unknown_token_id", 0);
  gguf.text("tokenizer.chat_template", "{{ messages }}");
  gguf.tensor_f32("token_embd.weight", {32, 8}, rows(8, 32)).tensor_f32("output_norm.weight", {32}, rows(32, 1));
  gguf.tensor_f32("blk.0.attn_norm.weight", {32}, rows(32, 1)).tensor_f32("blk.0.ffn_norm.weight", {32}, rows(32, 1));
  gguf.tensor_f32("blk.0.attn_q.weight", {32, 32}, rows(32, 32))
      .tensor_f32("blk.0.attn_k.weight", {32, 16}, rows(16, 32));
  gguf.tensor_f32("blk.0.attn_v.weight", {32, 16}, rows(16, 32));
  gguf.tensor_f32("blk.0.attn_output.weight", {32, 32}, rows(32, 32));
  gguf.tensor_f32("blk.0.ffn_gate.weight", {32, 48}, rows(48, 32))
      .tensor_f32("blk.0.ffn_up.weight", {32, 48}, rows(48, 32));
  gguf.tensor_f32("blk.0.ffn_down.weight", {48, 32}, rows(32, 48));
  return gguf;
}

}  // namespace cairn::test

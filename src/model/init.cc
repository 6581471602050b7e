#include "model/init.h"

#include <array>
#include <cmath>
#include <new>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/random.h"
#include "model/safetensors.h"
#include "model/weights.h"

namespace cairn {
namespace {

using Json = nlohmann::json;

constexpr double kNormCentre = 1.0, kNormSpread = 0.1;
constexpr double kQueryKeyGain = 1.5, kResidualGain = 0.5;
constexpr double kLogitSpread = 3.0;  // standard deviation of the logits: peaked, yet far from one token only

struct PlannedTensor {
  TensorShape shape;
  double centre = 0, spread = 1;
};

double per_input(double gain, std::uint64_t inputs) { return gain / std::sqrt(static_cast<double>(inputs)); }

std::vector<PlannedTensor> plan(const InitOptions& o) {
  const std::uint64_t hidden = o.hidden, inner = o.intermediate;
  const std::uint64_t q = std::uint64_t{o.heads} * o.head_dim, kv = std::uint64_t{o.kv_heads} * o.head_dim;
  const bool tied = o.head == HeadKind::kTied;
  std::vector<PlannedTensor> all;
  const auto norm = [&](const std::string& name, std::uint64_t size, double centre) {
    all.push_back({{name, {size}}, centre, kNormSpread});
  };
  const auto matrix = [&](const std::string& name, std::uint64_t rows, std::uint64_t columns, double gain) {
    all.push_back({{name, {rows, columns}}, 0, per_input(gain, columns)});
  };
  all.push_back(
      {{"model.embed_tokens.weight", {o.vocabulary, hidden}}, 0, tied ? per_input(kLogitSpread, hidden) : 1.0});
  for (std::uint32_t layer = 0; layer < o.layers; ++layer) {
    const std::string at = "model.layers." + std::to_string(layer) + ".";
    norm(at + "input_layernorm.weight", hidden, kNormCentre);
    norm(at + "post_attention_layernorm.weight", hidden, kNormCentre);
    matrix(at + "self_attn.q_proj.weight", q, hidden, kQueryKeyGain);
    matrix(at + "self_attn.k_proj.weight", kv, hidden, kQueryKeyGain);
    matrix(at + "self_attn.v_proj.weight", kv, hidden, 1.0);
    matrix(at + "self_attn.o_proj.weight", hidden, q, kResidualGain);
    if (o.architecture == Architecture::kQwen3) {
      norm(at + "self_attn.q_norm.weight", o.head_dim, kQueryKeyGain);
      norm(at + "self_attn.k_norm.weight", o.head_dim, kQueryKeyGain);
    }
    matrix(at + "mlp.gate_proj.weight", inner, hidden, 1.0);
    matrix(at + "mlp.up_proj.weight", inner, hidden, 1.0);
    matrix(at + "mlp.down_proj.weight", hidden, inner, kResidualGain);
  }
  norm("model.norm.weight", hidden, kNormCentre);
  if (!tied) matrix("lm_head.weight", o.vocabulary, hidden, kLogitSpread);
  return all;
}

// Nearly normal with mean 0 and deviation 1: the sum of four 16-bit uniforms. No libm, so every machine agrees; the
// generator's period is 2^64, so no two rows repeat.
double nearly_normal(Random& random) {
  const std::uint64_t bits = random.next();
  const std::uint64_t sum = (bits & 0xffff) + ((bits >> 16) & 0xffff) + ((bits >> 32) & 0xffff) + (bits >> 48);
  return (static_cast<double>(sum) - 2.0 * 65535.0) / 37836.6;  // 65536 / sqrt(3)
}

Result<void> write_weights(const InitOptions& options, const std::filesystem::path& path, const std::stop_token& stop) {
  const std::vector<PlannedTensor> planned = plan(options);
  std::vector<TensorShape> shapes;
  for (const PlannedTensor& tensor : planned) shapes.push_back(tensor.shape);
  CAIRN_TRY(SafetensorsWriter writer, SafetensorsWriter::create(path, std::move(shapes)));
  Random seeds(options.seed);
  for (const PlannedTensor& tensor : planned) {
    Random random(seeds.next());
    std::vector<Bf16> values(element_count(tensor.shape.shape).value_or(0));
    if (stop.stop_requested()) return Error{ErrorCode::kCancelled, "stopped; nothing was written"};
    for (Bf16& value : values)
      value = bf16_from_f32(static_cast<float>(tensor.centre + tensor.spread * nearly_normal(random)));
    CAIRN_TRY_VOID(writer.append(values));
  }
  return writer.finish();
}

Json config_of(const InitOptions& o) {
  const bool qwen = o.architecture == Architecture::kQwen3;
  Json config = {
      {"architectures", {qwen ? "Qwen3ForCausalLM" : "LlamaForCausalLM"}},
      {"model_type", qwen ? "qwen3" : "llama"},
      {"num_hidden_layers", o.layers},
      {"hidden_size", o.hidden},
      {"intermediate_size", o.intermediate},
      {"num_attention_heads", o.heads},
      {"num_key_value_heads", o.kv_heads},
      {"head_dim", o.head_dim},
      {"vocab_size", o.vocabulary},
      {"max_position_embeddings", o.context},
      {"rms_norm_eps", 1e-6},
      {"rope_theta", o.rope_theta},
      {"rope_scaling", nullptr},
      {"hidden_act", "silu"},
      {"attention_bias", false},
      {"attention_dropout", 0.0},
      {"initializer_range", 0.02},
      {"tie_word_embeddings", o.head == HeadKind::kTied},
      {"torch_dtype", "bfloat16"},
      {"use_cache", true},
      {"bos_token_id", kInitMessageStart},
      {"eos_token_id", kInitMessageEnd},
      {"pad_token_id", kInitEndOfText},
  };
  if (qwen) {
    config["sliding_window"] = nullptr;
    config["use_sliding_window"] = false;
    config["max_window_layers"] = o.layers;
  } else {
    config["mlp_bias"] = false;
  }
  return config;
}

constexpr std::array<const char*, kInitSpecialTokens> kSpecialTokens{"<|endoftext|>", "<|im_start|>", "<|im_end|>"};
constexpr const char* kChatTemplate =
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + "
    "'\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

// Bytes by usefulness: letters and space first, so that the first two-byte tokens are ones that text contains.
std::vector<std::uint8_t> byte_order() {
  std::vector<std::uint8_t> order;
  const std::string first = " etaoinshrdlucmfwypvbgkjqxzETAOINSHRDLUCMFWYPVBGKJQXZ0123456789.,";
  for (const char c : first) order.push_back(static_cast<std::uint8_t>(c));
  for (int byte = 0; byte < 256; ++byte) {
    if (first.find(static_cast<char>(byte)) == std::string::npos) order.push_back(static_cast<std::uint8_t>(byte));
  }
  return order;
}

Json tokenizer_of(const InitOptions& o) {
  Json vocabulary = Json::object(), merges = Json::array(), added = Json::array();
  for (std::uint32_t byte = 0; byte < kInitByteTokens; ++byte) {
    vocabulary[byte_level_character(static_cast<std::uint8_t>(byte))] = byte;
  }
  for (std::uint32_t i = 0; i < kInitSpecialTokens; ++i) {
    vocabulary[kSpecialTokens[i]] = kInitByteTokens + i;
    added.push_back({{"id", kInitByteTokens + i},
                     {"content", kSpecialTokens[i]},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", true}});
  }
  // Ids beyond all pairs stay without text, as in published models whose embedding is padded.
  const std::vector<std::uint8_t> order = byte_order();
  std::uint32_t id = kInitVocabularyMin;
  for (std::uint32_t sum = 0; sum < 2 * 256 - 1 && id < o.vocabulary; ++sum) {
    for (std::uint32_t i = sum < 256 ? 0 : sum - 255; i <= std::min(sum, 255u) && id < o.vocabulary; ++i, ++id) {
      const std::string left = byte_level_character(order[i]), right = byte_level_character(order[sum - i]);
      merges.push_back(left + " " + right);
      vocabulary[left + right] = id;
    }
  }
  const Json bytes = {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", true}};
  return {{"version", "1.0"},
          {"truncation", nullptr},
          {"padding", nullptr},
          {"added_tokens", added},
          {"normalizer", nullptr},
          {"pre_tokenizer", bytes},
          {"post_processor", nullptr},
          {"decoder", bytes},
          {"model",
           {{"type", "BPE"},
            {"dropout", nullptr},
            {"unk_token", nullptr},
            {"continuing_subword_prefix", nullptr},
            {"end_of_word_suffix", nullptr},
            {"fuse_unk", false},
            {"byte_fallback", false},
            {"vocab", vocabulary},
            {"merges", merges}}}};
}

}  // namespace

std::string byte_level_character(std::uint8_t byte) {
  const auto printable = [](std::uint32_t b) {
    return (b >= '!' && b <= '~') || (b >= 0xa1 && b <= 0xac) || b >= 0xae;
  };
  std::uint32_t point = byte;
  if (!printable(byte)) {
    point = 256;
    for (std::uint32_t b = 0; b < byte; ++b) point += printable(b) ? 0 : 1;
  }
  if (point < 0x80) return std::string(1, static_cast<char>(point));
  return {static_cast<char>(0xc0 | (point >> 6)), static_cast<char>(0x80 | (point & 0x3f))};
}

namespace {

Result<void> init(const InitOptions& options, const std::filesystem::path& model_dir, const std::stop_token& stop) {
  if (options.vocabulary < kInitVocabularyMin) {
    return invalid("vocabulary " + std::to_string(options.vocabulary) + " is too small; the byte tokens need " +
                   std::to_string(kInitVocabularyMin));
  }
  CAIRN_TRY(StagedDirectory staged, StagedDirectory::create(model_dir));
  const Json config = config_of(options);
  CAIRN_TRY_VOID(write_text_file(staged.path() / "config.json", config.dump(2) + "\n"));
  const auto checked = read_model_spec(staged.path());  // before gigabytes are written for a shape that cannot run
  if (!checked) return checked.error();
  const Json generation = {
      {"bos_token_id", kInitMessageStart}, {"eos_token_id", kInitMessageEnd}, {"pad_token_id", kInitEndOfText}};
  CAIRN_TRY_VOID(write_text_file(staged.path() / "generation_config.json", generation.dump(2) + "\n"));
  CAIRN_TRY_VOID(write_text_file(staged.path() / "tokenizer.json", tokenizer_of(options).dump(2) + "\n"));
  const Json tokenizer = {{"tokenizer_class", "PreTrainedTokenizerFast"},
                          {"add_prefix_space", false},
                          {"clean_up_tokenization_spaces", false},
                          {"model_max_length", options.context},
                          {"bos_token", kSpecialTokens[1]},
                          {"eos_token", kSpecialTokens[2]},
                          {"pad_token", kSpecialTokens[0]},
                          {"chat_template", kChatTemplate}};
  CAIRN_TRY_VOID(write_text_file(staged.path() / "tokenizer_config.json", tokenizer.dump(2) + "\n"));
  CAIRN_TRY_VOID(write_weights(options, staged.path() / "model.safetensors", stop));
  if (const auto loaded = ModelWeights::load(staged.path()); !loaded) return loaded.error();
  return staged.publish();
}

}  // namespace

Result<void> model_init(const InitOptions& options, const std::filesystem::path& model_dir, std::stop_token stop) {
  try {
    return init(options, model_dir, stop);
  } catch (const std::bad_alloc&) {  // the staged directory is gone by now
    return Error{ErrorCode::kExhausted, "out of memory: the largest tensor is held whole; give it a smaller shape"};
  }
}

}  // namespace cairn

// cairn model import|init|info
#include <cinttypes>
#include <cstdio>
#include <map>

#include "apps/signals.h"
#include "apps/verbs.h"
#include "base/bytes.h"
#include "model/fingerprint.h"
#include "model/import.h"
#include "model/init.h"
#include "model/safetensors.h"
#include "model/weights.h"

namespace cairn {
namespace {

struct NoOptions {
  Result<void> validate() const { return {}; }
  template <class V>
  static void describe(V&) {}
};

struct InitWords {
  std::string arch = "llama";
  std::uint32_t layers = 2, hidden = 64, intermediate = 192, heads = 4, kv_heads = 2, head_dim = 16;
  std::uint32_t vocabulary = 512, context = 8192;
  bool tied = false;
  std::uint64_t seed = 1;
  Result<void> validate() const {
    if (arch != "llama" && arch != "qwen3") return invalid("arch is '" + arch + "': llama or qwen3");
    struct Range {
      const char* name;
      std::uint32_t value, least, most;
    };
    using Limit = ShapeLimits;
    for (const Range& range :
         {Range{"layers", layers, 1, Limit::layers}, Range{"hidden", hidden, 1, Limit::width},
          Range{"intermediate", intermediate, 1, Limit::width}, Range{"heads", heads, 1, Limit::heads},
          Range{"kv_heads", kv_heads, 1, Limit::heads}, Range{"head_dim", head_dim, 16, Limit::head_dim},
          Range{"vocabulary", vocabulary, kInitVocabularyMin, Limit::vocabulary},
          Range{"context", context, 1, Limit::context}}) {
      if (range.value >= range.least && range.value <= range.most) continue;
      return invalid(std::string(range.name) + " is " + std::to_string(range.value) + ": " +
                     std::to_string(range.least) + " to " + std::to_string(range.most));
    }
    if (head_dim % 16 != 0) return invalid("head_dim is " + std::to_string(head_dim) + ": a multiple of 16");
    if (heads % kv_heads != 0) {
      return invalid("kv_heads is " + std::to_string(kv_heads) + ": a divisor of heads, " + std::to_string(heads));
    }
    return {};
  }
  template <class V>
  static void describe(V& v) {
    v.field("arch", &InitWords::arch, "llama or qwen3");
    v.field("layers", &InitWords::layers, "decoder layers");
    v.field("hidden", &InitWords::hidden, "width of the residual stream");
    v.field("intermediate", &InitWords::intermediate, "width of the feed-forward part");
    v.field("heads", &InitWords::heads, "query heads");
    v.field("kv_heads", &InitWords::kv_heads, "key-value heads; divides heads");
    v.field("head_dim", &InitWords::head_dim, "a multiple of 16");
    v.field("vocabulary", &InitWords::vocabulary, "tokens; 256 byte tokens and a few special ones at least");
    v.field("context", &InitWords::context, "longest sequence");
    v.field("tied", &InitWords::tied, "use the embedding as head");
    v.field("seed", &InitWords::seed, "the same seed gives the same bytes on every machine");
  }
};

int failed_or_stopped(const Error& error, const SignalThread& signals) {
  const int status = fail(error);
  return error.code == ErrorCode::kCancelled ? signals.exit_status() : status;
}

// "272 tensors, BF16 269.0 MB" of all weight files; their headers alone are read.
Result<std::string> weights_summary(const std::string& folder) {
  CAIRN_TRY(const SafetensorsSet set, SafetensorsSet::open(folder));
  std::map<std::string, std::uint64_t> bytes;
  for (const TensorView* tensor : set.tensors()) bytes[std::string(name_of(tensor->dtype))] += tensor->bytes.size();
  std::string text = std::to_string(set.tensors().size()) + " tensors";
  for (const auto& [dtype, size] : bytes)
    text += ", " + dtype + " " + std::to_string(size) + " bytes (" + format_bytes(size) + ")";
  return text;
}

}  // namespace

int run_model_import(const VerbInput& input) {
  NoOptions none;
  OptionSet options;
  options.add("", "", none);
  const Parsed parsed =
      parse(options, input,
            {"cairn model import FILE.gguf MODEL_DIR",
             "Writes a Hugging Face directory (config.json, model.safetensors in bf16, tokenizer.json, "
             "tokenizer_config.json with the chat "
             "template, generation_config.json) from a GGUF file. The directory appears whole or not at all.",
             "cairn model import SmolLM2-135M-Instruct.gguf models/SmolLM2-135M-Instruct"},
            2);
  if (parsed.done) return parsed.status;
  const auto& words = parsed.loaded.positional;
  SignalThread signals;
  const Result<ImportSummary> summary = model_import(words[0], words[1], signals.token());
  if (!summary) return failed_or_stopped(summary.error(), signals);
  std::printf("%s: %" PRIu64 " tensors, %" PRIu64 " parameters\n", words[1].c_str(), summary->tensors,
              summary->parameters);
  return 0;
}

int run_model_init(const VerbInput& input) {
  InitWords words;
  OptionSet options;
  options.add("", "Shape", words);
  const Parsed parsed = parse(
      options, input,
      {"cairn model init MODEL_DIR [options]",
       "Writes a checkpoint of a real architecture with random weights and a byte-level tokenizer, for tests. The "
       "directory appears whole or not at all.",
       "cairn model init /tmp/tiny --layers 4 --heads 6 --kv-heads 2"},
      1);
  if (parsed.done) return parsed.status;
  InitOptions init;
  init.architecture = words.arch == "qwen3" ? Architecture::kQwen3 : Architecture::kLlama;
  init.layers = words.layers, init.hidden = words.hidden, init.intermediate = words.intermediate;
  init.heads = words.heads, init.kv_heads = words.kv_heads, init.head_dim = words.head_dim;
  init.vocabulary = words.vocabulary, init.context = words.context;
  init.head = words.tied ? HeadKind::kTied : HeadKind::kOwn;
  init.seed = words.seed;
  SignalThread signals;
  const Result<void> done = model_init(init, parsed.loaded.positional[0], signals.token());
  if (!done) return failed_or_stopped(done.error(), signals);
  std::printf("%s: %s, %u layers, seed %" PRIu64 "\n", parsed.loaded.positional[0].c_str(), words.arch.c_str(),
              words.layers, words.seed);
  return 0;
}

int run_model_info(const VerbInput& input) {
  NoOptions none;
  OptionSet options;
  options.add("", "", none);
  const Parsed parsed = parse(
      options, input,
      {"cairn model info MODEL_DIR",
       "Tells the shape of a model, its KV bytes per token, and the fingerprint under which its KV is shared. Refuses "
       "what `serve` would refuse to load; reads every weight once for the fingerprint.",
       "cairn model info models/SmolLM2-135M-Instruct"},
      1);
  if (parsed.done) return parsed.status;
  const std::string& folder = parsed.loaded.positional[0];
  const Result<std::unique_ptr<ModelWeights>> weights = ModelWeights::load(folder);
  if (!weights) return fail(weights.error());
  const ModelSpec* const spec = &(*weights)->spec();
  const Result<std::string> summary = weights_summary(folder);
  if (!summary) return fail(summary.error());
  const Result<ModelFingerprint> fingerprint = model_fingerprint(folder, {});
  if (!fingerprint) return fail(fingerprint.error());
  const KvGeometry geometry = spec->kv_geometry();
  const LayerGroup& kv = geometry.groups.at(0);
  const std::uint64_t token_bytes = std::uint64_t{kv.layers} * kv.planes * kv.heads * kv.dim * bytes_of(kv.dtype);
  std::printf("architecture   %s\n", spec->architecture == Architecture::kQwen3 ? "qwen3" : "llama");
  std::printf("layers         %u, hidden %u, intermediate %u\n", spec->layers, spec->hidden, spec->intermediate);
  std::printf("heads          %u query, %u key-value, of %u\n", spec->query_heads, spec->kv_heads, spec->head_dim);
  std::printf("vocabulary     %u%s\n", spec->vocabulary, spec->tied_embedding ? ", tied embedding" : "");
  std::printf("context        %u tokens\n", spec->context);
  std::printf("weights        %s\n", summary->c_str());
  std::printf("KV per token   %" PRIu64 " bytes (chunk of 256: %s)\n", token_bytes,
              format_bytes(token_bytes * 256).c_str());
  std::printf("fingerprint    %s\n", to_hex(fingerprint->digest).c_str());
  return 0;
}

}  // namespace cairn

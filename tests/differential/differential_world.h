// Real model, real cache, real tiers, one engine turned by hand. A trace of a request holds every row of logits that
// was sampled from and all KV bytes of its prompt as the device held them then, so that "restored" and "recomputed"
// can be compared bit by bit.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "cache/tiered_cache.h"
#include "connector/cache_connector.h"
#include "connector/null_connector.h"
#include "engine/engine.h"
#include "kv/identity.h"
#include "model/random_model.h"
#include "support/temporary_directory.h"
#include "tier/file_tier.h"
#include "tier/ram_tier.h"

namespace cairn::test {

// A sanitizer makes the forward pass ten times slower; what it looks for is on the same paths in fewer rounds.
inline constexpr bool kSanitized = CAIRN_SANITIZED;

struct Trace {
  std::vector<TokenId> tokens;
  std::vector<float> logits;  // one row for each generated token
  std::vector<std::byte> kv;  // of the whole prompt, token after token
  CacheUse use;
  bool finished = false;
};

// "" when equal, else what differs first.
inline std::string difference(const Trace& want, const Trace& got) {
  if (!got.finished) return "the request did not finish";
  if (want.kv != got.kv) return "KV bytes";
  if (want.logits.size() != got.logits.size()) return "number of logits";
  if (std::memcmp(want.logits.data(), got.logits.data(), want.logits.size() * sizeof(float)) != 0) return "logits";
  return want.tokens == got.tokens ? "" : "tokens";
}

// A model with one forward pass for each thread count, made once.
class Model {
 public:
  explicit Model(std::unique_ptr<ModelWeights> weights) : weights_(std::move(weights)) {
    LayoutSpec spec;
    spec.geometry = weights_->spec().kv_geometry();
    layout_ = std::make_unique<BlockLayout>(BlockLayout::make(spec).value());
  }
  Forward& forward(std::uint32_t threads) {
    auto& slot = forwards_[threads];
    if (slot == nullptr) {
      ForwardConfig config;
      config.threads = threads;
      config.step_tokens_max = 256;
      slot = Forward::make(*weights_, *layout_, config).value();
    }
    return *slot;
  }
  const ModelSpec& spec() const { return weights_->spec(); }
  const BlockLayout& layout() const { return *layout_; }
  std::vector<TokenId> prompt(std::size_t tokens, std::uint64_t seed) const {
    return random_tokens(tokens, spec().vocabulary, seed);
  }
  StoreIdentity identity() const {
    StoreIdentity identity;
    identity.model_fingerprint.bytes[0] = 7;  // one model in each store here
    identity.architecture = "llama";
    identity.hidden = spec().hidden;
    identity.layout = layout_->spec();
    identity.rope.theta = spec().rope.theta;
    identity.rope.rotary_dim = spec().head_dim;
    identity.numerics_class = "t32-v1";
    return identity;
  }

 private:
  std::unique_ptr<ModelWeights> weights_;
  std::unique_ptr<BlockLayout> layout_;
  std::map<std::uint32_t, std::unique_ptr<Forward>> forwards_;
};

class RecordingRunner final : public ModelRunner {
 public:
  RecordingRunner(ModelRunner& inner, const BlockLayout& layout, const PagePool& pool)
      : inner_(inner), layout_(layout), pool_(pool) {}
  Result<std::span<const float>> run(std::span<const ForwardSlice> slices) override {
    auto logits = inner_.run(slices);
    if (!logits) return logits;
    for (const ForwardSlice& slice : slices) computed_tokens += slice.tokens.size();
    if (recording && !logits->empty()) {
      const ForwardSlice& slice = slices.front();
      if (trace.logits.empty()) read_kv(slice.pages, slice.position + static_cast<std::uint32_t>(slice.tokens.size()));
      trace.logits.insert(trace.logits.end(), logits->begin(), logits->end());
    }
    return logits;
  }
  std::uint32_t vocabulary() const override { return inner_.vocabulary(); }

  Trace trace;
  bool recording = false;  // then one request at a time
  std::size_t computed_tokens = 0;

 private:
  void read_kv(std::span<const PageId> pages, std::uint32_t end) {
    const LayerGroup& group = layout_.spec().geometry.groups.front();
    const std::size_t row = group.dim * bytes_of(group.dtype);
    for (std::uint32_t position = 0; position < end; ++position) {
      const std::byte* page = pool_.base + pages[position / 16].index * pool_.page_stride;
      for (std::uint32_t layer = 0; layer < group.layers; ++layer) {
        for (std::uint32_t plane = 0; plane < group.planes; ++plane) {
          for (std::uint32_t head = 0; head < group.heads; ++head) {
            const std::byte* tile = page + layout_.offset(layout_.whole(), layer, plane, head);
            trace.kv.insert(trace.kv.end(), tile + position % 16 * row, tile + (position % 16 + 1) * row);
          }
        }
      }
    }
  }
  ModelRunner& inner_;
  const BlockLayout& layout_;
  PagePool pool_;
};

struct Sink final : TokenSink {
  void on_prompt(const CacheUse& cache_use) override { use = cache_use; }
  void on_token(const Token& token) override { tokens.push_back(token.id); }
  void on_end(Result<Finish> result) override { finished = result.has_value(), ended = true; }
  CacheUse use;
  std::vector<TokenId> tokens;
  bool finished = false, ended = false;
};

// A cache over tiers, with its thread.
class CacheHost {
 public:
  CacheHost(const Model& model, std::vector<std::unique_ptr<Tier>> tiers)
      : metrics_(make_metrics()),
        map(*PageMap::make(model.layout(), model.layout().whole(),
                           model.layout().page_stride(model.layout().whole()))) {
    CacheConfig config;
    config.load_policy = LoadPolicy::kAlways;
    cache =
        TieredCache::open(config, std::move(tiers), map.shards(), map.block_bytes(), {clock_, *metrics_, null_log()})
            .value();
    thread_ = std::make_unique<CacheThread>(*cache);
  }
  ~CacheHost() {
    EXPECT_TRUE(cache->drain(clock_.after_us(30'000'000)));
    thread_.reset();
  }

 private:
  SystemClock clock_;
  std::unique_ptr<Metrics> metrics_;

 public:
  PageMap map;
  std::unique_ptr<TieredCache> cache;

 private:
  std::unique_ptr<CacheThread> thread_;
};

struct EngineOptions {
  std::uint32_t threads = 1, step_tokens_max = 256, pages = 64;
  bool save_decode_cache = true;
};

// A fresh device (pages full of garbage) and engine; without a cache nothing is ever loaded.
class EngineHost {
 public:
  EngineHost(Model& model, CacheHost* cache, const EngineOptions& options = {})
      : pages_(DevicePages::make(model.layout(), options.pages * model.layout().page_stride(model.layout().whole()))
                   .value()),
        cpu_(model.forward(options.threads), pages_->pool(), model.spec().vocabulary),
        runner(cpu_, model.layout(), pages_->pool()),
        metrics_(make_metrics()) {
    std::memset(pages_->region()->data(), 0x7f, options.pages * pages_->page_stride());
    if (cache != nullptr) {
      connector_ = CacheConnector::make({}, {*cache->cache, *pages_->region(), model.layout(),
                                             store_root(model.identity()), cache->map, pages_->page_stride()})
                       .value();
    } else {
      connector_ = std::make_unique<NullConnector>();
    }
    EngineConfig config;
    config.step_tokens_max = options.step_tokens_max;
    config.sequences_max = 8;
    config.save_decode_cache = options.save_decode_cache;
    engine = std::make_unique<Engine>(config, EngineModel{"m", 4096, {}},
                                      EngineDeps{*pages_, *connector_, runner, clock_, *metrics_, null_log()});
  }
  ~EngineHost() { settle(); }

  RequestId start(std::vector<TokenId> prompt, std::uint32_t output, Sink& sink) {
    Request request;
    request.prompt = std::move(prompt);
    request.output_tokens_max = output;
    request.sampling.temperature = 0;
    return engine->start(std::move(request), sink).value();
  }
  // Until every request has ended and every transfer is over.
  void settle() {
    const Deadline deadline = clock_.after_us(120'000'000);
    do {
      if (!engine->step() && !engine->quiet()) engine->wait();
    } while (!engine->quiet() && !clock_.passed(deadline));
    EXPECT_TRUE(engine->quiet()) << "the engine is stuck";
  }
  Trace trace(const std::vector<TokenId>& prompt, std::uint32_t output) {
    Sink sink;
    runner.trace = {};
    runner.recording = true;
    start(prompt, output, sink);
    settle();
    runner.recording = false;
    Trace trace = std::exchange(runner.trace, {});
    trace.tokens = sink.tokens;
    trace.use = sink.use;
    trace.finished = sink.finished;
    return trace;
  }

 private:
  SystemClock clock_;
  std::unique_ptr<DevicePages> pages_;
  CpuRunner cpu_;

 public:
  RecordingRunner runner;

 private:
  std::unique_ptr<Metrics> metrics_;
  std::unique_ptr<Connector> connector_;

 public:
  std::unique_ptr<Engine> engine;
};

inline std::unique_ptr<Tier> ram_tier(const Model& model, const Clock& clock, std::uint64_t bytes = 24ull << 20) {
  RamTierConfig config;
  config.capacity_bytes = bytes;
  config.copy_threads = 1;
  config.huge_pages = false;
  return RamTier::open(config, model.layout().block_bytes(0), {clock, null_log()}).value();
}
inline std::unique_ptr<Tier> file_tier(const Model& model, const std::string& path, const Clock& clock) {
  FileTierConfig config;
  config.path = path;
  config.lookup_threads = 2;
  config.io_threads = 2;
  StoreWish wish;
  wish.identity = model.identity();
  const FileTierDeps deps{clock, null_log()};
  return FileTier::open(config, open_store(config, wish, deps).value(), deps).value();
}

template <class... Tiers>
std::vector<std::unique_ptr<Tier>> tiers(Tiers... tier) {
  std::vector<std::unique_ptr<Tier>> all;
  (all.push_back(std::move(tier)), ...);
  return all;
}

// 9 query heads on 3 KV heads: three to a group, as the model that users chat with has.
inline Model random_llama() {
  return Model(std::make_unique<RandomModel>(small_spec(Architecture::kLlama, 9, 3, 16), 41));
}

}  // namespace cairn::test

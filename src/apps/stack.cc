#include "apps/stack.h"

#include <numeric>

#include "apps/identity.h"
#include "apps/machine.h"
#include "apps/stores.h"
#include "connector/cache_connector.h"
#include "connector/null_connector.h"
#include "model/fingerprint.h"

namespace cairn {
namespace {

constexpr std::uint32_t kChunkTokens = 256;

LayoutSpec layout_spec(const ModelSpec& spec, const ServeWords& words) {
  LayoutSpec layout;
  layout.geometry = spec.kv_geometry();
  layout.chunk_tokens = words.chunk_tokens != 0 ? words.chunk_tokens : kChunkTokens;
  layout.grid = {words.shard_layers, words.shard_kv_heads};
  return layout;
}

}  // namespace

Result<void> Stack::load_model(const StackPaths& paths, const ServeOptions& options) {
  CAIRN_TRY(weights_, ModelWeights::load(paths.model_dir));
  CAIRN_TRY(const BlockLayout layout, BlockLayout::make(layout_spec(weights_->spec(), options.words)));
  const ForwardConfig config{
      .threads = options.engine.threads, .step_tokens_max = options.engine.step_tokens_max, .isa = options.words.isa};
  CAIRN_TRY_VOID(check_forward_memory(weights_->spec(), config, "step_tokens_max"));
  CAIRN_TRY(forward_, Forward::make(*weights_, layout, config));
  return {};
}

Result<void> Stack::open_cache(const StackPaths& paths, const ServeOptions& options, const StackDeps& deps) {
  CAIRN_TRY(const ModelFingerprint fingerprint, model_fingerprint(paths.model_dir, {.cache = paths.fingerprint_cache}));
  StoreIdentity identity =
      identity_of(weights_->spec(), fingerprint.digest, layout_spec(weights_->spec(), options.words),
                  std::string(forward_->numerics_class()));
  const std::uint64_t ram_bytes = options.words.ram_bytes.value_or(0);
  CAIRN_TRY(OpenedTiers tiers, open_tiers(options.words, ram_bytes, std::move(identity), paths.model_name,
                                          {deps.clock, deps.metrics, deps.log}));
  identity_ = std::move(tiers.identity);
  tier_descriptions_ = std::move(tiers.descriptions);
  CAIRN_TRY(BlockLayout layout, BlockLayout::make(identity_.layout));
  layout_ = std::make_unique<BlockLayout>(std::move(layout));

  std::vector<std::uint32_t> shards(layout_->cells());
  std::iota(shards.begin(), shards.end(), 0u);
  std::vector<std::uint64_t> block_bytes;
  for (const std::uint32_t shard : shards) block_bytes.push_back(layout_->block_bytes(shard));
  CAIRN_TRY(cache_, TieredCache::open(options.cache, std::move(tiers.fastest_first), shards, block_bytes,
                                      {deps.clock, deps.metrics, deps.log}));
  cache_thread_ = std::make_unique<CacheThread>(*cache_);
  return {};
}

Result<void> Stack::start_engine(const StackPaths& paths, const ServeOptions& options, const StackDeps& deps) {
  CAIRN_TRY_VOID(check_memory("device_kv_bytes", options.engine.device_kv_bytes));
  CAIRN_TRY(pages_, DevicePages::make(*layout_, options.engine.device_kv_bytes));
  if (cache_->tiers().empty()) {
    connector_ = std::make_unique<NullConnector>(layout_->spec().chunk_tokens);
  } else {
    CAIRN_TRY(PageMap map, PageMap::make(*layout_, layout_->whole(), pages_->page_stride()));
    CAIRN_TRY(connector_, CacheConnector::make({}, {*cache_, *pages_->region(), *layout_, store_root(identity_),
                                                    std::move(map), pages_->page_stride()}));
  }
  runner_ = std::make_unique<CpuRunner>(*forward_, pages_->pool(), weights_->spec().vocabulary);
  EngineModel model{paths.model_name, weights_->spec().context, weights_->spec().eos_tokens};
  engine_ = std::make_unique<Engine>(options.engine, std::move(model),
                                     EngineDeps{*pages_, *connector_, *runner_, deps.clock, deps.metrics, deps.log});
  engine_thread_ = std::make_unique<EngineThread>(*engine_);
  return {};
}

Result<std::unique_ptr<Stack>> Stack::start(const StackPaths& paths, const ServeOptions& options,
                                            const StackDeps& deps) {
  std::unique_ptr<Stack> stack(new Stack);
  CAIRN_TRY_VOID(stack->load_model(paths, options));
  CAIRN_TRY_VOID(stack->open_cache(paths, options, deps));
  CAIRN_TRY_VOID(stack->start_engine(paths, options, deps));
  return stack;
}

bool Stack::stop(const Clock& clock, Deadline deadline) {
  const bool engine_done = engine_thread_->drain(clock, deadline);
  const bool cache_done = cache_->drain(deadline);
  return engine_done && cache_done;
}

Stack::~Stack() = default;

}  // namespace cairn

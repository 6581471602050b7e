#include "model/forward.h"

#include <algorithm>
#include <new>
#include <string>
#include <system_error>
#include <thread>

#include "base/bytes.h"
#include "base/check.h"
#include "model/forward_state.h"
#include "model/kernel_select.h"
#include "model/kernel_selftest.h"
#include "model/rope.h"

namespace cairn {

namespace {

constexpr std::uint32_t kThreadsMax = 256;
constexpr std::size_t kRowsOfTask = 8;  // tokens of one task in the stages that go row by row
constexpr std::uint32_t kDimMax = 1024;

Result<void> check_shape(const ModelSpec& spec, const BlockLayout& layout, const ForwardConfig& config) {
  const LayoutSpec& pages = layout.spec();
  if (spec.head_dim == 0 || spec.head_dim % 16 != 0 || spec.head_dim > kDimMax) {
    return invalid("head_dim " + std::to_string(spec.head_dim) + " is not served: a multiple of 16 up to 1024 is");
  }
  if (spec.kv_heads == 0 || spec.query_heads == 0 || spec.query_heads % spec.kv_heads != 0) {
    return invalid("num_attention_heads must be a multiple of num_key_value_heads");
  }
  if (pages.page_tokens == 0 || pages.page_tokens % 16 != 0 || kChunkTokens % pages.page_tokens != 0) {
    return invalid("page_tokens " + std::to_string(pages.page_tokens) + " is not served: 16, 32, 64, 128 or 256 are");
  }
  if (!(pages.geometry == spec.kv_geometry()) || pages.order != PageOrder::kLayerPlaneHeadTokenDim) {
    return invalid("the page layout is not that of this model's bf16 KV");
  }
  if (config.step_tokens_max == 0) return invalid("step_tokens_max must be at least 1");
  if (config.threads > kThreadsMax) return invalid("threads must be at most " + std::to_string(kThreadsMax));
  return {};
}

std::uint32_t threads_of(const ForwardConfig& config) {
  return config.threads != 0 ? config.threads : std::clamp(std::thread::hardware_concurrency(), 1u, kThreadsMax);
}

class CpuForward final : public Forward {
 public:
  CpuForward(const ModelWeights& weights, const BlockLayout& layout, const ForwardConfig& config,
             const KernelTable& kernels, std::uint32_t threads)
      : kernels_(kernels), pool_(threads), offsets_(page_offsets(layout)), step_tokens_max_(config.step_tokens_max) {
    const ScopedFpu fpu;
    class_ = numerics_class_of(kernels);
    model_ = pack_model(weights, compute());
    const ModelSpec& spec = model_.spec;
    shape_ = {.group = spec.query_heads / spec.kv_heads,
              .dim = spec.head_dim,
              .page_tokens = layout.spec().page_tokens,
              .scale = attention_scale(spec.head_dim)};
    buffers_ = make_buffers(model_, shape_, step_tokens_max_, threads);
  }

  std::span<const float> run(std::span<const ForwardSlice> slices, const PagePool& pool) override;
  std::string_view isa() const override { return kernels_.name; }
  std::string_view numerics_class() const override { return class_; }
  std::uint32_t threads() const override { return pool_.threads(); }
  std::vector<std::int64_t> cpu_us() override { return pool_.cpu_us(); }

 private:
  Compute compute() { return {kernels_, pool_}; }
  std::size_t rows() const { return plan_.places.size(); }
  template <class Function>
  void each_row(std::size_t count, const Function& function);
  void embed();
  void norm(const KernelArray<float>& from, const std::vector<float>& weight, std::size_t count);
  void rotate_and_write(std::size_t layer);
  void write_token(std::size_t layer, std::size_t row, float* head);
  void attention(std::size_t layer);
  void run_layer(std::size_t layer);
  void head();

  const KernelTable& kernels_;
  ThreadPool pool_;
  std::string class_;
  PackedModel model_;
  PageOffsets offsets_;
  AttentionShape shape_{};
  Buffers buffers_;
  StepPlan plan_;
  std::size_t step_tokens_max_;
};

template <class Function>
void CpuForward::each_row(std::size_t count, const Function& function) {
  pool_.run((count + kRowsOfTask - 1) / kRowsOfTask, [&](std::size_t task, std::uint32_t thread) {
    const std::size_t end = std::min(count, (task + 1) * kRowsOfTask);
    for (std::size_t row = task * kRowsOfTask; row < end; ++row) function(row, thread);
  });
}

void CpuForward::embed() {
  const std::size_t hidden = model_.spec.hidden, half = model_.spec.head_dim / 2;
  each_row(rows(), [&](std::size_t row, std::uint32_t) {
    const TokenPlace& place = plan_.places[row];
    CAIRN_CHECK(place.token < model_.spec.vocabulary, "a token outside the vocabulary");
    kernels_.from_bf16(model_.embedding.data() + place.token * hidden,
                       buffers_.residual.data() + row * buffers_.hidden_stride, hidden);
    rope_row(model_.rope_frequencies, place.position, buffers_.cosine.data() + row * half,
             buffers_.sine.data() + row * half);
  });
}

void CpuForward::norm(const KernelArray<float>& from, const std::vector<float>& weight, std::size_t count) {
  each_row(count, [&](std::size_t row, std::uint32_t) {
    const std::size_t at = row * buffers_.hidden_stride;
    kernels_.rmsnorm(from.data() + at, weight.data(), model_.spec.norm_epsilon, buffers_.normed.data() + at,
                     model_.spec.hidden);
  });
}

// Q of one token goes to the query buffer, K and V to the token's page.
void CpuForward::write_token(std::size_t layer, std::size_t row, float* head) {
  const PackedLayer& weights = model_.layers[layer];
  const TokenPlace& place = plan_.places[row];
  const std::size_t dim = shape_.dim, padded = shape_.padded_dim(), group = shape_.group;
  const float* q = buffers_.qkv.data() + row * buffers_.qkv_stride;
  const float* k = q + model_.query_width();
  const float* v = k + model_.kv_width();
  RopeCall call{.x = nullptr,
                .weight = weights.q_norm.empty() ? nullptr : weights.q_norm.data(),
                .epsilon = model_.spec.norm_epsilon,
                .cosine = buffers_.cosine.data() + row * (dim / 2),
                .sine = buffers_.sine.data() + row * (dim / 2),
                .out = nullptr,
                .dim = dim};
  for (std::size_t h = 0; h < model_.spec.query_heads; ++h) {
    call.x = q + h * dim;
    call.out = buffers_.query.data() + ((h / group * rows() + row) * group + h % group) * padded;
    kernels_.rope(call);
  }
  call.weight = weights.k_norm.empty() ? nullptr : weights.k_norm.data();
  call.out = head;
  std::byte* page = plan_.pages[place.slice][place.position / shape_.page_tokens];
  const std::size_t slot = place.position % shape_.page_tokens * dim;
  for (std::size_t h = 0; h < model_.spec.kv_heads; ++h) {
    call.x = k + h * dim;
    kernels_.rope(call);
    kernels_.to_bf16(head, reinterpret_cast<Bf16*>(page + offsets_.at(layer, 0, h)) + slot, dim);
    kernels_.to_bf16(v + h * dim, reinterpret_cast<Bf16*>(page + offsets_.at(layer, 1, h)) + slot, dim);
  }
}

void CpuForward::rotate_and_write(std::size_t layer) {
  each_row(rows(), [&](std::size_t row, std::uint32_t thread) {
    write_token(layer, row, buffers_.heads.data() + thread * shape_.dim);
  });
}

void CpuForward::attention(std::size_t layer) {
  const std::size_t heads = model_.spec.kv_heads;
  pool_.run(plan_.blocks.size() * heads, [&](std::size_t task, std::uint32_t thread) {
    // The last blocks of a slice see the most tokens: they start first.
    const QueryBlock& block = plan_.blocks[plan_.blocks.size() - 1 - task / heads];
    const std::size_t head = task % heads;
    const std::vector<std::byte*>& pages = plan_.pages[block.slice];
    std::vector<const std::uint16_t*> k(pages.size()), v(pages.size());
    for (std::size_t i = 0; i < pages.size(); ++i) {
      k[i] = reinterpret_cast<const Bf16*>(pages[i] + offsets_.at(layer, 0, head));
      v[i] = reinterpret_cast<const Bf16*>(pages[i] + offsets_.at(layer, 1, head));
    }
    const std::size_t query = (head * rows() + block.first_row) * shape_.group * shape_.padded_dim();
    attend(kernels_, shape_,
           {.q = buffers_.query.data() + query,
            .tokens = block.tokens,
            .position = block.position,
            .k = k.data(),
            .v = v.data(),
            .out = buffers_.attention.data() + block.first_row * buffers_.attention_stride +
                   head * shape_.group * shape_.dim,
            .out_stride = buffers_.attention_stride},
           buffers_.attention_scratch[thread]);
  });
}

void CpuForward::run_layer(std::size_t layer) {
  const PackedLayer& weights = model_.layers[layer];
  const Activations normed{buffers_.normed.data(), rows(), buffers_.hidden_stride};
  norm(buffers_.residual, weights.input_norm, rows());
  run_gemm(compute(), weights.qkv, normed, buffers_.qkv.data(), buffers_.qkv_stride, GemmOutput::kStore);
  rotate_and_write(layer);
  attention(layer);
  run_gemm(compute(), weights.o, {buffers_.attention.data(), rows(), buffers_.attention_stride},
           buffers_.residual.data(), buffers_.hidden_stride, GemmOutput::kAdd);
  norm(buffers_.residual, weights.post_attention_norm, rows());
  run_gate_up(compute(), weights.gate_up, normed, buffers_.inner.data(), buffers_.inner_stride,
              buffers_.gate_up.data());
  run_gemm(compute(), weights.down, {buffers_.inner.data(), rows(), buffers_.inner_stride}, buffers_.residual.data(),
           buffers_.hidden_stride, GemmOutput::kAdd);
}

void CpuForward::head() {
  const std::size_t count = plan_.logit_rows.size(), vocabulary = model_.spec.vocabulary;
  buffers_.logits.resize(count * vocabulary);
  if (count == 0) return;
  for (std::size_t i = 0; i < count; ++i) {
    std::copy_n(buffers_.residual.data() + plan_.logit_rows[i] * buffers_.hidden_stride, model_.spec.hidden,
                buffers_.head_rows.data() + i * buffers_.hidden_stride);
  }
  norm(buffers_.head_rows, model_.final_norm, count);
  run_gemm(compute(), model_.head, {buffers_.normed.data(), count, buffers_.hidden_stride}, buffers_.logits.data(),
           vocabulary, GemmOutput::kStore);
}

std::span<const float> CpuForward::run(std::span<const ForwardSlice> slices, const PagePool& pool) {
  const ScopedFpu fpu;
  plan_ = plan_step(slices, pool, shape_.page_tokens, shape_.group);
  CAIRN_CHECK(rows() <= step_tokens_max_, "a step beyond step_tokens_max");
  embed();
  for (std::size_t layer = 0; layer < model_.layers.size(); ++layer) run_layer(layer);
  head();
  return buffers_.logits;
}

}  // namespace

std::uint64_t forward_bytes(const ModelSpec& spec, const ForwardConfig& config) {
  const std::uint64_t weights = spec.linear_parameters() + std::uint64_t{spec.vocabulary} * spec.hidden;
  return round_up(weights * sizeof(Bf16), KernelArena::kBlockBytes) +
         buffer_bytes(spec, config.step_tokens_max, threads_of(config));
}

Result<std::unique_ptr<Forward>> Forward::make(const ModelWeights& weights, const BlockLayout& layout,
                                               const ForwardConfig& config) {
  CAIRN_TRY_VOID(check_shape(weights.spec(), layout, config));
  CAIRN_TRY(const KernelTable* kernels, select_kernels(config.isa));
  const std::uint32_t threads = threads_of(config);
  try {
    return std::unique_ptr<Forward>(std::make_unique<CpuForward>(weights, layout, config, *kernels, threads));
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::kExhausted,
                 "out of memory: weights and a step of " + std::to_string(config.step_tokens_max) + " tokens need " +
                     format_bytes(forward_bytes(weights.spec(), config)) +
                     ", more than this process may take: fewer tokens a step, or lift the limit"};
  } catch (const std::system_error&) {
    return Error{ErrorCode::kExhausted,
                 std::to_string(threads) + " compute threads cannot be started: use fewer, or lift the limit"};
  }
}

}  // namespace cairn

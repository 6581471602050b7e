#include "model/kernel_selftest.h"

#include <cstdint>
#include <limits>
#include <vector>

#include "base/random.h"
#include "kv/sha256.h"
#include "model/attention.h"
#include "model/rope.h"

namespace cairn {

namespace {

constexpr std::uint64_t kSeed = 0x7433322d7631;
constexpr const char* kGolden = "ebd0ca34a6dce1cf1bc782f468e93553e6c19a126947c37d1f33209ea567f235";

// Deterministic inputs and the digest of everything computed from them.
struct Trial {
  const KernelTable& kernels;
  Random random{kSeed};
  Sha256 digest{};

  // Roughly uniform in (-scale, scale), as f32; exact in every step, so the same on all machines.
  std::vector<float> floats(std::size_t n, float scale) {
    std::vector<float> x(n);
    for (float& value : x) value = (static_cast<float>(random.next() >> 40) * 0x1p-23f - 1.0f) * scale;
    return x;
  }
  std::vector<std::uint16_t> halves(std::size_t n, float scale) {
    const std::vector<float> x = floats(n, scale);
    std::vector<std::uint16_t> y(n);
    kernels.to_bf16(x.data(), y.data(), n);
    return y;
  }
  std::vector<float> rounded(std::size_t n, float scale) {
    const std::vector<std::uint16_t> y = halves(n, scale);
    std::vector<float> x(n);
    kernels.from_bf16(y.data(), x.data(), n);
    return x;
  }
  void take(const std::vector<float>& x) { digest.update(x.data(), x.size() * sizeof(float)); }
};

void products(Trial& trial) {
  constexpr std::size_t k = 1088, columns = 27, most = 31;
  const std::vector<float> a = trial.rounded(most * k, 2.0f);
  const std::vector<std::uint16_t> b = trial.halves(k * kPanelColumns, 1.0f);
  KernelArray<std::uint32_t> panel(k / 2 * kPanelColumns);
  for (std::size_t i = 0; i < panel.size(); ++i) panel.data()[i] = b[2 * i] | std::uint32_t{b[2 * i + 1]} << 16;
  // Every tile height of every table, one row block of several tiles, and a product that is added.
  for (const std::size_t rows : {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 24, 31}) {
    std::vector<float> c(rows * kPanelColumns, 0.5f);
    trial.kernels.gemm({.a = a.data(),
                        .a_stride = k,
                        .b = panel.data(),
                        .k = rows < 14 ? 96 : k,
                        .c = c.data(),
                        .c_stride = kPanelColumns,
                        .rows = rows,
                        .columns = columns,
                        .add = rows % 2 == 0});
    trial.take(c);
  }
}

void attention(Trial& trial) {
  for (const std::size_t dim : {48, 64}) {
    const AttentionShape shape{.group = 3, .dim = dim, .page_tokens = 16, .scale = attention_scale(dim)};
    constexpr std::size_t tokens = 5, position = 260, pages = 17;
    const std::size_t padded = shape.padded_dim();
    std::vector<float> q(tokens * shape.group * padded, 0.0f);
    const std::vector<float> values = trial.rounded(tokens * shape.group * dim, 3.0f);
    for (std::size_t i = 0; i < values.size(); ++i) q[i / dim * padded + i % dim] = values[i];
    const std::vector<std::uint16_t> k = trial.halves(pages * 16 * dim, 2.0f), v = trial.halves(k.size(), 1.0f);
    std::vector<const std::uint16_t*> k_pages, v_pages;
    for (std::size_t i = 0; i < pages; ++i) {
      k_pages.push_back(k.data() + i * 16 * dim);
      v_pages.push_back(v.data() + i * 16 * dim);
    }
    std::vector<float> out(tokens * shape.group * dim);
    AttentionScratch scratch(shape);
    attend(trial.kernels, shape,
           {.q = q.data(),
            .tokens = tokens,
            .position = position,
            .k = k_pages.data(),
            .v = v_pages.data(),
            .out = out.data(),
            .out_stride = shape.group * dim},
           scratch);
    trial.take(out);
  }
}

void rows(Trial& trial) {
  constexpr std::size_t n = 601;
  const std::vector<float> x = trial.floats(n, 3.0f), w = trial.floats(n, 1.0f), steep = trial.floats(n, 150.0f);
  std::vector<float> out(n);
  trial.kernels.rmsnorm(x.data(), w.data(), 1e-5f, out.data(), n);
  trial.take(out);
  trial.kernels.swiglu(steep.data(), x.data(), out.data(), n);
  trial.take(out);
  RopeSpec spec{.theta = 500000.0,
                .llama3_scaling = true,
                .factor = 32,
                .low_freq_factor = 1,
                .high_freq_factor = 4,
                .original_context = 8192};
  for (const std::uint32_t dim : {48u, 128u}) {
    std::vector<float> cosine(dim / 2), sine(dim / 2), head(dim);
    rope_row(rope_frequencies(spec, dim), 77777, cosine.data(), sine.data());
    trial.kernels.rope({.x = x.data(),
                        .weight = dim == 128 ? w.data() : nullptr,
                        .epsilon = 1e-6f,
                        .cosine = cosine.data(),
                        .sine = sine.data(),
                        .out = head.data(),
                        .dim = dim});
    trial.take(cosine);
    trial.take(sine);
    trial.take(head);
  }
}

}  // namespace

Digest self_test(const KernelTable& kernels) {
  Trial trial{kernels};
  products(trial);
  attention(trial);
  rows(trial);
  return trial.digest.finish();
}

const Digest& golden_digest() {
  static const Digest digest = [] {
    Digest parsed;
    const auto value = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
    for (std::size_t i = 0; i < parsed.bytes.size(); ++i) {
      parsed.bytes[i] = static_cast<std::uint8_t>(value(kGolden[2 * i]) << 4 | value(kGolden[2 * i + 1]));
    }
    return parsed;
  }();
  return digest;
}

std::string numerics_class_of(const KernelTable& kernels) {
  const Digest digest = self_test(kernels);
  if (digest == golden_digest()) return "t32-v1";
  return "t32-v1!" + std::string(kernels.name) + "-" + to_hex(digest).substr(0, 16);
}

}  // namespace cairn

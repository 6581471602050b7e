// Prints what the forward computes, for the reference test: reads sequences of token ids from standard input, one per
// line, and writes the f32 logits of every position to standard output.
//   model_logits MODEL_DIR [isa] [threads] [step tokens]
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "kv/layout.h"
#include "model/forward.h"
#include "model/weights.h"

namespace cairn {
namespace {

int fail(const Error& error) {
  std::fprintf(stderr, "model_logits: %s\n", error.detail.c_str());
  return 1;
}

struct Options {
  std::string model_dir, isa;
  std::uint32_t threads = 1, step_tokens = 64;
};

int print_logits(const Options& options) {
  const auto weights = ModelWeights::load(options.model_dir);
  if (!weights) return fail(weights.error());
  LayoutSpec spec;
  spec.geometry = (*weights)->spec().kv_geometry();
  const auto layout = BlockLayout::make(spec);
  if (!layout) return fail(layout.error());
  ForwardConfig config;
  config.threads = options.threads;
  config.step_tokens_max = options.step_tokens;
  config.isa = options.isa;
  const auto forward = Forward::make(**weights, *layout, config);
  if (!forward) return fail(forward.error());
  std::fprintf(stderr, "%s %s\n", std::string((*forward)->isa()).c_str(),
               std::string((*forward)->numerics_class()).c_str());
  const std::uint64_t stride = layout->page_stride(layout->whole());
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream in(line);
    std::vector<TokenId> tokens;
    for (TokenId token = 0; in >> token;) tokens.push_back(token);
    const auto pages = static_cast<std::uint32_t>((tokens.size() + 15) / 16);
    std::vector<std::uint64_t> memory(stride / 8 * pages);
    std::vector<PageId> table;
    for (std::uint32_t i = 0; i < pages; ++i) table.push_back({i});
    for (std::size_t at = 0; at < tokens.size(); at += options.step_tokens) {
      const std::size_t count = std::min<std::size_t>(options.step_tokens, tokens.size() - at);
      const ForwardSlice slice{std::span(tokens).subspan(at, count), static_cast<std::uint32_t>(at), table,
                               LogitsOf::kAll};
      const auto logits = (*forward)->run({&slice, 1}, {reinterpret_cast<std::byte*>(memory.data()), stride, pages});
      if (std::fwrite(logits.data(), sizeof(float), logits.size(), stdout) != logits.size()) return 1;
    }
  }
  return 0;
}

}  // namespace
}  // namespace cairn

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: model_logits MODEL_DIR [isa] [threads] [step tokens] < ids\n");
    return 2;
  }
  cairn::Options options;
  options.model_dir = argv[1];
  if (argc > 2) options.isa = argv[2];
  if (argc > 3) options.threads = static_cast<std::uint32_t>(std::atoi(argv[3]));
  if (argc > 4) options.step_tokens = static_cast<std::uint32_t>(std::atoi(argv[4]));
  return cairn::print_logits(options);
}

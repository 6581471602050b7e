#include "bench/metrics_page.h"

#include <cmath>
#include <cstdlib>

namespace cairn {
namespace {

constexpr std::string_view kSeries = "cairn_engine_prompt_tokens_total{";
constexpr std::string_view kLabel = "source=\"";

}  // namespace

TokensBySource prompt_tokens_by_source(std::string_view page) {
  TokensBySource tokens;
  while (!page.empty()) {
    const std::size_t end = std::min(page.find('\n'), page.size());
    const std::string_view line = page.substr(0, end);
    page.remove_prefix(std::min(end + 1, page.size()));
    const std::size_t close = line.rfind("} ");
    if (!line.starts_with(kSeries) || close == std::string_view::npos) continue;
    const std::string_view labels = line.substr(kSeries.size(), close - kSeries.size());
    const std::size_t at = labels.find(kLabel);
    if (at == std::string_view::npos) continue;
    const std::string_view source = labels.substr(at + kLabel.size());
    const std::string value(line.substr(close + 2));
    const double count = std::strtod(value.c_str(), nullptr);
    if (std::isfinite(count) && count >= 0) tokens[std::string(source.substr(0, source.find('"')))] += count;
  }
  return tokens;
}

TokensBySource counted_between(const TokensBySource& before, const TokensBySource& after) {
  TokensBySource tokens;
  for (const auto& [source, now] : after) {
    const auto found = before.find(source);
    const double then = found == before.end() ? 0 : found->second;
    tokens[source] = now >= then ? now - then : now;
  }
  return tokens;
}

}  // namespace cairn

#include "serve/trace.h"

#include <nlohmann/json.hpp>

namespace cairn {
namespace {

using Json = nlohmann::ordered_json;

Json json_of(const std::vector<std::pair<std::string, std::uint64_t>>& tokens) {
  Json out = Json::object();
  for (const auto& [name, count] : tokens) out[name] = count;
  return out;
}

Json seconds_of(std::int64_t us) { return us < 0 ? Json() : Json(static_cast<double>(us) * 1e-6); }

}  // namespace

std::string trace_line(const RequestSummary& summary, double at_s) {
  const CacheUse& use = summary.use;
  const LoadForecast& forecast = use.forecast;
  const Json line = {{"at", at_s},
                     {"id", summary.id},
                     {"path", summary.path},
                     {"status", summary.status},
                     {"finish", summary.finish},
                     {"prompt_tokens", use.prompt_tokens},
                     {"output_tokens", summary.output_tokens},
                     {"forecast",
                      {{"found_tokens", forecast.found_tokens},
                       {"planned_tokens", forecast.planned_tokens},
                       {"load_s", forecast.load_s},
                       {"compute_s", forecast.compute_s}}},
                     {"happened",
                      {{"device_tokens", use.device_tokens},
                       {"tier_tokens", json_of(use.tier_tokens)},
                       {"computed_tokens", use.computed_tokens},
                       {"missed_tokens", json_of(use.missed_tokens)},
                       {"queued_s", use.queued_s},
                       {"load_s", use.load_s},
                       {"prefill_s", use.prefill_s}}},
                     {"ttft_s", seconds_of(summary.ttft_us)},
                     {"total_s", seconds_of(summary.total_us)}};
  return line.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace cairn

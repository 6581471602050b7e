#include "bench/qa_report.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>

namespace cairn {
namespace {

using Json = nlohmann::ordered_json;

// Shortest text that reads back to the same number.
std::string exact(double value) {
  char text[40];
  const auto end = std::to_chars(text, text + sizeof text, value);
  return {text, end.ptr};
}

const char* end_name(RequestRecord::End end) {
  return end == RequestRecord::End::kFinished ? "finished"
         : end == RequestRecord::End::kFailed ? "failed"
                                              : "in flight";
}

std::string quoted(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? "\"\"" : std::string(1, c == '\r' || c == '\n' ? ' ' : c);
  return out + '"';
}

std::string tier_text(const TierTokens& tiers) {
  std::string out;
  for (const auto& [tier, tokens] : tiers) out += (out.empty() ? "" : ";") + tier + ":" + std::to_string(tokens);
  return out;
}

std::string csv_row(const RequestRecord& record, std::uint32_t question_id) {
  const bool finished = record.finished();
  const auto figure = [finished](std::string text) { return (finished ? std::move(text) : std::string()) + ","; };
  std::string row = figure(std::to_string(record.prompt_tokens)) + figure(std::to_string(record.generation_tokens)) +
                    (record.has_ttft() ? exact(record.ttft_s) : std::string()) + "," +
                    figure(exact(record.generation_s));
  row += std::to_string(record.user_id) + "," + figure(std::to_string(question_id));
  row += exact(record.launch_s) + "," + figure(exact(record.finish_s));
  row += exact(record.end_to_end_s()) + ",";
  row += (record.cached_tokens ? std::to_string(*record.cached_tokens) : std::string()) + ",";
  row += quoted(tier_text(record.cached_by_tier)) + "," + std::to_string(record.question) + ",";
  return row + record.answer_digest + "," + end_name(record.end) + "," + quoted(record.error) + "\n";
}

// Cells of one line; a quoted cell may hold commas and doubled quotes, but no line end.
std::vector<std::string> cells_of(std::string_view line) {
  std::vector<std::string> cells(1);
  bool inside = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (c == '"' && inside && i + 1 < line.size() && line[i + 1] == '"') {
      cells.back() += line[++i];
    } else if (c == '"') {
      inside = !inside;
    } else if (c == ',' && !inside) {
      cells.emplace_back();
    } else {
      cells.back() += c;
    }
  }
  return cells;
}

// One row, its cells by the header's names.
class CsvRow {
 public:
  CsvRow(const std::vector<std::string>& header, const std::vector<std::string>& cells) {
    for (std::size_t i = 0; i < header.size() && i < cells.size(); ++i) cells_[header[i]] = cells[i];
  }
  std::string text(const char* name) const {
    const auto found = cells_.find(name);
    return found == cells_.end() ? std::string() : found->second;
  }
  bool has(const char* name) const { return !text(name).empty(); }
  double number(const char* name) {
    const std::string cell = text(name);
    double value = 0;
    const auto end = std::from_chars(cell.data(), cell.data() + cell.size(), value);
    if (end.ec != std::errc() || end.ptr != cell.data() + cell.size() || !std::isfinite(value) || value < 0) {
      wrong_ = std::string(name) + " is '" + cell + "', not a number";
    }
    return value;
  }
  // Counts may be written as "12.0": a column with gaps in it is a column of reals to some writers.
  std::uint64_t count(const char* name) {
    const double value = number(name);
    return wrong_.empty() && value < 9e15 ? static_cast<std::uint64_t>(value) : 0;
  }
  const std::string& wrong() const { return wrong_; }

 private:
  std::map<std::string, std::string> cells_;
  std::string wrong_;
};

TierTokens parse_tiers(const std::string& text) {
  TierTokens tiers;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(';', at), text.size());
    const std::string part = text.substr(at, end - at);
    const std::size_t colon = part.rfind(':');
    std::uint64_t tokens = 0;
    if (colon != std::string::npos &&
        std::from_chars(part.data() + colon + 1, part.data() + part.size(), tokens).ec == std::errc()) {
      tiers.emplace_back(part.substr(0, colon), tokens);
    }
    at = end + 1;
  }
  return tiers;
}

RequestRecord record_of(CsvRow& row) {
  RequestRecord record;
  const std::string end = row.text("end");
  if (end == "failed") record.end = RequestRecord::End::kFailed;
  if (end == "in flight") record.end = RequestRecord::End::kInFlight;
  record.user_id = static_cast<std::uint32_t>(row.count("user_id"));
  record.launch_s = row.number("launch_time");
  if (record.finished()) {
    record.prompt_tokens = row.count("prompt_tokens");
    record.generation_tokens = row.count("generation_tokens");
    record.ttft_s = row.number("ttft");
    record.generation_s = row.number("generation_time");
    record.finish_s = row.number("finish_time");
  } else {
    record.finish_s = record.launch_s + row.number("end_to_end");
    if (row.has("ttft")) record.ttft_s = row.number("ttft");
  }
  record.question =
      static_cast<std::uint32_t>(row.has("asked_question") ? row.count("asked_question") : row.count("question_id"));
  if (row.has("cached_tokens")) record.cached_tokens = row.count("cached_tokens");
  record.cached_by_tier = parse_tiers(row.text("cached_by_tier"));
  record.answer_digest = row.text("answer");
  record.error = row.text("error");
  return record;
}

Json json_of(const std::optional<double>& value) { return value && std::isfinite(*value) ? Json(*value) : Json(); }

Json json_of(const Spread& spread) {
  return {{"mean", json_of(spread.mean)},
          {"p50", json_of(spread.p50)},
          {"p90", json_of(spread.p90)},
          {"p99", json_of(spread.p99)}};
}

Json json_of(const QaWorkload& workload) {
  const QaPlan plan = plan_of(workload);
  return {{"mode", "lmcache-v1"},
          {"num_users", workload.users},
          {"num_rounds", workload.rounds},
          {"qps", workload.qps},
          {"shared_system_prompt", workload.system_words},
          {"user_history_prompt", workload.history_words},
          {"answer_len", workload.answer_tokens},
          {"init_user_id", workload.init_user_id},
          {"filler_seed", workload.filler_seed ? Json(*workload.filler_seed) : Json()},
          {"prebuilt_history", workload.prebuilt_history},
          {"gap_s", plan.gap_s},
          {"life_s", plan.life_s},
          {"join_gap_s", plan.join_gap_s}};
}

Json json_of(const QaSummary& sum) {
  Json out = {{"configured_qps", sum.configured_qps},
              {"actual_qps", sum.actual_qps},
              {"processing_speed", sum.processing_speed},
              {"launched", sum.launched},
              {"finished", sum.finished},
              {"failed", sum.failed},
              {"in_flight", sum.in_flight},
              {"input_tokens_per_s", sum.input_tokens_per_s},
              {"output_tokens_per_s", sum.output_tokens_per_s},
              {"total_tokens_per_s", sum.total_tokens_per_s()},
              {"mean_generation_speed", json_of(sum.mean_generation_speed)},
              {"ttft_s", json_of(sum.ttft_s)},
              {"ttft_with_cut_s", json_of(sum.ttft_with_cut_s)},
              {"itl_s", json_of(sum.gap_s)},
              {"end_to_end_s", json_of(sum.end_to_end_s)},
              {"prompt_tokens", sum.prompt_tokens},
              {"generation_tokens", sum.generation_tokens},
              {"cached_tokens", sum.cached_tokens ? Json(*sum.cached_tokens) : Json()}};
  out["cached_tokens_by_tier"] = Json(sum.cached_by_tier);
  out["errors"] = Json(sum.errors);
  out["window"] = {{"start", sum.window.start_s}, {"end", sum.window.end_s}, {"length_s", sum.window.length_s()}};
  return out;
}

Json json_of(const RequestRecord& record) {
  Json out = {{"user_id", record.user_id},
              {"question", record.question},
              {"end", end_name(record.end)},
              {"launch_time", record.launch_s},
              {"end_to_end", record.end_to_end_s()}};
  if (!record.error.empty()) out["error"] = record.error;
  if (record.has_ttft()) out["ttft"] = record.ttft_s;
  if (!record.finished()) return out;
  out["finish_time"] = record.finish_s;
  out["generation_time"] = record.generation_s;
  out["prompt_tokens"] = record.prompt_tokens;
  out["generation_tokens"] = record.generation_tokens;
  out["cached_tokens"] = record.cached_tokens ? Json(*record.cached_tokens) : Json();
  for (const auto& [tier, tokens] : record.cached_by_tier) out["cached_tokens_by_tier"][tier] = tokens;
  out["answer"] = record.answer_digest;
  return out;
}

std::optional<double> figure_of(const Json& json) {
  return json.is_null() ? std::nullopt : std::optional<double>(json.get<double>());
}

Spread spread_of(const Json& json) {
  return {figure_of(json.at("mean")), figure_of(json.at("p50")), figure_of(json.at("p90")), figure_of(json.at("p99"))};
}

QaSummary summary_of(const Json& json) {
  QaSummary sum;
  json.at("configured_qps").get_to(sum.configured_qps);
  json.at("actual_qps").get_to(sum.actual_qps);
  json.at("processing_speed").get_to(sum.processing_speed);
  json.at("launched").get_to(sum.launched);
  json.at("finished").get_to(sum.finished);
  json.at("failed").get_to(sum.failed);
  json.at("in_flight").get_to(sum.in_flight);
  json.at("input_tokens_per_s").get_to(sum.input_tokens_per_s);
  json.at("output_tokens_per_s").get_to(sum.output_tokens_per_s);
  sum.mean_generation_speed = figure_of(json.at("mean_generation_speed"));
  sum.ttft_s = spread_of(json.at("ttft_s"));
  sum.ttft_with_cut_s = spread_of(json.at("ttft_with_cut_s"));
  sum.gap_s = spread_of(json.at("itl_s"));
  sum.end_to_end_s = spread_of(json.at("end_to_end_s"));
  json.at("prompt_tokens").get_to(sum.prompt_tokens);
  json.at("generation_tokens").get_to(sum.generation_tokens);
  if (!json.at("cached_tokens").is_null()) sum.cached_tokens = json.at("cached_tokens").get<std::uint64_t>();
  json.at("cached_tokens_by_tier").get_to(sum.cached_by_tier);
  json.at("errors").get_to(sum.errors);
  sum.window = {json.at("window").at("start").get<double>(), json.at("window").at("end").get<double>()};
  return sum;
}

}  // namespace

std::string to_csv(const std::vector<RequestRecord>& records) {
  std::vector<std::size_t> order(records.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return records[i].user_id; });
  std::string out =
      "prompt_tokens,generation_tokens,ttft,generation_time,user_id,question_id,launch_time,finish_time,"
      "end_to_end,cached_tokens,cached_by_tier,asked_question,answer,end,error\n";
  std::map<std::uint32_t, std::uint32_t> finished;
  for (const std::size_t i : order) {
    const RequestRecord& record = records[i];
    out += csv_row(record, record.finished() ? ++finished[record.user_id] : 0);
  }
  return out;
}

Result<std::vector<RequestRecord>> parse_csv(std::string_view text) {
  std::vector<RequestRecord> records;
  std::vector<std::string> header;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) continue;
    const std::vector<std::string> cells = cells_of(line);
    if (header.empty()) {
      header = cells;
      for (const char* name : {"prompt_tokens", "generation_tokens", "ttft", "generation_time", "user_id",
                               "question_id", "launch_time", "finish_time"}) {
        if (std::ranges::find(header, name) == header.end()) {
          return invalid("line 1: no column " + std::string(name));
        }
      }
      continue;
    }
    CsvRow row(header, cells);
    records.push_back(record_of(row));
    if (!row.wrong().empty()) return invalid("line " + std::to_string(number) + ": " + row.wrong());
  }
  if (header.empty()) return invalid("no rows, not even names of columns");
  return records;
}

std::string to_json(const QaReport& report) {
  Json out = {{"workload", json_of(report.workload)}, {"summary", json_of(report.summary)}};
  out["counted_tokens_by_source"] = Json(report.counted_tokens);
  out["sessions"] = report.sessions;
  out["warm_up_failed"] = report.warm_up_failed;
  out["interrupted"] = report.interrupted;
  out["requests"] = Json::array();
  for (const RequestRecord& record : report.records) out["requests"].push_back(json_of(record));
  return out.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<QaSummary> parse_summary(std::string_view text) {
  const Json json = Json::parse(text, nullptr, false);
  try {
    return summary_of(json);
  } catch (const Json::exception& error) {
    return corrupt(error.what());
  }
}

std::string to_json(const QaSummary& summary) {
  return json_of(summary).dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string to_text(const TokensBySource& counted) {
  double sum = 0;
  for (const auto& [source, tokens] : counted) sum += tokens;
  if (!(sum > 0)) return "";
  std::string out = "Prompt tokens by the servers' own count, warm-up left out\n";
  for (const auto& [source, tokens] : counted) {
    char line[160];
    std::snprintf(line, sizeof line, "  %-28.40s %12.0f (%.1f %%)\n", source.c_str(), tokens, 100 * tokens / sum);
    out += line;
  }
  return out;
}

}  // namespace cairn

#include "bench/cell_journal.h"

#include <cctype>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "bench/qa_report.h"
#include "kv/sha256.h"

namespace cairn {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr const char* kHeading = "run.json";

// Whole or not at all: a reader sees the old file or the new one.
Result<void> write_whole(const fs::path& path, const std::string& text) {
  const fs::path part = path.string() + ".part";
  std::ofstream out(part, std::ios::binary);
  out << text;
  out.close();
  std::error_code error;
  if (out) fs::rename(part, path, error);
  if (!out || error) return unavailable(path.string() + ": cannot be written");
  return {};
}

Result<std::string> read_whole(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return unavailable(path.string() + ": cannot be read");
  return std::string(std::istreambuf_iterator<char>(in), {});
}

Error damaged(const fs::path& path, const std::string& what) {
  return corrupt(path.string() + ": " + what + ": remove it, and the cell runs again");
}

Json json_of(const CellJournal::Entry& entry) {
  const ScenarioCell& cell = entry.cell;
  return {{"scenario", cell.scenario},
          {"context_words", cell.context_words},
          {"context_tokens", entry.context_tokens},
          {"repeat", cell.repeat},
          {"steady_per_s", cell.steady_per_s ? Json(*cell.steady_per_s) : Json()},
          {"unfinished", cell.unfinished},
          {"tokens_by_source", cell.tokens_by_source},
          {"cold_sessions", cell.cold_sessions},
          {"elapsed_s", cell.elapsed_s},
          {"summary", Json::parse(to_json(cell.summary))}};
}

Result<CellJournal::Entry> parse_entry(const std::string& text) {
  const Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) return corrupt("no JSON");
  CellJournal::Entry entry;
  try {
    ScenarioCell& cell = entry.cell;
    json.at("scenario").get_to(cell.scenario);
    json.at("context_words").get_to(cell.context_words);
    json.at("context_tokens").get_to(entry.context_tokens);
    json.at("repeat").get_to(cell.repeat);
    if (!json.at("steady_per_s").is_null()) cell.steady_per_s = json.at("steady_per_s").get<double>();
    json.at("unfinished").get_to(cell.unfinished);
    json.at("tokens_by_source").get_to(cell.tokens_by_source);
    json.at("cold_sessions").get_to(cell.cold_sessions);
    json.at("elapsed_s").get_to(cell.elapsed_s);
    CAIRN_TRY(cell.summary, parse_summary(json.at("summary").dump()));
  } catch (const Json::exception& error) {
    return corrupt(error.what());
  }
  return entry;
}

}  // namespace

std::string cell_name(const std::string& scenario, std::uint32_t context_words, std::uint32_t repeat) {
  std::string name = std::to_string(context_words) + "-";
  for (const char c : scenario) name += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  // Names that look alike in a file's name are told apart by this.
  return name + "-" + to_hex(sha256(scenario).bytes.data(), 2) + "-" + std::to_string(repeat);
}

fs::path CellJournal::path_of(const std::string& scenario, std::uint32_t context_words, std::uint32_t repeat) const {
  return folder_ / cell_name(scenario, context_words, repeat);
}

Result<void> CellJournal::add(const Entry& entry) const {
  const std::string path = path_of(entry.cell.scenario, entry.cell.context_words, entry.cell.repeat);
  CAIRN_TRY_VOID(write_whole(path + ".csv", to_csv(entry.records)));
  return write_whole(path + ".json", json_of(entry).dump(1, ' ', false, Json::error_handler_t::replace) +
                                         "\n");  // last: with it the cell has run
}

Result<std::optional<CellJournal::Entry>> CellJournal::find(const std::string& scenario, std::uint32_t context_words,
                                                            std::uint32_t repeat) const {
  const std::string path = path_of(scenario, context_words, repeat);
  std::error_code ignored;
  if (!fs::exists(path + ".json", ignored)) return std::optional<Entry>();
  CAIRN_TRY(const std::string figures, read_whole(path + ".json"));
  CAIRN_TRY(const std::string rows, read_whole(path + ".csv"));
  Result<Entry> entry = parse_entry(figures);
  if (!entry) return damaged(path + ".json", entry.error().detail);
  const ScenarioCell& cell = entry->cell;
  if (cell.scenario != scenario || cell.context_words != context_words || cell.repeat != repeat) {
    return damaged(path + ".json", "another cell's");
  }
  Result<std::vector<RequestRecord>> records = parse_csv(rows);
  if (!records) return damaged(path + ".csv", records.error().detail);
  entry->records = std::move(*records);
  return std::optional<Entry>(std::move(*entry));
}

Result<void> CellJournal::begin(const ScenarioResults& heading) const {
  std::error_code error;
  for (const fs::directory_entry& file : fs::directory_iterator(folder_, error)) {
    if (!error) fs::remove(file.path(), error);
  }
  if (error) return unavailable(folder_.string() + ": " + error.message());
  Json facts = Json::array();
  for (const auto& [name, value] : heading.facts) facts.push_back({name, value});
  const Json json = {{"title", heading.title}, {"started_at", heading.started_at}, {"facts", facts}};
  return write_whole(folder_ / kHeading, json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n");
}

Result<ScenarioResults> CellJournal::heading() const {
  const Result<std::string> text = read_whole(folder_ / kHeading);
  if (!text) return invalid(folder_.string() + " holds no run that could go on");
  const Json json = Json::parse(*text, nullptr, false);
  ScenarioResults heading;
  try {
    json.at("title").get_to(heading.title);
    json.at("started_at").get_to(heading.started_at);
    for (const Json& fact : json.at("facts")) heading.facts.emplace_back(fact.at(0), fact.at(1));
  } catch (const Json::exception& error) {
    return corrupt((folder_ / kHeading).string() + ": " + error.what());
  }
  return heading;
}

}  // namespace cairn

// The cells of a run of scenarios as they ended, on disk, so that a run that stopped early goes on where it was: per
// cell its figures (JSON) and its requests (the CSV of qa_report.h). What happened before the first cell stands there
// too. One thread.
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "base/result.h"
#include "bench/request_record.h"
#include "bench/scenario_results.h"

namespace cairn {

class CellJournal {
 public:
  explicit CellJournal(std::filesystem::path folder) : folder_(std::move(folder)) {}

  struct Entry {
    ScenarioCell cell;
    std::vector<RequestRecord> records;
    std::uint64_t context_tokens = 0;  // mean prompt tokens of a first question; 0: not known
  };
  // Both files or neither. kUnavailable: they cannot be written.
  Result<void> add(const Entry& entry) const;
  // Unset: that cell has not run. kCorrupt: it has, and its files cannot be read.
  Result<std::optional<Entry>> find(const std::string& scenario, std::uint32_t context_words,
                                    std::uint32_t repeat) const;

  // Title, start and facts of a run that begins; what stood there is gone.
  Result<void> begin(const ScenarioResults& heading) const;
  // kInvalid: no run began here.
  Result<ScenarioResults> heading() const;

 private:
  std::filesystem::path path_of(const std::string& scenario, std::uint32_t context_words, std::uint32_t repeat) const;
  std::filesystem::path folder_;
};

// "430-RAM___fast_store-5f0c-0": a file's name for a cell.
std::string cell_name(const std::string& scenario, std::uint32_t context_words, std::uint32_t repeat);

}  // namespace cairn

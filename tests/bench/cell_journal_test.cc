// Property: what was measured is read back as it was, to the digit, or not at all.
#include "bench/cell_journal.h"

#include <gtest/gtest.h>

#include <fstream>

#include "bench/qa_report.h"
#include "bench/scenario_report.h"
#include "bench/scenario_sample.h"
#include "support/temporary_directory.h"

namespace cairn {
namespace {

namespace fs = std::filesystem;

class CellJournalTest : public ::testing::Test {
 protected:
  fs::path folder() const { return folder_.path(); }
  static CellJournal::Entry entry() {
    CellJournal::Entry entry;
    entry.cell = sample_results().cells.at(6);
    entry.cell.repeat = 2;
    entry.cell.steady_per_s = 0.1;
    entry.cell.unfinished = 1, entry.cell.cold_sessions = 3;
    entry.cell.summary.errors = {{"HTTP 500, \"x\"", 2}};
    entry.cell.summary.cached_by_tier = {{"ram", 7}};
    entry.cell.summary.gap_s = {};
    entry.context_tokens = 421;
    RequestRecord record;
    record.user_id = 4, record.question = 2, record.launch_s = 100.125, record.finish_s = 103.5;
    record.ttft_s = 0.1, record.answer_digest = "ab12";
    entry.records = {record};
    return entry;
  }
  const test::TemporaryDirectory folder_;
  const CellJournal journal_{folder_.path()};
};

TEST_F(CellJournalTest, ACellIsReadBackToTheDigit) {
  const CellJournal::Entry written = entry();
  ASSERT_TRUE(journal_.add(written));
  const auto found = journal_.find(written.cell.scenario, written.cell.context_words, 2);
  ASSERT_TRUE(found && *found) << found.error().detail;
  const CellJournal::Entry& read = **found;
  EXPECT_EQ(to_json(read.cell.summary), to_json(written.cell.summary));
  EXPECT_EQ(read.cell.steady_per_s, 0.1);
  EXPECT_EQ(read.cell.unfinished, 1u);
  EXPECT_EQ(read.cell.cold_sessions, 3u);
  EXPECT_EQ(read.cell.tokens_by_source, written.cell.tokens_by_source);
  EXPECT_EQ(read.cell.elapsed_s, written.cell.elapsed_s);
  EXPECT_EQ(read.context_tokens, 421u);
  EXPECT_EQ(to_csv(read.records), to_csv(written.records));
  ScenarioResults one, other;
  one.cells = {written.cell}, other.cells = {read.cell};
  EXPECT_EQ(to_csv(one), to_csv(other));
}

TEST_F(CellJournalTest, OtherCellsAreNotThere) {
  const CellJournal::Entry written = entry();
  ASSERT_TRUE(journal_.add(written));
  const std::string& name = written.cell.scenario;
  for (const auto& found : {journal_.find(name, written.cell.context_words, 0), journal_.find(name, 1, 2),
                            journal_.find(name + "x", written.cell.context_words, 2)}) {
    ASSERT_TRUE(found);
    EXPECT_FALSE(*found);
  }
  std::string alike = name;
  for (char& c : alike) c = c == ' ' ? '_' : c;
  ASSERT_NE(alike, name);
  const auto found = journal_.find(alike, written.cell.context_words, 2);
  ASSERT_TRUE(found);
  EXPECT_FALSE(*found) << "signs alone tell them apart";
}

TEST_F(CellJournalTest, DamageIsNamedWithItsFile) {
  const CellJournal::Entry written = entry();
  for (const std::string suffix : {".json", ".csv"}) {
    ASSERT_TRUE(journal_.add(written));
    const fs::path file = folder() / (cell_name(written.cell.scenario, written.cell.context_words, 2) + suffix);
    ASSERT_TRUE(fs::exists(file));
    for (const std::string text : {"", "{\"scenario\": 5}", "{", "a,b\n"}) {
      std::ofstream(file) << text;
      const auto found = journal_.find(written.cell.scenario, written.cell.context_words, 2);
      ASSERT_FALSE(found) << suffix << " " << text;
      EXPECT_NE(found.error().detail.find(file.string()), std::string::npos) << found.error().detail;
    }
  }
}

TEST_F(CellJournalTest, ABeginningForgetsEarlierCells) {
  EXPECT_FALSE(journal_.heading());
  const CellJournal::Entry written = entry();
  ASSERT_TRUE(journal_.add(written));
  ASSERT_TRUE(journal_.begin(sample_results()));
  const auto found = journal_.find(written.cell.scenario, written.cell.context_words, 2);
  ASSERT_TRUE(found);
  EXPECT_FALSE(*found);
  const Result<ScenarioResults> heading = journal_.heading();
  ASSERT_TRUE(heading) << heading.error().detail;
  EXPECT_EQ(heading->title, sample_results().title);
  EXPECT_EQ(heading->started_at, sample_results().started_at);
  EXPECT_EQ(heading->facts, sample_results().facts);
}

TEST_F(CellJournalTest, AFolderThatCannotBeWrittenIsAnError) {
  const Result<void> added = CellJournal(folder() / "absent").add(entry());
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().code, ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace cairn

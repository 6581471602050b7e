#include "bench/work_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <string_view>
#include <system_error>

namespace cairn {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kMarker = ".cairn-bench-scenarios", kMade = "made";
constexpr std::string_view kPlan = "plan.yaml";
constexpr std::array<std::string_view, 6> kOurs = {kMarker, "store", "seed", "logs", "cells", kPlan};
constexpr std::string_view kBlockSuffix = ".kv";

Error cannot(const fs::path& path, const std::error_code& error) {
  return unavailable(path.string() + ": " + error.message());
}

// A name in the directory that we did not put there; empty: none.
std::string foreign_name(const fs::path& path) {
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(path, ignored)) {
    const std::string name = entry.path().filename().string();
    if (std::ranges::find(kOurs, name) == kOurs.end()) return name;
  }
  return "";
}

enum class Marker : std::uint8_t { kGoes, kStays };

void remove_ours(const fs::path& path, Marker marker) {
  std::error_code ignored;
  for (auto name = kOurs.rbegin(); name != kOurs.rend(); ++name) {  // the marker last
    if (*name != kMarker || marker == Marker::kGoes) fs::remove_all(path / *name, ignored);
  }
}

Result<std::shared_ptr<const int>> lock_marker(const fs::path& marker) {
  const int descriptor = ::open(marker.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor < 0) return unavailable(marker.parent_path().string() + ": cannot be written to");
  std::shared_ptr<const int> lock(new int(descriptor), [](const int* held) {
    ::close(*held);
    delete held;
  });
  if (::flock(descriptor, LOCK_EX | LOCK_NB) == 0) return lock;
  return invalid("work: " + marker.parent_path().string() + " is in use by another run: wait for it, or name another");
}

Result<void> put(const fs::path& from, const fs::path& to) {
  std::error_code error;
  if (from.extension() == kBlockSuffix) {
    fs::create_hard_link(from, to, error);
    if (!error) return {};
  }
  error.clear();
  fs::copy_file(from, to, error);
  if (error) return cannot(to, error);
  return {};
}

Result<void> remake(const fs::path& path) {
  std::error_code error;
  fs::remove_all(path, error);
  if (!error) fs::create_directories(path, error);
  if (error) return cannot(path, error);
  return {};
}

}  // namespace

Result<void> WorkDirectory::check(const fs::path& path, FoundDirectory found) {
  std::error_code error;
  if (path.empty()) return invalid("work: the directory needs a name");
  const fs::file_status status = fs::status(path, error);
  const std::string shown = "work: " + path.string();
  if (found == FoundDirectory::kResume && !fs::exists(path / kPlan, error)) {
    return invalid(shown + " holds no run that could go on");
  }
  if (!fs::exists(status)) return {};
  if (!fs::is_directory(status)) return invalid(shown + " is not a directory");
  error.clear();
  const bool empty = fs::is_empty(path, error);
  if (error) return cannot(path, error);
  if (empty) return {};
  if (!fs::exists(path / kMarker, error)) {
    return invalid(shown + " is not empty and not from a run of scenarios: name another");
  }
  if (const std::string foreign = foreign_name(path); !foreign.empty()) {
    return invalid(shown + " holds '" + foreign + "', which is not from a run of scenarios: name another");
  }
  if (found == FoundDirectory::kRefuse) {
    return invalid(shown + " is not empty: an earlier run left it; " +
                   (fs::exists(path / kPlan, error) ? "--resume goes on with that run, " : "") +
                   "--purge removes what it left");
  }
  return {};
}

Result<WorkDirectory> WorkDirectory::open(const fs::path& given, FoundDirectory found) {
  CAIRN_TRY_VOID(check(given, found));
  std::error_code error;
  const fs::path path = fs::absolute(given, error).lexically_normal();
  const bool is_new = !fs::exists(path, error);
  error.clear();
  fs::create_directories(path, error);
  if (error) return cannot(path, error);
  CAIRN_TRY(const std::shared_ptr<const int> lock, lock_marker(path / kMarker));
  std::string marked;
  std::getline(std::ifstream(path / kMarker), marked);
  if (!is_new && found != FoundDirectory::kResume) remove_ours(path, Marker::kStays);
  const bool made = is_new || marked == kMade;
  if (!(std::ofstream(path / kMarker) << (made ? kMade : "") << '\n' << std::flush)) {
    return unavailable(path.string() + ": cannot be written to");
  }
  const WorkDirectory directory(path, made, lock);
  for (const fs::path& folder : {directory.store(), path / "seed", directory.logs(), directory.cells()}) {
    fs::create_directories(folder, error);
    if (error) return cannot(folder, error);
  }
  return directory;
}

Result<void> WorkDirectory::make_seed(std::uint32_t context_words) const { return remake(seed(context_words)); }

Result<void> WorkDirectory::empty_store() const { return remake(store()); }

Result<void> WorkDirectory::fill_store(std::uint32_t context_words, bool in_bucket) const {
  CAIRN_TRY_VOID(empty_store());
  const fs::path into = in_bucket ? bucket() : store();
  const fs::path from = seed(context_words);
  std::error_code error;
  fs::create_directories(into, error);
  if (error) return cannot(into, error);
  if (!fs::exists(from, error)) return {};
  for (fs::recursive_directory_iterator at(from, error), end; !error && at != end; at.increment(error)) {
    const fs::path to = into / at->path().lexically_relative(from);
    if (at->is_directory()) {
      fs::create_directories(to, error);
      if (error) return cannot(to, error);
    } else if (at->is_regular_file()) {
      CAIRN_TRY_VOID(put(at->path(), to));
    }
  }
  if (error) return cannot(from, error);
  return {};
}

void WorkDirectory::remove_stores() const {
  std::error_code ignored;
  fs::remove_all(store(), ignored);
  fs::remove_all(path_ / "seed", ignored);
}

void WorkDirectory::finish() const {
  std::error_code ignored;
  fs::remove(plan(), ignored);
}

void WorkDirectory::remove_all() const {
  remove_ours(path_, Marker::kGoes);
  std::error_code ignored;
  if (made_) fs::remove(path_, ignored);  // fails when somebody put something there, rightly
}

std::uint64_t bytes_below(const fs::path& path) {
  std::uint64_t bytes = 0;
  std::error_code error;
  for (fs::recursive_directory_iterator at(path, error), end; !error && at != end; at.increment(error)) {
    std::error_code gone;
    if (at->is_regular_file(gone)) bytes += at->file_size(gone);
  }
  return bytes;
}

}  // namespace cairn

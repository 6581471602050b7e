#include "evict/directory_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "base/mutex.h"
#include "io/file.h"

namespace cairn {
namespace {

constexpr std::size_t kNamesMax = 4'000'000;  // in one directory
constexpr int kDepthMax = 8;

class DirectoryFiles final : public StoreFiles {
 public:
  DirectoryFiles(FileCalls& calls, OwnedFile root) : calls_(calls), root_(std::move(root)) {}

  Result<void> each(const Visit& visit) override {
    CAIRN_TRY(const bool whole, walk("", visit, 0));
    static_cast<void>(whole);
    return {};
  }

  Result<bool> read(const std::string& path, std::uint64_t bytes, std::vector<std::byte>& into) override {
    const OwnedFile file(calls_, calls_.open_beneath(root_.get(), path.c_str(), O_RDONLY, 0));
    if (file.get() == -ENOENT) return false;
    if (!file.open()) return failed("read", path, file.get());
    into.resize(bytes);
    std::uint64_t done = 0;
    while (done < bytes) {
      const iovec piece{into.data() + done, std::min(bytes - done, kIoStepBytes)};
      const ssize_t got = calls_.read(file.get(), &piece, 1, done);
      if (got == -EINTR) continue;
      if (got < 0) return failed("read", path, static_cast<int>(got));
      if (got == 0) break;
      done += static_cast<std::uint64_t>(got);
    }
    into.resize(done);
    return true;
  }

  Removal remove(std::span<const std::string> paths) override {
    Removal removal;
    for (const std::string& path : paths) {
      const auto [directory, name] = split(path);
      const OwnedFile parent = open_directory(directory);
      const int removed = parent.open() ? calls_.unlink(parent.get(), name.c_str()) : parent.get();
      if (removed >= 0) {
        ++removal.gone;
        MutexLock lock(mutex_);
        emptied_.insert(directory);
      } else if (removed != -ENOENT) {
        removal.refused.push_back({path, std::strerror(-removed)});
      }
    }
    return removal;
  }

  void tidy_up() override {
    MutexLock lock(mutex_);
    for (std::string path : emptied_) {  // a copy: its parents may be empty too
      while (!path.empty()) {
        const auto [directory, name] = split(path);
        const OwnedFile parent = open_directory(directory);
        if (!parent.open() || ::unlinkat(parent.get(), name.c_str(), AT_REMOVEDIR) != 0) break;
        path = directory;
      }
    }
    emptied_.clear();
  }

 private:
  static Error failed(const char* what, const std::string& path, int error) {
    return unavailable(std::string("cannot ") + what + " " + path + ": " + std::strerror(-error));
  }

  // Directory and name; the directory of a name at the top is "".
  static std::pair<std::string, std::string> split(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    if (slash == std::string::npos) return {"", path};
    return {path.substr(0, slash), path.substr(slash + 1)};
  }
  // Through no link: who may write in the store does not choose what is removed elsewhere.
  OwnedFile open_directory(const std::string& path) {
    const char* name = path.empty() ? "." : path.c_str();
    return {calls_, calls_.open_beneath(root_.get(), name, O_PATH | O_DIRECTORY, 0)};
  }

  // False: the visitor has seen enough.
  Result<bool> walk(const std::string& directory, const Visit& visit, int depth) {
    std::vector<std::string> names;
    const int listed = calls_.list(root_.get(), directory.empty() ? "." : directory.c_str(), kNamesMax, names);
    if (listed == -ENOENT) return true;
    // Somebody else's, such as lost+found: told as a file that is none of ours.
    if ((listed == -EACCES || listed == -EPERM) && depth > 0) return visit({directory + "/", 0, 0});
    if (listed < 0) return failed("list", directory.empty() ? "the store" : directory, listed);
    std::ranges::sort(names);
    const OwnedFile within = open_directory(directory);
    if (!within.open()) return true;  // gone meanwhile
    for (const std::string& name : names) {
      const std::string path = directory.empty() ? name : directory + "/" + name;
      FileStat stat;
      if (calls_.stat(within.get(), name.c_str(), stat) < 0) continue;
      if (stat.directory && depth < kDepthMax) {
        CAIRN_TRY(const bool more, walk(path, visit, depth + 1));
        if (!more) return false;
      } else if (stat.regular && !visit({path, stat.bytes, stat.mtime_us})) {
        return false;
      }
    }
    return true;
  }

  FileCalls& calls_;
  const OwnedFile root_;
  Mutex mutex_;
  std::set<std::string> emptied_ CAIRN_GUARDED_BY(mutex_);
};

}  // namespace

Result<std::unique_ptr<StoreFiles>> open_directory_files(const std::string& path, FileCalls& calls) {
  OwnedFile root(calls, calls.open_root(path.c_str()));
  if (!root.open()) return unavailable("cannot open " + path + ": " + std::strerror(-root.get()));
  return std::unique_ptr<StoreFiles>(std::make_unique<DirectoryFiles>(calls, std::move(root)));
}

}  // namespace cairn

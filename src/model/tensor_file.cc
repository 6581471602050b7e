#include "model/tensor_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <system_error>
#include <vector>

#include "base/random.h"

namespace cairn {
namespace {

Error failed(const char* what, const std::filesystem::path& path) {
  return unavailable(std::string(what) + " " + path.string() + ": " + std::strerror(errno));
}

// O_NONBLOCK: opening a FIFO must not wait for its writer.
Result<int> open_regular(const std::filesystem::path& path, std::uint64_t& size) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return failed("cannot open", path);
  struct stat status{};
  if (::fstat(fd, &status) != 0) {
    Error error = failed("cannot stat", path);
    ::close(fd);
    return error;
  }
  if (!S_ISREG(status.st_mode)) {
    ::close(fd);
    return invalid(path.string() + " is not a regular file");
  }
  size = static_cast<std::uint64_t>(status.st_size);
  return fd;
}

constexpr int kStagingAttempts = 8;
constexpr std::size_t kStagingRandomBytes = 8;
constexpr const char* kStagingSuffix = ".tmp";
constexpr int kUnlocked = -1, kTaken = -2;

std::string staging_prefix(const std::filesystem::path& target) { return "." + target.filename().string() + "."; }

// The directory, open and locked; kTaken: another process has it or removed it; kUnlocked: this file system has no
// locks, so nobody can take it for abandoned either.
int lock_directory(const std::filesystem::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return kTaken;
  struct stat opened{}, named{};
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    const bool taken = errno == EWOULDBLOCK;
    ::close(fd);
    return taken ? kTaken : kUnlocked;
  }
  if (::fstat(fd, &opened) == 0 && ::lstat(path.c_str(), &named) == 0 && opened.st_ino == named.st_ino &&
      opened.st_dev == named.st_dev)
    return fd;
  ::close(fd);
  return kTaken;
}

// What killed processes left beside `target`: named as ours are, and locked by nobody.
void remove_abandoned(const std::filesystem::path& target) {
  const std::string prefix = staging_prefix(target);
  std::error_code error;
  std::vector<std::filesystem::path> found;
  for (std::filesystem::directory_iterator at(target.parent_path(), error), end; !error && at != end;
       at.increment(error)) {
    const std::string name = at->path().filename().string();
    if (!name.starts_with(prefix) || !name.ends_with(kStagingSuffix)) continue;
    const std::size_t tail = prefix.size() + std::strlen(kStagingSuffix);
    if (name.size() != tail + 2 * kStagingRandomBytes) continue;
    if (name.find_first_not_of("0123456789abcdef", prefix.size()) != name.size() - std::strlen(kStagingSuffix))
      continue;
    found.push_back(at->path());
  }
  for (const std::filesystem::path& path : found) {
    const int lock = lock_directory(path);
    if (lock < 0) continue;
    std::filesystem::remove_all(path, error);
    ::close(lock);
  }
}

}  // namespace

Result<MappedFile> MappedFile::open(const std::filesystem::path& path) {
  std::uint64_t size = 0;
  CAIRN_TRY(const int fd, open_regular(path, size));
  MappedFile file;
  if (size > 0) {
    void* data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED) {
      Error error = failed("cannot map", path);
      ::close(fd);
      return error;
    }
    file.data_ = data;
    file.size_ = size;
  }
  ::close(fd);
  return file;
}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(data_, size_);
}

Result<std::string> read_text_file(const std::filesystem::path& path, std::uint64_t bytes_max) {
  std::uint64_t size = 0;
  CAIRN_TRY(const int fd, open_regular(path, size));
  if (size > bytes_max) {
    ::close(fd);
    return invalid(path.string() + " has " + std::to_string(size) + " bytes; at most " + std::to_string(bytes_max) +
                   " are read");
  }
  std::string text(size, '\0');
  std::size_t done = 0;
  while (done < size) {
    const ssize_t got = ::read(fd, text.data() + done, size - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      Error error = failed("cannot read", path);
      ::close(fd);
      return error;
    }
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  ::close(fd);
  text.resize(done);
  return text;
}

Result<std::string> read_json_file(const std::filesystem::path& path, std::uint64_t bytes_max) {
  CAIRN_TRY(std::string text, read_text_file(path, bytes_max));
  std::uint32_t depth = 0;
  bool quoted = false, escaped = false;
  for (const char c : text) {
    if (quoted) {
      quoted = escaped || c != '"';
      escaped = !escaped && c == '\\';
    } else if (c == '"') {
      quoted = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kJsonDepthMax) {
        return invalid(path.string() + " nests deeper than " + std::to_string(kJsonDepthMax) + " levels");
      }
    } else if ((c == '}' || c == ']') && depth > 0) {
      --depth;
    }
  }
  return text;
}

Result<FileWriter> FileWriter::create(const std::filesystem::path& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (fd < 0) return failed("cannot create", path);
  return FileWriter(path, fd);
}

FileWriter::~FileWriter() {
  if (fd_ >= 0) ::close(fd_);
}

Result<void> FileWriter::append(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(fd_, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return failed("cannot write", path_);
    bytes = bytes.subspan(static_cast<std::size_t>(put));
  }
  return {};
}

Result<void> FileWriter::finish() {
  if (::fsync(fd_) != 0) return failed("cannot sync", path_);
  const int fd = std::exchange(fd_, -1);
  if (::close(fd) != 0) return failed("cannot close", path_);
  return {};
}

Result<void> write_text_file(const std::filesystem::path& path, std::string_view text) {
  CAIRN_TRY(FileWriter writer, FileWriter::create(path));
  CAIRN_TRY_VOID(writer.append(std::as_bytes(std::span(text.data(), text.size()))));
  return writer.finish();
}

Result<StagedDirectory> StagedDirectory::create(const std::filesystem::path& target) {
  const std::filesystem::path last = target.has_filename() ? target.filename() : target.parent_path().filename();
  if (last.empty() || last == "." || last == "..")
    return invalid("'" + target.string() + "' names no new directory: give it a name, such as models/mine");
  std::error_code error;
  std::filesystem::path whole = std::filesystem::absolute(target, error).lexically_normal();
  if (!whole.has_filename()) whole = whole.parent_path();  // a trailing slash
  const bool there = std::filesystem::exists(std::filesystem::symlink_status(whole, error));
  if (there && !(std::filesystem::is_directory(whole, error) && std::filesystem::is_empty(whole, error)))
    return invalid(target.string() + " exists already: remove it or name another directory");
  std::filesystem::create_directories(whole.parent_path(), error);
  remove_abandoned(whole);
  for (int attempt = 0; attempt < kStagingAttempts; ++attempt) {
    std::filesystem::path staging =
        whole.parent_path() / (staging_prefix(whole) + random_hex(kStagingRandomBytes) + kStagingSuffix);
    if (::mkdir(staging.c_str(), 0755) != 0) return failed("cannot create", staging);
    // Another process may take a directory that is not locked yet for an abandoned one: then there is a next name.
    if (const int lock = lock_directory(staging); lock != kTaken)
      return StagedDirectory(std::move(whole), std::move(staging), lock);
  }
  return unavailable("cannot create a directory beside " + whole.string() + ": others remove it");
}

StagedDirectory::~StagedDirectory() {
  std::error_code ignored;
  if (!staging_.empty()) std::filesystem::remove_all(staging_, ignored);
  if (lock_ >= 0) ::close(lock_);
}

Result<void> StagedDirectory::publish() {
  if (::rename(staging_.c_str(), target_.c_str()) != 0) return failed("cannot rename to", target_);
  staging_.clear();
  return {};
}

}  // namespace cairn

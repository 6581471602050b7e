#include "model/fingerprint.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "base/random.h"
#include "kv/sha256.h"
#include "model/safetensors.h"
#include "model/tensor_file.h"

namespace cairn {
namespace {

using Json = nlohmann::json;

constexpr std::uint64_t kConfigBytesMax = 16ull << 20, kCacheBytesMax = 4ull << 20;
constexpr std::size_t kReadBytes = 1u << 20;
constexpr std::string_view kCacheTitle = "cairn-fingerprint-cache-1";

struct FileStamp {
  std::uint64_t device = 0, inode = 0, size = 0;
  std::int64_t mtime_ns = 0, ctime_ns = 0;
  auto operator<=>(const FileStamp&) const = default;
};

FileStamp stamp_of(const struct stat& status) {
  const auto ns = [](const timespec& at) { return std::int64_t{at.tv_sec} * 1'000'000'000 + at.tv_nsec; };
  return {.device = status.st_dev,
          .inode = status.st_ino,
          .size = static_cast<std::uint64_t>(status.st_size),
          .mtime_ns = ns(status.st_mtim),
          .ctime_ns = ns(status.st_ctim)};
}

using StampedDigests = std::map<FileStamp, Digest>;

std::optional<Digest> digest_from_hex(std::string_view hex) {
  Digest digest;
  if (hex.size() != 2 * digest.bytes.size()) return std::nullopt;
  for (std::size_t i = 0; i < hex.size(); ++i) {
    const char c = hex[i];
    const int value = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    if (value < 0) return std::nullopt;
    digest.bytes[i / 2] = static_cast<std::uint8_t>((digest.bytes[i / 2] << 4) | value);
  }
  return digest;
}

// One line a file, the last line a digest of all before it. Anything unexpected: an empty cache.
StampedDigests read_cache(const std::filesystem::path& path) {
  if (path.empty()) return {};
  const Result<std::string> text = read_text_file(path, kCacheBytesMax);
  if (!text || !text->starts_with(kCacheTitle) || !text->ends_with('\n')) return {};
  const std::size_t last = text->rfind('\n', text->size() - 2);
  if (last == std::string::npos) return {};
  const std::string_view body = std::string_view(*text).substr(0, last + 1);
  if (text->substr(last + 1) != to_hex(sha256(body)) + "\n") return {};
  std::istringstream lines{std::string(body.substr(kCacheTitle.size()))};
  StampedDigests known;
  FileStamp stamp;
  std::string hex;
  while (known.size() < kFingerprintCacheEntriesMax &&
         lines >> stamp.device >> stamp.inode >> stamp.size >> stamp.mtime_ns >> stamp.ctime_ns >> hex) {
    const std::optional<Digest> digest = digest_from_hex(hex);
    if (!digest) return {};
    known.emplace(stamp, *digest);
  }
  return known;
}

void write_cache(const std::filesystem::path& path, const StampedDigests& known) {
  std::ostringstream body;
  body << kCacheTitle << '\n';
  for (const auto& [stamp, digest] : known) {
    body << stamp.device << ' ' << stamp.inode << ' ' << stamp.size << ' ' << stamp.mtime_ns << ' ' << stamp.ctime_ns
         << ' ' << to_hex(digest) << '\n';
  }
  const std::string text = body.str();
  std::error_code ignored;
  if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path(), ignored);
  const std::filesystem::path temporary = path.string() + "." + random_hex(8) + ".tmp";
  if (write_text_file(temporary, text + to_hex(sha256(text)) + "\n")) std::filesystem::rename(temporary, path, ignored);
  std::filesystem::remove(temporary, ignored);
}

// A weight file while it is digested; closed at the end.
class OpenFile {
 public:
  static Result<OpenFile> open(const std::filesystem::path& path) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return unavailable("cannot open " + path.string() + ": " + std::strerror(errno));
    OpenFile file(path, fd);
    CAIRN_TRY(file.stamp_, file.stamp_now());
    return file;
  }
  OpenFile(OpenFile&& other) noexcept
      : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)), stamp_(other.stamp_) {}
  OpenFile& operator=(OpenFile&&) = delete;
  ~OpenFile() {
    if (fd_ >= 0) ::close(fd_);
  }

  const FileStamp& stamp() const { return stamp_; }
  Result<FileStamp> stamp_now() const {
    struct stat status{};
    if (::fstat(fd_, &status) != 0) return unavailable("cannot stat " + path_.string() + ": " + std::strerror(errno));
    if (!S_ISREG(status.st_mode)) return invalid(path_.string() + " is not a regular file");
    return stamp_of(status);
  }
  Result<Digest> piece(std::uint64_t index) const {
    const std::uint64_t end = std::min(stamp_.size, (index + 1) * kFingerprintPieceBytes);
    std::vector<std::uint8_t> buffer(kReadBytes);
    Sha256 sha;
    for (std::uint64_t at = index * kFingerprintPieceBytes; at < end;) {
      const ssize_t got =
          ::pread(fd_, buffer.data(), std::min<std::uint64_t>(kReadBytes, end - at), static_cast<off_t>(at));
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0)
        return unavailable("cannot read " + path_.string() + ": " +
                           (got == 0 ? "it became shorter" : std::strerror(errno)));
      sha.update(buffer.data(), static_cast<std::size_t>(got));
      at += static_cast<std::uint64_t>(got);
    }
    return sha.finish();
  }
  Result<void> check_unchanged() const {
    CAIRN_TRY(const FileStamp now, stamp_now());
    if (now == stamp_) return {};
    return unavailable(path_.string() + " changed while it was read");
  }

 private:
  OpenFile(std::filesystem::path path, int fd) : path_(std::move(path)), fd_(fd) {}
  std::filesystem::path path_;
  int fd_;
  FileStamp stamp_;
};

// The pieces of all files that are not in the cache, taken in turn by every thread.
Result<std::vector<Digest>> digest_files(const std::vector<const OpenFile*>& files, std::uint32_t threads) {
  struct Piece {
    const OpenFile* file;
    std::uint64_t index;
    Result<Digest> digest = Digest{};
  };
  std::vector<Piece> pieces;
  for (const OpenFile* file : files) {
    for (std::uint64_t i = 0; i * kFingerprintPieceBytes < file->stamp().size; ++i) pieces.push_back({file, i});
  }
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    for (std::size_t i = next.fetch_add(1); i < pieces.size(); i = next.fetch_add(1)) {
      pieces[i].digest = pieces[i].file->piece(pieces[i].index);
    }
  };
  if (threads == 0) threads = std::max(1u, std::thread::hardware_concurrency());
  const std::size_t workers = std::min<std::size_t>({threads, kFingerprintThreadsMax, pieces.size()});
  std::vector<std::thread> pool;
  for (std::size_t i = 1; i < workers; ++i) pool.emplace_back(work);
  work();
  for (std::thread& thread : pool) thread.join();

  std::vector<Digest> digests;
  auto piece = pieces.begin();
  for (const OpenFile* file : files) {
    Sha256 sha;
    const std::uint64_t size = file->stamp().size;
    sha.update("cairn.file.1").update(&size, sizeof size);
    for (; piece != pieces.end() && piece->file == file; ++piece) {
      if (!piece->digest) return piece->digest.error();
      sha.update(*piece->digest);
    }
    CAIRN_TRY_VOID(file->check_unchanged());
    digests.push_back(sha.finish());
  }
  return digests;
}

Result<std::string> canonical_config(const std::filesystem::path& path) {
  CAIRN_TRY(const std::string text, read_json_file(path, kConfigBytesMax));
  Json config = Json::parse(text, nullptr, false);
  if (config.is_discarded() || !config.is_object()) return invalid(path.string() + " is not a JSON object");
  for (const std::string_view key : kFingerprintIgnored) config.erase(std::string(key));
  return config.dump();
}

}  // namespace

Result<ModelFingerprint> model_fingerprint(const std::filesystem::path& model_dir, const FingerprintOptions& options) {
  CAIRN_TRY(const std::string config, canonical_config(model_dir / "config.json"));
  CAIRN_TRY(const auto paths, weight_files(model_dir));
  StampedDigests known = read_cache(options.cache);
  ModelFingerprint fingerprint;
  std::vector<OpenFile> files;
  std::vector<const OpenFile*> fresh;
  files.reserve(paths.size());
  for (const std::filesystem::path& path : paths) {
    CAIRN_TRY(OpenFile file, OpenFile::open(path));
    files.push_back(std::move(file));
    fingerprint.weight_bytes += files.back().stamp().size;
    if (!known.contains(files.back().stamp())) fresh.push_back(&files.back());
  }
  CAIRN_TRY(const std::vector<Digest> digests, digest_files(fresh, options.threads));
  const SystemClock system;
  const Clock& clock = options.clock != nullptr ? *options.clock : system;
  const std::int64_t settled_ns = (clock.unix_time_us() - options.settle_us) * 1000;
  StampedDigests keep = known;
  if (keep.size() + fresh.size() > kFingerprintCacheEntriesMax) keep.clear();
  for (std::size_t i = 0; i < fresh.size(); ++i) {
    const FileStamp& stamp = fresh[i]->stamp();
    known.emplace(stamp, digests[i]);
    if (std::max(stamp.ctime_ns, stamp.mtime_ns) <= settled_ns) keep.emplace(stamp, digests[i]);
    fingerprint.bytes_read += stamp.size;
  }
  if (!options.cache.empty() && !fresh.empty()) write_cache(options.cache, keep);

  Sha256 sha;
  sha.update("cairn.model.1").update_u32(static_cast<std::uint32_t>(config.size())).update(config);
  sha.update_u32(static_cast<std::uint32_t>(files.size()));
  for (const OpenFile& file : files) sha.update(known.at(file.stamp()));
  fingerprint.digest = sha.finish();
  return fingerprint;
}

}  // namespace cairn

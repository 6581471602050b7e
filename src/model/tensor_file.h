// Files of a model directory: read-only mappings, small texts, and a directory that appears whole or not at all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace cairn {

// A regular file mapped read-only for the life of the object. Move-only; any thread may read.
// A file that shrinks while mapped kills the process on access: model files are replaced, never edited in place.
class MappedFile {
 public:
  // kUnavailable: cannot be opened or mapped; kInvalid: not a regular file.
  static Result<MappedFile> open(const std::filesystem::path& path);
  MappedFile() = default;
  MappedFile(MappedFile&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();
  std::span<const std::byte> bytes() const { return {static_cast<const std::byte*>(data_), size_}; }

 private:
  void* data_ = nullptr;
  std::size_t size_ = 0;
};

// Whole text of a file of at most `bytes_max` bytes. kInvalid names the file and what is wrong with it.
Result<std::string> read_text_file(const std::filesystem::path& path, std::uint64_t bytes_max);

inline constexpr std::uint32_t kJsonDepthMax = 64;
// The same for a text that a JSON parser will see: kInvalid also when it nests deeper than kJsonDepthMax.
Result<std::string> read_json_file(const std::filesystem::path& path, std::uint64_t bytes_max);

// Appends to a new file, synced by `finish`. One thread. A failed write is kUnavailable with the path and reason.
class FileWriter {
 public:
  static Result<FileWriter> create(const std::filesystem::path& path);
  FileWriter(FileWriter&& other) noexcept : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)) {}
  FileWriter& operator=(FileWriter&&) = delete;
  ~FileWriter();
  Result<void> append(std::span<const std::byte> bytes);
  Result<void> finish();

 private:
  FileWriter(std::filesystem::path path, int fd) : path_(std::move(path)), fd_(fd) {}
  std::filesystem::path path_;
  int fd_ = -1;
};

Result<void> write_text_file(const std::filesystem::path& path, std::string_view text);

// A temporary directory beside `target`, renamed onto it by `publish`, else removed with all it holds. It is locked
// while its process lives, so `create` can tell what killed processes left for the same target, and removes that.
class StagedDirectory {
 public:
  // kInvalid: `target` exists and is not an empty directory, or names no directory of its own ("", ".", "..").
  static Result<StagedDirectory> create(const std::filesystem::path& target);
  StagedDirectory(StagedDirectory&& other) noexcept
      : target_(std::move(other.target_)),
        staging_(std::exchange(other.staging_, {})),
        lock_(std::exchange(other.lock_, -1)) {}
  StagedDirectory& operator=(StagedDirectory&&) = delete;
  ~StagedDirectory();
  const std::filesystem::path& path() const { return staging_; }
  Result<void> publish();

 private:
  StagedDirectory(std::filesystem::path target, std::filesystem::path staging, int lock)
      : target_(std::move(target)), staging_(std::move(staging)), lock_(lock) {}
  std::filesystem::path target_, staging_;
  int lock_ = -1;  // the directory itself, open
};

}  // namespace cairn

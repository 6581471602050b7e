// safetensors files: u64 header length, JSON header, data. Read over a mapping with every size, offset and name
// checked; one file, or the set that `model.safetensors.index.json` names. Written in bf16. Immutable after open.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/tensor.h"
#include "model/tensor_file.h"

namespace cairn {

inline constexpr std::uint64_t kSafetensorsHeaderBytesMax = 64ull << 20, kSafetensorsTensorsMax = 1u << 18;
inline constexpr std::size_t kSafetensorsAxesMax = 8, kSafetensorsFilesMax = 1024;

class SafetensorsFile {
 public:
  // kCorrupt: malformed, with the tensor's name; kInvalid: a dtype that this format does not have.
  static Result<SafetensorsFile> open(const std::filesystem::path& path);
  // The same over memory that outlives the result. The data must be covered exactly: no overlap, no hole.
  static Result<SafetensorsFile> parse(std::span<const std::byte> bytes);

  std::span<const TensorView> tensors() const { return tensors_; }  // in file order
  const TensorView* find(std::string_view name) const;

 private:
  MappedFile file_;
  std::vector<TensorView> tensors_;
  std::map<std::string, std::size_t, std::less<>> by_name_;
};

// All weight files of a model directory.
class SafetensorsSet {
 public:
  // kInvalid: no weights in `model_dir`, or an index that does not match its files.
  static Result<SafetensorsSet> open(const std::filesystem::path& model_dir);

  const TensorView* find(std::string_view name) const;
  std::vector<const TensorView*> tensors() const;  // sorted by name

 private:
  std::vector<SafetensorsFile> files_;
  std::map<std::string, const TensorView*, std::less<>> by_name_;
};

// The weight files that SafetensorsSet::open reads, sorted by name, without opening them.
Result<std::vector<std::filesystem::path>> weight_files(const std::filesystem::path& model_dir);

struct TensorShape {
  std::string name;
  std::vector<std::uint64_t> shape;
};

// Writes one bf16 file: all shapes first, then the values tensor by tensor in that order. One thread.
class SafetensorsWriter {
 public:
  static Result<SafetensorsWriter> create(const std::filesystem::path& path, std::vector<TensorShape> tensors);
  Result<void> append(std::span<const Bf16> values);  // the next tensor, whole
  Result<void> finish();                              // kInvalid while tensors are missing

 private:
  SafetensorsWriter(FileWriter file, std::vector<TensorShape> tensors)
      : file_(std::move(file)), tensors_(std::move(tensors)) {}
  FileWriter file_;
  std::vector<TensorShape> tensors_;
  std::size_t next_ = 0;
};

}  // namespace cairn

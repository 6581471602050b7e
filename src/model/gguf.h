// GGUF files, versions 2 and 3, little-endian: metadata and tensor directory over a read-only mapping. Every count,
// length and offset is checked against the file before use. Immutable; any thread.
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
#include "model/tensor_file.h"
#include "model/tensor_quantised.h"

namespace cairn {

inline constexpr std::uint64_t kGgufPairsMax = 1u << 16, kGgufTensorsMax = 1u << 16, kGgufNameBytesMax = 1u << 12;

enum class GgufType : std::uint32_t {
  kU8,
  kI8,
  kU16,
  kI16,
  kU32,
  kI32,
  kF32,
  kBool,
  kString,
  kArray,
  kU64,
  kI64,
  kF64
};

// A scalar (count 1), or an array of scalars or strings.
struct GgufValue {
  GgufType type = GgufType::kU8;  // of the elements
  bool array = false;
  std::uint64_t count = 1;
  std::span<const std::byte> numbers;     // raw little-endian elements
  std::vector<std::string_view> strings;  // instead, when type is kString
};

struct GgufTensor {
  std::string name;
  GgmlType type;
  std::vector<std::uint64_t> shape;  // as in the file: first axis fastest
  std::span<const std::byte> bytes;
  std::uint64_t elements = 0;
};

class GgufFile {
 public:
  // kCorrupt: malformed, with the byte where reading stopped; kInvalid: a version or nesting that is not supported.
  static Result<GgufFile> open(const std::filesystem::path& path);
  // The same over memory that outlives the result.
  static Result<GgufFile> parse(std::span<const std::byte> bytes);

  bool has(std::string_view key) const { return values_.find(key) != values_.end(); }
  // kInvalid: the key is missing or of another type, by name.
  Result<std::uint64_t> number(std::string_view key) const;  // any unsigned or non-negative integer
  Result<double> real(std::string_view key) const;           // any float; the nearest short decimal of an f32
  Result<std::string_view> text(std::string_view key) const;
  Result<std::span<const std::string_view>> texts(std::string_view key) const;
  Result<std::vector<std::int64_t>> numbers(std::string_view key) const;
  bool flag(std::string_view key, bool otherwise) const;

  std::span<const GgufTensor> tensors() const { return tensors_; }
  const GgufTensor* find(std::string_view name) const;
  Result<std::vector<float>> values(const GgufTensor& tensor) const;  // expanded to f32

 private:
  friend class GgufReader;
  MappedFile file_;
  std::map<std::string, GgufValue, std::less<>> values_;
  std::vector<GgufTensor> tensors_;  // sorted by name
};

}  // namespace cairn

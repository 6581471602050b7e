#include "model/gguf.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstdlib>

#include "base/bytes.h"
#include "model/tensor.h"

namespace cairn {
namespace {

constexpr std::uint32_t kMagic = 0x46554747;  // "GGUF"
constexpr std::uint32_t kAxesMax = 4;
constexpr std::uint64_t kAlignmentDefault = 32, kAlignmentMax = 1u << 16;

std::uint32_t bytes_of(GgufType type) {
  switch (type) {
    case GgufType::kU8:
    case GgufType::kI8:
    case GgufType::kBool:
      return 1;
    case GgufType::kU16:
    case GgufType::kI16:
      return 2;
    case GgufType::kU32:
    case GgufType::kI32:
    case GgufType::kF32:
      return 4;
    case GgufType::kU64:
    case GgufType::kI64:
    case GgufType::kF64:
      return 8;
    case GgufType::kString:
    case GgufType::kArray:
      return 0;
  }
  return 0;
}

bool is_integer(GgufType type) {
  return type != GgufType::kF32 && type != GgufType::kF64 && type != GgufType::kString && type != GgufType::kArray &&
         type != GgufType::kBool;
}

// Two's complement for signed types; an unsigned value above 2^63 comes out negative and is refused by callers.
std::int64_t integer_at(GgufType type, const std::byte* at) {
  switch (type) {
    case GgufType::kU8:
      return load_le<std::uint8_t>(at);
    case GgufType::kI8:
      return load_le<std::int8_t>(at);
    case GgufType::kU16:
      return load_le<std::uint16_t>(at);
    case GgufType::kI16:
      return load_le<std::int16_t>(at);
    case GgufType::kU32:
      return load_le<std::uint32_t>(at);
    case GgufType::kI32:
      return load_le<std::int32_t>(at);
    default:
      return load_le<std::int64_t>(at);
  }
}

// 9.99999975e-06f was written as 1e-05: the shortest decimal that reads back as the same float.
double shortest(float value) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text - 1, value).ptr;
  *end = '\0';
  return std::strtod(text, nullptr);
}

Error missing(std::string_view key) { return invalid("GGUF metadata has no '" + std::string(key) + "'"); }
Error mistyped(std::string_view key, const char* wanted) {
  return invalid("GGUF metadata '" + std::string(key) + "' is not " + wanted);
}

}  // namespace

// Reads front to back; the first failure is the result.
class GgufReader {
 public:
  explicit GgufReader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  Result<GgufFile> read() {
    std::uint32_t magic = 0, version = 0;
    std::uint64_t tensor_count = 0, pair_count = 0;
    if (!take(magic) || magic != kMagic) return corrupt("not a GGUF file: it does not begin with 'GGUF'");
    if (!take(version)) return short_at("version");
    if (version != 2 && version != 3) {
      const bool big_endian = __builtin_bswap32(version) <= 16 && version != 1;
      return invalid(big_endian ? "big-endian GGUF files are not supported"
                                : "GGUF version " + std::to_string(version) + " is not supported (2 and 3 are)");
    }
    if (!take(tensor_count) || !take(pair_count)) return short_at("counts");
    if (tensor_count > kGgufTensorsMax) return bad("tensor count " + std::to_string(tensor_count));
    if (pair_count > kGgufPairsMax) return bad("metadata count " + std::to_string(pair_count));
    for (std::uint64_t i = 0; i < pair_count; ++i) CAIRN_TRY_VOID(read_pair());
    CAIRN_TRY_VOID(read_directory(tensor_count));
    CAIRN_TRY_VOID(place_tensors());
    return std::move(file_);
  }

 private:
  template <class T>
  bool take(T& value) {
    if (bytes_.size() - at_ < sizeof(T)) return false;
    value = load_le<T>(bytes_.data() + at_);
    at_ += sizeof(T);
    return true;
  }
  bool take_string(std::string_view& text) {
    std::uint64_t size = 0;
    if (!take(size) || size > bytes_.size() - at_) return false;
    text = {reinterpret_cast<const char*>(bytes_.data() + at_), static_cast<std::size_t>(size)};
    at_ += size;
    return true;
  }
  Error short_at(std::string_view what) const {
    return corrupt("GGUF file ends inside " + std::string(what) + " (byte " + std::to_string(at_) + ")");
  }
  Error bad(const std::string& what) const {
    return corrupt("GGUF " + what + " makes no sense (byte " + std::to_string(at_) + ")");
  }

  Result<void> read_pair() {
    std::string_view key;
    if (!take_string(key)) return short_at("a metadata key");
    if (key.empty() || key.size() > kGgufNameBytesMax)
      return bad("metadata key of " + std::to_string(key.size()) + " bytes");
    GgufValue value;
    std::uint32_t type = 0;
    if (!take(type)) return short_at("the type of '" + std::string(key) + "'");
    if (type == static_cast<std::uint32_t>(GgufType::kArray)) {
      value.array = true;
      if (!take(type) || !take(value.count)) return short_at("array '" + std::string(key) + "'");
      if (type == static_cast<std::uint32_t>(GgufType::kArray)) {
        return invalid("GGUF metadata '" + std::string(key) + "' is an array of arrays, which is not supported");
      }
    }
    if (type > static_cast<std::uint32_t>(GgufType::kF64)) return bad("type of '" + std::string(key) + "'");
    value.type = static_cast<GgufType>(type);
    CAIRN_TRY_VOID(read_elements(key, value));
    if (!file_.values_.emplace(std::string(key), std::move(value)).second) {
      return corrupt("GGUF metadata '" + std::string(key) + "' appears twice");
    }
    return {};
  }

  Result<void> read_elements(std::string_view key, GgufValue& value) {
    const std::uint64_t left = bytes_.size() - at_;
    if (value.type == GgufType::kString) {
      if (value.count > left / sizeof(std::uint64_t)) return short_at("'" + std::string(key) + "'");
      value.strings.reserve(value.count);
      for (std::uint64_t i = 0; i < value.count; ++i) {
        std::string_view text;
        if (!take_string(text)) return short_at("'" + std::string(key) + "'");
        value.strings.push_back(text);
      }
      return {};
    }
    const std::uint32_t size = bytes_of(value.type);
    if (value.count > left / size) return short_at("'" + std::string(key) + "'");
    value.numbers = bytes_.subspan(at_, value.count * size);
    at_ += value.count * size;
    return {};
  }

  // Offsets are relative to a data section whose start is known only after the directory.
  Result<void> read_directory(std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) {
      std::string_view name;
      std::uint32_t axes = 0;
      if (!take_string(name) || !take(axes)) return short_at("the tensor directory");
      if (name.empty() || name.size() > kGgufNameBytesMax || axes == 0 || axes > kAxesMax) {
        return bad("directory entry of tensor " + std::to_string(i));
      }
      GgufTensor tensor{.name = std::string(name), .type = {}, .shape = std::vector<std::uint64_t>(axes), .bytes = {}};
      for (std::uint64_t& axis : tensor.shape) {
        if (!take(axis)) return short_at("tensor '" + tensor.name + "'");
      }
      std::uint64_t offset = 0;
      if (!take(tensor.type.number) || !take(offset)) return short_at("tensor '" + tensor.name + "'");
      file_.tensors_.push_back(std::move(tensor));
      offsets_.push_back(offset);
    }
    return {};
  }

  Result<void> place_tensors() {
    std::uint64_t alignment = kAlignmentDefault;
    if (file_.has("general.alignment")) {
      CAIRN_TRY(alignment, file_.number("general.alignment"));
      if (alignment < 8 || alignment > kAlignmentMax || !std::has_single_bit(alignment)) {
        return bad("alignment " + std::to_string(alignment));
      }
    }
    const std::uint64_t begin = std::min<std::uint64_t>(round_up(at_, alignment), bytes_.size());
    const std::span<const std::byte> data = bytes_.subspan(begin);
    for (std::size_t i = 0; i < offsets_.size(); ++i) {
      CAIRN_TRY_VOID(place(file_.tensors_[i], offsets_[i], alignment, data));
    }
    std::sort(file_.tensors_.begin(), file_.tensors_.end(),
              [](const GgufTensor& a, const GgufTensor& b) { return a.bytes.data() < b.bytes.data(); });
    for (std::size_t i = 1; i < file_.tensors_.size(); ++i) {
      const GgufTensor& before = file_.tensors_[i - 1];
      if (before.bytes.data() + before.bytes.size() > file_.tensors_[i].bytes.data()) {
        return corrupt("GGUF tensors '" + before.name + "' and '" + file_.tensors_[i].name + "' overlap");
      }
    }
    std::sort(file_.tensors_.begin(), file_.tensors_.end(),
              [](const GgufTensor& a, const GgufTensor& b) { return a.name < b.name; });
    for (std::size_t i = 1; i < file_.tensors_.size(); ++i) {
      if (file_.tensors_[i].name == file_.tensors_[i - 1].name) {
        return corrupt("GGUF tensor '" + file_.tensors_[i].name + "' appears twice");
      }
    }
    return {};
  }

  static Result<void> place(GgufTensor& tensor, std::uint64_t offset, std::uint64_t alignment,
                            std::span<const std::byte> data) {
    const std::optional<GgmlBlock> block = block_of(tensor.type);
    if (!block) {
      return invalid("GGUF tensor '" + tensor.name + "' is " + name_of(tensor.type) +
                     ", which is not supported (F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0 are)");
    }
    std::uint64_t elements = 1;
    for (const std::uint64_t axis : tensor.shape) {
      if (axis == 0 || __builtin_mul_overflow(elements, axis, &elements) || elements > kTensorElementsMax) {
        return corrupt("GGUF tensor '" + tensor.name + "' has an impossible shape");
      }
    }
    if (tensor.shape[0] % block->elements != 0) {
      return corrupt("GGUF tensor '" + tensor.name + "': rows of " + std::to_string(tensor.shape[0]) +
                     " do not fill blocks of " + std::to_string(block->elements));
    }
    const std::uint64_t size = elements / block->elements * block->bytes;
    if (offset % alignment != 0 || offset > data.size() || size > data.size() - offset) {
      return corrupt("GGUF tensor '" + tensor.name + "' lies outside the file (offset " + std::to_string(offset) +
                     ", " + std::to_string(size) + " bytes of " + std::to_string(data.size()) + ")");
    }
    tensor.elements = elements;
    tensor.bytes = data.subspan(offset, size);
    return {};
  }

  std::span<const std::byte> bytes_;
  std::uint64_t at_ = 0;
  GgufFile file_;
  std::vector<std::uint64_t> offsets_;
};

Result<GgufFile> GgufFile::parse(std::span<const std::byte> bytes) { return GgufReader(bytes).read(); }

Result<GgufFile> GgufFile::open(const std::filesystem::path& path) {
  CAIRN_TRY(MappedFile mapped, MappedFile::open(path));
  Result<GgufFile> file = parse(mapped.bytes());
  if (!file) return Error{file.error().code, path.string() + ": " + file.error().detail};
  file->file_ = std::move(mapped);
  return file;
}

Result<std::uint64_t> GgufFile::number(std::string_view key) const {
  const auto found = values_.find(key);
  if (found == values_.end()) return missing(key);
  const GgufValue& value = found->second;
  if (value.array || !is_integer(value.type)) return mistyped(key, "an integer");
  const std::int64_t number = integer_at(value.type, value.numbers.data());
  if (number < 0) return mistyped(key, "in range");
  return static_cast<std::uint64_t>(number);
}

Result<double> GgufFile::real(std::string_view key) const {
  const auto found = values_.find(key);
  if (found == values_.end()) return missing(key);
  const GgufValue& value = found->second;
  if (!value.array && value.type == GgufType::kF32) return shortest(load_le<float>(value.numbers.data()));
  if (!value.array && value.type == GgufType::kF64) return load_le<double>(value.numbers.data());
  return mistyped(key, "a float");
}

Result<std::string_view> GgufFile::text(std::string_view key) const {
  const auto found = values_.find(key);
  if (found == values_.end()) return missing(key);
  if (found->second.array || found->second.type != GgufType::kString) return mistyped(key, "a string");
  return found->second.strings[0];
}

Result<std::span<const std::string_view>> GgufFile::texts(std::string_view key) const {
  const auto found = values_.find(key);
  if (found == values_.end()) return missing(key);
  if (!found->second.array || found->second.type != GgufType::kString) return mistyped(key, "an array of strings");
  return std::span<const std::string_view>(found->second.strings);
}

Result<std::vector<std::int64_t>> GgufFile::numbers(std::string_view key) const {
  const auto found = values_.find(key);
  if (found == values_.end()) return missing(key);
  const GgufValue& value = found->second;
  if (!value.array || !is_integer(value.type)) return mistyped(key, "an array of integers");
  std::vector<std::int64_t> numbers;
  numbers.reserve(value.count);
  const std::uint32_t size = bytes_of(value.type);
  for (std::uint64_t i = 0; i < value.count; ++i) {
    numbers.push_back(integer_at(value.type, value.numbers.data() + i * size));
  }
  return numbers;
}

bool GgufFile::flag(std::string_view key, bool otherwise) const {
  const auto found = values_.find(key);
  if (found == values_.end() || found->second.array || found->second.type != GgufType::kBool) return otherwise;
  return found->second.numbers[0] != std::byte{0};
}

const GgufTensor* GgufFile::find(std::string_view name) const {
  const auto found = std::lower_bound(tensors_.begin(), tensors_.end(), name,
                                      [](const GgufTensor& a, std::string_view b) { return a.name < b; });
  return found != tensors_.end() && found->name == name ? &*found : nullptr;
}

Result<std::vector<float>> GgufFile::values(const GgufTensor& tensor) const {
  std::vector<float> values(tensor.elements);
  CAIRN_TRY_VOID(dequantise(tensor.type, tensor.bytes, values));
  return values;
}

}  // namespace cairn

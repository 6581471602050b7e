// A directory of one test's files, removed at its end; builders of config.json and of GGUF bytes.
#pragma once

#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace cairn::test {

class Scratch {
 public:
  Scratch() {
    std::string pattern = (std::filesystem::temp_directory_path() / "cairn-model-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline void write_file(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}
inline std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

inline std::span<const std::byte> as_bytes(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

template <class T>
std::string raw(T value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}
template <class T>
std::string raw(const std::vector<T>& values) {
  std::string bytes;
  for (const T& value : values) bytes += raw(value);
  return bytes;
}

// A safetensors file from a header text and data.
inline std::string safetensors(const std::string& header, const std::string& data) {
  return raw(std::uint64_t{header.size()}) + header + data;
}

class GgufBuilder {
 public:
  GgufBuilder& u32(const std::string& key, std::uint32_t value) { return pair(key, 4, raw(value)); }
  GgufBuilder& f32(const std::string& key, float value) { return pair(key, 6, raw(value)); }
  GgufBuilder& flag(const std::string& key, bool value) { return pair(key, 7, std::string(1, value ? '\1' : '\0')); }
  GgufBuilder& text(const std::string& key, const std::string& value) { return pair(key, 8, string(value)); }
  GgufBuilder& texts(const std::string& key, const std::vector<std::string>& values) {
    std::string bytes = raw(std::uint32_t{8}) + raw(std::uint64_t{values.size()});
    for (const std::string& value : values) bytes += string(value);
    return pair(key, 9, bytes);
  }
  GgufBuilder& i32s(const std::string& key, const std::vector<std::int32_t>& values) {
    return pair(key, 9, raw(std::uint32_t{5}) + raw(std::uint64_t{values.size()}) + raw(values));
  }
  GgufBuilder& pair(const std::string& key, std::uint32_t type, const std::string& value) {
    pairs_ += string(key) + raw(type) + value;
    ++pair_count_;
    return *this;
  }
  // Shape with the fastest axis first.
  GgufBuilder& tensor(const std::string& name, const std::vector<std::uint64_t>& shape, std::uint32_t type,
                      const std::string& bytes) {
    data_.resize((data_.size() + 31) / 32 * 32, '\0');
    return tensor_at(name, shape, type, data_.size(), bytes);
  }
  GgufBuilder& tensor_at(const std::string& name, const std::vector<std::uint64_t>& shape, std::uint32_t type,
                         std::uint64_t offset, const std::string& bytes) {
    directory_ += string(name) + raw(static_cast<std::uint32_t>(shape.size())) + raw(shape) + raw(type) + raw(offset);
    data_ += bytes;
    ++tensor_count_;
    return *this;
  }
  GgufBuilder& tensor_f32(const std::string& name, const std::vector<std::uint64_t>& shape,
                          const std::vector<float>& values) {
    return tensor(name, shape, 0, raw(values));
  }
  std::string build(std::uint32_t version = 3) const {
    std::string bytes = "GGUF" + raw(version) + raw(tensor_count_) + raw(pair_count_) + pairs_ + directory_;
    bytes.resize((bytes.size() + 31) / 32 * 32, '\0');
    return bytes + data_;
  }
  static std::string string(const std::string& text) { return raw(std::uint64_t{text.size()}) + text; }

 private:
  std::string pairs_, directory_, data_;
  std::uint64_t pair_count_ = 0, tensor_count_ = 0;
};

}  // namespace cairn::test

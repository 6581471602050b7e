#include "model/safetensors.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>

#include "base/bytes.h"

namespace cairn {
namespace {

using Json = nlohmann::json;

constexpr std::uint64_t kIndexBytesMax = 64ull << 20;
constexpr int kHeaderDepthMax = 3;  // { name: { field: [ number ] } }
constexpr std::size_t kHeaderAlignment = 64;
constexpr const char* kSingleFile = "model.safetensors";
constexpr const char* kIndexFile = "model.safetensors.index.json";

// An object; null Error text names what is wrong. Duplicate keys and deep nesting are refused while parsing.
Result<Json> parse_header(std::string_view text) {
  std::set<std::string> names;
  std::string complaint;
  const auto watch = [&](int depth, Json::parse_event_t event, Json& parsed) {
    if (depth > kHeaderDepthMax && complaint.empty()) complaint = "is nested too deeply";
    if (event == Json::parse_event_t::key && depth == 1 && complaint.empty()) {
      const std::string& name = parsed.get_ref<const std::string&>();
      if (!names.insert(name).second) complaint = "names tensor '" + name + "' twice";
    }
    return complaint.empty();
  };
  Json header = Json::parse(text, watch, false);
  if (!complaint.empty()) return corrupt("safetensors header " + complaint);
  if (header.is_discarded() || !header.is_object()) return corrupt("safetensors header is not a JSON object");
  return header;
}

Error tensor_error(const std::string& name, const std::string& what) {
  return corrupt("safetensors tensor '" + name + "': " + what);
}

Result<TensorView> parse_tensor(const std::string& name, const Json& entry, std::span<const std::byte> data) {
  if (!entry.is_object()) return tensor_error(name, "its entry is not an object");
  const auto dtype = entry.find("dtype"), shape = entry.find("shape"), offsets = entry.find("data_offsets");
  if (dtype == entry.end() || !dtype->is_string()) return tensor_error(name, "dtype is missing or not a string");
  if (shape == entry.end() || !shape->is_array()) return tensor_error(name, "shape is missing or not a list");
  if (shape->size() > kSafetensorsAxesMax) return tensor_error(name, "shape has too many axes");
  if (offsets == entry.end() || !offsets->is_array() || offsets->size() != 2 || !(*offsets)[0].is_number_unsigned() ||
      !(*offsets)[1].is_number_unsigned()) {
    return tensor_error(name, "data_offsets is not a pair of non-negative integers");
  }
  TensorView tensor{.name = name, .dtype = {}, .shape = {}, .bytes = {}};
  const std::optional<TensorDtype> known = dtype_from_name(dtype->get_ref<const std::string&>());
  if (!known)
    return invalid("tensor '" + name + "' has dtype '" + dtype->get<std::string>() + "', which is not supported");
  tensor.dtype = *known;
  for (const Json& axis : *shape) {
    if (!axis.is_number_unsigned()) return tensor_error(name, "an axis of shape is not a non-negative integer");
    tensor.shape.push_back(axis.get<std::uint64_t>());
  }
  const std::optional<std::uint64_t> elements = element_count(tensor.shape);
  const std::uint64_t begin = (*offsets)[0].get<std::uint64_t>(), end = (*offsets)[1].get<std::uint64_t>();
  if (!elements) return tensor_error(name, "shape " + shape_text(tensor.shape) + " is too large");
  if (begin > end || end > data.size()) {
    return tensor_error(name, "data_offsets [" + std::to_string(begin) + ", " + std::to_string(end) +
                                  "] leave the file's " + std::to_string(data.size()) + " data bytes");
  }
  if (end - begin != *elements * bytes_of(*known)) {
    return tensor_error(name, shape_text(tensor.shape) + " of " + std::string(name_of(*known)) + " needs " +
                                  std::to_string(*elements * bytes_of(*known)) + " bytes, data_offsets give " +
                                  std::to_string(end - begin));
  }
  tensor.bytes = data.subspan(begin, end - begin);
  return tensor;
}

Result<void> check_coverage(std::span<const TensorView> tensors, std::span<const std::byte> data) {
  const std::byte* expected = data.data();
  for (const TensorView& tensor : tensors) {
    if (tensor.bytes.data() < expected) return tensor_error(tensor.name, "its data overlaps another tensor's");
    if (tensor.bytes.data() > expected) return tensor_error(tensor.name, "a hole lies before its data");
    expected += tensor.bytes.size();
  }
  if (expected != data.data() + data.size()) {
    return corrupt("safetensors data is " + std::to_string(data.data() + data.size() - expected) +
                   " bytes longer than its tensors");
  }
  return {};
}

// Tensor name -> file name, both from the index.
Result<std::map<std::string, std::string>> read_index(const std::filesystem::path& path) {
  CAIRN_TRY(const std::string text, read_json_file(path, kIndexBytesMax));
  const Json index = Json::parse(text, nullptr, false);
  if (index.is_discarded() || !index.is_object()) return invalid(path.string() + " is not a JSON object");
  const auto map = index.find("weight_map");
  if (map == index.end() || !map->is_object() || map->empty())
    return invalid(path.string() + " has no weight_map object");
  std::map<std::string, std::string> placed;
  for (const auto& [tensor, file] : map->items()) {
    if (!file.is_string()) return invalid(path.string() + ": the file of '" + tensor + "' is not a string");
    const std::string& name = file.get_ref<const std::string&>();
    if (name.empty() || name[0] == '.' || name.find('/') != std::string::npos || name.find('\0') != std::string::npos) {
      return invalid(path.string() + ": '" + name + "' is not a plain file name");
    }
    placed.emplace(tensor, name);
  }
  return placed;
}

}  // namespace

Result<SafetensorsFile> SafetensorsFile::parse(std::span<const std::byte> bytes) {
  if (bytes.size() < sizeof(std::uint64_t)) return corrupt("safetensors file is shorter than its length field");
  const auto header_bytes = load_le<std::uint64_t>(bytes.data());
  bytes = bytes.subspan(sizeof(std::uint64_t));
  if (header_bytes > kSafetensorsHeaderBytesMax || header_bytes > bytes.size()) {
    return corrupt("safetensors header length " + std::to_string(header_bytes) + " exceeds the file or the limit of " +
                   format_bytes(kSafetensorsHeaderBytesMax));
  }
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), header_bytes);
  const std::span<const std::byte> data = bytes.subspan(header_bytes);
  CAIRN_TRY(const Json header, parse_header(text));
  if (header.size() > kSafetensorsTensorsMax) return corrupt("safetensors header names too many tensors");
  SafetensorsFile file;
  for (const auto& [name, entry] : header.items()) {
    if (name == "__metadata__") continue;
    CAIRN_TRY(TensorView tensor, parse_tensor(name, entry, data));
    file.tensors_.push_back(std::move(tensor));
  }
  std::sort(file.tensors_.begin(), file.tensors_.end(), [](const TensorView& a, const TensorView& b) {
    return std::tuple(a.bytes.data(), a.bytes.size(), std::string_view(a.name)) <
           std::tuple(b.bytes.data(), b.bytes.size(), std::string_view(b.name));
  });
  CAIRN_TRY_VOID(check_coverage(file.tensors_, data));
  for (std::size_t i = 0; i < file.tensors_.size(); ++i) file.by_name_.emplace(file.tensors_[i].name, i);
  return file;
}

Result<SafetensorsFile> SafetensorsFile::open(const std::filesystem::path& path) {
  CAIRN_TRY(MappedFile mapped, MappedFile::open(path));
  Result<SafetensorsFile> file = parse(mapped.bytes());
  if (!file) return Error{file.error().code, path.string() + ": " + file.error().detail};
  file->file_ = std::move(mapped);
  return file;
}

const TensorView* SafetensorsFile::find(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : &tensors_[found->second];
}

Result<std::vector<std::filesystem::path>> weight_files(const std::filesystem::path& model_dir) {
  std::error_code ignored;
  if (!std::filesystem::exists(model_dir / kIndexFile, ignored)) {
    if (std::filesystem::exists(model_dir / kSingleFile, ignored)) {
      return std::vector<std::filesystem::path>{model_dir / kSingleFile};
    }
    return invalid(model_dir.string() + " has neither " + kSingleFile + " nor " + kIndexFile);
  }
  CAIRN_TRY(const auto placed, read_index(model_dir / kIndexFile));
  std::set<std::string> names;
  for (const auto& [tensor, file] : placed) names.insert(file);
  if (names.size() > kSafetensorsFilesMax) return invalid(model_dir.string() + ": the index names too many files");
  std::vector<std::filesystem::path> files;
  for (const std::string& name : names) files.push_back(model_dir / name);
  return files;
}

Result<SafetensorsSet> SafetensorsSet::open(const std::filesystem::path& model_dir) {
  CAIRN_TRY(const auto paths, weight_files(model_dir));
  SafetensorsSet set;
  std::map<std::string, std::size_t> file_of_name;
  for (const std::filesystem::path& path : paths) {
    CAIRN_TRY(SafetensorsFile file, SafetensorsFile::open(path));
    file_of_name.emplace(path.filename().string(), set.files_.size());
    set.files_.push_back(std::move(file));
  }
  std::error_code ignored;
  if (!std::filesystem::exists(model_dir / kIndexFile, ignored)) {
    for (const TensorView& tensor : set.files_[0].tensors()) set.by_name_.emplace(tensor.name, &tensor);
    return set;
  }
  CAIRN_TRY(const auto placed, read_index(model_dir / kIndexFile));
  for (const auto& [tensor, file] : placed) {
    const auto found = file_of_name.find(file);  // absent only if the index was replaced meanwhile
    const TensorView* view = found == file_of_name.end() ? nullptr : set.files_[found->second].find(tensor);
    if (view == nullptr)
      return invalid(model_dir.string() + ": the index places '" + tensor + "' in " + file + ", which lacks it");
    set.by_name_.emplace(tensor, view);
  }
  return set;
}

const TensorView* SafetensorsSet::find(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second;
}

std::vector<const TensorView*> SafetensorsSet::tensors() const {
  std::vector<const TensorView*> all;
  for (const auto& [name, tensor] : by_name_) all.push_back(tensor);
  return all;
}

Result<SafetensorsWriter> SafetensorsWriter::create(const std::filesystem::path& path,
                                                    std::vector<TensorShape> tensors) {
  Json header = {{"__metadata__", {{"format", "pt"}}}};  // transformers refuses files without it
  std::uint64_t offset = 0;
  for (const TensorShape& tensor : tensors) {
    const std::optional<std::uint64_t> elements = element_count(tensor.shape);
    if (!elements) return invalid("tensor '" + tensor.name + "' " + shape_text(tensor.shape) + " is too large");
    const std::uint64_t end = offset + *elements * sizeof(Bf16);
    header[tensor.name] = {{"dtype", "BF16"}, {"shape", tensor.shape}, {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text = header.dump(-1, ' ', false, Json::error_handler_t::replace);
  text.resize(round_up(text.size() + sizeof(std::uint64_t), kHeaderAlignment) - sizeof(std::uint64_t), ' ');
  CAIRN_TRY(FileWriter file, FileWriter::create(path));
  const std::uint64_t header_bytes = text.size();
  CAIRN_TRY_VOID(file.append(std::as_bytes(std::span(&header_bytes, 1))));
  CAIRN_TRY_VOID(file.append(std::as_bytes(std::span(text.data(), text.size()))));
  return SafetensorsWriter(std::move(file), std::move(tensors));
}

Result<void> SafetensorsWriter::append(std::span<const Bf16> values) {
  CAIRN_CHECK(next_ < tensors_.size(), "more tensors than were announced");
  CAIRN_CHECK(values.size() == element_count(tensors_[next_].shape), "values do not match the announced shape");
  ++next_;
  return file_.append(std::as_bytes(values));
}

Result<void> SafetensorsWriter::finish() {
  if (next_ != tensors_.size()) return invalid("tensor '" + tensors_[next_].name + "' was never written");
  return file_.finish();
}

}  // namespace cairn

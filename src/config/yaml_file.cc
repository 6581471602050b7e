#include "config/yaml_file.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <set>

namespace cairn {
namespace {

class Reader {
 public:
  Reader(const std::string& file, std::optional<std::string_view> opaque_in) : file_(file), opaque_in_(opaque_in) {}

  Result<std::vector<FileSetting>> read(const YAML::Node& root) {
    if (root.IsNull()) return std::move(settings_);
    if (!root.IsMap()) return at(root, "expected `name: value` lines");
    CAIRN_TRY_VOID(read_map(root, ""));
    return std::move(settings_);
  }

 private:
  Error at(const YAML::Node& node, const std::string& what) const {
    return invalid(file_ + ":" + std::to_string(node.Mark().line + 1) + ": " + what);
  }

  Result<void> read_map(const YAML::Node& map, const std::string& section) {
    std::set<std::string> seen;
    for (const auto& entry : map) {
      const YAML::Node& key = entry.first;
      if (!key.IsScalar()) return at(key, "a name must be plain text");
      const std::string name = key.Scalar();
      const std::string path = shown_name(section.empty() ? name : section + "." + name);
      if (!seen.insert(name).second) return at(key, path + " stands twice; keep one of the lines");
      CAIRN_TRY_VOID(read_setting(key, entry.second, section, name, path));
    }
    return {};
  }

  Result<void> read_setting(const YAML::Node& key, const YAML::Node& value, const std::string& section,
                            const std::string& name, const std::string& path) {
    FileSetting setting;
    setting.section = section;
    setting.name = name;
    setting.line = static_cast<std::uint32_t>(key.Mark().line + 1);
    setting.is_opaque = section == opaque_in_ && is_deep(value);
    if (value.IsMap() && !setting.is_opaque) {
      if (!section.empty()) return at(key, path + " is nested too deep; sections hold `name: value` lines only");
      setting.is_section = true;
      settings_.push_back(setting);
      return read_map(value, name);
    }
    if (value.IsScalar()) {
      setting.values.push_back(value.Scalar());
    } else if (value.IsSequence() && !setting.is_opaque) {
      setting.is_list = true;
      for (const YAML::Node& item : value) {
        if (!item.IsScalar()) return at(item, path + " must be a list of plain values");
        setting.values.push_back(item.Scalar());
      }
    }
    settings_.push_back(std::move(setting));
    return {};
  }

  static bool is_deep(const YAML::Node& value) {
    if (!value.IsSequence()) return value.IsMap();
    return std::any_of(value.begin(), value.end(), [](const YAML::Node& item) { return !item.IsScalar(); });
  }

  const std::string& file_;
  const std::optional<std::string_view> opaque_in_;
  std::vector<FileSetting> settings_;
};

}  // namespace

Result<std::vector<FileSetting>> read_yaml(std::string_view text, const std::string& file,
                                           std::optional<std::string_view> opaque_in) {
  if (text.size() > kConfigFileBytesMax) {
    return invalid(file + ": larger than " + std::to_string(kConfigFileBytesMax) + " bytes; is this a configuration?");
  }
  if (const auto zero = text.find('\0'); zero != std::string_view::npos) {
    const auto line = std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(zero), '\n') + 1;
    return invalid(file + ":" + std::to_string(line) + ": a NUL byte; a configuration is text");
  }
  try {
    const std::vector<YAML::Node> documents = YAML::LoadAll(std::string(text));
    if (documents.size() > 1) {
      return invalid(file + ":" + std::to_string(documents[1].Mark().line + 1) +
                     ": a second document begins; keep one in a file");
    }
    return Reader(file, opaque_in).read(documents.empty() ? YAML::Node() : documents[0]);
  } catch (const YAML::Exception& error) {
    return invalid(file + ":" + std::to_string(error.mark.line + 1) + ": not valid YAML: " + error.msg);
  } catch (const std::exception& error) {
    return invalid(file + ": not valid YAML: " + error.what());
  }
}

std::string shown_name(std::string_view name) {
  constexpr std::string_view kBytes = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.*-";
  const auto end = name.find_first_not_of(kBytes);
  return std::string(name.substr(0, end)) + (end == std::string_view::npos ? "" : "...");
}

}  // namespace cairn

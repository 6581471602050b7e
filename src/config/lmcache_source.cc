#include "config/lmcache_source.h"

#include <algorithm>

#include "config/lmcache_options.h"
#include "config/nearest.h"

namespace cairn {
namespace {

constexpr std::string_view kMapVariable = "LMCACHE_EXTRA_CONFIG", kFileVariable = "LMCACHE_CONFIG_FILE";

std::string at(const std::string& file, const FileSetting& setting) {
  return file + ":" + std::to_string(setting.line);
}

bool is_cairns(const OptionSet& options, const std::string& name) {
  return options.has_section(name) || options.is_foreign(name) ||
         std::ranges::any_of(options.options(), [&](const Option& option) { return option.name == name; });
}

// "LMCACHE_CHUNK_SIZE" -> "chunk_size"; what has no such name in a file keeps its own.
std::string option_of(const std::string& variable) {
  if (find_lmcache_option(variable) != nullptr || variable != upper(variable)) return variable;
  return lower(without_prefix(variable));
}

// LMCache takes quotes off a variable.
std::string unquoted(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  const bool quoted = text.size() >= 2 && text.front() == text.back() && (text[0] == '"' || text[0] == '\'');
  return std::string(quoted ? text.substr(1, text.size() - 2) : text);
}

// A slip of a key or two. Further off it is somebody else's: LMCACHE_ENABLED, LMCACHE_HOST.
Result<void> refuse_near_miss(const std::string& variable) {
  const std::string_view name = without_prefix(variable);
  std::vector<std::string> valid = lmcache_names_like(variable);
  for (const std::string& known : lmcache_names_like("chunk_size")) valid.push_back(upper(known));
  const std::string nearest = nearest_name(name, valid);
  if (nearest.empty() || edit_distance(name, nearest) > std::min<std::size_t>(2, name.size() / 4)) return {};
  return invalid(shown_name(variable) + ": LMCache has no such variable; did you mean \"" +
                 std::string(kLmcacheVariable) + nearest + "\"?");
}

// JSON is YAML.
Result<void> read_extra(const std::string& text, std::vector<LmcacheValue>& values) {
  if (text.empty()) return {};
  const std::string variable(kMapVariable);
  CAIRN_TRY(const std::vector<FileSetting> settings, read_yaml(text, variable, ""));
  values.push_back({std::string(kLmcacheMap), {}, false, variable});  // also an empty map is one
  for (const FileSetting& setting : settings) {
    values.push_back({std::string(kLmcacheExtra) + setting.name, setting.values, setting.is_list,
                      variable + " " + shown_name(setting.name), setting.is_opaque});
  }
  return {};
}

}  // namespace

Result<Dialect> dialect_of(std::span<const FileSetting> settings, const std::string& file, const OptionSet& options) {
  const FileSetting *cairns = nullptr, *lmcaches = nullptr;
  for (const FileSetting& setting : settings) {
    if (!setting.section.empty()) continue;
    const bool ours = is_cairns(options, setting.name);
    const bool theirs = find_lmcache_option(setting.name) != nullptr && !setting.name.starts_with(kLmcacheVariable);
    if (ours && !theirs && cairns == nullptr) cairns = &setting;
    if (theirs && !ours && lmcaches == nullptr) lmcaches = &setting;
  }
  if (cairns != nullptr && lmcaches != nullptr) {
    return invalid(at(file, *lmcaches) + ": " + shown_name(lmcaches->name) + " is LMCache's, " + cairns->name +
                   " (line " + std::to_string(cairns->line) +
                   ") is Cairn's: keep to one; `cairn config convert` turns a file of LMCache's into one of Cairn's");
  }
  return lmcaches != nullptr ? Dialect::kLmcache : cairns != nullptr ? Dialect::kCairn : Dialect::kOpen;
}

Result<std::vector<LmcacheValue>> lmcache_values(std::span<const FileSetting> settings, const std::string& file) {
  std::vector<LmcacheValue> values;
  for (const FileSetting& setting : settings) {
    const bool is_top = setting.section.empty();
    if (is_top ? setting.is_section && setting.name == kLmcacheMap : setting.section != kLmcacheMap) continue;
    if (is_top && setting.name == kLmcacheMap && !setting.values.empty())
      return invalid(at(file, setting) + ": extra_config is a map; put `name: value` lines below it");
    const std::string name = is_top ? setting.name : setting.section + "." + setting.name;
    if (name.starts_with(kLmcacheVariable))
      return invalid(at(file, setting) + ": " + shown_name(name) + " is the name of a variable");
    values.push_back({name, setting.values, setting.is_list, at(file, setting) + " " + shown_name(name),
                      setting.is_section || setting.is_opaque});
  }
  return values;
}

Result<std::vector<LmcacheValue>> lmcache_values(std::span<const std::pair<std::string, std::string>> variables) {
  std::vector<LmcacheValue> values;
  for (const auto& [variable, text] : variables) {
    if (!variable.starts_with(kLmcacheVariable) || variable == kFileVariable) continue;
    if (find_lmcache_option(option_of(variable)) == nullptr) {
      if (names_service(variable)) continue;
      CAIRN_TRY_VOID(refuse_near_miss(variable));
      values.push_back({variable, {}, false, shown_name(variable)});
    } else if (variable == kMapVariable) {
      CAIRN_TRY_VOID(read_extra(unquoted(text), values));
    } else {
      values.push_back({option_of(variable), {unquoted(text)}, false, variable});
    }
  }
  return values;
}

std::vector<LmcacheValue> overlaid(std::vector<LmcacheValue> values, std::vector<LmcacheValue> over) {
  const auto is_extra = [](const LmcacheValue& value) { return value.name.starts_with(kLmcacheExtra); };
  const bool replaces_extra = std::ranges::find(over, kLmcacheMap, &LmcacheValue::name) != over.end();
  std::erase_if(values, [&](const LmcacheValue& value) {
    if (replaces_extra && is_extra(value)) return true;
    return std::ranges::any_of(over, [&](const LmcacheValue& other) { return other.name == value.name; });
  });
  std::ranges::move(over, std::back_inserter(values));
  return values;
}

}  // namespace cairn

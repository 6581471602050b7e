#include "config/option_set.h"

#include <algorithm>
#include <array>

#include "base/check.h"

namespace cairn {
namespace {

std::string dashed(std::string_view text) {
  std::string flag(text);
  std::replace(flag.begin(), flag.end(), '_', '-');
  return flag;
}

std::vector<std::string_view> words_of(std::string_view name) {
  std::vector<std::string_view> words;
  while (true) {
    const auto bar = name.find('_');
    words.push_back(name.substr(0, bar));
    if (bar == std::string_view::npos) return words;
    name.remove_prefix(bar + 1);
  }
}

std::string singular(std::string_view name) {
  return std::string(name.ends_with('s') ? name.substr(0, name.size() - 1) : name);
}

}  // namespace

std::string to_string(const Origin& origin) { return origin.kind == Origin::Kind::kDefault ? "default" : origin.where; }

bool names_secret(std::string_view field) {
  const auto words = words_of(field);
  const std::string_view last = words.back();
  if (last == "file" || last == "path" || last == "id" || last == "max") return false;
  static constexpr std::array<std::string_view, 5> kSecretWords = {"secret", "password", "passphrase", "credential",
                                                                   "credentials"};
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (std::find(kSecretWords.begin(), kSecretWords.end(), words[i]) != kSecretWords.end()) return true;
    const bool key = words[i] == "key" || words[i] == "keys";
    if (key && i > 0 &&
        (words[i - 1] == "api" || words[i - 1] == "access" || words[i - 1] == "private" || words[i - 1] == "master"))
      return true;
  }
  return last == "token";
}

void OptionSet::append(Option option) {
  CAIRN_CHECK(find(option.section, option.name) == nullptr, "one option name a section");
  option.secret = names_secret(option.name);
  option.default_text = list_text(option.get());
  option.group = groups_.size() - 1;
  options_.push_back(std::move(option));
}

void OptionSet::drop(std::string_view section, std::string_view name) {
  const auto dropped = std::erase_if(options_, [&](const Option& o) { return o.section == section && o.name == name; });
  CAIRN_CHECK(dropped == 1, "only what was bound is dropped");
}

Option* OptionSet::find(std::string_view section, std::string_view name) {
  const auto found = std::find_if(options_.begin(), options_.end(),
                                  [&](const Option& o) { return o.section == section && o.name == name; });
  return found == options_.end() ? nullptr : &*found;
}

bool OptionSet::is_unique(const Option& option) const {
  if (option.section.empty()) return true;
  return std::count_if(options_.begin(), options_.end(), [&](const Option& o) { return o.name == option.name; }) == 1;
}

Option* OptionSet::find_flag(std::string_view flag) {
  for (Option& option : options_) {
    for (const std::string& name :
         {option.name, option.kind == OptionKind::kList ? singular(option.name) : option.name}) {
      if (is_unique(option) && dashed(name) == flag) return &option;
      if (!option.section.empty() && dashed(option.section + "_" + name) == flag) return &option;
    }
  }
  return nullptr;
}

Option* OptionSet::find_variable(std::string_view variable) {
  for (Option& option : options_) {
    if (is_unique(option) && "CAIRN_" + upper(option.name) == variable) return &option;
    if (!option.section.empty() && "CAIRN_" + upper(option.section + "_" + option.name) == variable) return &option;
  }
  return nullptr;
}

std::string OptionSet::flag_of(const Option& option) const {
  const std::string name = option.kind == OptionKind::kList ? singular(option.name) : option.name;
  return dashed(is_unique(option) ? name : option.section + "_" + name);
}

std::string OptionSet::variable_of(const Option& option) const {
  return "CAIRN_" + upper(is_unique(option) ? option.name : option.section + "_" + option.name);
}

bool OptionSet::is_foreign(std::string_view section) const {
  return std::find(foreign_.begin(), foreign_.end(), section) != foreign_.end();
}

bool OptionSet::has_section(std::string_view section) const {
  return std::any_of(groups_.begin(), groups_.end(), [&](const Group& g) { return g.section == section; });
}

std::vector<std::string> OptionSet::section_names() const {
  std::vector<std::string> names = foreign_;
  for (const Group& group : groups_) {
    if (!group.section.empty()) names.push_back(group.section);
  }
  return names;
}

std::vector<std::string> OptionSet::names_in(std::string_view section) const {
  std::vector<std::string> names;
  for (const Option& option : options_) {
    if (option.section == section) names.push_back(option.name);
  }
  return names;
}

std::vector<std::string> OptionSet::flag_names() const {
  std::vector<std::string> names = {"--config", "--help"};
  for (const Option& option : options_) names.push_back("--" + flag_of(option));
  return names;
}

Result<void> OptionSet::validate() const {
  for (const Group& group : groups_) {
    const Result<void> valid = group.validate();
    if (valid) continue;
    const std::string& detail = valid.error().detail;
    const std::string field = detail.substr(0, detail.find_first_of(" :="));
    std::string where;
    for (const Option& option : options_) {
      if (option.section != group.section || option.name != field) continue;
      if (option.origin.kind != Origin::Kind::kDefault) where = option.origin.where + ": ";
    }
    return Error{valid.error().code, where + (group.section.empty() ? "" : group.section + ".") + detail};
  }
  return {};
}

}  // namespace cairn

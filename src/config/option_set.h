// Every setting of a program: the fields of the configuration structs it binds, each with its text form, default and
// origin. A struct takes part by `template <class V> static void describe(V& v)` with one
// `v.field("name", &Struct::name, "help")` a field and `Result<void> validate() const`. One thread, at start.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/value.h"

namespace cairn {

struct Origin {
  enum class Kind : std::uint8_t { kDefault, kFile, kVariable, kFlag } kind = Kind::kDefault;
  std::string where;  // "cairn.yaml:12", "CAIRN_RAM_BYTES", "--ram-bytes"; empty for a default
};
std::string to_string(const Origin& origin);

// Whether a verb has settings that a file may hold (--config, CAIRN_CONFIG), or takes flags and variables only.
enum class ConfigFile : std::uint8_t { kRead, kNone };

struct Option {
  std::string section, name, help;  // section "": the top level of the file
  OptionKind kind = OptionKind::kText;
  std::vector<std::string> choices;  // kChoice only
  bool secret = false;               // never shown
  std::string default_text;
  Origin origin;
  std::size_t group = 0;                                             // of the set's groups()
  std::function<Result<void>(const std::vector<std::string>&)> set;  // one text; kList: any number
  std::function<std::vector<std::string>()> get;                     // the same form; none: unset

  std::string path() const { return section.empty() ? name : section + "." + name; }
};

// Words that hold secrets: api_keys, secret_access_key, auth_token; not chunk_tokens, not key_file.
bool names_secret(std::string_view field);

class OptionSet {
 public:
  // Binds `object`, which outlives the set. `title` heads its group in the help.
  template <class T>
  void add(std::string section, std::string title, T& object) {
    groups_.push_back({section, std::move(title), [&object] { return object.validate(); }});
    Binder<T> binder{*this, section, object};
    T::describe(binder);
  }
  // A section of the file that belongs to another verb: accepted unread.
  void add_foreign_section(std::string section) { foreign_.push_back(std::move(section)); }

  // LMCache's configuration is a second dialect of these settings (see lmcache.h).
  void accept_lmcache() { accepts_lmcache_ = true; }
  bool accepts_lmcache() const { return accepts_lmcache_; }

  // Takes back a bound field that this program fills itself.
  void drop(std::string_view section, std::string_view name);

  const std::vector<Option>& options() const { return options_; }
  Option* find(std::string_view section, std::string_view name);
  // By flag without dashes: "ram-bytes", "cache-load-stall-ms"; a list's flag also in the singular. Null: none.
  Option* find_flag(std::string_view flag);
  Option* find_variable(std::string_view variable);  // "CAIRN_RAM_BYTES"
  std::string flag_of(const Option& option) const;   // the shortest: "ram-bytes"
  std::string variable_of(const Option& option) const;
  bool is_foreign(std::string_view section) const;
  bool has_section(std::string_view section) const;
  std::vector<std::string> section_names() const;
  std::vector<std::string> names_in(std::string_view section) const;
  std::vector<std::string> flag_names() const;  // with their dashes

  struct Group {
    std::string section, title;
    std::function<Result<void>()> validate;
  };
  const std::vector<Group>& groups() const { return groups_; }
  // validate() of each struct; a message that begins with a field's name gains where that field was set.
  Result<void> validate() const;

 private:
  template <class T>
  struct Binder {
    OptionSet& set;
    const std::string& section;
    T& object;
    template <class M>
    void field(std::string_view name, M T::* member, std::string_view help);
  };
  bool is_unique(const Option& option) const;
  void append(Option option);

  std::vector<Option> options_;
  std::vector<Group> groups_;
  std::vector<std::string> foreign_;
  bool accepts_lmcache_ = false;
};

template <class T>
template <class M>
void OptionSet::Binder<T>::field(std::string_view name, M T::* member, std::string_view help) {
  M& value = object.*member;
  Option option;
  option.section = section;
  option.name = name;
  option.help = help;
  const OptionKind kind = option.kind = kind_of<M>(name);
  if constexpr (std::is_enum_v<M>) option.choices = choices_of<M>();
  if constexpr (std::same_as<M, std::vector<std::string>>) {
    option.set = [&value](const std::vector<std::string>& texts) {
      value = texts;
      return Result<void>();
    };
    option.get = [&value] { return value; };
  } else {
    option.set = [&value, kind](const std::vector<std::string>& texts) -> Result<void> {
      if constexpr (IsOptional<M>::value) {
        CAIRN_TRY(value, parse_value<typename M::value_type>(texts.at(0), kind));
      } else {
        CAIRN_TRY(value, parse_value<M>(texts.at(0), kind));
      }
      return {};
    };
    option.get = [&value, kind] {
      if constexpr (IsOptional<M>::value) {
        if (!value) return std::vector<std::string>();
      }
      return std::vector<std::string>{value_text(value, kind)};
    };
  }
  set.append(std::move(option));
}

}  // namespace cairn

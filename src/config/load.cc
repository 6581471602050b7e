#include "config/load.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>

#include "config/lmcache.h"
#include "config/nearest.h"
#include "config/yaml_file.h"

namespace cairn {
namespace {

constexpr std::string_view kVariablePrefix = "CAIRN_";
constexpr std::string_view kConfigVariable = "CAIRN_CONFIG", kLmcacheConfigVariable = "LMCACHE_CONFIG_FILE";
constexpr std::size_t kArgumentsMax = 4096;

Result<void> assign(Option& option, const std::vector<std::string>& values, Origin origin) {
  if (option.kind != OptionKind::kList && values.size() != 1) {
    return invalid(origin.where + ": " + option.path() + " takes one value, not a list");
  }
  const Result<void> set = option.set(values);
  if (!set) return Error{set.error().code, origin.where + ": " + option.path() + ": " + set.error().detail};
  option.origin = std::move(origin);
  return {};
}

// Flags as given, before their values are parsed: the file comes first.
struct Given {
  Option* option = nullptr;
  std::string flag;
  std::vector<std::string> values;
};

struct Arguments {
  std::vector<Given> given;
  std::vector<std::string> positional;
  std::string config_file;
  bool help = false;
};

class ArgumentReader {
 public:
  ArgumentReader(OptionSet& options, const LoadInput& input)
      : options_(options), arguments_(input.arguments), file_(input.file) {}

  Result<Arguments> read() {
    if (arguments_.size() > kArgumentsMax) return invalid("more than 4096 arguments");
    while (at_ < arguments_.size()) {
      const std::string& argument = arguments_[at_++];
      if (argument == "--") {
        out_.positional.insert(out_.positional.end(), arguments_.begin() + static_cast<std::ptrdiff_t>(at_),
                               arguments_.end());
        break;
      }
      if (argument == "-h" || argument == "--help") {
        out_.help = true;
      } else if (argument.starts_with("--")) {
        CAIRN_TRY_VOID(read_flag(argument.substr(2)));
      } else if (argument.size() > 1 && argument[0] == '-') {
        return invalid(argument + ": flags are written with two dashes; see --help");
      } else {
        out_.positional.push_back(argument);
      }
    }
    return std::move(out_);
  }

 private:
  Result<void> read_flag(const std::string& text) {
    const auto equals = text.find('=');
    std::string name = text.substr(0, equals);
    std::replace(name.begin(), name.end(), '_', '-');
    const std::string shown = "--" + name;
    if (name == "config" && file_ == ConfigFile::kRead) {
      if (!out_.config_file.empty()) return invalid("--config is given twice");
      CAIRN_TRY(out_.config_file, value_of(shown, text, equals));
      if (out_.config_file.empty()) return invalid("--config is empty; it names a file, such as --config cairn.yaml");
      return {};
    }
    Option* option = options_.find_flag(name);
    if (option == nullptr && name.starts_with("no-")) {
      Option* positive = options_.find_flag(name.substr(3));
      if (positive != nullptr && positive->kind == OptionKind::kSwitch && equals == std::string::npos) {
        return add(*positive, shown, "false");
      }
    }
    if (option == nullptr) return invalid(shown + ": no such flag" + did_you_mean(shown, options_.flag_names()));
    if (option->kind == OptionKind::kSwitch && equals == std::string::npos) return add(*option, shown, "true");
    CAIRN_TRY(std::string value, value_of(shown, text, equals));
    return add(*option, shown, std::move(value));
  }

  Result<std::string> value_of(const std::string& shown, const std::string& text, std::size_t equals) {
    if (equals != std::string::npos) return text.substr(equals + 1);
    if (at_ >= arguments_.size() || arguments_[at_].starts_with("--")) return invalid(shown + " needs a value");
    return arguments_[at_++];
  }

  Result<void> add(Option& option, const std::string& flag, std::string value) {
    for (Given& given : out_.given) {
      if (given.option != &option) continue;
      if (option.kind != OptionKind::kList) return invalid(flag + " is given twice");
      given.values.push_back(std::move(value));
      return {};
    }
    out_.given.push_back({&option, flag, {std::move(value)}});
    return {};
  }

  OptionSet& options_;
  const std::vector<std::string>& arguments_;
  ConfigFile file_;
  std::size_t at_ = 0;
  Arguments out_;
};

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  int number() const { return number_; }

 private:
  int number_;
};

Result<void> apply_setting(OptionSet& options, const FileSetting& setting, const std::string& where) {
  if (setting.is_section) {
    if (options.has_section(setting.name)) return {};
    if (options.find("", setting.name) != nullptr)
      return invalid(where + ": " + setting.name + " is a value, not a section");
    return invalid(where + ": no such section \"" + shown_name(setting.name) + "\"" +
                   did_you_mean(setting.name, options.section_names()));
  }
  const std::string path = shown_name(setting.section.empty() ? setting.name : setting.section + "." + setting.name);
  if (setting.values.empty() && !setting.is_list)
    return invalid(where + ": " + path + " has no value; leave the line out to keep the default");
  Option* option = options.find(setting.section, setting.name);
  if (option != nullptr) {
    if (setting.is_list && option->kind != OptionKind::kList)
      return invalid(where + ": " + option->path() + " takes one value, not a list");
    return assign(*option, setting.values, {Origin::Kind::kFile, where});
  }
  if (setting.section.empty() && options.has_section(setting.name)) {
    return invalid(where + ": " + setting.name + " is a section; put `name: value` lines below it");
  }
  std::string hint = did_you_mean(setting.name, options.names_in(setting.section));
  if (hint.empty()) {  // the right name under the wrong section
    for (const Option& other : options.options()) {
      if (other.name == setting.name) hint = "; did you mean \"" + other.path() + "\"?";
    }
  }
  return invalid(where + ": no such setting \"" + path + "\"" + hint);
}

Result<void> apply_settings(OptionSet& options, const std::vector<FileSetting>& settings, const std::string& path) {
  for (const FileSetting& setting : settings) {
    const std::string& section = setting.is_section ? setting.name : setting.section;
    if (!section.empty() && options.is_foreign(section)) continue;
    CAIRN_TRY_VOID(apply_setting(options, setting, path + ":" + std::to_string(setting.line)));
  }
  return {};
}

struct NamedFile {
  std::string path;  // empty: none
  Dialect dialect = Dialect::kOpen;
};

Result<NamedFile> named_file(const OptionSet& options, const std::string& flag, const Variables& variables) {
  const std::string ours = flag.empty() ? variable_or(variables, kConfigVariable, "") : flag;
  if (!options.accepts_lmcache()) return NamedFile{ours, Dialect::kCairn};
  const std::string lmcaches = variable_or(variables, kLmcacheConfigVariable, "");
  if (lmcaches.empty()) return NamedFile{ours};
  if (ours.empty()) return NamedFile{lmcaches, Dialect::kLmcache};
  return invalid(std::string(kLmcacheConfigVariable) + " and " +
                 (flag.empty() ? std::string(kConfigVariable) : "--config") + " name a file each, " + lmcaches +
                 " and " + ours + ": keep one; `cairn config convert` turns LMCache's into a cairn.yaml");
}

// The file, then LMCACHE_* variables: an LMCache file and they are one configuration.
Result<void> apply_file(OptionSet& options, const NamedFile& file, const Variables& variables, Loaded& loaded) {
  std::vector<LmcacheValue> values;
  if (!file.path.empty()) {
    CAIRN_TRY(const std::string text, read_config_file(file.path));
    CAIRN_TRY(const std::vector<FileSetting> settings, read_yaml(text, file.path, kLmcacheMap));
    Dialect dialect = file.dialect;
    if (dialect == Dialect::kOpen) {
      CAIRN_TRY(dialect, dialect_of(settings, file.path, options));
    }
    if (dialect == Dialect::kLmcache) {
      CAIRN_TRY(values, lmcache_values(settings, file.path));
    } else {
      CAIRN_TRY_VOID(apply_settings(options, settings, file.path));
    }
  }
  if (!options.accepts_lmcache()) return {};
  CAIRN_TRY(std::vector<LmcacheValue> over, lmcache_values(variables));
  LmcacheTranslation translation = translate_lmcache(overlaid(std::move(values), std::move(over)));
  const std::vector<std::string> refusals = apply_lmcache(options, translation);
  if (!refusals.empty()) return invalid(refusals.front());
  loaded.notices = std::move(translation.notices);
  return {};
}

// A near miss is a mistyped setting; anything further off is somebody else's variable.
Result<void> refuse_near_miss(const OptionSet& options, const std::string& name) {
  if (names_service(name)) return {};
  std::vector<std::string> valid;
  for (const Option& option : options.options())
    valid.push_back(options.variable_of(option).substr(kVariablePrefix.size()));
  const std::string nearest = nearest_name(name.substr(kVariablePrefix.size()), valid);
  if (nearest.empty()) return {};
  return invalid(name + ": no such variable; did you mean \"" + std::string(kVariablePrefix) + nearest + "\"?");
}

Result<void> apply_variables(OptionSet& options, const LoadInput& input) {
  std::set<const Option*> seen;
  for (const auto& [name, value] : input.variables) {
    if (!name.starts_with(kVariablePrefix) || name == kConfigVariable) continue;
    Option* option = options.find_variable(name);
    if (option == nullptr) {
      const auto& others = input.foreign_variables;
      if (std::find(others.begin(), others.end(), name) == others.end())
        CAIRN_TRY_VOID(refuse_near_miss(options, name));
      continue;
    }
    if (!seen.insert(option).second) return invalid(name + ": " + option->path() + " is set by two variables");
    const auto values = option->kind == OptionKind::kList ? split_list(value) : std::vector<std::string>{value};
    CAIRN_TRY_VOID(assign(*option, values, {Origin::Kind::kVariable, name}));
  }
  return {};
}

}  // namespace

// O_NONBLOCK: a FIFO must not wait for its writer.
Result<std::string> read_config_file(const std::string& path) {
  const auto failed = [&path] { return invalid(path + ": cannot read the configuration: " + std::strerror(errno)); };
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status{};
  if (file.number() < 0 || ::fstat(file.number(), &status) != 0) return failed();
  if (!S_ISREG(status.st_mode)) return invalid(path + ": the configuration is not a regular file");
  std::string text(kConfigFileBytesMax + 1, '\0');
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t got = ::read(file.number(), text.data() + done, text.size() - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed();
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  text.resize(done);
  return text;
}

Variables environment() {
  Variables variables;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const auto equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    variables.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  return variables;
}

std::string variable_or(const Variables& variables, std::string_view name, std::string_view fallback) {
  for (const auto& [known, value] : variables) {
    if (known == name) return value;
  }
  return std::string(fallback);
}

std::vector<std::string> apply_lmcache(OptionSet& options, const LmcacheTranslation& translation) {
  std::vector<std::string> refusals = translation.refusals;
  for (const LmcacheSetting& setting : translation.settings) {
    Option* option = options.find(setting.section, setting.name);
    if (option == nullptr) {
      refusals.push_back(setting.where + ": there is no setting " + setting.name + " that it could become");
      continue;
    }
    const Result<void> assigned = assign(*option, setting.values, {Origin::Kind::kFile, setting.where});
    if (!assigned) refusals.push_back(assigned.error().detail);
  }
  return refusals;
}

Result<Loaded> load_options(OptionSet& options, const LoadInput& input) {
  CAIRN_TRY(Arguments arguments, ArgumentReader(options, input).read());
  Loaded loaded;
  loaded.help = arguments.help;
  loaded.positional = std::move(arguments.positional);
  loaded.config_file = arguments.config_file;
  if (loaded.help) return loaded;
  if (input.file == ConfigFile::kRead) {
    CAIRN_TRY(const NamedFile file, named_file(options, loaded.config_file, input.variables));
    loaded.config_file = file.path;
    CAIRN_TRY_VOID(apply_file(options, file, input.variables, loaded));
  }
  CAIRN_TRY_VOID(apply_variables(options, input));
  for (Given& given : arguments.given) {
    CAIRN_TRY_VOID(assign(*given.option, given.values, {Origin::Kind::kFlag, given.flag}));
  }
  CAIRN_TRY_VOID(options.validate());
  return loaded;
}

}  // namespace cairn

#include "config/show.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace cairn {
namespace {

constexpr std::string_view kRedacted = "[redacted]";
constexpr std::size_t kHelpColumn = 40, kHelpWidth = 110, kPathColumn = 36, kShowColumn = 64;

std::vector<std::string> shown_values(const Option& option) {
  std::vector<std::string> values = option.get();
  for (std::string& value : values)
    value = option.secret && !value.empty() ? std::string(kRedacted) : redact_url(value);
  return values;
}

std::string yaml_scalar(const Option& option, const std::string& text) {
  const bool textual = option.kind == OptionKind::kText || option.kind == OptionKind::kList;
  return textual ? yaml_quoted(text) : text;
}

std::string yaml_value(const Option& option) {
  const auto values = shown_values(option);
  if (option.kind != OptionKind::kList) return values.empty() ? "" : yaml_scalar(option, values[0]);
  std::string list = "[";
  for (const std::string& value : values) list += (list.size() > 1 ? ", " : "") + yaml_scalar(option, value);
  return list + "]";
}

nlohmann::ordered_json json_value(const Option& option) {
  const auto values = shown_values(option);
  if (option.kind == OptionKind::kList) return values;
  if (values.empty()) return nullptr;
  if (option.secret) return values[0];
  switch (option.kind) {
    case OptionKind::kSwitch:
      return values[0] == "true";
    case OptionKind::kBytes:
      if (const auto bytes = parse_unsigned(values[0], option.kind, ~std::uint64_t{0})) return *bytes;
      break;
    case OptionKind::kWhole:
      if (const auto number = parse_unsigned(values[0], option.kind, ~std::uint64_t{0})) return *number;
      if (const auto number = parse_signed(values[0], INT64_MIN, INT64_MAX)) return *number;
      break;
    case OptionKind::kReal:
      if (const auto number = parse_real(values[0])) return *number;
      break;
    case OptionKind::kText:
    case OptionKind::kChoice:
    case OptionKind::kList:
      break;
  }
  return values[0];
}

std::string placeholder(const Option& option) {
  switch (option.kind) {
    case OptionKind::kSwitch:
      return "";
    case OptionKind::kWhole:
      return " N";
    case OptionKind::kBytes:
      return " SIZE";
    case OptionKind::kReal:
      return " NUMBER";
    case OptionKind::kText:
      return " TEXT";
    case OptionKind::kList:
      return " TEXT";
    case OptionKind::kChoice:
      break;
  }
  std::string choices = " ";
  for (const std::string& choice : option.choices) choices += (choices.size() > 1 ? "|" : "") + choice;
  return choices;
}

// Appends `words` behind `line`, broken at kHelpWidth and indented to kHelpColumn.
void append_wrapped(std::string& out, std::string line, const std::string& words) {
  if (line.size() + 2 > kHelpColumn) {
    out += line + "\n";
    line.clear();
  }
  line.resize(kHelpColumn, ' ');
  std::size_t at = 0;
  while (at < words.size()) {
    const auto end = std::min(words.find(' ', at), words.size());
    if (line.size() > kHelpColumn && line.size() + (end - at) > kHelpWidth) {
      out += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
      line.assign(kHelpColumn, ' ');
    }
    line += words.substr(at, end - at) + " ";
    at = end + 1;
  }
  out += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
}

// Each line of `text` broken at spaces to kHelpWidth.
std::string wrapped(const std::string& text) {
  std::string out;
  std::size_t column = 0;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find_first_of(" \n", at), text.size());
    if (column != 0 && column + 1 + (end - at) > kHelpWidth && end > at) {
      out.back() = '\n';  // the space before the word
      column = 0;
    }
    out += text.substr(at, end - at + 1);
    column = end < text.size() && text[end] == '\n' ? 0 : column + (end - at) + 1;
    at = end + 1;
  }
  return out;
}

std::string help_tail(const OptionSet& options, const HelpHead& head) {
  if (options.options().empty()) return "";
  const bool file = head.file == ConfigFile::kRead;
  const Option& sample = options.options().front();
  std::string out = "\nA later source wins: defaults, " + std::string(file ? "file, " : "") + "variables, flags.";
  const auto is_switch = [](const Option& option) { return option.kind == OptionKind::kSwitch; };
  if (std::ranges::any_of(options.options(), is_switch)) out += " A switch is turned off by --no-NAME.";
  out += "\nEach flag is also a " + std::string(file ? "setting of the file and a " : "") + "variable: --" +
         options.flag_of(sample) + " is " + (file ? "`" + sample.path() + "` and " : "") + options.variable_of(sample) +
         ".";
  for (const Option& option : options.options()) {
    if (option.kind != OptionKind::kList) continue;
    const std::string flag = "--" + options.flag_of(option);
    return out + "\nA flag that may repeat is a list elsewhere: " + flag + " A " + flag + " B is " +
           (file ? option.path() + ": [A, B] and " : "") + options.variable_of(option) + "=A,B.\n";
  }
  return out + "\n";
}

}  // namespace

std::string yaml_quoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    static constexpr char kHex[] = "0123456789abcdef";
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (byte < 0x20) {
      quoted += "\\x";
      quoted += kHex[byte >> 4];
      quoted += kHex[byte & 15];
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

std::string redact_url(const std::string& text) {
  const auto scheme = text.find("://");
  if (scheme == std::string::npos) return text;
  const auto host = scheme + 3;
  const auto host_end = std::min(text.find_first_of("/?#", host), text.size());
  std::string url = text.substr(0, host);
  const auto at = text.rfind('@', host_end);
  const bool has_user = at != std::string::npos && at >= host && at < host_end;
  if (has_user) url += kRedacted;
  const auto rest = has_user ? at : host;
  const auto query = std::min(text.find('?', rest), text.size());
  url += text.substr(rest, query - rest);
  for (auto begin = query; begin < text.size();) {  // each part with its leading ? or &
    const auto end = std::min(text.find('&', begin + 1), text.size());
    const std::string part = text.substr(begin, end - begin);
    const auto equals = part.find('=');
    const bool secret = equals != std::string::npos && names_secret(part.substr(1, equals - 1));
    url += secret ? part.substr(0, equals + 1) + std::string(kRedacted) : part;
    begin = end;
  }
  return url;
}

std::string show_text(const OptionSet& options) {
  std::string out;
  for (const Option& option : options.options()) {
    const std::string value = yaml_value(option);
    std::string line = option.path();
    line.resize(std::max(line.size() + 2, kPathColumn), ' ');
    line += value.empty() ? "unset" : value;
    line.resize(std::max(line.size() + 2, kShowColumn), ' ');
    out += line + to_string(option.origin) + "\n";
  }
  return out;
}

std::string show_yaml(const OptionSet& options) {
  std::string out;
  for (std::size_t g = 0; g < options.groups().size(); ++g) {
    const OptionSet::Group& group = options.groups()[g];
    std::string lines;
    bool any = false;
    for (const Option& option : options.options()) {
      if (option.group != g) continue;
      const std::string value = yaml_value(option);
      const bool comment = value.empty() || option.get() != shown_values(option);
      any = any || !comment;
      std::string line = group.section.empty() ? "" : "  ";
      line += (comment ? "# " : "") + option.name + ": " + (value.empty() ? "unset" : value);
      if (line.size() < kShowColumn) line.resize(kShowColumn, ' ');
      lines += line + " # " + to_string(option.origin) + "\n";
    }
    if (!group.section.empty() && !lines.empty()) out += (any ? "" : "# ") + group.section + ":\n";
    out += lines;
  }
  return out;
}

std::string show_json(const OptionSet& options) {
  nlohmann::ordered_json root = nlohmann::ordered_json::object();
  for (const Option& option : options.options()) {
    auto& parent = option.section.empty() ? root : root[option.section];
    parent[option.name] = {{"value", json_value(option)}, {"origin", to_string(option.origin)}};
  }
  return root.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

std::string help_text(const OptionSet& options, const HelpHead& head) {
  std::string out = "usage: " + head.usage + "\n";
  if (!head.summary.empty()) out += "\n" + wrapped(head.summary) + "\n";
  if (!head.example.empty()) out += "\nExample: " + head.example + "\n";
  for (std::size_t g = 0; g < options.groups().size(); ++g) {
    const OptionSet::Group& group = options.groups()[g];
    std::string lines;
    for (const Option& option : options.options()) {
      if (option.group != g) continue;
      const bool list = option.kind == OptionKind::kList;
      std::string words = option.help + (list ? "; may repeat" : "");
      if (!option.secret && !option.default_text.empty()) words += " [" + option.default_text + "]";
      append_wrapped(lines, "  --" + options.flag_of(option) + placeholder(option), words);
    }
    if (lines.empty()) continue;
    const bool section = !group.section.empty() && head.file == ConfigFile::kRead;
    out += "\n" + group.title + (section ? " (section `" + group.section + "` of the file)" : "") + "\n" + lines;
  }
  out += "\nEverywhere\n";
  if (head.file == ConfigFile::kRead)
    append_wrapped(out, "  --config FILE",
                   "YAML file with these settings" + std::string(options.accepts_lmcache() ? ", or LMCache's" : "") +
                       "; CAIRN_CONFIG names it too");
  append_wrapped(out, "  --help", "this text");
  return out + help_tail(options, head);
}

}  // namespace cairn

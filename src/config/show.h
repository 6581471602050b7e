// What people see of the settings: `cairn config show` and `--help`. Pure over an OptionSet. Secrets never appear.
#pragma once

#include <string>

#include "config/option_set.h"

namespace cairn {

// One setting a line: path, value, origin. Secrets, and passwords inside URLs, are shown as "[redacted]".
std::string show_text(const OptionSet& options);
// The same as YAML that the loader accepts, origins as comments. What is unset or redacted is a comment as well.
std::string show_yaml(const OptionSet& options);
// {"section": {"name": {"value": ..., "origin": "..."}}}; the top level's options stand beside the sections.
std::string show_json(const OptionSet& options);

struct HelpHead {
  std::string usage;    // "cairn serve MODEL_DIR [options]"
  std::string summary;  // what the verb does, one paragraph
  std::string example = {};
  ConfigFile file = ConfigFile::kNone;
};
std::string help_text(const OptionSet& options, const HelpHead& head);

std::string yaml_quoted(std::string_view text);

// "s3://id:secret@host/x" -> "s3://[redacted]@host/x"; query values of secret names likewise.
std::string redact_url(const std::string& text);

}  // namespace cairn

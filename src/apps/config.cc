// cairn config show: what `serve` would use, and where each value came from.
#include <cstdio>

#include "apps/serve_options.h"
#include "apps/verbs.h"

namespace cairn {
int run_config_show(const VerbInput& input) {
  ServeOptions serve;
  OptionSet options;
  serve.bind(options);
  bool json = false;
  VerbInput rest{{}, input.variables};
  for (const std::string& word : input.words) {
    if (word == "--json")
      json = true;
    else
      rest.words.push_back(word);
  }
  const Parsed parsed = parse(options, rest,
                              {"cairn config show [--json] [options of serve]",
                               "Prints the effective configuration of `cairn serve` with the origin of each value: "
                               "default, file and line, variable or flag. "
                               "Secrets are not shown."},
                              0);
  if (parsed.done) return parsed.status;
  std::fputs((json ? show_json(options) : show_text(options)).c_str(), stdout);
  return 0;
}

}  // namespace cairn

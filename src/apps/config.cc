// cairn config show: what `serve` would use, and where each value came from.
#include <cstdio>

#include "apps/serve_options.h"
#include "apps/verbs.h"

namespace cairn {
int run_config_show(const VerbInput& input) {
  ServeOptions serve;
  OptionSet options;
  serve.bind(options);
  using Show = std::string (*)(const OptionSet&);
  Show show = nullptr;
  VerbInput rest{{}, input.variables};
  for (const std::string& word : input.words) {
    const Show asked = word == "--json" ? show_json : word == "--yaml" ? show_yaml : nullptr;
    if (asked == nullptr) {
      rest.words.push_back(word);
    } else if (show != nullptr && show != asked) {
      return wrong_words(invalid("--json and --yaml are two forms: choose one"));
    } else {
      show = asked;
    }
  }
  const Parsed parsed =
      parse(options, rest,
            {"cairn config show [--json|--yaml] [options of serve]",
             "Prints the effective configuration of `cairn serve` with the origin of each value: default, file and "
             "line, variable or flag. What `serve` would refuse is refused here, in the same words.\n\n"
             "  --json   as JSON\n"
             "  --yaml   as a file for --config, origins as comments; what is unset or secret is a comment too",
             "cairn config show --yaml --store file:///srv/kv > cairn.yaml", ConfigFile::kRead},
            0);
  if (parsed.done) return parsed.status;
  if (const Result<void> right = serve.check(); !right) return wrong_words(right.error());
  std::fputs((show == nullptr ? show_text : show)(options).c_str(), stdout);
  return 0;
}

}  // namespace cairn

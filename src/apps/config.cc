// cairn config show: what `serve` would use, and where each value came from. cairn config convert: LMCache's
// configuration as a cairn.yaml.
#include <cstdio>

#include "apps/serve_options.h"
#include "apps/verbs.h"
#include "config/lmcache.h"

namespace cairn {
namespace {

Result<LmcacheTranslation> translate_file(const OptionSet& options, const std::string& path) {
  CAIRN_TRY(const std::string text, read_config_file(path));
  CAIRN_TRY(const std::vector<FileSetting> settings, read_yaml(text, path, kLmcacheMap));
  CAIRN_TRY(const Dialect dialect, dialect_of(settings, path, options));
  if (dialect == Dialect::kCairn) return invalid(path + ": this is a cairn.yaml already: nothing to convert");
  CAIRN_TRY(const std::vector<LmcacheValue> values, lmcache_values(settings, path));
  return translate_lmcache(values);
}

// Each line that `serve` would end with.
std::vector<std::string> refusals_of(const LmcacheTranslation& translation, const ServeOptions& serve,
                                     OptionSet& options) {
  std::vector<std::string> refusals = apply_lmcache(options, translation);
  for (const Result<void>& right : {options.validate(), serve.check()}) {
    if (!right) refusals.push_back(right.error().detail);
  }
  return refusals;
}

}  // namespace

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

int run_config_convert(const VerbInput& input) {
  OptionSet none;
  const Parsed parsed = parse(none, input,
                              {"cairn config convert FILE",
                               "Prints a configuration of LMCache's as a cairn.yaml that means the same: origins and "
                               "options without effect are comments, secrets are left out. What `cairn serve` would "
                               "refuse of it is told line by line.",
                               "cairn config convert lmcache.yaml > cairn.yaml"},
                              1);
  if (parsed.done) return parsed.status;
  ServeOptions serve;
  OptionSet options;
  serve.bind(options);
  const Result<LmcacheTranslation> translation = translate_file(options, parsed.loaded.positional[0]);
  if (!translation) return wrong_words(translation.error());
  const std::vector<std::string> refusals = refusals_of(*translation, serve, options);
  for (const std::string& refusal : refusals) say(refusal);
  if (!refusals.empty()) return 2;
  std::fputs(lmcache_as_yaml(*translation).c_str(), stdout);
  return 0;
}

}  // namespace cairn

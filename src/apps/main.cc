// cairn VERB ...: finds the verb and leaves the rest to it.
#include <algorithm>
#include <array>
#include <cstdio>

#include "apps/verbs.h"

namespace cairn {
namespace {

constexpr std::array kCommands{
    Command{"serve", "OpenAI-compatible server with KV tiers on one machine", run_serve},
    Command{"model import", "GGUF file to a Hugging Face directory", run_model_import},
    Command{"model init", "random weights of any shape, for tests", run_model_init},
    Command{"model info", "what a model directory holds, and its fingerprint", run_model_info},
    Command{"size", "KV bytes per token, blocks, users per tier, break-even bandwidth", run_size},
    Command{"bench tier", "put, get and lookup of a store against the device's limit", run_bench_tier},
    Command{"bench engine", "prefill and decode against the machine's limits", run_bench_engine},
    Command{"config show", "effective configuration of `serve` with origins", run_config_show},
};

int list(std::string_view prefix, std::FILE* to) {
  std::fprintf(to, "Usage: cairn VERB [options]        cairn VERB --help tells more\n\n");
  for (const Command& verb : kCommands) {
    if (!verb.name.starts_with(prefix)) continue;
    std::fprintf(to, "  %-14.*s %.*s\n", static_cast<int>(verb.name.size()), verb.name.data(),
                 static_cast<int>(verb.summary.size()), verb.summary.data());
  }
  std::fprintf(to, "\nMain job: cairn serve MODEL_DIR --store file:///srv/kv\n");
  return 0;
}

bool is_help(std::string_view word) { return word == "--help" || word == "-h" || word == "help"; }

int dispatch(const std::vector<std::string>& words, const Variables& variables) {
  if (words.empty()) return list("", stderr), 2;
  if (is_help(words[0])) return list("", stdout);
  if (words[0] == "--version") return std::printf("cairn %s\n", CAIRN_VERSION), 0;
  for (const Command& verb : kCommands) {
    const std::size_t space = verb.name.find(' ');
    const std::size_t length = space == std::string_view::npos ? 1 : 2;
    if (words.size() < length) continue;
    if (verb.name != (length == 1 ? words[0] : words[0] + " " + words[1])) continue;
    return verb.run({{words.begin() + static_cast<std::ptrdiff_t>(length), words.end()}, variables});
  }
  const std::string group = words[0] + " ";
  const bool is_group =
      std::ranges::any_of(kCommands, [&](const Command& verb) { return verb.name.starts_with(group); });
  if (is_group && (words.size() < 2 || is_help(words[1])))
    return list(group, words.size() < 2 ? stderr : stdout), words.size() < 2 ? 2 : 0;
  std::string known;
  for (const Command& verb : kCommands) {
    if (is_group && !verb.name.starts_with(group)) continue;
    known += (known.empty() ? "" : ", ") + std::string(verb.name);
  }
  return wrong_words(invalid("there is no verb '" + words[0] + (is_group ? " " + words[1] : "") + "': " + known));
}

}  // namespace

std::span<const Command> commands() { return kCommands; }

int fail(const Error& error) {
  std::fprintf(stderr, "cairn: %s\n", error.detail.c_str());
  return 1;
}

int wrong_words(const Error& error) {
  fail(error);
  return 2;
}

Parsed parse(OptionSet& options, const VerbInput& input, const HelpHead& head, std::size_t least, std::size_t most) {
  Parsed parsed;
  Result<Loaded> loaded = load_options(options, {input.words, input.variables});
  if (!loaded) return parsed.done = true, parsed.status = wrong_words(loaded.error()), parsed;
  parsed.loaded = std::move(*loaded);
  if (parsed.loaded.help) {
    std::fputs(help_text(options, head).c_str(), stdout);
    parsed.done = true;
    return parsed;
  }
  for (const std::string& notice : parsed.loaded.notices) std::fprintf(stderr, "cairn: note: %s\n", notice.c_str());
  if (parsed.loaded.positional.size() < least || parsed.loaded.positional.size() > most) {
    parsed.done = true;
    parsed.status = wrong_words(invalid("the words do not fit: " + head.usage));
  }
  return parsed;
}

}  // namespace cairn

int main(int argc, char** argv) {
  const int status = cairn::dispatch({argv + 1, argv + argc}, cairn::environment());
  // What was printed into a full disk was not printed.
  if ((std::fflush(stdout) != 0 || std::ferror(stdout) != 0) && status == 0)
    return cairn::fail(cairn::invalid("cannot write to standard output"));
  return status;
}

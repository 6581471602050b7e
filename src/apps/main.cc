// cairn VERB ...: finds the verb and leaves the rest to it.
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <new>
#include <system_error>

#include "apps/serve_options.h"
#include "apps/verbs.h"
#include "base/text.h"

namespace cairn {
namespace {

constexpr std::array kCommands{
    Command{"serve", "OpenAI-compatible server with KV tiers on one machine", run_serve},
    Command{"route", "one front door for many OpenAI-compatible servers", run_route},
    Command{"model import", "GGUF file to a Hugging Face directory", run_model_import},
    Command{"model init", "random weights of any shape, for tests", run_model_init},
    Command{"model info", "what a model directory holds, and its fingerprint", run_model_info},
    Command{"size", "KV bytes per token, blocks, users per tier, break-even bandwidth", run_size},
    Command{"bench tier", "put, get and lookup of a store against the device's limit", run_bench_tier},
    Command{"bench engine", "prefill and decode against the machine's limits", run_bench_engine},
    Command{"bench route", "what the router adds to a request and to a token", run_bench_route},
    Command{"bench multi-round-qa", "users who ask and ask again, against an OpenAI server", run_bench_multi_round_qa},
    Command{"bench scenarios", "a fleet under load, context lengths by tiers: what the tiers are worth",
            run_bench_scenarios},
    Command{"ctl verify", "every block of a store against its name, place, header and checksums", run_ctl_verify},
    Command{"ctl purge", "remove old blocks and leftovers from a store", run_ctl_purge},
    Command{"config show", "effective configuration of `serve` with origins", run_config_show},
    Command{"config convert", "LMCache's configuration as a cairn.yaml", run_config_convert},
};

int list(std::string_view prefix, std::FILE* to) {
  std::fprintf(to, "Usage: cairn VERB [options]        cairn VERB --help tells more\n\n");
  for (const Command& verb : kCommands) {
    if (!verb.name.starts_with(prefix)) continue;
    std::fprintf(to, "  %-21.*s %.*s\n", static_cast<int>(verb.name.size()), verb.name.data(),
                 static_cast<int>(verb.summary.size()), verb.summary.data());
  }
  std::fprintf(to, "\nMain job: cairn serve MODEL_DIR --store file:///srv/kv\n");
  return 0;
}

// One environment serves all verbs: what `serve` understands is nobody's mistake.
std::vector<std::string> settings_of_serve() {
  ServeOptions serve;
  OptionSet options;
  serve.bind(options);
  std::vector<std::string> names;
  for (const Option& option : options.options()) names.push_back(options.variable_of(option));
  return names;
}

// Out of memory, wherever it happens: one line, as for any other failure.
[[noreturn]] void end_without_memory() {
  static constexpr std::string_view kLine = "cairn: out of memory or threads: give it less, or lift the limit\n";
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, kLine.data(), kLine.size());
  _exit(1);
}

[[noreturn]] void on_terminate() {
  try {
    if (const std::exception_ptr thrown = std::current_exception()) std::rethrow_exception(thrown);
    if (std::uncaught_exceptions() > 0) end_without_memory();  // a thread that could not be started
  } catch (const std::bad_alloc&) {
    end_without_memory();
  } catch (const std::system_error& error) {
    if (error.code() == std::errc::resource_unavailable_try_again || error.code() == std::errc::not_enough_memory)
      end_without_memory();
  } catch (...) {
  }
  std::abort();
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

void say(std::string text) { std::fprintf(stderr, "cairn: %s\n", printable(std::move(text)).c_str()); }

int fail(const Error& error) {
  say(error.detail);
  return 1;
}

int wrong_words(const Error& error) {
  fail(error);
  return 2;
}

Parsed parse(OptionSet& options, const VerbInput& input, const HelpHead& head, std::size_t least, std::size_t most) {
  Parsed parsed;
  Result<Loaded> loaded = load_options(options, {input.words, input.variables, head.file, settings_of_serve()});
  if (!loaded) return parsed.done = true, parsed.status = wrong_words(loaded.error()), parsed;
  parsed.loaded = std::move(*loaded);
  for (const std::string& notice : parsed.loaded.notices) say(notice);
  if (parsed.loaded.help) {
    std::fputs(help_text(options, head).c_str(), stdout);
    parsed.done = true;
    return parsed;
  }
  const auto& words = parsed.loaded.positional;
  const std::string such_as = head.example.empty() ? "" : "; such as: " + head.example;
  if (words.size() >= least && words.size() <= most && std::ranges::find(words, "") != words.end()) {
    parsed.done = true;
    parsed.status = wrong_words(invalid("an empty word stands among the words: " + head.usage + such_as));
  } else if (words.size() < least || words.size() > most) {
    parsed.done = true;
    parsed.status = wrong_words(invalid("the words do not fit: " + head.usage + such_as));
  }
  return parsed;
}

}  // namespace cairn

int main(int argc, char** argv) {
  std::set_terminate(cairn::on_terminate);
  ::signal(SIGXFSZ, SIG_IGN);  // a limit on file size is an error of a write
  const int status = cairn::dispatch({argv + 1, argv + argc}, cairn::environment());
  // What was printed into a full disk was not printed.
  if ((std::fflush(stdout) != 0 || std::ferror(stdout) != 0) && status == 0)
    return cairn::fail(cairn::invalid("cannot write to standard output"));
  return status;
}

// The verbs of the program. Each takes the words after the verb and returns the exit status: 0 done, 1 failed (one
// line on standard error), 2 the words are wrong (one line that says what would be right).
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/load.h"
#include "config/option_set.h"
#include "config/show.h"

namespace cairn {

struct VerbInput {
  std::vector<std::string> words;  // without program and verb
  Variables variables;
};

struct Command {
  std::string_view name;  // "model import": one or two words
  std::string_view summary;
  int (*run)(const VerbInput& input);
};
std::span<const Command> commands();

int run_serve(const VerbInput& input);
int run_route(const VerbInput& input);
int run_config_show(const VerbInput& input);
int run_config_convert(const VerbInput& input);
int run_model_import(const VerbInput& input);
int run_model_init(const VerbInput& input);
int run_model_info(const VerbInput& input);
int run_ctl_verify(const VerbInput& input);
int run_ctl_purge(const VerbInput& input);
int run_size(const VerbInput& input);
int run_bench_tier(const VerbInput& input);
int run_bench_engine(const VerbInput& input);
int run_bench_route(const VerbInput& input);
int run_bench_multi_round_qa(const VerbInput& input);
int run_bench_scenarios(const VerbInput& input);

// Print "cairn: <text>" as one line on standard error.
void say(std::string text);
int fail(const Error& error);         // exit status 1
int wrong_words(const Error& error);  // exit status 2

// Parses the words into `options`; `least` to `most` words stand alone. `done` is set when the verb has nothing more to
// do (help was printed, or the words are wrong); then `status` is its exit status.
struct Parsed {
  Loaded loaded;
  bool done = false;
  int status = 0;
};
Parsed parse(OptionSet& options, const VerbInput& input, const HelpHead& head, std::size_t least, std::size_t most);
inline Parsed parse(OptionSet& options, const VerbInput& input, const HelpHead& head, std::size_t positionals) {
  return parse(options, input, head, positionals, positionals);
}

}  // namespace cairn

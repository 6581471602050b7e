// A program that says it is ready at a given URL, in place of cairn: notes its words and waits for SIGTERM.
#pragma once

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace cairn::test {

class FakeCairn {
 public:
  // `script` runs first; $verb is serve or route, $ready is the ready file.
  FakeCairn(const std::filesystem::path& folder, const std::string& url, const std::string& script = "")
      : folder_(folder), program_(folder / "fake-cairn") {
    std::ofstream(program_)
        << "#!/bin/sh\nverb=$1\necho \"$@\" >> " << words_file().string()
        << "\nready=\nfor word; do [ \"$before\" = --ready-file ] && ready=$word; before=$word; done\n"
        << script << "\necho " << url << " > $ready.new; mv $ready.new $ready\n"
        << "trap 'exit 0' TERM\nwhile true; do sleep 1000 & wait $!; done\n";
    std::filesystem::permissions(program_, std::filesystem::perms::owner_all);
  }
  std::string program() const { return program_; }
  std::string words() const {  // a line for each that was started
    std::ostringstream text;
    text << std::ifstream(words_file()).rdbuf();
    return text.str();
  }

 private:
  std::filesystem::path words_file() const { return folder_ / "words"; }
  const std::filesystem::path folder_, program_;
};

}  // namespace cairn::test

#include "engine/step.h"

#include <string_view>

namespace cairn {
namespace {

void append(std::string& text, std::string_view verb, const std::vector<Slice>& slices) {
  if (slices.empty()) return;
  text.append(text.empty() ? "" : " | ").append(verb);
  for (const Slice& slice : slices) {
    text += " " + std::to_string(slice.id.number) + "[" + std::to_string(slice.tokens.begin) + "," +
            std::to_string(slice.tokens.end) + ")" + (slice.sample ? "*" : "") + " p";
    for (std::size_t i = 0; i < slice.pages.size(); ++i) {
      text += (i == 0 ? "" : ",") + std::to_string(slice.pages[i].index);
    }
  }
}

void append(std::string& text, std::string_view verb, const std::vector<RequestId>& ids) {
  if (ids.empty()) return;
  text.append(text.empty() ? "" : " | ").append(verb);
  for (const RequestId id : ids) text += " " + std::to_string(id.number);
}

}  // namespace

std::uint32_t Step::run_tokens() const {
  std::uint32_t tokens = 0;
  for (const Slice& slice : run) tokens += slice.tokens.size();
  return tokens;
}

std::string to_string(const Step& step) {
  std::string text;
  append(text, "run", step.run);
  append(text, "load", step.load);
  append(text, "save", step.save);
  append(text, "preempt", step.preempted);
  return text.empty() ? "nothing" : text;
}

}  // namespace cairn

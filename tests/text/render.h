// Renders one template, for tests: the text, or "error: " and what went wrong.
#pragma once

#include <string>
#include <string_view>

#include "text/chat_template.h"

namespace cairn {

inline std::string render(std::string_view source, ChatRequest request = {}) {
  if (request.messages.empty()) request.messages = {{"user", "Hi", ""}, {"assistant", " yes ", ""}};
  const auto chat = ChatTemplate::parse(source);
  if (!chat) return "refused: " + chat.error().detail;
  const auto text = chat->render(request);
  return text ? *text : "error: " + text.error().detail;
}

}  // namespace cairn

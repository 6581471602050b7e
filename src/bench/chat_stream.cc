#include "bench/chat_stream.h"

#include <nlohmann/json.hpp>

#include "base/text.h"

namespace cairn {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMessageBytesMax = 300;

// One line for people and for a CSV cell.
std::string one_line(std::string_view text) { return printable(std::string(text.substr(0, kMessageBytesMax))); }

const Json* member(const Json& object, const char* name) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(name);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

std::string text_at(const Json& object, const char* name) {
  const Json* found = member(object, name);
  return found != nullptr && found->is_string() ? found->get<std::string>() : std::string();
}

std::optional<std::uint64_t> count_at(const Json& object, const char* name) {
  const Json* found = member(object, name);
  if (found == nullptr || !found->is_number_unsigned()) return std::nullopt;
  return found->get<std::uint64_t>();
}

// {"error": {"message": "..."}}, {"error": "..."} or {"message": "..."}.
std::string message_of(const Json& json) {
  const Json* error = member(json, "error");
  if (error == nullptr) return text_at(json, "message");
  if (error->is_string()) return error->get<std::string>();
  const std::string message = text_at(*error, "message");
  return message.empty() ? error->dump(-1, ' ', false, Json::error_handler_t::replace) : message;
}

ChatUsage usage_of(const Json& json) {
  ChatUsage usage;
  usage.prompt_tokens = count_at(json, "prompt_tokens").value_or(0);
  usage.completion_tokens = count_at(json, "completion_tokens").value_or(0);
  const Json* details = member(json, "prompt_tokens_details");
  if (details == nullptr) return usage;
  usage.cached_tokens = count_at(*details, "cached_tokens");
  const Json* by_tier = member(*details, "cached_tokens_by_tier");
  if (by_tier == nullptr || !by_tier->is_object()) return usage;
  for (const auto& [tier, tokens] : by_tier->items()) {
    if (tokens.is_number_unsigned()) usage.cached_by_tier.emplace_back(tier, tokens.get<std::uint64_t>());
  }
  return usage;
}

}  // namespace

void ChatStream::fail(std::string why) {
  if (error_.empty()) error_ = one_line(why);
}

void ChatStream::feed(std::string_view bytes, std::int64_t now_us) {
  // A line ends with LF, CR or both; a pair may be cut in two.
  while (!bytes.empty() && error_.empty() && !done_) {
    if (after_cr_ && bytes.front() == '\n') bytes.remove_prefix(1);
    after_cr_ = false;
    const std::size_t end = bytes.find_first_of("\r\n");
    if (line_.size() + data_.size() + std::min(end, bytes.size()) > kEventBytesMax) {
      return fail("an event of the stream is longer than 1 MiB");
    }
    if (end == std::string_view::npos) {
      line_ += bytes;
      return;
    }
    after_cr_ = bytes[end] == '\r';
    if (line_.empty()) {
      line(bytes.substr(0, end), now_us);
    } else {
      line_ += bytes.substr(0, end);
      line(line_, now_us);
      line_.clear();
    }
    bytes.remove_prefix(end + 1);
  }
}

void ChatStream::line(std::string_view text, std::int64_t now_us) {
  if (text.empty()) return event(now_us);
  const std::size_t colon = text.find(':');
  const std::string_view field = text.substr(0, colon);
  std::string_view value = colon == std::string_view::npos ? std::string_view() : text.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (field == "data") {
    if (has_data_) data_ += '\n';
    data_ += value;
    has_data_ = true;
  } else if (field == "event") {
    event_name_ = value;
  } else if (!field.empty() && field != "id" && field != "retry") {  // an empty field is a comment
    fail("the body is no event stream: " + std::string(text));
  }
}

void ChatStream::event(std::int64_t now_us) {
  const std::string data = std::exchange(data_, {}), name = std::exchange(event_name_, {});
  if (!std::exchange(has_data_, false)) return;
  if (data == "[DONE]") {
    done_ = true;
    return;
  }
  const Json json = Json::parse(data, nullptr, false);
  if (json.is_discarded() || !json.is_object()) return fail("an event that is no JSON object: " + data);
  if (member(json, "error") != nullptr || name == "error") return fail("the server: " + message_of(json));
  if (const Json* usage = member(json, "usage")) answer_.usage = usage_of(*usage);
  const Json* choices = member(json, "choices");
  if (choices == nullptr || !choices->is_array() || choices->empty()) return;
  const Json& choice = choices->front();
  if (const std::string reason = text_at(choice, "finish_reason"); !reason.empty()) answer_.finish_reason = reason;
  const Json* delta = member(choice, "delta");
  if (delta == nullptr) return;
  std::string piece = text_at(*delta, "content");
  if (piece.empty()) piece = text_at(*delta, "reasoning_content");
  if (piece.empty()) return;
  if (answer_.text.size() + piece.size() > kAnswerBytesMax) return fail("the answer is longer than 16 MiB");
  answer_.text += piece;
  answer_.pieces_us.push_back(now_us);
}

Result<ChatAnswer> ChatStream::finish() {
  if (!error_.empty()) return corrupt(error_);
  if (!done_) return corrupt("the stream ended without [DONE]");
  if (answer_.pieces_us.empty()) return corrupt("the answer has no text");
  if (!answer_.usage) return corrupt("the stream has no usage");
  return std::move(answer_);
}

std::string refusal_text(int status, std::string_view body) {
  std::string text = "HTTP " + std::to_string(status);
  const Json json = Json::parse(body, nullptr, false);
  const std::string message = json.is_discarded() ? std::string(body) : message_of(json);
  return message.empty() ? text : text + ": " + one_line(message);
}

}  // namespace cairn

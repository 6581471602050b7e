// Chat messages -> prompt text by a model's own chat template: a bounded subset of Jinja, rendered as transformers does
// (trim_blocks, lstrip_blocks). Unknown constructs are refused by name when the template is parsed.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace cairn {

inline constexpr std::size_t kTemplateSourceBytesMax = 1024 * 1024;
inline constexpr std::size_t kTemplateNestingMax = 64;       // blocks and parentheses
inline constexpr std::size_t kTemplateCallDepthMax = 32;     // macros
inline constexpr std::size_t kTemplateStepsMax = 8'000'000;  // nodes evaluated per rendering
inline constexpr std::size_t kTemplateOutputBytesMax = 64 * 1024 * 1024;
inline constexpr std::size_t kTemplateMemoryBytesMax = 256 * 1024 * 1024;  // intermediate values per rendering

struct ChatMessage {
  std::string role = {}, content = {};
  std::string
      extra_json;  // further fields as one JSON object ("name", "tool_calls", "content" of other types); may be empty
};

struct ChatRequest {
  std::vector<ChatMessage> messages = {};
  bool add_generation_prompt = true;
  std::string bos_token = {}, eos_token = {};
  std::string tools_json = {};      // JSON array; empty: `tools` is none
  std::string variables_json = {};  // JSON object of further template variables ("enable_thinking"); may be empty
  std::optional<std::int64_t> now_unix_s = {};  // defines strftime_now (UTC) where the template asks for it
};

struct TemplateNode;

// Immutable after parse(); render() from any thread.
class ChatTemplate {
 public:
  // kInvalid names line and construct.
  static Result<ChatTemplate> parse(std::string_view source);
  ChatTemplate(ChatTemplate&&) noexcept;
  ChatTemplate& operator=(ChatTemplate&&) noexcept;
  ~ChatTemplate();

  // kInvalid: broken JSON, the template's raise_exception, a wrong type, or a bound above.
  Result<std::string> render(const ChatRequest& request) const;

 private:
  struct Program;
  explicit ChatTemplate(std::unique_ptr<const Program> program);
  std::unique_ptr<const Program> program_;
};

}  // namespace cairn

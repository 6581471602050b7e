#include "text/chat_template.h"

#include <set>

#include "text/template_eval.h"
#include "text/unicode.h"

namespace cairn {
namespace {

using Kind = TemplateValue::Kind;

// The macros a template defines and the functions it calls by name.
struct CallList {
  std::set<std::string, std::less<>> macros;
  std::vector<const TemplateNode*> calls;

  void collect(const TemplateNode& node) {
    if (node.kind == NodeKind::kMacro) macros.insert(node.text);
    if (node.kind == NodeKind::kCall) calls.push_back(&node);
    for (const auto& child : node.children) collect(*child);
  }
};

Result<void> check_calls(const TemplateNode& root) {
  CallList list;
  list.collect(root);
  for (const TemplateNode* call : list.calls) {
    const std::string& name = call->children[0]->text;
    if (name == "namespace" || name == "dict" || find_template_function(name) != nullptr ||
        list.macros.contains(name)) {
      continue;
    }
    return invalid("chat template line " + std::to_string(call->line) + ": function '" + name + "' is not implemented");
  }
  return {};
}

Result<TemplateValue> read_part(std::string_view json, Kind kind, const char* what, TemplateArena& arena) {
  auto value = read_json(json, arena);
  if (!value) return invalid(std::string(what) + ": " + value.error().detail);
  if (!value->is(kind))
    return invalid(std::string(what) + (kind == Kind::kList ? " must be a list" : " must be an object"));
  return value;
}

Result<TemplateValue> message_value(const ChatMessage& message, TemplateArena& arena) {
  CAIRN_TRY_VOID(check_utf8(message.role));
  CAIRN_TRY_VOID(check_utf8(message.content));
  TemplateDict* dict = arena.dict();
  arena.charge(2 * sizeof(TemplateValue));
  dict->set("role", TemplateValue::string(message.role));
  dict->set("content", TemplateValue::string(message.content));
  if (!message.extra_json.empty()) {
    CAIRN_TRY(const TemplateValue extra, read_part(message.extra_json, Kind::kDict, "message fields", arena));
    for (const auto& [key, value] : extra.dict->entries) dict->set(key, value);
  }
  return TemplateValue::of_dict(dict);
}

Result<void> define_all(const ChatRequest& request, TemplateRun& run) {
  TemplateArena& arena = run.arena();
  CAIRN_TRY_VOID(check_utf8(request.bos_token));
  CAIRN_TRY_VOID(check_utf8(request.eos_token));
  std::vector<TemplateValue> messages;
  for (const ChatMessage& message : request.messages) {
    CAIRN_TRY(const TemplateValue value, message_value(message, arena));
    messages.push_back(value);
  }
  run.define("messages", TemplateValue::of_list(arena.list(std::move(messages))));
  run.define("add_generation_prompt", TemplateValue::boolean(request.add_generation_prompt));
  run.define("bos_token", TemplateValue::string(request.bos_token));
  run.define("eos_token", TemplateValue::string(request.eos_token));
  TemplateValue tools = TemplateValue::none();
  if (!request.tools_json.empty()) {
    CAIRN_TRY(tools, read_part(request.tools_json, Kind::kList, "tools", arena));
  }
  run.define("tools", tools);
  run.define("documents", TemplateValue::none());
  if (!request.variables_json.empty()) {
    CAIRN_TRY(const TemplateValue extra, read_part(request.variables_json, Kind::kDict, "template variables", arena));
    for (const auto& [key, value] : extra.dict->entries) run.define(key, value);
  }
  return {};
}

}  // namespace

struct ChatTemplate::Program {
  TemplateNodePtr root;
};

ChatTemplate::ChatTemplate(std::unique_ptr<const Program> program) : program_(std::move(program)) {}
ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;
ChatTemplate& ChatTemplate::operator=(ChatTemplate&&) noexcept = default;
ChatTemplate::~ChatTemplate() = default;

Result<ChatTemplate> ChatTemplate::parse(std::string_view source) {
  if (source.size() > kTemplateSourceBytesMax) return invalid("chat template is too long");
  CAIRN_TRY_VOID(check_utf8(source));
  CAIRN_TRY(auto root, parse_template(source));
  CAIRN_TRY_VOID(check_calls(*root));
  auto program = std::make_unique<Program>();
  program->root = std::move(root);
  return ChatTemplate(std::move(program));
}

Result<std::string> ChatTemplate::render(const ChatRequest& request) const {
  TemplateRun run(request.now_unix_s);
  CAIRN_TRY_VOID(define_all(request, run));
  return run.run(*program_->root);
}

}  // namespace cairn

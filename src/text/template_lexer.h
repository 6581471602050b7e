// Template source -> tokens, white space control applied (trim_blocks and lstrip_blocks on, last newline dropped).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace cairn {

struct TemplateToken {
  enum class Kind : std::uint8_t {
    kText,
    kOutputBegin,
    kOutputEnd,
    kBlockBegin,
    kBlockEnd,
    kName,
    kString,
    kInt,
    kFloat,
    kOperator,
    kEnd
  };
  Kind kind = Kind::kEnd;
  std::string text;
  std::uint32_t line = 1;
};

// kInvalid names the line. The last token is kEnd.
Result<std::vector<TemplateToken>> lex_template(std::string_view source);

}  // namespace cairn

// An answer that is an error, in OpenAI's form: {"error": {"message", "type", "param", "code"}}. Values.
#pragma once

#include <string>
#include <variant>

#include "base/result.h"

namespace cairn {

struct ApiError {
  int status = 400;
  std::string message;
  std::string param;                           // the field at fault; empty: null
  std::string code;                            // stable name for programs; empty: null
  std::string type = "invalid_request_error";  // what client libraries branch on, beside the status
};

template <class T>
using ApiResult = std::variant<T, ApiError>;

std::string to_json(const ApiError& error);

ApiError bad_field(std::string param, std::string message);
// A refusal of the generator or tokenizer: kInvalid 400, kExhausted and kRefused 429, kUnavailable 503, kTimeout 504.
ApiError to_api_error(const Error& error);
// What the HTTP layer itself refuses: 400, 401, 404, 405, 408, 413, 415, 429, 431, 500, 502, 503, 504.
ApiError http_error(int status, std::string message);

}  // namespace cairn

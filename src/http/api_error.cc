#include "http/api_error.h"

#include <nlohmann/json.hpp>

namespace cairn {

std::string to_json(const ApiError& error) {
  const auto or_null = [](const std::string& text) {
    return text.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(text);
  };
  const nlohmann::ordered_json body = {{"error",
                                        {{"message", error.message},
                                         {"type", error.type},
                                         {"param", or_null(error.param)},
                                         {"code", or_null(error.code)}}}};
  return body.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

ApiError bad_field(std::string param, std::string message) {
  ApiError error;
  error.param = std::move(param);
  error.message = std::move(message);
  error.code = "invalid_value";
  return error;
}

ApiError to_api_error(const Error& error) {
  switch (error.code) {
    case ErrorCode::kInvalid:
      return {400, error.detail, "", "invalid_value"};
    case ErrorCode::kRefused:
    case ErrorCode::kExhausted:
      return http_error(429, error.detail);
    case ErrorCode::kUnavailable:
    case ErrorCode::kCancelled:
      return http_error(503, error.detail);
    case ErrorCode::kTimeout:
      return http_error(504, error.detail);
    case ErrorCode::kCorrupt:
      break;
  }
  return http_error(500, error.detail);
}

ApiError http_error(int status, std::string message) {
  ApiError error{status, std::move(message), "", ""};
  switch (status) {
    case 401:
      error.code = "invalid_api_key";
      break;
    case 404:
      error.code = "not_found";
      break;
    case 405:
      error.code = "method_not_allowed";
      break;
    case 408:
      error.code = "request_timeout";
      break;
    case 413:
      error.code = "request_too_large";
      break;
    case 415:
      error.code = "unsupported_media_type";
      break;
    case 431:
      error.code = "header_too_large";
      break;
    case 429:
      error.code = "rate_limit_exceeded";
      error.type = "rate_limit_error";
      break;
    case 500:
      error.code = "internal_error";
      error.type = "server_error";
      break;
    case 502:
    case 503:
      error.code = status == 502 ? "bad_gateway" : "unavailable";
      error.type = "server_error";
      break;
    case 504:
      error.code = "timeout";
      error.type = "server_error";
      break;
    default:
      error.code = "bad_request";
      break;
  }
  return error;
}

}  // namespace cairn

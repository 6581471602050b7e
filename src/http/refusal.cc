#include "http/refusal.h"

#include <algorithm>

#include "base/random.h"

namespace cairn {
namespace {

constexpr std::size_t kRequestIdBytesMax = 128;

bool is_echoable(std::string_view id) {
  return !id.empty() && id.size() <= kRequestIdBytesMax && std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' ||
           c == '.' || c == ':';
  });
}

}  // namespace

std::string random_name(const char* prefix) { return prefix + random_hex(16); }

void name_request(HttpRequest& head) {
  if (!is_echoable(head.request_id)) head.request_id = random_name("req-");
}

HttpHeaders request_id_header(const HttpRequest& request) { return {{"X-Request-Id", request.request_id}}; }

HttpResponse error_response(const HttpRequest& request, const ApiError& error) {
  HttpResponse response{error.status, to_json(error), "application/json", request_id_header(request)};
  if (error.status == 401) response.headers.emplace_back("WWW-Authenticate", "Bearer");
  if (error.status == 429 || error.status == 503) response.headers.emplace_back("Retry-After", "1");
  return response;
}

const char* reason_of(HttpRefusal why) {
  switch (why) {
    case HttpRefusal::kMalformed:
      return "malformed";
    case HttpRefusal::kHeaderTooLarge:
      return "header_size";
    case HttpRefusal::kBodyTooLarge:
      return "body_size";
    case HttpRefusal::kTooManyConnections:
      return "connections";
    case HttpRefusal::kBodyMemory:
      return "body_memory";
    case HttpRefusal::kTimeout:
      return "timeout";
  }
  return "unknown";
}

HttpResponse refusal_response(HttpRefusal why, const std::string& detail, const HttpConfig& config) {
  HttpRequest nobody;
  name_request(nobody);
  const auto refused = [&nobody](int status, const std::string& text) {
    return error_response(nobody, http_error(status, text));
  };
  switch (why) {
    case HttpRefusal::kMalformed:
      return refused(400, "the request is not valid HTTP: " + detail);
    case HttpRefusal::kHeaderTooLarge:
      return refused(431, "the header is larger than " + std::to_string(config.header_bytes_max) + " bytes");
    case HttpRefusal::kBodyTooLarge:
      return refused(413, "the body is larger than " + std::to_string(config.body_bytes_max) + " bytes");
    case HttpRefusal::kTooManyConnections:
      return refused(503, "too many connections; try again");
    case HttpRefusal::kBodyMemory:
      return refused(503, "too many large requests at once; try again");
    case HttpRefusal::kTimeout:
      return refused(408, detail);
  }
  return refused(500, detail);
}

}  // namespace cairn

// Answers that are refusals, in OpenAI's form, and the name that every request gets.
#pragma once

#include <string>

#include "http/api_error.h"
#include "http/config.h"
#include "http/exchange.h"

namespace cairn {

// "req-0f3a...": `prefix` and 128 random bits.
std::string random_name(const char* prefix);
// The client's own X-Request-Id where it can be repeated in a header or a log line; else a new one.
void name_request(HttpRequest& head);
// What every answer carries, and every call to a backend: X-Request-Id.
HttpHeaders request_id_header(const HttpRequest& request);

// With the request's name, and what its status asks for (WWW-Authenticate, Retry-After).
HttpResponse error_response(const HttpRequest& request, const ApiError& error);
// What the HTTP layer refuses by itself; such a request has no name yet and gets one.
HttpResponse refusal_response(HttpRefusal why, const std::string& detail, const HttpConfig& config);
const char* reason_of(HttpRefusal why);  // as a label of a metric

}  // namespace cairn

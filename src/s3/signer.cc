#include "s3/signer.h"

#include <aws/auth/signable.h>
#include <aws/auth/signing.h>
#include <aws/auth/signing_config.h>
#include <aws/auth/signing_result.h>
#include <aws/common/error.h>
#include <aws/common/string.h>
#include <aws/http/request_response.h>

#include <memory>

#include "s3/aws.h"

namespace cairn {
namespace {

aws_byte_cursor cursor_of(std::string_view text) { return aws_byte_cursor_from_array(text.data(), text.size()); }

struct Signed {
  HttpHeaders* headers;
  int error = 0;
};

void on_signed(aws_signing_result* result, int error, void* user) {
  auto& out = *static_cast<Signed*>(user);
  out.error = error;
  if (result == nullptr) return;
  aws_array_list* added = nullptr;
  aws_signing_result_get_property_list(result, g_aws_http_headers_property_list_name, &added);
  for (std::size_t i = 0; added != nullptr && i < aws_array_list_length(added); ++i) {
    aws_signing_result_property property{};
    aws_array_list_get_at(added, &property, i);
    out.headers->emplace_back(aws_string_c_str(property.name), aws_string_c_str(property.value));
  }
}

struct Release {
  void operator()(aws_http_message* message) const { aws_http_message_release(message); }
  void operator()(aws_signable* signable) const { aws_signable_destroy(signable); }
};

}  // namespace

Result<void> sign(const ToSign& request, const Credentials& by, HttpHeaders& headers) {
  CAIRN_TRY(const AwsRuntime runtime, aws_runtime());
  const std::unique_ptr<aws_http_message, Release> message(aws_http_message_new_request(runtime.allocator));
  bool good = aws_http_message_set_request_method(message.get(), cursor_of(to_string(request.method))) == 0 &&
              aws_http_message_set_request_path(message.get(), cursor_of(request.path_and_query)) == 0 &&
              aws_http_message_add_header(message.get(), {cursor_of("host"), cursor_of(request.host)}) == 0;
  for (const auto& [name, value] : headers) {
    good = good && aws_http_message_add_header(message.get(), {cursor_of(name), cursor_of(value)}) == 0;
  }
  const std::unique_ptr<aws_signable, Release> signable(
      good ? aws_signable_new_http_request(runtime.allocator, message.get()) : nullptr);
  if (!signable) return invalid(std::string("a request cannot be signed: ") + aws_error_str(aws_last_error()));
  aws_signing_config_aws config{};
  config.config_type = AWS_SIGNING_CONFIG_AWS;
  config.algorithm = AWS_SIGNING_ALGORITHM_V4;
  config.signature_type = AWS_ST_HTTP_REQUEST_HEADERS;
  config.region = cursor_of(request.region);
  config.service = cursor_of("s3");
  aws_date_time_init_epoch_millis(&config.date, static_cast<std::uint64_t>(request.unix_us / 1000));
  config.flags.use_double_uri_encode = 0;  // S3 alone takes paths as they are
  config.flags.should_normalize_uri_path = 0;
  config.signed_body_value = cursor_of(request.payload);
  config.signed_body_header = AWS_SBHT_X_AMZ_CONTENT_SHA256;
  config.credentials = by.get();
  Signed signed_headers{&headers};
  // With credentials at hand it calls back before it returns.
  const auto* base = reinterpret_cast<const aws_signing_config_base*>(&config);
  if (aws_sign_request_aws(runtime.allocator, signable.get(), base, on_signed, &signed_headers) != 0) {
    signed_headers.error = aws_last_error();
  }
  if (signed_headers.error != 0) {
    return invalid(std::string("a request cannot be signed: ") + aws_error_str(signed_headers.error));
  }
  return {};
}

}  // namespace cairn

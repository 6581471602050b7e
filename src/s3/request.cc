#include "s3/request.h"

#include <array>

namespace cairn {

HttpMethod method_of(S3Op op) {
  switch (op) {
    case S3Op::kGet:
    case S3Op::kList:
      return HttpMethod::kGet;
    case S3Op::kHead:
      return HttpMethod::kHead;
    case S3Op::kPut:
    case S3Op::kPart:
      return HttpMethod::kPut;
    case S3Op::kDelete:
    case S3Op::kAbortUpload:
      return HttpMethod::kDelete;
    case S3Op::kCreateUpload:
    case S3Op::kCompleteUpload:
      return HttpMethod::kPost;
  }
  return HttpMethod::kGet;
}

std::string_view to_string(S3Op op) {
  constexpr std::array<std::string_view, 9> kNames = {
      "get", "put", "part", "head", "delete", "list", "create_upload", "complete_upload", "abort_upload"};
  return kNames[static_cast<std::size_t>(op)];
}

HttpHeaders object_headers(const S3Config& config, std::string_view crc32c) {
  HttpHeaders headers = {{"content-type", "application/octet-stream"}};
  if (!config.storage_class.empty()) headers.emplace_back("x-amz-storage-class", config.storage_class);
  if (!config.sse_kms_key_id.empty()) {
    headers.emplace_back("x-amz-server-side-encryption", "aws:kms");
    headers.emplace_back("x-amz-server-side-encryption-aws-kms-key-id", config.sse_kms_key_id);
  }
  if (!crc32c.empty()) headers.emplace_back("x-amz-checksum-crc32c", crc32c);
  return headers;
}

}  // namespace cairn

#include "s3/request.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace cairn {

HttpMethod method_of(S3Op op) {
  switch (op) {
    case S3Op::kGet:
    case S3Op::kList:
    case S3Op::kListUploads:
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
    case S3Op::kDeleteMany:
      return HttpMethod::kPost;
  }
  return HttpMethod::kGet;
}

std::string_view to_string(S3Op op) {
  constexpr std::array<std::string_view, kS3Ops> kNames = {
      "get",          "put",         "part",        "head", "delete", "list", "create_upload", "complete_upload",
      "abort_upload", "delete_many", "list_uploads"};
  return kNames[static_cast<std::size_t>(op)];
}

S3Answer unanswered(S3Verdict verdict, std::string detail) {
  S3Answer answer;
  answer.verdict = verdict;
  answer.detail = std::move(detail);
  return answer;
}

std::size_t TextBody::read(std::uint64_t offset, std::span<std::byte> into) {
  const std::size_t taken = std::min<std::size_t>(into.size(), text_.size() - offset);
  std::memcpy(into.data(), text_.data() + offset, taken);
  return taken;
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

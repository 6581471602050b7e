#include "s3/md5.h"

#include <aws/cal/hash.h>
#include <aws/common/encoding.h>

#include <array>

#include "s3/aws.h"

namespace cairn {

std::string md5_base64(std::string_view text) {
  const Result<AwsRuntime> runtime = aws_runtime();
  if (!runtime) return "";
  std::array<std::uint8_t, AWS_MD5_LEN> digest{};
  const aws_byte_cursor input = aws_byte_cursor_from_array(text.data(), text.size());
  aws_byte_buf output = aws_byte_buf_from_empty_array(digest.data(), digest.size());
  if (aws_md5_compute(runtime->allocator, &input, &output, 0) != AWS_OP_SUCCESS) return "";
  std::array<std::uint8_t, 32> encoded{};  // 24 digits and a zero
  const aws_byte_cursor whole = aws_byte_cursor_from_array(digest.data(), digest.size());
  aws_byte_buf into = aws_byte_buf_from_empty_array(encoded.data(), encoded.size());
  if (aws_base64_encode(&whole, &into) != AWS_OP_SUCCESS) return "";
  return {reinterpret_cast<const char*>(encoded.data()), 24};
}

}  // namespace cairn

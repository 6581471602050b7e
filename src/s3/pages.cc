#include "s3/pages.h"

#include "base/text.h"

namespace cairn {

Result<bool> S3Pages::next(S3Listing& page) {
  if (pages_ > 0 && from_.empty()) return false;
  if (++pages_ > kPagesMax) return unavailable("the bucket's listing does not end");
  S3Request request;
  request.op = S3Op::kList;
  if (!from_.empty()) request.query = "continuation-token=" + percent_encode(from_) + "&";
  if (wish_.folders) request.query += "delimiter=%2F&";
  request.query += "list-type=2&max-keys=" + std::to_string(wish_.keys_max) +
                   "&prefix=" + percent_encode(client_.address().key(wish_.prefix));
  request.deadline = clock_.after_us(wish_.answer_us);
  const S3Answer answer = client_.ask(std::move(request));
  if (answer.verdict != S3Verdict::kDone) return client_.refusal(answer);
  CAIRN_TRY(page, parse_listing(answer.body));
  if (!page.next.empty() && page.next == from_) {
    return unavailable("the bucket's listing goes in a circle: a page names itself as the next one");
  }
  from_ = page.next;
  return true;
}

}  // namespace cairn

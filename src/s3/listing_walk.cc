#include "s3/listing_walk.h"

#include "base/text.h"

namespace cairn {

Result<bool> S3ListingWalk::next(S3Listing& part) {
  if (parts_ > 0 && from_.empty()) return false;
  if (++parts_ > kPartsMax) return unavailable("the bucket has more objects than can be listed");
  S3Request request;
  request.op = S3Op::kList;
  if (!from_.empty()) request.query = "continuation-token=" + percent_encode(from_) + "&";
  if (wish_.folders) request.query += "delimiter=%2F&";
  request.query += "list-type=2&max-keys=" + std::to_string(wish_.keys_max) +
                   "&prefix=" + percent_encode(client_.address().key(wish_.prefix));
  request.deadline = clock_.after_us(wish_.answer_us);
  const S3Answer answer = client_.ask(std::move(request));
  if (answer.verdict != S3Verdict::kDone) return client_.refusal(answer);
  CAIRN_TRY(part, parse_listing(answer.body));
  if (!part.next.empty() && part.next == from_) {
    return unavailable("the bucket's listing goes in a circle: an answer names itself as the next one");
  }
  from_ = part.next;
  return true;
}

}  // namespace cairn

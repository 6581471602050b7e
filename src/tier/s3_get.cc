// Reading a block: ranges side by side once the first has told the object's version, each byte copied to its place and
// digested on the way. What looks damaged, or was replaced between two ranges, is read a second time, whole.
#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>
#include <string_view>

#include "tier/s3_state.h"
#include "tier/scatter.h"

namespace cairn {
namespace {

struct RangeTold {  // "bytes 0-8191/12288"
  std::uint64_t first = 0, last = 0, object_bytes = 0;
};

std::optional<RangeTold> parse_content_range(std::string_view text) {
  if (!text.starts_with("bytes ")) return std::nullopt;
  text.remove_prefix(6);
  RangeTold told;
  const auto number = [&text](std::uint64_t& into, char after) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), into);
    if (error != std::errc()) return false;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    if (after == 0) return text.empty();
    if (text.empty() || text.front() != after) return false;
    text.remove_prefix(1);
    return true;
  };
  if (number(told.first, '-') && number(told.last, '/') && number(told.object_bytes, 0)) return told;
  return std::nullopt;
}

// One row. Lives as long as its requests; the transport's thread only, once started.
class BlockFetch : public std::enable_shared_from_this<BlockFetch> {
 public:
  BlockFetch(std::shared_ptr<S3State> state, std::shared_ptr<BatchRun> run, std::size_t row)
      : state_(std::move(state)),
        run_(std::move(run)),
        row_(row),
        wanted_(state_->header_of(run_->id(row))),
        per_part_(std::max<std::uint64_t>(1, state_->client->config().part_bytes / wanted_.segment_size()) *
                  wanted_.segment_size()),
        memory_(run_->memory(row)),
        told_(wanted_.segments, false) {}

  void start() { attempt(wanted_.file_bytes() <= state_->client->config().part_bytes); }

 private:
  enum class End : std::uint8_t { kNone, kBad, kReplaced, kBroken, kAnswer };
  class Part;

  void attempt(bool whole);
  void request(std::uint64_t begin, std::uint64_t end);
  void request_rest();
  void part_ended(Part& part, S3Answer answer);
  void conclude();
  void finish_bad();
  void finish_answer();
  // The first reason stays.
  bool fail(End why, HeaderVerdict verdict = HeaderVerdict::kOk) {
    if (end_ == End::kNone) end_ = why, verdict_ = verdict;
    return false;
  }
  bool take_header();
  bool check(std::uint32_t segment, const Checksum128& digest);
  void forget_range(std::uint64_t begin, std::uint64_t end);  // its segments come once more

  const std::shared_ptr<S3State> state_;
  const std::shared_ptr<BatchRun> run_;
  const std::size_t row_;
  const BlockHeader wanted_;
  const std::uint64_t per_part_;  // payload bytes of a range: whole segments
  const std::span<const MemoryRef> memory_;

  // Of one attempt.
  bool whole_ = false, again_ = false;
  std::uint64_t object_bytes_ = 0;  // as the service tells
  std::string etag_;
  std::array<std::byte, kHeaderBytes> header_bytes_{};
  std::optional<BlockHeader> header_;
  std::vector<std::pair<std::uint32_t, Checksum128>> early_;  // segments that were there before the header
  std::vector<bool> verified_;                                // segments
  std::uint32_t running_ = 0;
  bool rest_requested_ = false;
  End end_ = End::kNone;
  HeaderVerdict verdict_ = HeaderVerdict::kOk;
  S3Answer answer_;  // with kAnswer

  std::vector<bool> told_;  // segments that the owner heard of
};

// One range of the object.
class BlockFetch::Part final : public S3Sink {
 public:
  Part(std::shared_ptr<BlockFetch> fetch, std::uint64_t begin, std::uint64_t end)
      : fetch_(std::move(fetch)), begin_(begin), end_(end), at_(begin) {}

  bool begin() override {
    at_ = begin_;
    stream_.finish();
    fetch_->forget_range(begin_, end_);
    return fetch_->run_->open(fetch_->row_) && fetch_->end_ == End::kNone;
  }

  bool on_head(const ResponseHead& head) override {
    BlockFetch& fetch = *fetch_;
    const bool first = begin_ == 0;
    if (head.status == 206) {
      const std::optional<RangeTold> range = parse_content_range(head.content_range);
      if (!range || range->first != begin_ || range->last >= end_) return fetch.fail(End::kBroken);
      if (first) fetch.object_bytes_ = range->object_bytes;
      if (range->object_bytes != fetch.object_bytes_) return fetch.fail(End::kReplaced);
      if (range->object_bytes == fetch.wanted_.file_bytes() && range->last + 1 != end_) return fetch.fail(End::kBroken);
    } else {  // whole, as asked for, or because the service knows no ranges
      if (!first) return fetch.fail(End::kReplaced);
      end_ = fetch.wanted_.file_bytes();
      fetch.object_bytes_ = head.content_length.value_or(end_);
      fetch.rest_requested_ = true;
    }
    // Each range, and each new try of one, is of the version that was seen first.
    if (!fetch.etag_.empty() && !head.etag.empty() && head.etag != fetch.etag_) return fetch.fail(End::kReplaced);
    if (!first) return true;
    fetch.etag_ = head.etag;
    if (fetch.object_bytes_ == fetch.wanted_.file_bytes()) fetch.request_rest();
    if (fetch.object_bytes_ < kHeaderBytes) return fetch.fail(End::kBad, HeaderVerdict::kBadLength);
    return true;
  }

  bool on_bytes(std::span<const std::byte> bytes) override {
    while (!bytes.empty()) {
      if (fetch_->end_ != End::kNone) return false;
      if (at_ == end_) return fetch_->fail(End::kBroken);  // more than was asked for
      const std::size_t taken = at_ < kHeaderBytes ? take_header(bytes) : take_payload(bytes);
      if (taken == 0) return false;
      bytes = bytes.subspan(taken);
    }
    return true;
  }

  bool complete() const { return at_ == end_; }

 private:
  std::size_t take_header(std::span<const std::byte> bytes) {
    const std::size_t taken = std::min<std::size_t>(bytes.size(), kHeaderBytes - at_);
    std::memcpy(fetch_->header_bytes_.data() + at_, bytes.data(), taken);
    at_ += taken;
    return at_ < kHeaderBytes || fetch_->take_header() ? taken : 0;
  }

  std::size_t take_payload(std::span<const std::byte> bytes) {
    BlockFetch& fetch = *fetch_;
    const std::uint64_t position = at_ - kHeaderBytes;
    if (position >= fetch.wanted_.stored_bytes) {  // padding
      const std::size_t taken = std::min<std::uint64_t>(bytes.size(), end_ - at_);
      if (!all_zero(bytes.first(taken))) return fetch.fail(End::kBad, HeaderVerdict::kNonzeroPadding), 0;
      at_ += taken;
      return taken;
    }
    const auto segment = static_cast<std::uint32_t>(position / fetch.wanted_.segment_size());
    const std::uint64_t segment_end = fetch.wanted_.segment_offset(segment) + fetch.wanted_.segment_bytes(segment);
    const std::size_t taken = std::min<std::uint64_t>({bytes.size(), segment_end - position, end_ - at_});
    const bool open = fetch.run_->while_open(fetch.row_, [&] {
      pieces_.clear();
      slice(fetch.memory_, position, taken, pieces_);
      const std::byte* from = bytes.data();
      for (const iovec& piece : pieces_) {
        std::memcpy(piece.iov_base, from, piece.iov_len);
        from += piece.iov_len;
      }
    });
    if (!open) return 0;
    stream_.update(bytes.first(taken));
    at_ += taken;
    if (position + taken == segment_end && !fetch.check(segment, stream_.finish())) return 0;
    return taken;
  }

  const std::shared_ptr<BlockFetch> fetch_;
  const std::uint64_t begin_;
  std::uint64_t end_, at_;
  Xxh3Stream stream_;
  std::vector<iovec> pieces_;
};

void BlockFetch::attempt(bool whole) {
  whole_ = whole;
  object_bytes_ = 0;
  etag_.clear();
  header_.reset();
  early_.clear();
  verified_.assign(wanted_.segments, false);
  rest_requested_ = whole;
  end_ = End::kNone;
  request(0, whole ? wanted_.file_bytes() : std::min(wanted_.file_bytes(), kHeaderBytes + per_part_));
}

void BlockFetch::request_rest() {
  if (std::exchange(rest_requested_, true)) return;
  for (std::uint64_t begin = kHeaderBytes + per_part_; begin < wanted_.file_bytes(); begin += per_part_) {
    request(begin, std::min(begin + per_part_, wanted_.file_bytes()));
  }
}

// No range splits a segment. The second time the whole object is asked for without one: some services mix versions.
void BlockFetch::request(std::uint64_t begin, std::uint64_t end) {
  S3Request request = state_->request(S3Op::kGet, run_->id(row_));
  if (!again_) request.headers.emplace_back("range", "bytes=" + std::to_string(begin) + "-" + std::to_string(end - 1));
  if (begin > 0 && !etag_.empty() && !etag_.starts_with("W/")) request.headers.emplace_back("if-match", etag_);
  auto part = std::make_shared<Part>(shared_from_this(), begin, end);
  request.sink = part;
  request.done = [self = shared_from_this(), part](S3Answer answer) { self->part_ended(*part, std::move(answer)); };
  ++running_;
  state_->submit(run_, row_, std::move(request));
}

bool BlockFetch::take_header() {
  BlockHeader found;
  const HeaderVerdict verdict = check_header(HeaderBytes(header_bytes_), object_bytes_, wanted_, found);
  if (verdict != HeaderVerdict::kOk) return fail(End::kBad, verdict);
  if (header_ && !(*header_ == found)) return fail(End::kReplaced);  // between two tries
  header_ = found;
  for (const auto& [segment, digest] : std::exchange(early_, {})) {
    if (!check(segment, digest)) return false;
  }
  return true;
}

bool BlockFetch::check(std::uint32_t segment, const Checksum128& digest) {
  if (!header_) {
    early_.emplace_back(segment, digest);
    return true;
  }
  if (header_->slots[segment] != digest) return fail(End::kBad, HeaderVerdict::kBadSegment);
  verified_[segment] = true;
  if (!told_[segment]) run_->report_segments(row_, 1);
  told_[segment] = true;
  return true;
}

void BlockFetch::forget_range(std::uint64_t begin, std::uint64_t end) {
  for (std::uint32_t segment = 0; segment < wanted_.segments; ++segment) {
    const std::uint64_t at = kHeaderBytes + wanted_.segment_offset(segment);
    if (at >= begin && at < end) verified_[segment] = false;
  }
  std::erase_if(early_, [&](const auto& each) {
    const std::uint64_t at = kHeaderBytes + wanted_.segment_offset(each.first);
    return at >= begin && at < end;
  });
}

void BlockFetch::part_ended(Part& part, S3Answer answer) {
  --running_;
  if (answer.verdict == S3Verdict::kDone && end_ == End::kNone && !part.complete()) fail(End::kBroken);
  if (answer.verdict == S3Verdict::kPrecondition) fail(End::kReplaced);
  if (answer.head.status == 416) fail(End::kBad, HeaderVerdict::kBadLength);
  if (answer.verdict != S3Verdict::kDone && end_ == End::kNone && run_->open(row_)) {
    fail(End::kAnswer);
    answer_ = std::move(answer);
  }
  if (running_ == 0) conclude();
}

void BlockFetch::conclude() {
  if (!run_->open(row_)) return;  // cut: what the caller lent us may be gone by now
  if (end_ == End::kNone && std::ranges::find(verified_, false) != verified_.end()) fail(End::kBroken);
  const bool twice =
      end_ == End::kReplaced || end_ == End::kBroken || (end_ == End::kBad && means_quarantine(verdict_));
  if (twice && !again_) {
    again_ = true;
    state_->counters.second_reads.fetch_add(1);
    attempt(true);
    return;
  }
  switch (end_) {
    case End::kNone:
      state_->present.add(run_->id(row_), state_->clock.now_us());
      run_->finish(row_, Outcome::kDone);
      return;
    case End::kBad:
      finish_bad();
      return;
    case End::kReplaced:
      run_->finish(row_, Outcome::kMiss, MissReason::kVanished);
      return;
    case End::kBroken:
      run_->note_error(unavailable("the service answers with other bytes than were asked for"));
      run_->finish(row_, Outcome::kFailed, MissReason::kFailed);
      return;
    case End::kAnswer:
      finish_answer();
      return;
  }
}

void BlockFetch::finish_answer() {
  const KvBlockId& id = run_->id(row_);
  switch (answer_.verdict) {
    case S3Verdict::kMissing:
      state_->present.remove(id);
      run_->finish(row_, Outcome::kMiss, MissReason::kAbsent);
      return;
    case S3Verdict::kDenied:
      state_->present.remove(id);
      state_->say_denied(answer_);
      run_->finish(row_, Outcome::kMiss, state_->reason_of_denial());
      return;
    default:
      state_->fail(*run_, row_, answer_);
      return;
  }
}

void BlockFetch::finish_bad() {
  const KvBlockId id = run_->id(row_);
  state_->present.remove(id);
  if (!means_quarantine(verdict_)) {
    state_->counters.left_alone.fetch_add(1);
    run_->finish(row_, Outcome::kMiss, MissReason::kForeign);
    return;
  }
  state_->counters.corrupt.fetch_add(1);
  state_->damaged.add(id);  // until it is replaced, nobody reads it again
  const bool erase = state_->may_erase();
  state_->log.warn("tier.s3.corrupt", {{"why", to_string(verdict_)},
                                       {"key", to_hex(id.chunk.key.digest)},
                                       {"erased", erase ? "yes" : "no, skipped from now on"}});
  if (!erase) {
    if (state_->rights.erase)
      run_->note_error(corrupt("damaged blocks are not removed any more: too many in a minute"));
    run_->finish(row_, Outcome::kCorrupt, MissReason::kCorrupt);
    return;
  }
  S3Request request = state_->request(S3Op::kDelete, id);
  request.done = [self = shared_from_this(), id](const S3Answer& answer) {
    if (answer.verdict == S3Verdict::kDone || answer.verdict == S3Verdict::kMissing) {
      self->state_->counters.erased.fetch_add(1);
      self->state_->damaged.remove(id);
    }
    self->run_->finish(self->row_, Outcome::kCorrupt, MissReason::kCorrupt);
  };
  state_->submit(run_, row_, std::move(request));
}

}  // namespace

void s3_get(const std::shared_ptr<S3State>& state, const std::shared_ptr<BatchRun>& run, std::size_t row) {
  const KvBlockId& id = run->id(row);
  if (!state->knows(id)) {
    run->finish(row, Outcome::kMiss, MissReason::kForeign);
    return;
  }
  if (state->damaged.has(id)) {
    run->finish(row, Outcome::kMiss, MissReason::kCorrupt);
    return;
  }
  if (total_bytes(run->memory(row)) != state->header_of(id).raw_bytes) {
    run->note_error(invalid("the memory of a get does not have the size of its block"));
    run->finish(row, Outcome::kMiss, MissReason::kForeign);
    return;
  }
  std::make_shared<BlockFetch>(state, run, row)->start();
}

}  // namespace cairn

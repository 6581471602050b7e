// Writing a block: digests first, then one request, or a multipart upload when it is large. Nothing is visible before
// it is whole. Published once where the service can; a second copy is merely equivalent.
#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "base/text.h"
#include "kv/sha256.h"
#include "s3/crc32c.h"
#include "s3/xml.h"
#include "tier/s3_state.h"
#include "tier/scatter.h"

namespace cairn {
namespace {

constexpr std::uint64_t kPieceBytes = 1 << 20;  // of the caller's memory, touched at a time

// The object's bytes: the header, the payload where it lies, zeros up to the end.
class BlockBytes {
 public:
  BlockBytes(std::shared_ptr<BatchRun> run, std::size_t row, const BlockHeader& header)
      : run_(std::move(run)), row_(row), header_(header) {
    payload_bytes_ = total_bytes(run_->memory(row_));
  }

  // In two passes, since the header stands in front of what it digests. False: the row was cut.
  bool seal() {
    SegmentDigester digester(header_);
    const bool open = each_piece(0, payload_bytes_, [&](ByteSpan bytes) { digester.update(bytes); });
    if (!open) return false;
    header_ = digester.sealed();
    encode_header(header_, header_bytes_);
    return true;
  }

  std::uint64_t size() const { return header_.file_bytes(); }
  const BlockHeader& header() const { return header_; }

  // Copies from byte `offset` of the object on; how many. 0: the row was cut.
  std::size_t read(std::uint64_t offset, std::span<std::byte> into) {
    if (offset < kHeaderBytes) {
      const std::size_t taken = std::min<std::size_t>(into.size(), kHeaderBytes - offset);
      std::memcpy(into.data(), header_bytes_.data() + offset, taken);
      return taken;
    }
    const std::uint64_t position = offset - kHeaderBytes;
    if (position >= payload_bytes_) {
      const std::size_t taken = std::min<std::uint64_t>(into.size(), size() - offset);
      std::memset(into.data(), 0, taken);
      return taken;
    }
    const std::size_t taken = std::min<std::uint64_t>(into.size(), payload_bytes_ - position);
    std::byte* to = into.data();
    const bool open = each_piece(position, taken, [&](ByteSpan bytes) {
      std::memcpy(to, bytes.data(), bytes.size());
      to += bytes.size();
    });
    return open ? taken : 0;
  }

  // Passes over [begin, end) of the object.
  template <class F>
  bool digest(std::uint64_t begin, std::uint64_t end, F&& update) {
    std::uint64_t at = begin;
    if (at < kHeaderBytes) {
      const std::uint64_t taken = std::min<std::uint64_t>(end, kHeaderBytes) - at;
      update(ByteSpan(header_bytes_.data() + at, taken));
      at += taken;
    }
    const std::uint64_t payload_end = std::min(end, kHeaderBytes + payload_bytes_);
    if (at < payload_end && !each_piece(at - kHeaderBytes, payload_end - at, update)) return false;
    at = std::max(at, payload_end);
    static constexpr std::array<std::byte, 4096> kZeros{};
    if (at < end) update(ByteSpan(kZeros.data(), end - at));  // less than a page
    return true;
  }

 private:
  template <class F>
  bool each_piece(std::uint64_t begin, std::uint64_t bytes, F&& take) {
    while (bytes > 0) {
      const std::uint64_t taken = std::min(bytes, kPieceBytes);
      std::vector<iovec> pieces;
      const bool open = run_->while_open(row_, [&] {
        slice(run_->memory(row_), begin, taken, pieces);
        for (const iovec& piece : pieces) take(ByteSpan(static_cast<const std::byte*>(piece.iov_base), piece.iov_len));
      });
      if (!open) return false;
      begin += taken;
      bytes -= taken;
    }
    return true;
  }

  const std::shared_ptr<BatchRun> run_;
  const std::size_t row_;
  BlockHeader header_;
  std::uint64_t payload_bytes_ = 0;
  std::array<std::byte, kHeaderBytes> header_bytes_{};
};

class RangeBody final : public BodySource {
 public:
  RangeBody(std::shared_ptr<BlockBytes> bytes, std::uint64_t begin, std::uint64_t end)
      : bytes_(std::move(bytes)), begin_(begin), end_(end) {}
  std::uint64_t size() const override { return end_ - begin_; }
  std::size_t read(std::uint64_t offset, std::span<std::byte> into) override {
    return bytes_->read(begin_ + offset, into.first(std::min<std::uint64_t>(into.size(), size() - offset)));
  }

 private:
  const std::shared_ptr<BlockBytes> bytes_;
  const std::uint64_t begin_, end_;
};

class BlockStore : public std::enable_shared_from_this<BlockStore> {
 public:
  BlockStore(std::shared_ptr<S3State> state, std::shared_ptr<BatchRun> run, std::size_t row)
      : state_(std::move(state)),
        run_(std::move(run)),
        row_(row),
        id_(run_->id(row)),
        bytes_(std::make_shared<BlockBytes>(run_, row, state_->header_of(id_))) {}
  ~BlockStore() { state_->inflight_bytes.fetch_sub(bytes_->size()); }  // s3_put added them
  BlockStore(const BlockStore&) = delete;
  BlockStore& operator=(const BlockStore&) = delete;

  // On a worker: digests take milliseconds, in which the transport's thread moves other bytes.
  void start() {
    const std::uint64_t size = bytes_->size();
    if (!bytes_->seal()) return;
    const S3Config& config = state_->client->config();
    if (size <= config.multipart_bytes) {
      Piece piece;
      if (!describe(0, size, piece)) return;
      // What is damaged and could not be removed has our name and length: it is written over.
      put_whole(piece, state_->rights.publish_once && !state_->damaged.has(id_));
      return;
    }
    const std::uint64_t segment = bytes_->header().segment_size();
    const std::uint64_t wanted = std::max<std::uint64_t>(config.part_bytes, std::min(8 * kMiB, config.multipart_bytes));
    const std::uint64_t part = std::max<std::uint64_t>(1, wanted / segment) * segment;
    for (std::uint64_t begin = 0; begin < size;) {
      const std::uint64_t end = std::min(size, begin == 0 ? kHeaderBytes + part : begin + part);
      Piece piece;
      if (!describe(begin, end, piece)) return;
      pieces_.push_back(std::move(piece));
      begin = end;
    }
    parts_.resize(pieces_.size());
    create_upload();
  }

 private:
  struct Piece {
    std::uint64_t begin = 0, end = 0;
    std::string sha256, crc32c;
  };

  // Over TLS the service's own check of the CRC is enough; without it the signature covers the bytes.
  bool describe(std::uint64_t begin, std::uint64_t end, Piece& piece) {
    piece.begin = begin, piece.end = end;
    Crc32c crc;
    Sha256 sha;
    const bool plain = !state_->client->config().tls;
    const bool open = bytes_->digest(begin, end, [&](ByteSpan bytes) {
      crc.update(bytes);
      if (plain) sha.update(bytes.data(), bytes.size());
    });
    piece.crc32c = crc.base64();
    if (plain) piece.sha256 = to_hex(sha.finish());
    return open;
  }

  S3Request request_of(S3Op op) const { return state_->request(op, id_); }

  void add_body(S3Request& request, const Piece& piece) const {
    request.body = std::make_shared<RangeBody>(bytes_, piece.begin, piece.end);
    request.payload_sha256 = piece.sha256;
  }

  void put_whole(const Piece& piece, bool once) {
    S3Request request = request_of(S3Op::kPut);
    request.headers = object_headers(state_->client->config(), piece.crc32c);
    add_body(request, piece);
    if (once) request.headers.emplace_back("if-none-match", "*");
    request.done = [self = shared_from_this(), piece, once](S3Answer answer) {
      if (answer.verdict == S3Verdict::kPrecondition && once) return self->look_at_other(piece);
      self->stored(answer);
    };
    state_->submit(run_, row_, std::move(request));
  }

  // Somebody else's copy is as good as ours when it has our length; else it is replaced.
  void look_at_other(const Piece& piece) {
    S3Request request = request_of(S3Op::kHead);
    request.done = [self = shared_from_this(), piece](const S3Answer& answer) {
      if (answer.verdict == S3Verdict::kDone && answer.head.content_length == self->bytes_->size()) {
        return self->stored(answer, 0);
      }
      if (answer.verdict == S3Verdict::kDone || answer.verdict == S3Verdict::kMissing) {
        return self->put_whole(piece, false);
      }
      self->stored(answer);
    };
    state_->submit(run_, row_, std::move(request));
  }

  void create_upload() {
    S3Request request = request_of(S3Op::kCreateUpload);
    request.query = "uploads=";
    request.headers = object_headers(state_->client->config(), "");
    request.headers.emplace_back("x-amz-checksum-algorithm", "CRC32C");
    request.done = [self = shared_from_this()](const S3Answer& answer) {
      if (answer.verdict != S3Verdict::kDone) return self->stored(answer);
      const Result<std::string> upload = parse_upload_id(answer.body);
      if (!upload) {
        S3Answer broken = answer;
        broken.verdict = S3Verdict::kUnavailable;
        broken.detail = upload.error().detail;
        return self->stored(broken);
      }
      self->upload_ = percent_encode(*upload);
      for (std::size_t i = 0; i < self->pieces_.size(); ++i) self->put_part(i);
    };
    state_->submit(run_, row_, std::move(request));
  }

  void put_part(std::size_t index) {
    S3Request request = request_of(S3Op::kPart);
    request.query = "partNumber=" + std::to_string(index + 1) + "&uploadId=" + upload_;
    add_body(request, pieces_[index]);
    request.headers.emplace_back("x-amz-checksum-crc32c", pieces_[index].crc32c);
    ++running_;
    request.done = [self = shared_from_this(), index](S3Answer answer) {
      --self->running_;
      if (answer.verdict != S3Verdict::kDone && !self->failed_) self->failed_ = answer;
      self->parts_[index] = {answer.head.etag, self->pieces_[index].crc32c};
      if (self->running_ == 0) self->complete();
    };
    state_->submit(run_, row_, std::move(request));
  }

  void complete() {
    if (!failed_ && !run_->open(row_)) failed_ = unanswered(S3Verdict::kCancelled, "given up");
    if (failed_) return abort();
    S3Request request = request_of(S3Op::kCompleteUpload);
    request.query = "uploadId=" + upload_;
    set_text(request, complete_body(parts_), state_->client->config());
    request.headers.emplace_back("content-type", "application/xml");
    request.done = [self = shared_from_this()](S3Answer answer) {
      if (answer.verdict == S3Verdict::kDone) return self->stored(answer);
      const bool lost = answer.verdict == S3Verdict::kMissing;  // a first answer was: the upload is over
      self->failed_ = std::move(answer);
      lost ? self->look_for_ours() : self->abort();
    };
    state_->submit(run_, row_, std::move(request));
  }

  void look_for_ours() {
    S3Request request = request_of(S3Op::kHead);
    request.done = [self = shared_from_this()](const S3Answer& answer) {
      const bool there = answer.verdict == S3Verdict::kDone && answer.head.content_length == self->bytes_->size();
      there ? self->stored(answer) : self->stored(*self->failed_);
    };
    state_->submit(run_, row_, std::move(request));
  }

  // Parts that nobody completes cost money. Sent even when the row was cut, with time of its own.
  void abort() {
    S3Request request = request_of(S3Op::kAbortUpload);
    request.query = "uploadId=" + upload_;
    request.deadline = state_->clock.after_us(10'000'000);
    request.done = [self = shared_from_this()](const S3Answer&) { self->stored(*self->failed_); };
    state_->client->submit(std::move(request));
  }

  void stored(const S3Answer& answer) { stored(answer, bytes_->size()); }
  void stored(const S3Answer& answer, std::uint64_t new_bytes) {
    if (answer.verdict == S3Verdict::kDone) {
      state_->present.add(id_, state_->clock.now_us());
      if (new_bytes > 0) state_->damaged.remove(id_);
      state_->used_bytes.fetch_add(new_bytes);
      state_->blocks.fetch_add(new_bytes > 0 ? 1 : 0);
      state_->put_worked();
      run_->report_segments(row_, bytes_->header().segments);
      run_->finish(row_, Outcome::kDone);
      return;
    }
    if (!run_->open(row_)) {
      state_->counters.abandoned_puts.fetch_add(1);
      return;
    }
    state_->put_failed(state_->client->complaint(answer));
    if (answer.verdict == S3Verdict::kDenied) {
      state_->say_denied(answer);
      run_->finish(row_, Outcome::kRefused, MissReason::kDenied);
      return;
    }
    state_->fail(*run_, row_, answer);
  }

  const std::shared_ptr<S3State> state_;
  const std::shared_ptr<BatchRun> run_;
  const std::size_t row_;
  const KvBlockId id_;
  const std::shared_ptr<BlockBytes> bytes_;
  std::vector<Piece> pieces_;  // of a multipart upload
  std::vector<S3Part> parts_;
  std::string upload_;
  std::uint32_t running_ = 0;
  std::optional<S3Answer> failed_;
};

}  // namespace

void s3_put(const std::shared_ptr<S3State>& state, const std::shared_ptr<BatchRun>& run, std::size_t row) {
  const KvBlockId& id = run->id(row);
  if (!state->knows(id) || !state->rights.put) {
    run->finish(row, Outcome::kRefused, state->rights.put ? MissReason::kForeign : MissReason::kDenied);
    return;
  }
  const BlockHeader header = state->header_of(id);
  if (total_bytes(run->memory(row)) != header.raw_bytes) {
    run->note_error(invalid("the memory of a put does not have the size of its block"));
    run->finish(row, Outcome::kRefused, MissReason::kFailed);
    return;
  }
  const auto store = [state, run, row] {
    const std::uint64_t size = state->header_of(run->id(row)).file_bytes();
    const std::uint64_t most = state->client->config().capacity_bytes;
    const std::uint64_t before = state->inflight_bytes.fetch_add(size);
    if (most > 0 && state->used_bytes.load() + before + size > most) {
      state->inflight_bytes.fetch_sub(size);
      state->counters.refused_capacity.fetch_add(1);
      state->put_failed("capacity_bytes is used up");
      run->finish(row, Outcome::kRefused, MissReason::kBusy);
      return;
    }
    const auto work = std::make_shared<BlockStore>(state, run, row);
    if (state->prepare([work] { work->start(); })) return;
    run->note_error({ErrorCode::kExhausted, "the tier's queue is full"});
    run->finish(row, Outcome::kFailed, MissReason::kBusy);
  };
  if (state->damaged.has(id)) return store();
  // Another instance may have stored it: a question costs less than the bytes.
  S3Request look = state->request(S3Op::kHead, id);
  look.done = [state, run, row, store, bytes = header.file_bytes(),
               segments = header.segments](const S3Answer& answer) {
    if (!run->open(row)) return;
    if (answer.verdict != S3Verdict::kDone || answer.head.content_length != bytes) return store();
    state->present.add(run->id(row), state->clock.now_us());
    run->report_segments(row, segments);
    run->finish(row, Outcome::kDone);
  };
  state->submit(run, row, std::move(look));
}

}  // namespace cairn

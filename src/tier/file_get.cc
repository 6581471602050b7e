// Reading a block: header and first segment in one request, then segment by segment, each digested as it arrives. A
// block that looks damaged is read a second time past the page cache before it is put away.
#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "tier/file_state.h"
#include "tier/scatter.h"

namespace cairn {
namespace {

struct Attempt {
  enum class Kind : std::uint8_t { kGood, kBad, kErrno, kCut } kind = Kind::kGood;
  HeaderVerdict verdict = HeaderVerdict::kOk;  // with kBad
  int failure = 0;                             // with kErrno: negative errno

  static Attempt bad(HeaderVerdict verdict) { return {Kind::kBad, verdict, 0}; }
  static Attempt failed(std::int64_t code) {
    if (code == -ECANCELED) return {Kind::kCut, HeaderVerdict::kOk, 0};
    return {Kind::kErrno, HeaderVerdict::kOk, static_cast<int>(code)};
  }
};

enum class Cache : std::uint8_t { kMayServe, kPast };

// Buffers of one thread; a thread that is stuck keeps its own.
struct Buffers {
  AlignedBuffer header{kHeaderBytes};
  AlignedBuffer bounce;
};
Buffers& buffers_of_thread(std::uint64_t bounce_bytes) {
  thread_local Buffers buffers;
  if (buffers.bounce.size() < bounce_bytes) buffers.bounce = AlignedBuffer(bounce_bytes);
  return buffers;
}

class BlockRead {
 public:
  BlockRead(FileState& state, BatchRun& run, std::size_t row, const BlockHeader& wanted)
      : state_(state), run_(run), row_(row), wanted_(wanted), memory_(run.memory(row)) {
    in_place_ = reachable_by_holds(memory_) && (!state.mount.direct || aligned(memory_, state.mount.alignment));
    if (!in_place_) state.counters.bounced.fetch_add(1);
  }

  Attempt attempt(Cache cache) {
    const int flags = O_RDONLY | (state_.mount.direct ? O_DIRECT : 0);
    OwnedFile file(state_.calls,
                   state_.calls.open_beneath(state_.root.get(), state_.path.block(run_.id(row_)).c_str(), flags, 0));
    if (!file.open()) return cannot_open(file.get());
    FileStat found;
    if (const int failed = state_.calls.stat_open(file.get(), found); failed < 0) return Attempt::failed(failed);
    if (!found.regular) return Attempt::bad(HeaderVerdict::kBadLength);
    if (cache == Cache::kPast) {
      state_.counters.second_reads.fetch_add(1);
      if (!state_.mount.direct) state_.calls.drop_cache(file.get());
    }
    if (!run_.hold(row_)) return {Attempt::Kind::kCut, HeaderVerdict::kOk, 0};
    state_.enter_call(run_, row_, wanted_.raw_bytes);
    const Attempt result = found.bytes == wanted_.file_bytes() ? read_whole(file.get(), found.bytes)
                                                               : read_header_only(file.get(), found.bytes);
    state_.leave_call(run_, row_);
    run_.release(row_);
    return result;
  }

 private:
  // A link, a directory or a pipe under a block's name is damage; the rest are the system's reasons.
  Attempt cannot_open(int code) {
    if (code == -ELOOP || code == -EINVAL || code == -ENXIO) {
      FileStat found;
      if (state_.calls.stat(state_.root.get(), state_.path.block(run_.id(row_)).c_str(), found) >= 0 &&
          !found.regular) {
        return Attempt::bad(HeaderVerdict::kBadLength);
      }
    }
    return Attempt::failed(code);
  }

  GoOn go_on() {
    return [this] { return run_.open(row_); };
  }

  // Another length may be another version or another store: its header decides whether it is damage.
  Attempt read_header_only(int descriptor, std::uint64_t file_bytes) {
    if (file_bytes < kHeaderBytes) return Attempt::bad(HeaderVerdict::kBadLength);
    Buffers& buffers = buffers_of_thread(0);
    const iovec piece{buffers.header.data(), kHeaderBytes};
    const std::int64_t got = read_pieces(state_.calls, descriptor, {&piece, 1}, 0, go_on());
    if (got < 0) return Attempt::failed(got);
    if (got < static_cast<std::int64_t>(kHeaderBytes)) return Attempt::failed(-ESTALE);
    BlockHeader header;
    const HeaderVerdict verdict =
        check_header(HeaderBytes(buffers.header.data(), kHeaderBytes), file_bytes, wanted_, header);
    return Attempt::bad(verdict == HeaderVerdict::kOk ? HeaderVerdict::kBadLength : verdict);
  }

  Attempt read_whole(int descriptor, std::uint64_t file_bytes) {
    Buffers& buffers = buffers_of_thread(in_place_ ? 0 : wanted_.segment_size());
    BlockHeader header;
    for (std::uint32_t segment = 0; segment < wanted_.segments; ++segment) {
      const std::uint64_t begin = wanted_.segment_offset(segment), bytes = wanted_.segment_bytes(segment);
      std::vector<iovec> pieces;
      if (segment == 0) pieces.push_back({buffers.header.data(), kHeaderBytes});
      if (in_place_)
        slice(memory_, begin, bytes, pieces);
      else
        pieces.push_back({buffers.bounce.data(), bytes});
      const std::uint64_t ahead = segment == 0 ? kHeaderBytes : 0;
      const std::int64_t got = read_pieces(state_.calls, descriptor, pieces, kHeaderBytes + begin - ahead, go_on());
      if (got < 0) return Attempt::failed(got);
      if (static_cast<std::uint64_t>(got) != bytes + ahead) return Attempt::failed(-ESTALE);
      if (segment == 0) {
        const HeaderVerdict verdict =
            check_header(HeaderBytes(buffers.header.data(), kHeaderBytes), file_bytes, wanted_, header);
        if (verdict != HeaderVerdict::kOk) return Attempt::bad(verdict);
      }
      const Attempt taken = take_segment(header, segment, begin, bytes, buffers);
      if (taken.kind != Attempt::Kind::kGood) return taken;
    }
    return {};
  }

  Attempt take_segment(const BlockHeader& header, std::uint32_t segment, std::uint64_t begin, std::uint64_t bytes,
                       Buffers& buffers) {
    if (in_place_) {
      if (!verify_segment(header, segment, as_spans(memory_))) return Attempt::bad(HeaderVerdict::kBadSegment);
    } else {
      if (!verify_segment(header, segment, ByteSpan(buffers.bounce.data(), bytes))) {
        return Attempt::bad(HeaderVerdict::kBadSegment);
      }
      const bool open = run_.while_open(row_, [&] {
        std::vector<iovec> pieces;
        slice(memory_, begin, bytes, pieces);
        const std::byte* from = buffers.bounce.data();
        for (const iovec& piece : pieces) {
          std::memcpy(piece.iov_base, from, piece.iov_len);
          from += piece.iov_len;
        }
      });
      if (!open) return {Attempt::Kind::kCut, HeaderVerdict::kOk, 0};
    }
    if (segment >= told_) {  // a second read does not tell a segment twice
      run_.report_segments(row_, 1);
      told_ = segment + 1;
    }
    return {};
  }

  FileState& state_;
  BatchRun& run_;
  std::size_t row_;
  const BlockHeader& wanted_;
  std::span<const MemoryRef> memory_;
  bool in_place_ = false;
  std::uint32_t told_ = 0;
};

void finish_errno(FileState& state, BatchRun& run, std::size_t row, int code) {
  switch (-code) {
    case ENOENT:
    case ENOTDIR:
      run.finish(row, Outcome::kMiss, MissReason::kAbsent);
      return;
    case ESTALE:
    case EINVAL:
    case ENOTCONN:
      run.finish(row, Outcome::kMiss, MissReason::kVanished);
      return;
    case EACCES:
    case EPERM:
      state.say_denied(run.id(row));
      run.finish(row, Outcome::kMiss, MissReason::kDenied);
      return;
    default:
      break;
  }
  run.note_error(unavailable("reading a block failed: " + std::string(strerror(-code))));
  run.finish(row, Outcome::kFailed, MissReason::kFailed);
}

void finish_bad(FileState& state, BatchRun& run, std::size_t row, HeaderVerdict verdict) {
  const KvBlockId& id = run.id(row);
  if (!means_quarantine(verdict)) {
    state.counters.left_alone.fetch_add(1);
    run.finish(row, Outcome::kMiss, MissReason::kForeign);
    return;
  }
  state.counters.corrupt.fetch_add(1);
  const bool moved = quarantine(state, id, QuarantineWhen::kUnlessTooMany);
  state.log.warn(
      "tier.file.corrupt",
      {{"why", to_string(verdict)}, {"key", to_hex(id.chunk.key.digest)}, {"quarantined", moved ? "yes" : "no"}});
  if (!moved) run.note_error(corrupt("a damaged block could not, or may not any more, be quarantined"));
  run.finish(row, Outcome::kCorrupt, MissReason::kCorrupt);
}

}  // namespace

void file_get(FileState& state, BatchRun& run, std::size_t row) {
  if (!state.knows(run.id(row))) {
    run.finish(row, Outcome::kMiss, MissReason::kForeign);
    return;
  }
  const BlockHeader wanted = state.header_of(run.id(row));
  if (total_bytes(run.memory(row)) != wanted.raw_bytes) {
    run.note_error(invalid("the memory of a get does not have the size of its block"));
    run.finish(row, Outcome::kMiss, MissReason::kForeign);
    return;
  }
  BlockRead read(state, run, row, wanted);
  Attempt result = read.attempt(Cache::kMayServe);
  if (result.kind == Attempt::Kind::kBad && means_quarantine(result.verdict)) result = read.attempt(Cache::kPast);
  if (!run.open(row)) return;  // cut: what the caller lent us may be gone by now
  switch (result.kind) {
    case Attempt::Kind::kGood:
      run.finish(row, Outcome::kDone);
      return;
    case Attempt::Kind::kBad:
      finish_bad(state, run, row, result.verdict);
      return;
    case Attempt::Kind::kErrno:
      finish_errno(state, run, row, result.failure);
      return;
    case Attempt::Kind::kCut:
      return;
  }
}

}  // namespace cairn

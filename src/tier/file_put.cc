// Writing a block: a temporary file in the block's own directory, then its name, given once and never replaced.
#include <fcntl.h>

#include <cerrno>
#include <cstring>

#include "base/random.h"
#include "tier/file_state.h"
#include "tier/scatter.h"

namespace cairn {
namespace {

bool is_whole(const FileStat& found, std::uint64_t file_bytes) { return found.regular && found.bytes == file_bytes; }

class BlockWrite {
 public:
  BlockWrite(FileState& state, BatchRun& run, std::size_t row)
      : state_(state), run_(run), row_(row), id_(run.id(row)), header_(state.header_of(run.id(row))) {}

  // 0: stored and visible; -ECANCELED: the row was cut; else -errno. Leaves no temporary behind unless the process
  // dies.
  int write() {
    if (const int failed = take_payload(); failed < 0) return failed;
    int result = open_temporary();
    if (result >= 0) {
      result = write_file();
      const int closed = file_.finish();
      if (result >= 0 && closed != -EINTR) result = closed;  // interrupted, it is closed all the same
      if (result >= 0 && !run_.open(row_)) result = -ECANCELED;
      if (result >= 0) result = give_name();
      if (result < 0) state_.calls.unlink(directory_.get(), temporary_.c_str());
    }
    drop_payload();
    if (result == 0 && state_.durability == Durability::kFull) result = sync_names();
    return result;
  }

  const BlockHeader& header() const { return header_; }

 private:
  // The block's name in its directory, and that directory's on the way from the root: once in the life of the tier,
  // whoever made it.
  int sync_names() {
    const int synced = state_.calls.sync(directory_.get(), SyncKind::kFull);
    if (synced < 0 || state_.way_synced(id_)) return synced;
    const int way = sync_directories(state_.calls, state_.root.get(), state_.path.block_directory(id_));
    if (way >= 0) state_.note_way_synced(id_);
    return way < 0 ? way : 0;
  }

  // Digests the payload where it lies, or gathers it first when a kernel call must not, or cannot, read it there.
  int take_payload() {
    const std::span<const MemoryRef> memory = run_.memory(row_);
    const bool in_place =
        reachable_by_holds(memory) && (!state_.mount.direct || aligned(memory, state_.mount.alignment));
    if (in_place) {
      if (!run_.hold(row_)) return -ECANCELED;
      held_ = true;
      state_.enter_call(run_, row_, header_.raw_bytes);
      payload_.assign(memory.begin(), memory.end());
    } else {
      state_.counters.bounced.fetch_add(1);
      bounce_ = AlignedBuffer(header_.raw_bytes);
      const bool open = run_.while_open(row_, [&] {
        std::byte* into = bounce_.data();
        for (const MemoryRef& ref : memory) {
          std::memcpy(into, ref.data, ref.size);
          into += ref.size;
        }
      });
      if (!open) return -ECANCELED;
      payload_ = {MemoryRef{bounce_.data(), header_.raw_bytes, nullptr, MemoryKind::kHost, 0}};
    }
    seal(header_, as_spans(payload_));
    return 0;
  }

  void drop_payload() {
    if (!held_) return;
    state_.leave_call(run_, row_);
    run_.release(row_);
    held_ = false;
  }

  int open_temporary() {
    temporary_ = temp_name(id_.chunk.key, random_u64());
    const int flags = O_WRONLY | O_CREAT | O_EXCL | (state_.mount.direct ? O_DIRECT : 0);
    for (int tries = 0; tries < 2; ++tries) {  // an evictor may remove an empty directory under us
      directory_ = state_.open_directory_of(id_);
      if (directory_.get() == -ENOENT) {
        const int made =
            make_directories(state_.calls, state_.root.get(), state_.path.block_directory(id_), state_.dir_mode);
        if (made < 0) return made;
        directory_ = state_.open_directory_of(id_);
      }
      if (!directory_.open()) return directory_.get();
      file_ = OwnedFile(state_.calls,
                        state_.calls.open_beneath(directory_.get(), temporary_.c_str(), flags, state_.file_mode));
      if (file_.get() != -ENOENT) break;
    }
    if (file_.open() && state_.file_mode != 0600) state_.calls.chmod_open(file_.get(), state_.file_mode);
    return file_.get();
  }

  int write_file() {
    const int allocated = state_.calls.allocate(file_.get(), header_.file_bytes());
    if (allocated == -ENOSPC || allocated == -EDQUOT || allocated == -EFBIG) return allocated;
    AlignedBuffer header_bytes(kHeaderBytes);
    encode_header(header_, std::span<std::byte, kHeaderBytes>(header_bytes.data(), kHeaderBytes));
    const GoOn go_on = [this] { return run_.open(row_); };
    for (std::uint32_t segment = 0; segment < header_.segments; ++segment) {
      const std::uint64_t begin = header_.segment_offset(segment), bytes = header_.segment_bytes(segment);
      std::vector<iovec> pieces;
      if (segment == 0) pieces.push_back({header_bytes.data(), kHeaderBytes});
      slice(payload_, begin, bytes, pieces);
      const std::uint64_t ahead = segment == 0 ? kHeaderBytes : 0;
      const std::int64_t wrote = write_pieces(state_.calls, file_.get(), pieces, kHeaderBytes + begin - ahead, go_on);
      if (wrote < 0) return static_cast<int>(wrote);
      if (static_cast<std::uint64_t>(wrote) != bytes + ahead) return -EIO;
      run_.report_segments(row_, 1);
    }
    if (state_.durability == Durability::kNone) return 0;
    return state_.calls.sync(file_.get(), state_.durability == Durability::kData ? SyncKind::kData : SyncKind::kFull);
  }

  int give_name() {
    const std::string name = block_name(id_.chunk.key);
    int result = 0;
    state_.accounts.change(id_.shard, fan_of(id_), [&]() -> FileAmount {
      FileAmount amount;
      for (int tries = 0; tries < 2; ++tries) {
        result = publish(state_.calls, state_.mount.publish, directory_.get(), temporary_.c_str(), name.c_str());
        if (result >= 0) {
          amount.bytes += static_cast<std::int64_t>(header_.file_bytes());
          amount.blocks += 1;
          return amount;
        }
        FileStat there;
        if (result != -EEXIST || tries > 0) return amount;
        if (state_.calls.stat(directory_.get(), name.c_str(), there) < 0) continue;  // gone again
        if (is_whole(there, header_.file_bytes())) {                                 // another writer was first
          state_.calls.unlink(directory_.get(), temporary_.c_str());
          result = 0;
          return amount;
        }
        bool moved = false;
        const FileAmount lost = quarantine_locked(state_, directory_.get(), id_, moved);
        amount.bytes += lost.bytes;
        amount.blocks += lost.blocks;
        if (!moved) return amount;
      }
      return amount;
    });
    return result < 0 ? result : 0;
  }

  FileState& state_;
  BatchRun& run_;
  std::size_t row_;
  const KvBlockId& id_;
  BlockHeader header_;
  std::vector<MemoryRef> payload_;
  AlignedBuffer bounce_;
  bool held_ = false;
  OwnedFile directory_, file_;
  std::string temporary_;
};

void finish_write(FileState& state, BatchRun& run, std::size_t row, int result) {
  switch (-result) {
    case 0:
      state.put_worked();
      run.finish(row, Outcome::kDone);
      return;
    case ECANCELED:
      return;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case EROFS:
      state.counters.refused_space.fetch_add(1);
      state.put_failed(strerror(-result));
      run.finish(row, Outcome::kRefused, MissReason::kFailed);
      return;
    case EACCES:
    case EPERM:
      state.say_denied(run.id(row));
      state.put_failed(strerror(-result));
      run.finish(row, Outcome::kRefused, MissReason::kDenied);
      return;
    default:
      break;
  }
  state.put_failed(strerror(-result));
  run.note_error(unavailable("writing a block failed: " + std::string(strerror(-result))));
  run.finish(row, Outcome::kFailed, MissReason::kFailed);
}

}  // namespace

void file_put(FileState& state, BatchRun& run, std::size_t row) {
  const KvBlockId& id = run.id(row);
  if (!state.knows(id) || state.read_only) {
    run.finish(row, Outcome::kRefused, state.read_only ? MissReason::kDenied : MissReason::kForeign);
    return;
  }
  BlockWrite write(state, run, row);
  const std::uint64_t file_bytes = write.header().file_bytes();
  if (total_bytes(run.memory(row)) != write.header().raw_bytes) {
    run.note_error(invalid("the memory of a put does not have the size of its block"));
    run.finish(row, Outcome::kRefused, MissReason::kFailed);
    return;
  }
  FileStat there;
  if (state.calls.stat(state.root.get(), state.path.block(id).c_str(), there) >= 0 && is_whole(there, file_bytes)) {
    run.report_segments(row, write.header().segments);
    run.finish(row, Outcome::kDone);
    return;
  }
  if (!state.accounts.reserve(file_bytes, state.config.capacity_bytes)) {
    state.counters.refused_capacity.fetch_add(1);
    state.put_failed(state.accounts.total_known() ? "capacity_bytes is used up" : "what it holds is being counted");
    run.finish(row, Outcome::kRefused, MissReason::kBusy);
    return;
  }
  const int result = write.write();
  state.accounts.release(file_bytes);
  if (!run.open(row)) {  // cut: what the caller lent us may be gone by now
    state.counters.abandoned_puts.fetch_add(1);
    return;
  }
  finish_write(state, run, row, result);
}

}  // namespace cairn

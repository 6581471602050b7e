// Is a block there, and its removal.
#include <cerrno>

#include "tier/file_state.h"

namespace cairn {

void file_contains(FileState& state, BatchRun& run, std::size_t row) {
  const KvBlockId& id = run.id(row);
  if (!state.knows(id)) {
    run.finish(row, Outcome::kMiss, MissReason::kForeign);
    return;
  }
  FileStat found;
  const int result = state.calls.stat(state.root.get(), state.path.block(id).c_str(), found);
  if (!run.open(row)) return;
  switch (-result) {
    case ENOENT:
    case ENOTDIR:
    case ESTALE:
    case EINVAL:
    case ENOTCONN:
      run.finish(row, Outcome::kMiss, MissReason::kAbsent);
      return;
    case EACCES:
    case EPERM:
      state.say_denied(id);
      run.finish(row, Outcome::kMiss, MissReason::kDenied);
      return;
    default:
      break;
  }
  if (result < 0) {
    run.note_error(unavailable("stat in the store failed, errno " + std::to_string(-result)));
    run.finish(row, Outcome::kFailed, MissReason::kFailed);
    return;
  }
  // What is not a whole block under this name will be replaced by the next put.
  const bool whole = found.regular && found.bytes == state.header_of(id).file_bytes();
  if (whole)
    run.finish(row, Outcome::kDone);
  else
    run.finish(row, Outcome::kMiss, MissReason::kCorrupt);
}

void file_erase(FileState& state, BatchRun& run, std::size_t row) {
  const KvBlockId& id = run.id(row);
  if (!state.knows(id)) {
    run.finish(row, Outcome::kMiss, MissReason::kForeign);
    return;
  }
  if (state.read_only) {
    run.finish(row, Outcome::kRefused, MissReason::kDenied);
    return;
  }
  const OwnedFile directory = state.open_directory_of(id);
  int result = directory.open() ? 0 : directory.get();
  if (directory.open()) {
    const std::string name = block_name(id.chunk.key);
    state.accounts.change(id.shard, fan_of(id), [&]() -> FileAmount {
      FileStat found;
      result = state.calls.stat(directory.get(), name.c_str(), found);
      if (result >= 0) result = state.calls.unlink(directory.get(), name.c_str());
      if (result < 0 || !found.regular) return {};
      return {-static_cast<std::int64_t>(found.bytes), -1};
    });
  }
  if (result >= 0) {
    run.finish(row, Outcome::kDone);
  } else if (result == -ENOENT || result == -ENOTDIR || result == -ESTALE) {
    run.finish(row, Outcome::kMiss, MissReason::kAbsent);
  } else if (result == -EACCES || result == -EPERM || result == -EROFS) {
    state.say_denied(id);
    run.finish(row, Outcome::kRefused, MissReason::kDenied);
  } else {
    run.note_error(unavailable("unlink in the store failed, errno " + std::to_string(-result)));
    run.finish(row, Outcome::kFailed, MissReason::kFailed);
  }
}

}  // namespace cairn

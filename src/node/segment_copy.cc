#include "node/segment_copy.h"

#include <algorithm>

#include "base/bytes.h"

namespace cairn {
namespace {

constexpr std::uint64_t kStepBytes = 128 * kKiB;

}  // namespace

std::span<std::byte> ScatterWalk::next(std::uint64_t bytes_max) {
  while (inside_ == pieces_[piece_].size) {
    ++piece_;
    inside_ = 0;
  }
  const std::uint64_t bytes = std::min(bytes_max, pieces_[piece_].size - inside_);
  const std::span<std::byte> step(pieces_[piece_].data + inside_, bytes);
  inside_ += bytes;
  return step;
}

Checksum128 copy_segment_in(const CopyChoice& copy, ScatterWalk& from, std::byte* slot, std::uint64_t bytes) {
  Xxh3Stream digest;
  for (std::uint64_t at = 0; at < bytes;) {
    const std::span<std::byte> step = from.next(std::min(kStepBytes, bytes - at));
    digest.update(step);
    copy.copy(slot + at, step.data(), step.size());
    at += step.size();
  }
  return digest.finish();
}

Checksum128 copy_segment_out(const CopyChoice& copy, const std::byte* slot, ScatterWalk& into, std::uint64_t bytes) {
  Xxh3Stream digest;
  for (std::uint64_t at = 0; at < bytes;) {
    const std::span<std::byte> step = into.next(std::min(kStepBytes, bytes - at));
    digest.update({slot + at, step.size()});
    copy.copy(step.data(), slot + at, step.size());
    at += step.size();
  }
  return digest.finish();
}

std::uint64_t bytes_of(Scatter memory) {
  std::uint64_t sum = 0;
  for (const MemoryRef& ref : memory) sum += ref.size;
  return sum;
}

}  // namespace cairn

// The daemon's pool as its clients see it: mapped once, read and filled without asking anybody, so that a claimed load
// is one copy, also when the daemon is gone. Copies run on the calling thread; any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "io/copy.h"
#include "io/memory.h"
#include "node/message.h"
#include "node/socket.h"

namespace cairn {

class PoolView {
 public:
  // kInvalid: the descriptors are not what `welcome` says, or could shrink under us.
  static Result<std::unique_ptr<PoolView>> map(const Descriptor& pool, const Descriptor& generations,
                                               const Welcome& welcome, const Clock& clock);
  ~PoolView();
  PoolView(const PoolView&) = delete;
  PoolView& operator=(const PoolView&) = delete;

  // Slot -> memory, all of the block. True: every segment is what its digest says, and nobody filled the slot anew
  // meanwhile. False: nothing of `into` may be used.
  bool read(const BlockPlace& place, Scatter into) const;
  // Memory -> slot that was reserved for us. The digests of what was read from memory, for SealSlots.
  std::vector<Checksum128> write(std::uint32_t slot, Scatter from) const;
  bool stands(std::uint32_t slot, std::uint64_t generation) const;
  std::uint32_t slots() const { return slots_; }

 private:
  PoolView() = default;
  std::byte* data_ = nullptr;
  const std::atomic<std::uint64_t>* generations_ = nullptr;
  std::uint64_t pool_bytes_ = 0, generation_bytes_ = 0, slot_bytes_ = 0;
  std::uint32_t slots_ = 0;
  CopyChoice copy_;
};

}  // namespace cairn

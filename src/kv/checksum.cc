#include "kv/checksum.h"

#include <xxhash.h>
#if defined(__x86_64__) && __has_include(<xxh_x86dispatch.h>)
#include <xxh_x86dispatch.h>  // the widest vector unit at run time; the digest is the same
#endif

#include "base/check.h"

namespace cairn {
namespace {

Checksum128 from(XXH128_hash_t hash) { return {.low = hash.low64, .high = hash.high64}; }

}  // namespace

Checksum128 xxh3_128(ByteSpan bytes) { return from(XXH3_128bits(bytes.data(), bytes.size())); }
std::uint64_t xxh3_64(ByteSpan bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

struct Xxh3Stream::State {
  State() : state(XXH3_createState()) {
    CAIRN_CHECK(state != nullptr, "out of memory");
    start();
  }
  ~State() { XXH3_freeState(state); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  void start() const { CAIRN_CHECK(XXH3_128bits_reset(state) == XXH_OK, "XXH3 reset failed"); }

  XXH3_state_t* state;
};

Xxh3Stream::Xxh3Stream() : state_(std::make_unique<State>()) {}
Xxh3Stream::~Xxh3Stream() = default;
Xxh3Stream::Xxh3Stream(Xxh3Stream&&) noexcept = default;
Xxh3Stream& Xxh3Stream::operator=(Xxh3Stream&&) noexcept = default;

void Xxh3Stream::update(ByteSpan bytes) {
  if (bytes.empty()) return;
  empty_ = false;
  CAIRN_CHECK(XXH3_128bits_update(state_->state, bytes.data(), bytes.size()) == XXH_OK, "XXH3 update failed");
}

Checksum128 Xxh3Stream::finish() {
  const Checksum128 digest = from(XXH3_128bits_digest(state_->state));
  state_->start();
  empty_ = true;
  return digest;
}

}  // namespace cairn

#include "kv/sha256.h"

#include <openssl/evp.h>

#include "base/bytes.h"
#include "base/check.h"

namespace cairn {
namespace {

// Fetched once: an implicit fetch for each message costs more than hashing a chunk key.
const EVP_MD* algorithm() {
  static const EVP_MD* const kFetched = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  CAIRN_CHECK(kFetched != nullptr, "the OpenSSL library has no SHA-256");
  return kFetched;
}

}  // namespace

struct Sha256::State {
  State() : context(EVP_MD_CTX_new()) {
    CAIRN_CHECK(context != nullptr, "out of memory");
    start();
  }
  ~State() { EVP_MD_CTX_free(context); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  void start() const { CAIRN_CHECK(EVP_DigestInit_ex2(context, algorithm(), nullptr) == 1, "SHA-256 init failed"); }

  EVP_MD_CTX* context;
};

Sha256::Sha256() : state_(std::make_unique<State>()) {}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

Sha256& Sha256::update(const void* bytes, std::size_t size) {
  if (size > 0) CAIRN_CHECK(EVP_DigestUpdate(state_->context, bytes, size) == 1, "SHA-256 update failed");
  return *this;
}

Sha256& Sha256::update_u32(std::uint32_t value) {
  std::uint8_t bytes[4];
  store_le(bytes, value);
  return update(bytes, sizeof bytes);
}

Digest Sha256::finish() {
  Digest digest;
  unsigned size = 0;
  CAIRN_CHECK(EVP_DigestFinal_ex(state_->context, digest.bytes.data(), &size) == 1, "SHA-256 finish failed");
  CAIRN_CHECK(size == digest.bytes.size(), "SHA-256 has another size");
  state_->start();
  return digest;
}

Digest sha256(std::span<const std::uint8_t> bytes) { return Sha256().update(bytes.data(), bytes.size()).finish(); }
Digest sha256(std::string_view text) { return Sha256().update(text).finish(); }

}  // namespace cairn

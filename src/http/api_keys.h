// Who may call, and as which tenant. Immutable after make; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "http/config.h"

namespace cairn {

inline constexpr std::size_t kApiKeyBytesMax = 512;
inline constexpr std::size_t kApiKeysMax = 10'000;

class ApiKeys {
 public:
  // "TENANT=KEY" each; a single key may stand alone and is the nameless tenant. Several keys share what they cached
  // only when they name the same tenant, so each of several must name one. kInvalid never quotes a key.
  static Result<ApiKeys> make(const std::vector<std::string>& lines);
  // The keys of `config`, its file included.
  static Result<ApiKeys> load(const HttpConfig& config);

  bool empty() const { return keys_.empty(); }
  // Tenant of "Bearer KEY"; nothing if the key is not one of ours. Compares every key over a fixed number of bytes,
  // so the time tells neither which key nor how much of it matched.
  std::optional<std::string> tenant_of(std::string_view authorization) const;

 private:
  struct Key {
    std::string tenant;
    std::string bytes;  // padded with zeros to kApiKeyBytesMax
    std::size_t size = 0;
  };
  std::vector<Key> keys_;
};

}  // namespace cairn

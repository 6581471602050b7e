#include "tier/store_wish.h"

namespace cairn {
namespace {

StoreIdentity with_open_fields(const StoreWish& wish, const StoreIdentity& from) {
  StoreIdentity candidate = wish.identity;
  if (!wish.chunk_tokens_set) candidate.layout.chunk_tokens = from.layout.chunk_tokens;
  if (!wish.grid_set) candidate.layout.grid = from.layout.grid;
  return candidate;
}

}  // namespace

bool adopt(const StoreWish& wish, std::span<const Manifest> manifests, Log& log, StoreIdentity& identity) {
  for (const Manifest& manifest : manifests) {
    const StoreIdentity candidate = with_open_fields(wish, manifest.identity);
    if (!validate(candidate) || store_root(candidate) != store_root(manifest.identity)) continue;
    identity = candidate;
    return store_root(candidate) != store_root(wish.identity);
  }
  for (const Manifest& manifest : manifests) {
    const auto fields = differences(wish.identity, manifest.identity);
    if (fields.size() != 1) continue;
    log.warn("tier.store.not_shared",
             {{"field", fields[0].field}, {"ours", fields[0].first}, {"store", fields[0].second}});
  }
  return false;
}

std::string belongs_to_another(const std::string& where, const StoreIdentity& ours, const StoreIdentity& theirs) {
  const auto fields = differences(ours, theirs);
  std::string line = where + " belongs to another store";
  if (!fields.empty()) {
    line += ": " + fields[0].field + " is " + fields[0].second + " there and " + fields[0].first + " here";
  }
  return line;
}

}  // namespace cairn

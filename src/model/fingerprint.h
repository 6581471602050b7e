// What a model is, as far as KV is concerned: one digest over its configuration and every byte of its weights.
//
// fingerprint = SHA-256("cairn.model.1" ‖ u32 len ‖ canonical config.json ‖ u32 files ‖ files × digest), files in the
// order of their names, which are not part of it; a file's digest = SHA-256("cairn.file.1" ‖ u64 size ‖ the SHA-256 of
// each piece of 64 MiB); little-endian. Canonical: the object without the keys of kFingerprintIgnored, keys sorted by
// bytes at every level, no white space, numbers in shortest form.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string_view>

#include "base/clock.h"
#include "base/digest.h"
#include "base/result.h"

namespace cairn {

// Top-level keys of config.json that cannot change a KV byte. Every other key counts, known or not.
inline constexpr std::array<std::string_view, 9> kFingerprintIgnored{
    "_commit_hash",      "_name_or_path", "attention_dropout",    "bos_token_id", "eos_token_id",
    "initializer_range", "pad_token_id",  "transformers_version", "use_cache"};

inline constexpr std::uint64_t kFingerprintPieceBytes = 64ull << 20;
inline constexpr std::size_t kFingerprintCacheEntriesMax = 4096;
inline constexpr std::uint32_t kFingerprintThreadsMax = 64;

struct FingerprintOptions {
  std::filesystem::path cache = {};  // digests of files seen before; empty: always read them
  std::uint32_t threads = 0;         // 0: all cores
  // A file changed more recently than this is not cached: a second change in the same clock tick would not show.
  std::int64_t settle_us = 2'000'000;
  const Clock* clock = nullptr;  // null: the system's
};

struct ModelFingerprint {
  Digest digest;
  std::uint64_t weight_bytes = 0;
  std::uint64_t bytes_read = 0;  // 0 when every file was in the cache
};

// Blocking; starts its own threads. The cache knows files by device, inode, size, mtime and ctime; it is replaced
// atomically, a damaged one is ignored, and failing to write it is no error. kUnavailable: a file cannot be read or
// changed meanwhile; kInvalid: no config.json or no weights.
Result<ModelFingerprint> model_fingerprint(const std::filesystem::path& model_dir, const FingerprintOptions& options);

}  // namespace cairn

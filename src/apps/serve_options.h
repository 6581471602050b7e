// Every setting of `cairn serve`, as file, variables and flags see them. Bound once, at start.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cache/config.h"
#include "config/option_set.h"
#include "engine/config.h"
#include "serve/config.h"

namespace cairn {

// kInvalid unless `isa` is empty or names kernels that are built in, whether or not this machine runs them.
Result<void> check_isa(const std::string& isa);

struct ServeWords {
  std::optional<std::uint64_t> ram_bytes;
  std::vector<std::string> stores;
  std::string warm_from;
  std::uint32_t chunk_tokens = 0;
  std::uint32_t shard_layers = 0, shard_kv_heads = 0;
  std::string isa;
  std::string log_level = "warning";
  std::string trace;
  std::string s3_access_key_id, s3_secret_access_key, s3_session_token;

  Result<void> validate() const;
  template <class V>
  static void describe(V& v) {
    v.field("ram_bytes", &ServeWords::ram_bytes,
            "host RAM tier; 0: none; unset: an eighth of the free memory, at most 4 GiB");
    v.field(
        "stores", &ServeWords::stores,
        "directory or shared mount as file:///path or /path, bucket as s3://bucket/prefix?endpoint=host:port, fastest "
        "first; settings stand in the URL: file:///path?durability=none&read_bytes_per_s=100MB");
    v.field("warm_from", &ServeWords::warm_from,
            "directory (file:///path) whose youngest blocks the RAM tier holds before the first request; one of "
            "stores, or another");
    v.field("chunk_tokens", &ServeWords::chunk_tokens, "tokens of a stored block; 0: the store's, 256 in a new one");
    v.field("shard_layers", &ServeWords::shard_layers,
            "layers of a cell of the store's grid; 0: the store's, all in a new one");
    v.field("shard_kv_heads", &ServeWords::shard_kv_heads, "KV heads of a cell; 0: the store's, all in a new one");
    v.field("isa", &ServeWords::isa, "kernels to use: avx512, avx2, scalar; empty: the best this machine has");
    v.field("log_level", &ServeWords::log_level, "debug, info, warning, error");
    v.field("trace", &ServeWords::trace,
            "file to append a line of JSON to for each request: what was forecast of its load, and what happened");
    v.field("s3_access_key_id", &ServeWords::s3_access_key_id,
            "who we are to buckets; unset: environment, shared files, web identity, container, instance metadata");
    v.field("s3_secret_access_key", &ServeWords::s3_secret_access_key,
            "its secret; better in the environment or a file");
    v.field("s3_session_token", &ServeWords::s3_session_token, "of temporary keys");
  }
};

struct ServeOptions {
  ServeWords words;
  EngineConfig engine;
  CacheConfig cache;
  ServerConfig server;

  ServeOptions();  // defaults that follow from this machine
  void bind(OptionSet& options);
  // What the structs cannot judge alone, after they were validated; reads no file.
  Result<void> check() const;
};

}  // namespace cairn

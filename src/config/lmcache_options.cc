#include "config/lmcache_options.h"

#include <algorithm>

#include "config/value.h"

namespace cairn {
namespace {

using enum LmcacheUse;

constexpr LmcacheOption kOptions[] = {
    // Memory and chunks
    {"chunk_size", kWorks, "", "`chunk_tokens`"},
    {"local_cpu", kWorks, "", "`False`: `ram_bytes: 0`, no RAM tier"},
    {"max_local_cpu_size", kWorks, "",
     "`ram_bytes`; a number counts GiB, a unit may follow (`20GB`); without effect while `local_cpu` is `False`"},
    {"save_decode_cache", kWorks, "", "`engine.save_decode_cache`"},
    {"save_unfull_chunk", kAccepted, "False", "only whole chunks are stored; the tail of a prompt is computed"},
    {"reserve_local_cpu_size", kAccepted, "0",
     "the RAM budget is checked against what is free, and refused where it does not fit"},
    {"local_cpu_use_hugepages", kAccepted, "False", "the RAM tier uses pages of the system's choice"},
    {"enable_lazy_memory_allocator", kAccepted, "False", "the RAM tier is one region, touched behind the start"},
    {"lazy_memory_*", kAccepted, "", "the RAM tier is one region, touched behind the start"},
    {"numa_mode", kAccepted, "", "memory is not bound to NUMA nodes"},
    {"cache_policy", kAccepted, "LRU", "the RAM tier evicts what was used longest ago"},
    {"cost_aware_*", kAccepted, "", "the RAM tier evicts what was used longest ago"},
    {"pre_caching_hash_algorithm", kAccepted, "", "keys are SHA-256 chains, the same in every process"},
    // Disks
    {"local_disk", kWorks, "",
     "a store of `stores`: `file:///PATH`; one directory, and not without a `max_local_disk_size`"},
    {"max_local_disk_size", kWorks, "",
     "`capacity_bytes` of that store; a number counts GiB, a unit may follow (`1120Gi`)"},
    {"local_disk_path_sharding", kAccepted, "by_gpu", "one directory, one process"},
    {"extra_config.use_odirect", kWorks, "", "`True`: `direct=always` of that store"},
    {"gds_path", kWorks, "",
     "a store of `stores`: `file:///PATH`; through host memory, without GPUDirect, which a notice says"},
    {"weka_path", kWorks, "", "as `gds_path`"},
    {"gds_path_sharding", kAccepted, "by_gpu", "one directory, one process"},
    {"gds_buffer_size", kAccepted, "", "there is no staging buffer in GPU memory"},
    {"cufile_buffer_size", kAccepted, "", "there is no staging buffer in GPU memory"},
    {"use_gds", kAccepted, "False", "files are read through host memory"},
    {"gds_backend", kAccepted, "", "files are read through host memory"},
    {"extra_config.use_cufile", kAccepted, "False", "files are read through host memory"},
    {"extra_config.use_direct_io", kAccepted, "",
     "each store tries direct I/O by itself; `direct=` of its URL decides otherwise"},
    {"extra_config.disk_io_threads", kAccepted, "", "`io_threads=` of the store's URL, 4 by default"},
    {"extra_config.max_alloc_attempts", kAccepted, "", "there is no staging buffer in GPU memory"},
    {"extra_config.allocation_attempt_delay_secs", kAccepted, "", "there is no staging buffer in GPU memory"},
    {"maru_path", kRefused, "", "there is no tier in CXL memory; leave it out"},
    {"maru_pool_size", kAccepted, "", "there is no tier in CXL memory"},
    // Remote stores
    {"extra_config", kWorks, "",
     "a map; its keys are named `extra_config.KEY` here. The variable holds it as JSON and replaces the file's"},
    {"remote_url", kWorks, "",
     "the last store of `stores`: `s3://BUCKET.ENDPOINT` or `fs://ANY/PATH`; every other scheme is refused"},
    {"remote_serde", kRefused, "naive", "blocks are stored as they are; write naive"},
    {"blocking_timeout_secs", kAccepted, "", "`cache.load_stall_ms` bounds a load without progress"},
    {"remote_storage_plugins", kRefused, "", "there are no plugins; leave them out"},
    {"storage_plugins", kRefused, "", "there are no plugins; leave them out"},
    {"external_backends", kRefused, "", "there are no plugins; leave them out"},
    {"extra_config.remote_storage_plugin.*", kRefused, "", "there are no plugins; leave them out"},
    {"audit_actual_remote_url", kRefused, "", "there is no auditing remote; name the store itself in remote_url"},
    {"extra_config.audit_actual_remote_url", kRefused, "",
     "there is no auditing remote; name the store itself in remote_url"},
    {"retrieve_locations", kRefused, "", "every tier is read; leave out the tiers that should not be"},
    {"store_location", kRefused, "", "every tier is written; leave out the tiers that should not be"},
    {"extra_config.save_chunk_meta", kAccepted, "", "every block has a header with its key and checksums"},
    {"extra_config.use_exists_sync", kAccepted, "", "lookups never block a request"},
    {"extra_config.remote_enable_mla_worker_id_as0", kAccepted, "", "blocks carry no rank"},
    {"extra_config.save_only_first_rank", kAccepted, "", "blocks carry no rank"},
    {"extra_config.histogram_bucket_*", kAccepted, "", "the buckets of /metrics are fixed"},
    {"extra_config.fs_connector_use_odirect", kWorks, "", "`True`: `direct=always` of the `fs://` store"},
    {"extra_config.fs_connector_relative_tmp_dir", kAccepted, "", "temporary files stand beside their blocks"},
    {"extra_config.fs_connector_read_ahead_size", kAccepted, "", "a block is read in large pieces"},
    {"extra_config.fs_base_path", kRefused, "", "name the directory in remote_url: fs://ANY/PATH"},
    // S3
    {"extra_config.s3_region", kWorks, "", "`region=` of the store"},
    {"extra_config.s3_num_io_threads", kWorks, "", "`connections=` of the store: requests at a time, at most 1024"},
    {"extra_config.s3_max_inflight_reqs", kWorks, "", "`connections=`, the smaller of the two, at most 1024"},
    {"extra_config.s3_max_io_concurrency", kAccepted, "", "one thread turns all connections"},
    {"extra_config.s3_part_size", kWorks, "", "`part_bytes=` of the store, 1 MiB to 1 GiB; a number counts bytes"},
    {"extra_config.s3_file_prefix", kWorks, "", "prefix of the objects' names: `s3://BUCKET/PREFIX`"},
    {"extra_config.s3_bucket", kWorks, "", "the bucket; the host of `remote_url` is then the endpoint"},
    {"extra_config.s3_use_path_style", kWorks, "",
     "`path_style=` of the store; without it the host's name carries the bucket where it can"},
    {"extra_config.s3_addressing_style", kWorks, "", "`path_style=` of the store: `path` is true, `virtual` false"},
    {"extra_config.disable_tls", kWorks, "", "`True`: `tls=false` of the store"},
    {"extra_config.s3_ca_bundle", kWorks, "", "`ca_file=` of the store"},
    {"extra_config.aws_access_key_id", kWorks, "", "`s3_access_key_id`"},
    {"extra_config.aws_secret_access_key", kWorks, "", "`s3_secret_access_key`"},
    {"extra_config.aws_session_token", kWorks, "", "`s3_session_token`"},
    {"extra_config.s3_prefer_http2", kRefused, "False", "S3 is spoken to in HTTP/1.1; write False"},
    {"extra_config.s3_enable_s3express", kRefused, "False",
     "S3 Express buckets are not supported; write False and use a general purpose bucket"},
    // Lookups and loads
    {"use_layerwise", kAccepted, "False", "a prompt is computed when its pages are loaded, not layer by layer"},
    {"min_retrieve_tokens", kAccepted, "0", "measured rates decide what is worth loading: `cache.load_policy`"},
    {"enable_async_loading", kAccepted, "", "loads never block other requests"},
    {"lookup_timeout_ms", kAccepted, "", "`cache.load_stall_ms` bounds a load without progress"},
    {"external_lookup_client", kRefused, "", "the tiers are looked up themselves; leave it out"},
    {"enable_scheduler_bypass_lookup", kAccepted, "False", "lookups are made in the process that schedules"},
    {"lookup_server_worker_ids", kAccepted, "", "there are no lookup servers"},
    {"hit_miss_ratio", kRefused, "", "hits are never invented; leave it out"},
    {"priority_limit", kAccepted, "", "requests have no priority; all are stored"},
    {"pin_timeout_sec", kAccepted, "", "a lease ends with its request"},
    {"pin_check_interval_sec", kAccepted, "", "a lease ends with its request"},
    {"enable_blending", kRefused, "False",
     "CacheBlend changes answers, and only exact prefixes are reused; write False"},
    {"blend_*", kAccepted, "", "part of CacheBlend, which is refused"},
    // Peers, disaggregation, NIXL
    {"enable_p2p", kRefused, "False",
     "instances do not read from each other but share a store; write False and name one"},
    {"p2p_*", kAccepted, "", "part of reading from peers, which is refused: instances share through a store"},
    {"extra_config.p2p_*", kAccepted, "",
     "part of reading from peers, which is refused: instances share through a store"},
    {"transfer_channel", kAccepted, "",
     "part of reading from peers, which is refused: instances share through a store"},
    {"lookup_url", kRefused, "", "instances do not read from each other but share a store; leave it out and name one"},
    {"distributed_url", kRefused, "",
     "instances do not read from each other but share a store; leave it out and name one"},
    {"enable_pd", kRefused, "False", "disaggregated prefill is not supported; write False"},
    {"enable_xpyd", kRefused, "False", "disaggregated prefill is not supported; write False"},
    {"pd_*", kAccepted, "", "part of disaggregated prefill, which is refused"},
    {"enable_nixl", kRefused, "False", "NIXL transfer is not supported; write False"},
    {"extra_config.enable_nixl_storage", kRefused, "False",
     "there is no NIXL tier; write False and name a store in remote_url"},
    {"nixl_*", kAccepted, "", "part of NIXL transfer, which is refused"},
    {"extra_config.nixl_*", kAccepted, "", "part of NIXL transfer, which is refused"},
    // Controller and plugins
    {"enable_controller", kAccepted, "False", "nothing is told to a controller; `cairn route` needs none"},
    {"lmcache_instance_id", kAccepted, "", "nothing is told to a controller; `cairn route` needs none"},
    {"controller_pull_url", kAccepted, "", "nothing is told to a controller; `cairn route` needs none"},
    {"controller_url", kAccepted, "", "nothing is told to a controller; `cairn route` needs none"},
    {"controller_reply_url", kAccepted, "", "nothing is told to a controller; `cairn route` needs none"},
    {"lmcache_worker_*", kAccepted, "", "nothing is told to a controller; `cairn route` needs none"},
    {"runtime_plugin_locations", kAccepted, "", "no scripts are run"},
    {"plugin_locations", kAccepted, "", "no scripts are run"},
    {"script_allowed_imports", kAccepted, "", "no scripts are run"},
    {"remote_config_url", kRefused, "", "settings are not fetched from a service; write them into the file"},
    {"app_id", kAccepted, "", "settings are not fetched from a service"},
    {"mp_host", kRefused, "", "the tiers are in this process, not in an LMCache server; leave it out"},
    {"mp_port", kAccepted, "", "the tiers are in this process, not in an LMCache server"},
    // Watching, engines
    {"internal_api_server_enabled", kAccepted, "False", "the server's own /metrics and /health stand for it"},
    {"internal_api_server_*", kAccepted, "", "the server's own /metrics and /health stand for it"},
    {"enable_chunk_statistics", kAccepted, "False", "reuse is counted on /metrics and in the trace"},
    {"chunk_statistics_*", kAccepted, "", "reuse is counted on /metrics and in the trace"},
    {"enable_kv_events", kAccepted, "False", "no events are published"},
    {"use_gpu_connector_v3", kAccepted, "", "there is no copy between GPU and host to choose"},
    {"py_enable_gc", kAccepted, "", "there is no Python in the process"},
    {"error_handling", kAccepted, "", "a tier that fails never fails a request"},
    {"enable_hidden_state_cache", kRefused, "False", "hidden states are not cached; write False"},
    {"max_hidden_state_cpu_size", kAccepted, "", "part of the cache of hidden states, which is refused"},
    {"hidden_state*", kAccepted, "", "part of the cache of hidden states, which is refused"},
    {"ec_*", kRefused, "", "there is no cache of encoders; leave it out"},
    {"extra_config.gpu_to_numa_mapping", kAccepted, "", "memory is not bound to NUMA nodes"},
    // Mooncake, HF3FS and others, of remotes that are refused
    {"extra_config.local_hostname", kAccepted, "", "belongs to a kind of remote that is refused"},
    {"extra_config.metadata_server", kAccepted, "", "belongs to a kind of remote that is refused"},
    {"extra_config.master_server_address", kAccepted, "", "belongs to a kind of remote that is refused"},
    {"extra_config.protocol", kAccepted, "", "belongs to a kind of remote that is refused"},
    {"extra_config.device_name", kAccepted, "", "belongs to a kind of remote that is refused"},
    {"extra_config.global_segment_size", kAccepted, "", "belongs to a kind of remote that is refused"},
    {"extra_config.local_buffer_size", kAccepted, "", "belongs to a kind of remote that is refused"},
    {"extra_config.transfer_timeout", kAccepted, "", "belongs to a kind of remote that is refused"},
    {"extra_config.hf3fs_*", kAccepted, "", "belongs to a kind of remote that is refused"},
    {"extra_config.cuobj_nic_device", kAccepted, "", "belongs to a kind of remote that is refused"},
    // Variables only
    {"LMCACHE_CONFIG_FILE", kWorks, "",
     "the file, as `--config` names it; beside `--config` or `CAIRN_CONFIG` it is refused"},
    {"LMCACHE_LOG_LEVEL", kWorks, "", "`log_level`; `critical` and `fatal` are `error`, `notset` and `trace` `debug`"},
    {"LMCACHE_USE_EXPERIMENTAL", kAccepted, "", "there is one engine"},
    {"LMCACHE_TRACK_USAGE", kAccepted, "False", "nothing is reported to anyone"},
    {"LMCACHE_FORCE_SKIP_SAVE", kRefused, "False",
     "what is computed is saved; give a store that is read-only, or leave it out"},
    {"LMCACHE_OFFLOAD_RPC_PORT", kAccepted, "", "the tiers are in this process"},
    {"LMCACHE_MP_TRANSFER_MODE", kAccepted, "", "the tiers are in this process"},
    {"LMCACHE_USE_UPSTREAM_MP", kAccepted, "", "the tiers are in this process"},
    {"LMCACHE_USE_CRT_S3", kAccepted, "", "there is one S3 client"},
    {"LMCACHE_USE_RUST_S3", kAccepted, "", "there is one S3 client"},
};

std::string_view prefix_of(std::string_view name) {
  if (name.starts_with(kLmcacheVariable)) return kLmcacheVariable;
  return name.starts_with(kLmcacheExtra) ? kLmcacheExtra : "";
}

bool matches(const LmcacheOption& option, std::string_view name) {
  if (!option.name.ends_with('*')) return option.name == name;
  return name.starts_with(option.name.substr(0, option.name.size() - 1));
}

}  // namespace

std::span<const LmcacheOption> lmcache_options() { return kOptions; }

const LmcacheOption* find_lmcache_option(std::string_view name) {
  const auto found = std::ranges::find_if(kOptions, [&](const LmcacheOption& option) { return matches(option, name); });
  return found == std::end(kOptions) ? nullptr : &*found;
}

std::vector<std::string> lmcache_names_like(std::string_view name) {
  std::vector<std::string> names;
  for (const LmcacheOption& option : kOptions) {
    if (prefix_of(option.name) == prefix_of(name) && !option.name.ends_with('*'))
      names.emplace_back(without_prefix(option.name));
  }
  return names;
}

std::string_view without_prefix(std::string_view name) { return name.substr(prefix_of(name).size()); }

bool asks_nothing(const LmcacheOption& option, std::string_view value) {
  if (option.plain.empty()) return false;
  const std::string plain = lower(option.plain), given = lower(value);
  if (plain == given) return true;
  const Result<bool> plain_switch = parse_switch(plain), given_switch = parse_switch(given);
  if (plain_switch && given_switch) return *plain_switch == *given_switch;
  const Result<double> plain_number = parse_real(plain), given_number = parse_real(given);
  return plain_number && given_number && *plain_number == *given_number;
}

}  // namespace cairn

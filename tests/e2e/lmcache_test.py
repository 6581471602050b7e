"""Property: a configuration of LMCache's works as it is: `cairn serve` keeps its tiers, `config show` names its keys,
`config convert` makes a cairn.yaml that means the same, and what cannot work is one line."""
import json
import os

import pytest
from conftest import blocks, cairn, wait_for

SMALL = ["--load-policy", "always", "--device-kv-bytes", "16MiB"]
LONG = "a prompt that is long enough for several chunks of sixty-four tokens each, said again and again. " * 12


def shown(*words, env=None):
    """{path: (value, origin)}, standard error"""
    done = cairn("config", "show", "--json", *words, env={**os.environ, **(env or {})})
    assert done.returncode == 0, done.stderr
    flat = {}
    for name, entry in json.loads(done.stdout).items():
        for key, leaf in ({name: entry} if "origin" in entry else {f"{name}.{k}": v for k, v in entry.items()}).items():
            flat[key] = leaf["value"], leaf["origin"]
    return flat, done.stderr


def refused(*words, says, status=2, env=None):
    done = cairn(*words, env={**os.environ, **(env or {})})
    lines = [line for line in done.stderr.split("\n") if line]
    assert done.returncode == status and len(lines) == 1 and not done.stdout, (done.returncode, done.stdout, done.stderr)
    for part in says:
        assert part in lines[0], lines[0]


@pytest.fixture
def lmcache(tmp_path):
    def write(text):
        path = tmp_path / "lmcache.yaml"
        path.write_text(text)
        return path
    return write


def test_a_shared_directory_is_found_by_the_next_instance(serve, small_model, lmcache, tmp_path):
    config = lmcache(f"chunk_size: 64\nlocal_cpu: False\nmax_local_cpu_size: 5\nremote_url: fs://ignored:0{tmp_path}/kv\n"
                     "save_decode_cache: False\n")
    (tmp_path / "kv").mkdir()
    first = serve(small_model, *SMALL, "--config", config, name="first")
    assert first.complete(LONG)["usage"]["prompt_tokens"] > 128
    wait_for(lambda: len(blocks(tmp_path / "kv")) >= 2)
    first.stop()
    log = first.log.read_text()
    assert "KV tiers: device" in log and "ram " not in log.split("KV tiers:")[1].split("\n")[0], log
    assert f"{config}:3 max_local_cpu_size: without effect" in log
    second = serve(small_model, *SMALL, name="second", env={"LMCACHE_CONFIG_FILE": str(config)})
    assert second.complete(LONG)["usage"]["prompt_tokens_details"]["cached_tokens"] >= 128


def test_a_local_disk_and_variables(serve, small_model, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    environment = {"LMCACHE_USE_EXPERIMENTAL": "True", "LMCACHE_CHUNK_SIZE": "64", "LMCACHE_LOCAL_CPU": "True",
                   "LMCACHE_MAX_LOCAL_CPU_SIZE": "0.0625", "LMCACHE_LOCAL_DISK": f"file://{disk}/",
                   "LMCACHE_MAX_LOCAL_DISK_SIZE": "1Gi"}
    instance = serve(small_model, *SMALL, env=environment)
    instance.complete(LONG)
    wait_for(lambda: len(blocks(disk)) >= 2)
    instance.stop()
    log = instance.log.read_text()
    assert "ram 64.0 MiB" in log and log.count("without effect") == 1, log


def test_a_ram_budget_beyond_the_machine_is_refused_with_both_figures(serve, small_model, lmcache):
    config = lmcache("max_local_cpu_size: 921600\n")
    refused("serve", small_model, "--listen", "127.0.0.1:0", "--config", config, status=1,
            says=[f"{config}:1 max_local_cpu_size", "asks for 900.0 TiB", "but only ", "iB of memory are free here"])
    instance = serve(small_model, "--config", config, env={"LMCACHE_MAX_LOCAL_CPU_SIZE": "0.0625"})
    assert "ram 64.0 MiB" in instance.log.read_text()


def test_config_show_names_the_keys_and_their_order(lmcache):
    config = lmcache("chunk_size: 64\nmax_local_cpu_size: 2\nsave_decode_cache: False\nlocal_disk: /tmp/kv\n"
                     "max_local_disk_size: 3\n")
    values, _ = shown("--config", config)
    assert values["ram_bytes"] == (2 << 30, f"{config}:2 max_local_cpu_size")
    assert values["engine.save_decode_cache"] == (False, f"{config}:3 save_decode_cache")
    assert values["stores"] == (["file:///tmp/kv?capacity_bytes=3GiB"], f"{config}:4 local_disk")
    values, _ = shown("--ram-bytes", "1GiB", env={
        "LMCACHE_CONFIG_FILE": str(config), "LMCACHE_CHUNK_SIZE": "128", "LMCACHE_MAX_LOCAL_CPU_SIZE": "5",
        "LMCACHE_LOG_LEVEL": "INFO", "CAIRN_CHUNK_TOKENS": "256"})
    assert values["ram_bytes"] == (1 << 30, "--ram-bytes")
    assert values["chunk_tokens"] == (256, "CAIRN_CHUNK_TOKENS")
    assert values["log_level"] == ("info", "LMCACHE_LOG_LEVEL")


def test_what_cannot_work_is_one_line(lmcache):
    for text, parts in [("chunk_size: 64\nram_bytes: 1GiB\n", [":1: chunk_size is LMCache's", "ram_bytes (line 2)"]),
                        ("chunk_size: 100\n", [":1 chunk_size: chunk_tokens is 100"]),
                        ("chunk_sizes: 256\nlocal_cpu: True\n", [":1 chunk_sizes", '"chunk_size"']),
                        ("local_cpu: True\nremote_url: redis://h:1\n", [":2 remote_url", "redis://", "fs://"]),
                        ("remote_serde: cachegen\n", [":1 remote_serde", "naive"]),
                        ("enable_blending: True\n", [":1 enable_blending", "False"]),
                        ("local_disk: /tmp/kv\n", [":1 local_disk", "max_local_disk_size"]),
                        ("extra_config: {aws_secret_access_key:canary}\n", [":1 extra_config.aws_secret_access_key..."]),
                        ("extra_config:\n  s3_prefer_http2: True\n", [":2 extra_config.s3_prefer_http2", "HTTP/1.1"])]:
        refused("config", "show", "--config", lmcache(text), says=parts)
    config = lmcache("chunk_size: 64\n")
    refused("config", "show", "--config", config, env={"LMCACHE_CONFIG_FILE": str(config)}, says=["keep one"])
    refused("config", "show", env={"LMCACHE_CHUNK_SIZES": "64"}, says=["LMCACHE_CHUNK_SIZES", '"LMCACHE_CHUNK_SIZE"'])


def test_convert_means_the_same_and_tells_no_secret(lmcache, tmp_path):
    config = lmcache("chunk_size: 64\nmax_local_cpu_size: 2\nlocal_disk: /tmp/k v\nmax_local_disk_size: 3\n"
                     "use_layerwise: True\nsave_decode_cache: False\n")
    done = cairn("config", "convert", config)
    assert done.returncode == 0 and not done.stderr, done.stderr
    assert f"# {config}:5 use_layerwise: without effect" in done.stdout
    ours = tmp_path / "cairn.yaml"
    ours.write_text(done.stdout)
    values = [{key: value for key, (value, _) in shown("--config", path)[0].items()} for path in (config, ours)]
    assert values[0] == values[1]
    refused("config", "convert", ours, says=["a cairn.yaml already"])

    half = "remote_url: s3://kv1.grid.example.com\nextra_config:\n  aws_secret_access_key: canary\n"
    refused("config", "convert", lmcache(half), says=[":1 remote_url", "access_key_id and secret_access_key go together"])
    secret = lmcache(half + "  aws_access_key_id: canary-id\n")
    done = cairn("config", "convert", secret)
    assert done.returncode == 0 and "canary" not in done.stdout + done.stderr
    assert "s3://kv1?endpoint=grid.example.com" in done.stdout and "CAIRN_S3_SECRET_ACCESS_KEY" in done.stdout


def test_the_published_three_tiers_are_understood_as_they_are(lmcache):
    config = lmcache("""local_cpu: True
max_local_cpu_size: 100
save_decode_cache: True
remote_url: "s3://kv-cache.grid.example.com:10443"
remote_serde: "naive"
extra_config:
  s3_num_io_threads: 320
  s3_prefer_http2: False
  s3_enable_s3express: False
  save_chunk_meta: False
  disable_tls: False
  aws_access_key_id: "an-id"
  aws_secret_access_key: "canary"
  s3_region: "us-east-1"
""")
    values, notices = shown("--config", config)
    assert values["ram_bytes"][0] == 100 << 30 and values["engine.save_decode_cache"][0] is True
    assert values["stores"] == (["s3://kv-cache?endpoint=grid.example.com:10443&region=us-east-1&tls=true&connections=320"],
                                f"{config}:4 remote_url")
    assert values["s3_secret_access_key"] == ("[redacted]", f"{config}:13 extra_config.aws_secret_access_key")
    assert notices.count("\n") == 1 and "save_chunk_meta" in notices


def test_a_map_below_extra_config_and_strange_variables_do_not_stop_the_start(lmcache):
    config = lmcache("local_cpu: True\nextra_config:\n  gpu_to_numa_mapping:\n    0: 1\n  s3_part_size: 65536\n"
                     "remote_url: s3://kv1.grid.example.com\n")
    values, notices = shown("--config", config, env={"LMCACHE_ENABLED": "1", "LMCACHE_HOST": "h",
                                                     "LMCACHE_LOG_LEVEL": "FATAL"})
    assert values["stores"][0] == ["s3://kv1?endpoint=grid.example.com&tls=true&part_bytes=1MiB"]
    assert values["log_level"][0] == "error"
    for part in ["gpu_to_numa_mapping: without effect", "s3_part_size: taken as 1MiB", "LMCACHE_ENABLED: without effect",
                 "LMCACHE_HOST: without effect"]:
        assert part in notices, notices
    assert notices.count("\n") == 4, notices


def test_convert_refuses_what_serve_refuses(lmcache):
    for text, parts in [("chunk_size: 100\n", [":1 chunk_size: chunk_tokens is 100"]),
                        ("max_local_cpu_size: 1\nremote_url: s3://KV.grid.example.com\n", [":2 remote_url", "lower-case"])]:
        refused("config", "convert", lmcache(text), says=parts)
        refused("config", "show", "--config", lmcache(text), says=parts)


def test_convert_tells_every_refusal(lmcache):
    done = cairn("config", "convert", lmcache("enable_blending: True\nremote_serde: kivi\nenable_p2p: True\n"))
    assert done.returncode == 2 and not done.stdout and done.stderr.count("refused: ") == 3, done.stderr
    done = cairn("config", "convert", lmcache("enable_blending: True\nchunk_size: 100\n"))
    assert done.returncode == 2 and "refused: " in done.stderr and "chunk_tokens is 100" in done.stderr, done.stderr

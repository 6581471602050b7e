"""Property: the commands that the field runs work as they are, and bad input gets one clear line."""
import json
import os
import socket
import subprocess

import pytest
from conftest import blocks, cairn, wait_for

# Requirement rows 92-94: the check script of a published guide, host and model name aside.
SCRIPT = r"""
set -e
curl -s http://${IP}/v1/completions -H 'Content-Type: application/json' \
  -d '{"model": "'"$MODEL"'", "prompt": "How are you today?"}' | jq
PROMPT=$(python3 - <<'PY'
print(" ".join(["The quick brown fox jumps over the lazy dog."] * 800)[:20000])
PY
)
curl -s http://${IP}/v1/completions -H 'Content-Type: application/json' \
  -d "$(jq -n --arg m "$MODEL" --arg p "$PROMPT" '{model: $m, prompt: $p, max_tokens: 3, temperature: 0}')" | jq
du -sh "$ROOT"
find "$ROOT" -maxdepth 5
"""


def test_the_published_check_script_works(serve, chat_model, tmp_path):
    store = tmp_path / "store"
    store.mkdir()
    instance = serve(chat_model, "--store", f"file://{store}", "--device-kv-bytes", "256MiB", "--ram-bytes", "256MiB")
    environment = {**os.environ, "IP": instance.url.removeprefix("http://"), "MODEL": instance.model(), "ROOT": str(store)}
    done = subprocess.run(["bash", "-c", SCRIPT], capture_output=True, text=True, env=environment, timeout=200)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count('"object": "text_completion"') == 2
    wait_for(lambda: len(blocks(store)) > 10)


def test_the_capital_of_france_is_paris(serve, chat_model):
    instance = serve(chat_model)
    reply = instance.post("/v1/chat/completions", model=instance.model(), temperature=0, max_tokens=24,
                          messages=[{"role": "user", "content": "What is the capital of France?"}])
    assert "Paris" in reply["choices"][0]["message"]["content"]


def one_line(done, *words):
    assert done.returncode != 0
    lines = [line for line in done.stderr.strip().split("\n") if line]
    assert len(lines) == 1, done.stderr
    for word in words:
        assert word in lines[0], lines[0]


def test_bad_input_gets_one_line(small_model, tmp_path):
    (tmp_path / "empty").mkdir()
    one_line(cairn("serve", tmp_path / "none"), "none", "does not exist", "config.json")
    one_line(cairn("serve", tmp_path / "empty"), "empty", "config.json", "tokenizer.json", "safetensors")
    one_line(cairn("serve", small_model / "config.json"), "is a file", "cairn model import")
    one_line(cairn("serve", small_model, "--load-policy", "sometimes"), "auto", "always", "never")
    one_line(cairn("serve", small_model, "--ram-byte", "1GiB"), "--ram-bytes")
    one_line(cairn("serve", small_model, "--ram-bytes", "900TiB"), "ram")
    one_line(cairn("serve", small_model, "--device-kv-bytes", "900TiB"), "device_kv_bytes", "free")
    one_line(cairn("serve", small_model, "--device-kv-bytes", "1KiB"), "device_kv_bytes", "pages")
    one_line(cairn("serve", small_model, "--listen", "0.0.0.0:0"), "key")
    one_line(cairn("serve", small_model, "--store", "file:///tmp/x?durabilty=none"), "durability")
    one_line(cairn("serve", small_model, "--store", "ftp://x"), "file://")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        one_line(cairn("serve", small_model, "--listen", f"127.0.0.1:{taken.getsockname()[1]}"), "in use")
    config = tmp_path / "cairn.yaml"
    config.write_text("cache:\n  load_stal_ms: 5\n")
    one_line(cairn("serve", small_model, "--config", config), "load_stal_ms", "load_stall_ms", "cairn.yaml")


def series(instance):
    """{series: value} of /metrics, which must be valid: each family once, each series once, under its family."""
    families, found = {}, {}
    for line in instance.request("GET", "/metrics")[2].decode().rstrip("\n").split("\n"):
        words = line.split(" ", 3)
        if words[:2] == ["#", "TYPE"]:
            assert words[2] not in families, line
            families[words[2]] = words[3]
        elif not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            family = name.split("{")[0]
            stem = next((s for s in (family, *(family.removesuffix(e) for e in ("_bucket", "_sum", "_count"))) if s in families), None)
            assert stem is not None and name not in found, line
            found[name] = float(value)
    return found


def test_metrics_count_each_thing_once_under_the_names_that_dashboards_read(serve, small_model, tmp_path):
    stores = [tmp_path / "first", tmp_path / "second"]
    for store in stores:
        store.mkdir()
    instance = serve(small_model, "--device-kv-bytes", "32MiB", "--ram-bytes", "16MiB", "--threads", 1,
                     *[word for store in stores for word in ("--store", f"file://{store}")])
    prompt = [300 + i % 200 for i in range(600)]
    replies = [instance.complete(prompt, ignore_eos=True) for _ in range(3)]
    wait_for(lambda: all(len(blocks(store)) == 2 for store in stores))

    def stored(tier):
        return instance.metric("cairn_cache_stored_bytes_total", tier=tier)

    wait_for(lambda: stored("file") == stored("file-2") == stored("ram"))  # a block is seen before it is counted
    assert [reply["usage"]["prompt_tokens_details"]["cached_tokens"] for reply in replies] == [0, 592, 592]
    wait_for(lambda: instance.metric("cairn_serve_inflight_requests") == 0)
    found = series(instance)
    model = '{engine="0",model_name="%s"}' % instance.model()

    def total(name, *parts):
        matching = [value for key, value in found.items() if key.split("{")[0] == name and all(part in key for part in parts)]
        assert matching, (name, parts)
        return sum(matching)

    assert found["vllm:prompt_tokens_total" + model] == 1800 == total("vllm:prompt_tokens_by_source_total")
    assert found["vllm:prompt_tokens_total" + model] == total("cairn_engine_prompt_tokens_total")
    assert found["vllm:prompt_tokens_cached_total" + model] == 2 * 592 == found["vllm:prefix_cache_hits_total" + model]
    assert total("cairn_engine_missed_tokens_total") == total("cairn_engine_prompt_tokens_total", 'source="computed"') == 616
    generated = found["vllm:generation_tokens_total" + model]
    assert generated == found["vllm:request_generation_tokens_sum" + model] == 24
    assert found["vllm:inter_token_latency_seconds_count" + model] == generated - 3
    for name in ("vllm:time_to_first_token_seconds", "vllm:e2e_request_latency_seconds", "vllm:request_prompt_tokens",
                 "vllm:request_queue_time_seconds", "vllm:request_prefill_time_seconds", "vllm:request_inference_time_seconds"):
        assert found[f"{name}_count{model}"] == 3, name
    assert total("vllm:request_success_total") == 3
    for name in ("running", "waiting"):
        assert found[f"vllm:num_requests_{name}{model}"] == 0
    block = total("cairn_cache_stored_bytes_total", 'tier="ram"') / 2
    assert total("vllm:kv_offload_total_bytes_total", "GPU_to_CPU") == 2 * block
    assert total("vllm:kv_offload_total_bytes_total", "GPU_to_SHARED_STORAGE") == 4 * block
    on_disk = [sum(path.stat().st_size for path in blocks(store)) for store in stores]
    assert [total("cairn_tier_used_bytes", f'tier="{tier}"') for tier in ("file", "file-2")] == on_disk
    assert found["lmcache:local_storage_usage"] == sum(on_disk)


def test_config_show_tells_the_origin(tmp_path):
    config = tmp_path / "cairn.yaml"
    config.write_text("cache:\n  load_stall_ms: 150\n")
    done = cairn("config", "show", "--config", config, env={**os.environ, "CAIRN_CACHE_BREAKER_ERRORS": "7"})
    assert done.returncode == 0, done.stderr
    rows = {line.split()[0]: line for line in done.stdout.split("\n") if line.strip()}
    assert "150" in rows["cache.load_stall_ms"] and "cairn.yaml" in rows["cache.load_stall_ms"]
    assert "7" in rows["cache.breaker_errors"] and "CAIRN_CACHE_BREAKER_ERRORS" in rows["cache.breaker_errors"]
    assert "default" in rows["cache.promote"]


def test_size_reproduces_known_figures():
    done = cairn("size", "--preset", "llama-3.3-70b", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["kv_bytes_per_token"] == 327680


def test_what_a_model_is_and_what_its_tokens_cost(small_model):
    done = cairn("model", "info", small_model)
    assert done.returncode == 0, done.stderr
    # layers x (K and V) x KV heads x head size x bytes of bf16
    assert f"KV per token   {4 * 2 * 2 * 32 * 2} bytes (chunk of 256: 256.0 KiB)" in done.stdout, done.stdout


def test_every_verb_has_a_help_page():
    for verb in [[], ["serve"], ["bench"], ["bench", "tier"], ["bench", "engine"], ["model"], ["model", "import"], ["model", "init"],
                 ["model", "info"], ["size"], ["config"], ["config", "show"], ["config", "convert"],
                 ["route"], ["bench", "route"], ["bench", "multi-round-qa"], ["bench", "scenarios"]]:
        done = cairn(*verb, "--help")
        assert done.returncode == 0 and len(done.stdout) > 100, verb

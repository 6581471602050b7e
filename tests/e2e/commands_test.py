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
    one_line(cairn("serve", tmp_path / "none"), "config.json")
    one_line(cairn("serve", small_model, "--load-policy", "sometimes"), "auto", "always", "never")
    one_line(cairn("serve", small_model, "--ram-byte", "1GiB"), "--ram-bytes")
    one_line(cairn("serve", small_model, "--ram-bytes", "900TiB"), "ram")
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


def test_every_verb_has_a_help_page():
    for verb in [[], ["serve"], ["bench"], ["bench", "tier"], ["bench", "engine"], ["model"], ["model", "import"], ["model", "init"],
                 ["model", "info"], ["size"], ["config"], ["config", "show"]]:
        done = cairn(*verb, "--help")
        assert done.returncode == 0 and len(done.stdout) > 100, verb

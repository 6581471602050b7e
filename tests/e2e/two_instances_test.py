"""Property: what one process computed is a verified hit in another and after a restart, bit for bit."""
import json
import os
import shutil
import subprocess

from conftest import blocks, cairn, index_of, wait_for

WORDS = "the traveller left a stone on the cairn so that the next one finds the way over the hill "
PROMPT = "".join(f"{i}. {WORDS}" for i in range(90))
SMALL = ["--device-kv-bytes", "32MiB", "--ram-bytes", "32MiB"]


def answer(instance, prompt=PROMPT, **options):
    reply = instance.complete(prompt, logprobs=5, **options)
    return reply["choices"][0]["text"], reply["choices"][0]["logprobs"], reply["usage"]


def stored(instance, store, usage):
    wait_for(lambda: len(blocks(store)) >= usage["prompt_tokens"] // 256)


def test_a_fresh_process_reads_what_another_computed(serve, chat_model, tmp_path):
    store = tmp_path / "store"
    store.mkdir()
    flags = ["--device-kv-bytes", "128MiB", "--ram-bytes", "64MiB", "--threads", 1]
    plain = serve(chat_model, *flags)
    text, logprobs, usage = answer(plain)
    plain.stop()
    prompt = usage["prompt_tokens"]
    assert prompt >= 1500 and usage["prompt_tokens_details"]["cached_tokens"] == 0

    first = serve(chat_model, *flags, "--store", f"file://{store}")
    assert answer(first)[:2] == (text, logprobs)
    stored(first, store, usage)
    first.stop()

    size = blocks(store)[0].stat().st_size
    trace = tmp_path / "trace"
    trace.mkdir()
    # -D: strace stands beside, so that signals and the exit status are the server's; -ff: a file a thread, whole lines.
    second = serve(chat_model, *flags, "--store", f"file://{store}", "--load-policy", "always",
                   prefix=["strace", "-D", "-ff", "-y", "-e", "trace=pread64,preadv,preadv2,read", "-o", str(trace / "of")])
    text2, logprobs2, usage2 = answer(second)
    assert (text2, logprobs2) == (text, logprobs)
    cached = usage2["prompt_tokens_details"]["cached_tokens"]
    assert cached >= prompt - 272
    second.stop()
    ends = trace / f"of.{second.process.pid}"
    wait_for(lambda: "+++ exited with 0 +++" in ends.read_text())
    lines = [line for path in trace.iterdir() for line in path.read_text().splitlines() if ".kv>" in line]
    read = sum(int(line.rsplit("= ", 1)[1]) for line in lines if "= -1" not in line)
    assert read == cached // 256 * size

    # A hole in the middle shortens the hit exactly there.
    middle = next(path for path in blocks(store) if index_of(path) == 2)
    middle.unlink()
    third = serve(chat_model, *flags, "--store", f"file://{store}", "--load-policy", "always")
    text3, logprobs3, usage3 = answer(third)
    assert (text3, logprobs3) == (text, logprobs)
    assert usage3["prompt_tokens_details"]["cached_tokens"] == 2 * 256
    stored(third, store, usage)
    third.stop()

    # And again after a restart the hole is filled.
    fourth = serve(chat_model, *flags, "--store", f"file://{store}", "--load-policy", "always")
    assert answer(fourth)[2]["prompt_tokens_details"]["cached_tokens"] == cached
    fourth.stop()


def test_a_trace_tells_what_was_forecast_and_what_happened(serve, small_model, tmp_path):
    store = tmp_path / "store"
    store.mkdir()
    flags = [*SMALL, "--store", f"file://{store}", "--load-policy", "always"]
    first = serve(small_model, *flags)
    stored(first, store, first.complete(PROMPT[:4000])["usage"])
    first.stop()
    trace = tmp_path / "trace.jsonl"
    second = serve(small_model, *flags, "--trace", trace)
    for _ in range(2):
        second.complete(PROMPT[:4000])
    second.stop()
    cold, warm = [json.loads(line) for line in trace.read_text().splitlines()]
    loaded = sum(cold["happened"]["tier_tokens"].values())
    assert cold["forecast"]["found_tokens"] == cold["forecast"]["planned_tokens"] >= loaded > 0
    assert 0 < cold["happened"]["load_s"] <= cold["happened"]["prefill_s"] <= cold["ttft_s"]
    assert warm["happened"]["device_tokens"] > cold["happened"]["device_tokens"]


def test_a_trace_that_cannot_be_written_is_refused_at_the_start(small_model, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, tmp_path / "no" / "folder"):
        done = cairn("serve", small_model, "--listen", "127.0.0.1:0", "--trace", path)
        assert done.returncode == 1 and f"trace: {path}" in done.stderr, done.stderr


def test_after_drain_the_store_is_as_large_as_the_metric_says(serve, small_model, tmp_path):
    store = tmp_path / "store"
    store.mkdir()
    instance = serve(small_model, *SMALL, "--store", f"file://{store}")
    usage = instance.complete(PROMPT[:4000])["usage"]
    stored(instance, store, usage)
    wait_for(lambda: instance.metric("cairn_tier_used_bytes", tier="file") == sum(p.stat().st_size for p in blocks(store)))
    used = instance.metric("cairn_tier_used_bytes", tier="file")
    instance.stop()
    assert used == sum(p.stat().st_size for p in blocks(store)) > 0
    disk = int(subprocess.run(["du", "-s", "--block-size=1", store], capture_output=True, text=True).stdout.split()[0])
    assert abs(disk - used) <= max(0.01 * used, 128 * 1024)


def test_a_salt_never_shares(serve, small_model, tmp_path):
    store = tmp_path / "store"
    store.mkdir()
    instance = serve(small_model, *SMALL, "--store", f"file://{store}", "--load-policy", "always")
    prompt = PROMPT[:2000]
    for salt in ["", "a", "b"]:
        options = {"cache_salt": salt} if salt else {}
        assert instance.complete(prompt, **options)["usage"]["prompt_tokens_details"]["cached_tokens"] == 0, salt
        assert instance.complete(prompt, **options)["usage"]["prompt_tokens_details"]["cached_tokens"] > 0, salt


def test_one_changed_weight_shares_nothing(serve, small_model, tmp_path):
    store = tmp_path / "store"
    store.mkdir()
    flags = [*SMALL, "--store", f"file://{store}", "--load-policy", "always"]
    first = serve(small_model, *flags)
    usage = first.complete(PROMPT[:2000])["usage"]
    stored(first, store, usage)
    first.stop()
    same = serve(small_model, *flags)
    assert same.complete(PROMPT[:2000])["usage"]["prompt_tokens_details"]["cached_tokens"] > 0
    same.stop()
    other = tmp_path / "other"
    shutil.copytree(small_model, other)
    weights = other / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-2] ^= 1  # the lowest bit of the last bf16 of the last tensor
    weights.write_bytes(data)
    changed = serve(other, *flags)
    assert changed.complete(PROMPT[:2000])["usage"]["prompt_tokens_details"]["cached_tokens"] == 0


def test_a_killed_instance_loses_nothing_that_was_published(serve, small_model, tmp_path):
    store = tmp_path / "store"
    store.mkdir()
    flags = [*SMALL, "--store", f"file://{store}", "--load-policy", "always"]
    first = serve(small_model, *flags)
    text = first.complete(PROMPT[:3000])["choices"][0]["text"]
    wait_for(lambda: blocks(store))
    first.kill()
    second = serve(small_model, *flags)
    reply = second.complete(PROMPT[:3000])
    assert reply["choices"][0]["text"] == text
    assert reply["usage"]["prompt_tokens_details"]["cached_tokens"] >= 256

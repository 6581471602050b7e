"""Property: whatever a store does, requests are answered right, and no store is reported that did not happen."""
import time

import pytest
from conftest import blocks, wait_for

PROMPT = "".join(f"{i} cairns, " for i in range(300))
SMALL = ["--device-kv-bytes", "16MiB", "--ram-bytes", 0, "--load-policy", "always"]
STALL_MS = 200  # lookup, and then load


@pytest.fixture
def right(serve, small_model):
    instance = serve(small_model, *SMALL, name="plain")
    reply = instance.complete(PROMPT)
    instance.stop()
    return reply["choices"][0]["text"]


def timed(instance):
    begin = time.monotonic()
    reply = instance.complete(PROMPT)
    return reply, time.monotonic() - begin


def test_a_store_that_hangs_delays_a_request_by_two_stalls(serve, small_model, right, tmp_path):
    store = tmp_path / "store"
    store.mkdir()
    first = serve(small_model, *SMALL, "--store", f"file://{store}")
    usage = first.complete(PROMPT)["usage"]
    wait_for(lambda: len(blocks(store)) >= usage["prompt_tokens"] // 256)
    first.stop()

    hanging = serve(small_model, *SMALL, "--load-stall-ms", STALL_MS, "--store", f"file://{store}?latency_us=30000000")
    reply, seconds = timed(hanging)
    assert reply["choices"][0]["text"] == right
    assert reply["usage"]["prompt_tokens_details"]["cached_tokens"] == 0
    _, warm = timed(hanging)  # now the device has it: what all the rest costs
    assert seconds < warm + 2 * STALL_MS / 1000 + 5, "a request waited for a store that hangs for 30 s"
    hanging.stop()  # within drain_ms, although batches are under way


def test_a_store_that_takes_no_bytes_costs_no_answer(serve, small_model, right, tmp_path):
    store = tmp_path / "store"
    store.mkdir()
    # A limit on file size stands for a full disk: every write of a block fails.
    full = serve(small_model, *SMALL, "--store", f"file://{store}", prefix=["prlimit", "--fsize=65536"])
    for _ in range(2):
        assert full.complete(PROMPT)["choices"][0]["text"] == right
    assert full.complete("another " * 600, max_tokens=1)["usage"]["prompt_tokens"] > 512
    assert blocks(store) == []
    assert full.metric("cairn_tier_used_bytes", tier="file") == 0
    full.stop()
    assert blocks(store) == [] and list(store.rglob(".*.tmp")) == []

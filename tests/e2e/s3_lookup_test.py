"""Property: how much of a prompt a bucket holds is found out in two rounds of at most 32 questions, however long the
prompt, and exactly."""
import itertools

import pytest
from conftest import cairn, wait_for
from s3_test import keys, store

CHUNK, CHUNKS = 16, 512
LATENCY_S = 0.1
FLAGS = ["--device-kv-bytes", "64MiB", "--ram-bytes", 0, "--load-policy", "always", "--chunk-tokens", CHUNK]
PROMPT = [10 + i % 7 * 31 + i // 7 % 200 for i in range(CHUNK * CHUNKS + 1)]


@pytest.fixture(scope="module")
def long_model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "long"
    done = cairn("model", "init", "--arch", "llama", "--layers", 1, "--hidden", 64, "--intermediate", 64, "--heads", 2,
                 "--kv-heads", 1, "--head-dim", 32, "--context", 16384, "--seed", 3, folder)
    assert done.returncode == 0, done.stderr
    return folder


def index_of(block):
    return int.from_bytes(block[144:148], "little")


def test_a_prefix_is_found_in_two_rounds(serve, long_model, imposter):
    server = imposter()
    first = serve(long_model, *FLAGS, "--store", store(server), env=keys(server))
    first.complete(PROMPT, max_tokens=1)

    def blocks():
        return [key for key in server.objects() if key.endswith(".kv")]

    wait_for(lambda: len(blocks()) == CHUNKS)
    first.stop()
    indexes = {key: index_of(server.get(key)) for key in blocks()}
    assert sorted(indexes.values()) == list(range(CHUNKS))

    server.rule("status", op="PutObject", status=403)  # readers only: nothing is stored again
    for length in (512, 511, 300, 1, 0):
        for key in blocks():
            if indexes[key] >= length:
                server.remove(key)
        instance = serve(long_model, *FLAGS, "--store", store(server), env=keys(server))
        server.clear_log()
        server.settings(latency_s=LATENCY_S)
        usage = instance.complete(PROMPT, max_tokens=1)["usage"]
        server.settings(latency_s=0)
        assert usage["prompt_tokens_details"]["cached_tokens"] == length * CHUNK
        asked = server.log_of("HeadObject")
        assert len(asked) <= 64
        # A round begins when all answers of the one before it are there.
        starts = sorted(entry["started"] for entry in asked)
        rounds = 1 + sum(later - earlier > LATENCY_S / 2 for earlier, later in itertools.pairwise(starts))
        assert rounds <= 2, starts
        instance.stop()

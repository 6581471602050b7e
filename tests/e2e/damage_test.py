"""Property: damaged, foreign or hostile files in the store are misses; the request is answered right."""
import os
import random

import pytest
from conftest import blocks, index_of, wait_for

PROMPT = "".join(f"{i} stones, " for i in range(400))
FLAGS = ["--load-policy", "always", "--ram-bytes", 0, "--device-kv-bytes", "16MiB"]


@pytest.fixture
def filled(serve, small_model, tmp_path):
    """(store, right answer, flags): a store that holds the prompt."""
    store = tmp_path / "store"
    store.mkdir()
    flags = [*FLAGS, "--store", f"file://{store}"]
    instance = serve(small_model, *flags)
    reply = instance.complete(PROMPT)
    wait_for(lambda: len(blocks(store)) >= reply["usage"]["prompt_tokens"] // 256)
    instance.stop()
    return store, reply["choices"][0]["text"], flags


def by_index(store):
    return sorted(blocks(store), key=index_of)


def test_two_hundred_flipped_bits_never_reach_an_answer(serve, small_model, tmp_path):
    """Two hundred prompts, a block of each on disk, one bit of each block flipped, then a process that knows nothing."""
    store = tmp_path / "store"
    store.mkdir()
    flags = ["--load-policy", "always", "--ram-bytes", 0, "--device-kv-bytes", "16MiB", "--store", f"file://{store}"]
    prompts = [f"{number}: {PROMPT[:900]}" for number in range(200)]
    first = serve(small_model, *flags)
    replies = [first.complete(prompt) for prompt in prompts]
    per_prompt = replies[0]["usage"]["prompt_tokens"] // 256
    assert per_prompt >= 1 and all(reply["usage"]["prompt_tokens"] // 256 == per_prompt for reply in replies)
    wait_for(lambda: len(blocks(store)) == 200 * per_prompt)
    first.stop()

    source = random.Random(11)
    for number, path in enumerate(blocks(store)):
        if index_of(path) != 0:
            continue
        data = bytearray(path.read_bytes())
        # Half of them in the header's page, uniform over fields, slots and padding; half in the payload.
        position = source.randrange(4096) if number % 2 else source.randrange(4096, len(data))
        data[position] ^= 1 << source.randrange(8)
        path.write_bytes(data)
    second = serve(small_model, *flags)
    for prompt, reply in zip(prompts, replies):
        again = second.complete(prompt)
        assert again["choices"][0]["text"] == reply["choices"][0]["text"]
        assert again["usage"]["prompt_tokens_details"]["cached_tokens"] == 0
    second.stop()


@pytest.mark.parametrize("damage", ["truncated", "empty", "vanished", "fifo", "symlink", "directory", "other_block", "longer"])
def test_what_is_no_block_is_a_miss(serve, small_model, filled, damage, tmp_path):
    store, text, flags = filled
    chain = by_index(store)
    victim, other = chain[0], chain[1]
    data = victim.read_bytes()
    victim.unlink()
    if damage == "truncated":
        victim.write_bytes(data[:-4096])
    elif damage == "empty":
        victim.write_bytes(b"")
    elif damage == "fifo":
        os.mkfifo(victim)
    elif damage == "symlink":
        (tmp_path / "elsewhere").write_bytes(data)
        victim.symlink_to(tmp_path / "elsewhere")
    elif damage == "directory":
        victim.mkdir()
    elif damage == "other_block":
        victim.write_bytes(other.read_bytes())
    elif damage == "longer":
        victim.write_bytes(data + bytes(4096))
    instance = serve(small_model, *flags)
    reply = instance.complete(PROMPT)
    assert reply["choices"][0]["text"] == text
    assert reply["usage"]["prompt_tokens_details"]["cached_tokens"] == 0


def test_a_store_that_cannot_be_written_costs_no_answer(serve, small_model, filled):
    store, text, flags = filled
    if os.geteuid() == 0:
        pytest.skip("root ignores directory rights; the tier's own tests cover EROFS")
    store.chmod(0o500)
    instance = serve(small_model, *flags)
    assert instance.complete(PROMPT)["choices"][0]["text"] == text
    store.chmod(0o700)

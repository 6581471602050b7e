"""Property: damaged, foreign or hostile files in the store are misses; the request is answered right."""
import os
import random
import shutil

import pytest
from conftest import blocks, wait_for

PROMPT = "".join(f"{i} stones, " for i in range(400))
FLAGS = ["--load-policy", "always", "--ram-bytes", 0, "--device-kv-bytes", "16MiB"]


@pytest.fixture
def filled(serve, small_model, tmp_path):
    """(store, right answer, instance flags): a store that holds the prompt."""
    store = tmp_path / "store"
    store.mkdir()
    flags = [*FLAGS, "--store", f"file://{store}"]
    instance = serve(small_model, *flags)
    reply = instance.complete(PROMPT)
    wait_for(lambda: len(blocks(store)) >= reply["usage"]["prompt_tokens"] // 256)
    instance.stop()
    keep = tmp_path / "keep"
    shutil.copytree(store, keep)
    return store, keep, reply["choices"][0]["text"], flags


def restore(store, keep):
    shutil.rmtree(store)
    shutil.copytree(keep, store)


def by_index(store):
    return sorted(blocks(store), key=lambda p: int.from_bytes(p.read_bytes()[144:148], "little"))


def test_two_hundred_flipped_bits_never_reach_an_answer(serve, small_model, filled):
    store, keep, text, flags = filled
    instance = serve(small_model, *flags)
    source = random.Random(11)
    for number in range(200):
        chain = by_index(store)
        victim = chain[0]
        data = bytearray(victim.read_bytes())
        # Uniform over header fields, slots, payload and padding alike: half in the first 4096 bytes.
        position = source.randrange(4096) if number % 2 else source.randrange(4096, len(data))
        data[position] ^= 1 << source.randrange(8)
        victim.write_bytes(data)
        # A salt of its own would be another key: the device cache is passed over by filling it with another prompt.
        instance.complete(f"{number} other " * 600, max_tokens=1)
        reply = instance.complete(PROMPT)
        assert reply["choices"][0]["text"] == text
        assert reply["usage"]["prompt_tokens_details"]["cached_tokens"] < 256 or number == 0, f"bit {position} was not seen"
        wait_for(lambda: len(blocks(keep)) <= len(list(store.rglob("*.kv"))))
        shutil.copy(keep / victim.relative_to(store), victim)


@pytest.mark.parametrize("damage", ["truncated", "empty", "vanished", "fifo", "symlink", "directory", "other_block", "longer"])
def test_what_is_no_block_is_a_miss(serve, small_model, filled, damage, tmp_path):
    store, keep, text, flags = filled
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
    store, _, text, flags = filled
    if os.geteuid() == 0:
        flags = [*FLAGS, "--store", "file:///proc/cairn"]  # root writes to any directory; /proc takes no new one
        pytest.skip("root ignores directory rights; the tier's own tests cover EROFS")
    store.chmod(0o500)
    instance = serve(small_model, *flags)
    assert instance.complete(PROMPT)["choices"][0]["text"] == text
    store.chmod(0o700)

"""Property: an instance that was warmed from a store answers from its RAM what others computed, bit for bit, and needs
the store no more."""
import shutil

from conftest import blocks, cairn, wait_for

PROMPT = "".join(f"{i} cairns, " for i in range(400))
FLAGS = ["--load-policy", "always", "--device-kv-bytes", "16MiB"]


def test_ram_holds_the_stores_blocks_before_the_first_request(serve, small_model, tmp_path):
    store = tmp_path / "store"
    store.mkdir()
    first = serve(small_model, *FLAGS, "--ram-bytes", 0, "--store", f"file://{store}")
    reply = first.complete(PROMPT, logprobs=3)
    tokens = reply["usage"]["prompt_tokens"]
    wait_for(lambda: len(blocks(store)) >= tokens // 256)
    first.stop()

    second = serve(small_model, *FLAGS, "--ram-bytes", "64MiB", "--warm-from", f"file://{store}")
    shutil.rmtree(store)
    again = second.complete(PROMPT, logprobs=3)
    assert again["usage"]["prompt_tokens_details"]["cached_tokens"] >= tokens - 272
    assert again["choices"] == reply["choices"]
    assert second.metric("cairn_engine_prompt_tokens_total", source="ram") >= tokens - 272
    second.stop()


def test_what_cannot_be_warmed_from_is_one_line(small_model, tmp_path):
    for flags, why in [(["--warm-from", tmp_path / "nowhere"], "not a directory"),
                       (["--warm-from", "s3://bucket"], "warm_from"),
                       (["--warm-from", tmp_path, "--ram-bytes", 0], "needs a RAM tier")]:
        done = cairn("serve", small_model, "--listen", "127.0.0.1:0", *flags)
        assert done.returncode != 0 and why in done.stderr and done.stderr.count("\n") == 1, done.stderr

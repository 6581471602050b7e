"""Property: what users share is computed and stored once, however many they are and wherever they land; what was pushed
out of device memory is computed again without a tier below, and not with one. And each workload's plan can be run."""
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import ROOT, blocks, cairn, wait_for

CHUNK = 64
DOCUMENT = "".join(f"{i} cairns stand on the hill, " for i in range(60))
SMALL = ["--ram-bytes", 0, "--load-policy", "always", "--chunk-tokens", CHUNK]
USERS = 1000


def ask_all(instances, prompts):
    """Each prompt once, round robin; the answers' usage."""
    clients = [(instance, prompts[i::len(instances)]) for i, instance in enumerate(instances)]

    def client(work):
        instance, own = work
        model = instance.model()
        return [instance.post("/v1/completions", model=model, prompt=prompt, max_tokens=1, temperature=0)["usage"]
                for prompt in own]

    with ThreadPoolExecutor(len(clients)) as threads:
        return [usage for answers in threads.map(client, clients) for usage in answers]


def computed(usages):
    return sum(usage["prompt_tokens"] - usage["prompt_tokens_details"]["cached_tokens"] for usage in usages)


def test_a_thousand_users_of_one_document_store_it_once(serve, small_model, tmp_path):
    store = tmp_path / "store"
    store.mkdir()
    first = serve(small_model, *SMALL, "--device-kv-bytes", "16MiB", "--store", f"file://{store}")
    shared = first.complete(DOCUMENT, max_tokens=1)["usage"]["prompt_tokens"]
    wait_for(lambda: len(blocks(store)) == shared // CHUNK)
    second = serve(small_model, *SMALL, "--device-kv-bytes", "16MiB", "--store", f"file://{store}")
    usages = ask_all([first, second], [f"{DOCUMENT}{user}?" for user in range(USERS)])
    assert len(usages) == USERS
    for instance in (first, second):
        instance.stop()
    assert len(blocks(store)) == shared // CHUNK, "a copy for each user"
    tails = sum(usage["prompt_tokens"] - shared // CHUNK * CHUNK for usage in usages)
    assert computed(usages) <= tails, "the document was computed more than once"


def test_without_a_shared_store_each_instance_computes_the_same_prefix(serve, small_model, tmp_path):
    store = tmp_path / "store"
    store.mkdir()
    for stores, times in [([], 2), (["--store", f"file://{store}"], 1)]:
        usages = []
        for _ in range(2):
            instance = serve(small_model, *SMALL, "--device-kv-bytes", "16MiB", *stores)
            usages.append(instance.complete(DOCUMENT, max_tokens=1)["usage"])
            wait_for(lambda: not stores or len(blocks(store)) == usages[0]["prompt_tokens"] // CHUNK)
            instance.stop()
        prefix = usages[0]["prompt_tokens"] // CHUNK * CHUNK
        assert times * prefix <= computed(usages) < (times + 1) * prefix


@pytest.mark.parametrize("ram_bytes, spike", [(0, True), ("64MiB", False)])
def test_what_was_pushed_out_is_computed_again_unless_ram_has_it(serve, small_model, ram_bytes, spike):
    instance = serve(small_model, "--device-kv-bytes", "2MiB", "--ram-bytes", ram_bytes, "--load-policy", "always",
                     "--chunk-tokens", CHUNK)
    mine = instance.complete(DOCUMENT, max_tokens=1)["usage"]["prompt_tokens"]
    for other in range(4):
        instance.complete(f"{other} others. {DOCUMENT}", max_tokens=1)
    again = instance.complete(DOCUMENT, max_tokens=1)["usage"]["prompt_tokens_details"]["cached_tokens"]
    assert (again == 0) if spike else (again >= mine - 2 * CHUNK)


def test_instances_that_mount_the_store_elsewhere_share_it(serve, small_model, tmp_path):
    store, elsewhere = tmp_path / "store", tmp_path / "elsewhere"
    store.mkdir(), elsewhere.mkdir()
    own_mounts = ["unshare", "-rm", "--propagation", "private"]
    if subprocess.run([*own_mounts, "mount", "--bind", str(store), str(elsewhere)], capture_output=True).returncode != 0:
        pytest.skip("this machine allows no mount namespaces")
    first = serve(small_model, *SMALL, "--device-kv-bytes", "16MiB", "--store", f"file://{store}")
    reply = first.complete(DOCUMENT, logprobs=3)
    tokens = reply["usage"]["prompt_tokens"]
    wait_for(lambda: len(blocks(store)) == tokens // CHUNK)
    second = serve(small_model, *SMALL, "--device-kv-bytes", "16MiB", "--store", f"file://{elsewhere}",
                   prefix=[*own_mounts, "sh", "-c", 'mount --bind "$0" "$1" && shift && exec "$@"', store, elsewhere])
    again = second.complete(DOCUMENT, logprobs=3)
    assert again["choices"] == reply["choices"]
    assert again["usage"]["prompt_tokens_details"]["cached_tokens"] == tokens // CHUNK * CHUNK
    assert blocks(elsewhere) == [], "seen from outside its namespace nothing is mounted there"


@pytest.mark.parametrize("plan", sorted((ROOT / "docs/workloads").glob("*.yaml")), ids=lambda path: path.stem)
def test_each_workload_has_a_plan_that_can_be_run(chat_model, tmp_path, plan):
    done = cairn("bench", "scenarios", plan, "--model", chat_model, "--work", tmp_path / "work", "--dry-run")
    assert done.returncode == 0 and "takes" in done.stdout, done.stdout + done.stderr

"""Property: instances share a bucket as they share a directory: what one computed is a verified hit in another, whatever
the service or the network does costs a recompute at most, and a bucket that cannot be used is told in one line."""
import itertools
import json
import signal
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import CAIRN, SMOLLM, wait_for
from two_instances_test import PROMPT, answer

FLAGS = ["--device-kv-bytes", "128MiB", "--ram-bytes", 0, "--threads", 1, "--load-policy", "always"]


def store(server, prefix="", **settings):
    """The store's URL; `server` is one of s3_servers."""
    host = server.url.split("://")[1]
    settings = {"endpoint": host, "region": server.region, "path_style": "true",
                "tls": "true" if server.url.startswith("https") else "false", **settings}
    return f"s3://{server.bucket}/{prefix}?" + "&".join(f"{key}={value}" for key, value in settings.items())


def keys(server):
    """Credentials from the environment, and nothing of this machine's own."""
    return {"AWS_ACCESS_KEY_ID": server.access_key, "AWS_SECRET_ACCESS_KEY": server.secret_key,
            "AWS_EC2_METADATA_DISABLED": "true"}


def stored(instance, usage):
    wait_for(lambda: instance.metric("cairn_s3_requests_total", op="put", status="200") >= usage["prompt_tokens"] // 256)


def refusal(server, url=None, env=None):
    done = subprocess.run([CAIRN, "serve", str(SMOLLM), "--listen", "127.0.0.1:0", *map(str, FLAGS), "--store",
                           url or store(server)], capture_output=True, text=True, timeout=60,
                          env={"PATH": "/usr/bin:/bin", **keys(server), **(env or {})})
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stderr.strip().split("\n")[-1]


@pytest.mark.parametrize("keep_alive", [True, False])
def test_two_instances_share_a_bucket(serve, chat_model, versitygw, keep_alive):
    server = versitygw(keep_alive=keep_alive)
    first = serve(chat_model, *FLAGS, "--store", store(server, "team/kv"), env=keys(server))
    text, logprobs, usage = answer(first)
    stored(first, usage)
    first.stop()
    second = serve(chat_model, *FLAGS, "--store", store(server, "team/kv"), env=keys(server))
    opening = second.metric("cairn_s3_received_bytes_total", op="get")
    text2, logprobs2, usage2 = answer(second)
    assert (text2, logprobs2) == (text, logprobs)
    tiers = usage2["prompt_tokens_details"]["cached_tokens_by_tier"]
    assert tiers["s3"] >= usage["prompt_tokens"] - 272 and tiers["device"] == 0
    size = 4096 + 256 * 23040
    assert second.metric("cairn_s3_received_bytes_total", op="get") - opening == tiers["s3"] // 256 * size
    second.stop()
    for instance in (first, second):
        assert server.secret_key not in instance.log.read_text()


def test_what_cannot_be_used_says_what_would_be_right(chat_model, versitygw, imposter):
    server = versitygw()
    for url, env, expected in [
        (store(server).replace(server.bucket, "no-such-bucket"), {}, "there is no such bucket"),
        (None, {"AWS_SECRET_ACCESS_KEY": "wrong-secret-key-0123"}, "secret key"),
        (None, {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "HOME": "/nonexistent"}, "AWS_ACCESS_KEY_ID"),
        (store(server, endpoint="127.0.0.1:1"), {}, "127.0.0.1:1"),
    ]:
        said = refusal(server, url, env)
        assert expected in said, said
        assert "wrong-secret" not in said
    strict = imposter()
    assert "region=us-east-1" in refusal(strict, store(strict, region="eu-west-1"))


def test_tls_is_checked(serve, chat_model, imposter):
    server = imposter(tls=True)
    assert "certificate" in refusal(server).lower()
    first = serve(chat_model, *FLAGS, "--store", store(server, ca_file=server.ca), env=keys(server))
    text, _, usage = answer(first)
    stored(first, usage)
    second = serve(chat_model, *FLAGS, "--store", store(server, ca_file=server.ca), env=keys(server))
    text2, _, usage2 = answer(second)
    assert text2 == text and usage2["prompt_tokens_details"]["cached_tokens"] >= usage["prompt_tokens"] - 272


def test_a_service_that_goes_away_costs_a_recompute_and_hits_come_back(serve, chat_model, versitygw, toxiproxy):
    server = versitygw()
    link = toxiproxy(server.url)
    url = store(server, endpoint=link.url.split("://")[1], connect_ms=500, attempt_ms=2000)
    first = serve(chat_model, *FLAGS, "--store", url, env=keys(server))
    text, logprobs, usage = answer(first)
    stored(first, usage)
    second = serve(chat_model, *FLAGS, "--store", url, env=keys(server))
    link.up(False)
    text2, logprobs2, usage2 = answer(second)
    assert (text2, logprobs2) == (text, logprobs) and usage2["prompt_tokens_details"]["cached_tokens"] == 0
    link.up(True)
    other = PROMPT.replace("traveller", "wanderer")
    first_other = answer(first, other)

    def hits():
        third = serve(chat_model, *FLAGS, "--store", url, env=keys(server))
        got = answer(third, other)
        third.kill()
        return got[:2] == first_other[:2] and got[2]["prompt_tokens_details"]["cached_tokens"] > 0

    wait_for(hits, 60)


def test_a_service_killed_under_load_costs_no_request_and_hits_resume(serve, small_model, versitygw):
    server = versitygw()
    flags = ["--device-kv-bytes", "2MiB", "--ram-bytes", 0, "--load-policy", "always", "--chunk-tokens", 64,
             "--load-stall-ms", 1000]
    instance = serve(small_model, *flags, "--store", store(server, connect_ms=500, attempt_ms=2000), env=keys(server))
    prompts = [f"{number}: {PROMPT[:1500]}" for number in range(8)]
    right = {prompt: instance.complete(prompt)["choices"][0]["text"] for prompt in prompts}
    results, stop = [], threading.Event()

    def client(number):
        for prompt in itertools.cycle(prompts[number:] + prompts[:number]):
            if stop.is_set():
                return
            reply = instance.complete(prompt)
            tiers = reply["usage"]["prompt_tokens_details"]["cached_tokens_by_tier"]
            results.append((reply["choices"][0]["text"] == right[prompt], tiers.get("s3", 0)))

    def hit_since(count):
        return lambda: any(tokens > 0 for _, tokens in results[count:])

    with ThreadPoolExecutor(2) as threads:
        clients = [threads.submit(client, number) for number in (0, 4)]
        try:
            wait_for(hit_since(0))
            server.send(signal.SIGKILL)
            server.process.wait(10)
            killed = len(results)
            wait_for(lambda: len(results) >= killed + 2 * len(prompts), 60)
            again = versitygw(root=server.root, port=server.port)
            wait_for(hit_since(len(results)), 30)
        finally:
            stop.set()
    for one in clients:
        one.result()  # every request was answered, with 200
    assert all(same for same, _ in results)
    again.stop()


def test_one_connection_is_never_two_requests(serve, chat_model, imposter):
    server = imposter()
    instance = serve(chat_model, *FLAGS, "--store", store(server, connections=1), env=keys(server))
    _, _, usage = answer(instance)
    stored(instance, usage)
    assert server.stats()["max_in_flight"] == 1


@pytest.mark.parametrize("settings, tokens", [({}, 256), ({"multipart_bytes": "5MiB"}, 1024)])  # whole, and in three parts
def test_the_bench_measures_a_bucket_and_leaves_nothing(versitygw, settings, tokens):
    server = versitygw()
    done = subprocess.run([CAIRN, "bench", "tier", store(server, "bench", **settings), "--data-bytes", "24MiB", "--rounds",
                           "2", "--chunk-tokens", str(tokens)],
                          capture_output=True, text=True, timeout=120, env={"PATH": "/usr/bin:/bin", **keys(server)})
    assert done.returncode == 0, done.stdout + done.stderr
    assert "bare libcurl" in done.stdout and "rows failed" not in done.stdout
    assert not [path for path in server.root.rglob("*") if path.is_file() and "cairn-bench" in str(path)]


@pytest.mark.parametrize("threads", [320, 1])
def test_lmcaches_file_serves_from_a_bucket(serve, chat_model, imposter, tmp_path, threads):
    server = imposter()
    host = server.url.split("://")[1]
    config = tmp_path / "lmcache.yaml"
    config.write_text(f"""
local_cpu: True
max_local_cpu_size: 1
save_decode_cache: True
remote_url: "s3://{server.bucket}.{host}"
remote_serde: "naive"
extra_config:
  s3_num_io_threads: {threads}
  s3_prefer_http2: False
  disable_tls: True
  s3_use_path_style: True
  aws_access_key_id: "{server.access_key}"
  aws_secret_access_key: "{server.secret_key}"
  s3_region: "{server.region}"
""")
    instance = serve(chat_model, "--device-kv-bytes", "128MiB", "--threads", 1, "--config", config)
    _, _, usage = answer(instance)
    stored(instance, usage)
    assert server.secret_key not in instance.log.read_text()
    if threads == 1:
        assert server.stats()["max_in_flight"] == 1
    status, _, page = instance.request("GET", "/metrics")
    assert status == 200 and server.secret_key not in page.decode() and json.dumps(server.access_key)[1:-1] not in page.decode()

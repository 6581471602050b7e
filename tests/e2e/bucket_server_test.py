"""Property: tools/bucket_server serves a directory's files as objects and keeps new objects as files; its link makes
each answer that much later, and no byte different."""
import http.client
import os
import subprocess
import time
from urllib.parse import parse_qs, urlparse

import pytest
from conftest import ROOT, blocks, wait_for
from s3_servers import ACCESS_KEY, SECRET_KEY, built

KEYS = {**os.environ, "AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}
LATENCY_S, ANSWERS = 0.05, 5


@pytest.fixture
def bucket(tmp_path):
    """bucket(*words) -> store URL"""
    built("versitygw")
    running = []

    def start(*words):
        ready = tmp_path / f"ready{len(running)}"
        running.append(subprocess.Popen([ROOT / "tools/bucket_server", "--directory", tmp_path / "store/cairn", "--ready-file", ready,
                                         *map(str, words)], env=KEYS))
        wait_for(ready.exists)
        return ready.read_text().strip()

    yield start
    for process in running:
        process.terminate()
        assert process.wait(60) == 0


def test_files_are_objects_and_objects_files(bucket, serve, small_model, tmp_path):
    flags = ["--ram-bytes", 0, "--device-kv-bytes", "16MiB", "--load-policy", "always", "--chunk-tokens", 64]
    prompt, directory = "".join(f"{i} cairns, " for i in range(150)), tmp_path / "store/cairn"
    directory.mkdir(parents=True)
    first = serve(small_model, *flags, "--store", f"file://{directory}")
    count = first.complete(prompt)["usage"]["prompt_tokens"] // 64
    wait_for(lambda: len(blocks(directory)) == count)
    url = bucket("--latency-ms", 1, "--bytes-per-s", 200_000_000)
    second = serve(small_model, *flags, "--store", url, env=KEYS)
    assert second.complete(prompt)["usage"]["prompt_tokens_details"]["cached_tokens"] == count * 64
    other = second.complete("other " + prompt)["usage"]["prompt_tokens"] // 64
    wait_for(lambda: len(blocks(directory)) == count + other)


def test_each_answer_is_later_also_on_one_connection(bucket):
    place = urlparse("//" + parse_qs(urlparse(bucket("--latency-ms", LATENCY_S * 1000)).query)["endpoint"][0])
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=30)
    began = time.monotonic()
    for _ in range(ANSWERS):
        connection.request("GET", "/health")
        answer = connection.getresponse()
        assert answer.status == 200 and answer.read()
    assert time.monotonic() - began >= ANSWERS * LATENCY_S


def test_without_keys_it_says_so(tmp_path):
    bare = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    done = subprocess.run([ROOT / "tools/bucket_server", "--directory", tmp_path, "--ready-file", tmp_path / "r"], env=bare,
                          capture_output=True, text=True)
    assert done.returncode == 1 and "AWS_ACCESS_KEY_ID must be set" in done.stderr and done.stderr.count("\n") == 1

"""Starts real `cairn serve` and `cairn route` processes on loopback for the end-to-end tests. CAIRN names the program."""
import http.client
import json
import os
import signal
import subprocess
import time
from pathlib import Path
from urllib.parse import urlparse

import pytest
from s3_servers import imposter, toxiproxy, versitygw  # noqa: F401

ROOT = Path(__file__).resolve().parents[2]
CAIRN = os.environ.get("CAIRN", str(ROOT / "build/release/bin/cairn"))
SMOLLM = ROOT / "models/SmolLM2-135M-Instruct"
START_S, ANSWER_S, STOP_S = 60, 120, 20
# What a test asserts as a hit is one on a machine that is busy elsewhere too; a test of stalls sets its own.
PATIENT = {"CAIRN_LOAD_STALL_MS": "10000"}


class Instance:
    """One `cairn serve`; stopped (SIGTERM, exit status checked) by stop() or killed by kill()."""

    def __init__(self, folder, model, *flags, prefix=(), env=None):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        ready = self.folder / "ready"
        ready.unlink(missing_ok=True)
        self.log = self.folder / "log"
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [*prefix, CAIRN, "serve", str(model), "--listen", "127.0.0.1:0", "--ready-file", str(ready), *map(str, flags)],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, env={**PATIENT, **os.environ, **(env or {})})
        deadline = time.monotonic() + START_S
        while not (ready.exists() and ready.read_text()):
            assert self.process.poll() is None and time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.02)
        self.url = ready.read_text().strip()

    def request(self, method, path, body=None, headers=None):
        """(status, headers, bytes)"""
        url = urlparse(self.url)
        connection = http.client.HTTPConnection(url.hostname, url.port, timeout=ANSWER_S)
        data = json.dumps(body).encode() if isinstance(body, (dict, list)) else body
        connection.request(method, path, data, {"Content-Type": "application/json", **(headers or {})})
        response = connection.getresponse()
        result = response.status, response.headers, response.read()
        connection.close()
        return result

    def post(self, path, status=200, headers=None, **body):
        got, _, data = self.request("POST", path, body, headers)
        assert got == status, (got, data)
        return json.loads(data)

    def complete(self, prompt, **options):
        body = {"model": self.model(), "prompt": prompt, "temperature": 0, "max_tokens": 8, **options}
        return self.post("/v1/completions", **body)

    def model(self):
        return json.loads(self.request("GET", "/v1/models")[2])["data"][0]["id"]

    def metric(self, name, **labels):
        """Sum over the lines of that name whose labels match."""
        total, found = 0.0, False
        for line in self.request("GET", "/metrics")[2].decode().split("\n"):
            head, _, value = line.rpartition(" ")
            if head.split("{")[0] == name and all(f'{k}="{v}"' in head for k, v in labels.items()):
                total, found = total + float(value), True
        assert found, f"{name} {labels} is not in /metrics"
        return total

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(STOP_S) == 0, self.log.read_text()

    def kill(self):
        self.process.kill()
        self.process.wait(STOP_S)


@pytest.fixture
def serve(tmp_path):
    """serve(model, *flags, name=...) -> Instance; whatever still runs at the end is killed."""
    running = []

    def start(model, *flags, name=None, **options):
        instance = Instance(tmp_path / (name or f"instance{len(running)}"), model, *flags, **options)
        running.append(instance)
        return instance

    yield start
    for instance in running:
        if instance.process.poll() is None:
            instance.kill()


class Router:
    """One `cairn route`; its fixture stops it and checks the exit status."""

    def __init__(self, folder, *flags):
        ready, self.log = folder / "route.ready", folder / "route.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([CAIRN, "route", "--listen", "127.0.0.1:0", "--ready-file", str(ready), *map(str, flags)],
                                            stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + START_S
        while not (ready.exists() and ready.read_text()):
            assert self.process.poll() is None and time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.02)
        self.url = ready.read_text().strip()

    def request(self, method, path, body=None):
        url = urlparse(self.url)
        connection = http.client.HTTPConnection(url.hostname, url.port, timeout=60)
        connection.request(method, path, json.dumps(body) if body else None, {"Content-Type": "application/json"})
        response = connection.getresponse()
        try:
            data = response.read()
        except http.client.IncompleteRead as cut:
            return response.status, cut.partial, False
        finally:
            connection.close()
        return response.status, data, True

    def metric(self, line):
        return line in self.request("GET", "/metrics")[1].decode()


@pytest.fixture
def route(tmp_path):
    """route(*flags) -> Router"""
    running = []

    def start(*flags):
        running.append(Router(tmp_path, *flags))
        return running[-1]

    yield start
    for router in running:
        if router.process.poll() is None:
            router.process.send_signal(signal.SIGTERM)
            assert router.process.wait(STOP_S) == 0, router.log.read_text()


def cairn(*arguments, **options):
    return subprocess.run([CAIRN, *map(str, arguments)], capture_output=True, text=True, timeout=120, **options)


@pytest.fixture(scope="session")
def small_model(tmp_path_factory):
    """Random weights, 4 layers, 3 query heads per KV head: fast, and every answer is as good as any other."""
    folder = tmp_path_factory.mktemp("models") / "small"
    done = cairn("model", "init", "--arch", "llama", "--layers", 4, "--hidden", 192, "--intermediate", 384, "--heads", 6,
                 "--kv-heads", 2, "--head-dim", 32, "--seed", 7, folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="session")
def chat_model():
    if not SMOLLM.exists():
        pytest.skip("models/SmolLM2-135M-Instruct is not there: make model")
    return SMOLLM


def blocks(store):
    return sorted(Path(store).rglob("*.kv"))


def index_of(path):
    """The chunk's index, by its documented place in the header (docs/format.md)."""
    with open(path, "rb") as file:
        return int.from_bytes(file.read(148)[144:], "little")


def wait_for(condition, seconds=20):
    """Polls a condition of another process; the bound is only met by a failure."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "a condition was not met in time"
        time.sleep(0.02)

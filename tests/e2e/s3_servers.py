"""S3 servers for tests, as fixtures that start one and end it with the test: `versitygw` (real and strict), `imposter`
(ours, with scripted faults: tests/servers/imposter.py), `toxiproxy` (a link that breaks). Each is a function to call;
a server that is not built skips the test. CAIRN_SERVERS names their folder."""
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import quote, urlparse

import pytest

ROOT = Path(__file__).resolve().parents[2]
SERVERS = Path(os.environ.get("CAIRN_SERVERS", ROOT / "build/servers"))
IMPOSTER = ROOT / "tests/servers/imposter.py"
START_S, STOP_S, ANSWER_S = 30, 10, 30
ACCESS_KEY, SECRET_KEY, BUCKET, REGION = "test-access-key", "test-secret-key-0123456789", "cairn-kv", "us-east-1"


def built(name):
    if not (SERVERS / name).exists():
        pytest.skip(f"build/servers/{name} is not there: tools/get_servers")
    return str(SERVERS / name)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def call(url, method, path, body=None):
    """(status, bytes) of a small HTTP request."""
    place = urlparse(url)
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=ANSWER_S)
    try:
        connection.request(method, path, body)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


class Process:
    """A server process that ends with its parent; ready() is asked until it is true."""

    def __init__(self, folder, command, ready, env=None):
        self.folder, self.log = Path(folder), Path(folder) / "log"
        self.folder.mkdir(parents=True, exist_ok=True)
        with_parent = ["setpriv", "--pdeathsig", "TERM"] if shutil.which("setpriv") else []
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([*with_parent, *map(str, command)], stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL, env={**os.environ, **(env or {})})
        deadline = time.monotonic() + START_S
        while not ready():
            assert self.process.poll() is None and time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.01)

    def send(self, number):
        """SIGSTOP is a server that hangs, SIGKILL one that dies."""
        self.process.send_signal(number)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            try:
                self.process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(STOP_S)


def answers(url, path):
    """A ready() for Process."""
    def ready():
        try:
            return call(url, "GET", path)[0] == 200
        except OSError:
            return False
    return ready


class S3Server(Process):
    """What a client needs to know is in url, bucket, region, access_key, secret_key, domain, ca (None: no TLS)."""
    access_key, secret_key, ca, domain = ACCESS_KEY, SECRET_KEY, None, "s3.localhost"

    def env(self):
        """The variables by which SDKs, the AWS tools and the S3 tier find credentials."""
        return {"AWS_ACCESS_KEY_ID": self.access_key, "AWS_SECRET_ACCESS_KEY": self.secret_key,
                "AWS_REGION": self.region, "AWS_EC2_METADATA_DISABLED": "true"}


class Versitygw(S3Server):
    """Keeps objects as files: root / bucket / key. A port given again is a restart of the same server."""

    def __init__(self, folder, keep_alive=True, bucket=BUCKET, region=REGION, root=None, port=None, flags=()):
        port = port or free_port()
        self.bucket, self.region, self.port, self.url = bucket, region, port, f"http://127.0.0.1:{port}"
        self.root = Path(root or Path(folder) / "root").resolve()
        (self.root / bucket).mkdir(parents=True, exist_ok=True)
        command = [built("versitygw"), "--port", f"127.0.0.1:{port}", "--region", region, "--health", "/health", "-q",
                   "--virtual-domain", f"{self.domain}:{port}", *(["--keep-alive"] if keep_alive else []), *flags,
                   "posix", self.root]
        super().__init__(folder, command, answers(self.url, "/health"),
                         {"ROOT_ACCESS_KEY": ACCESS_KEY, "ROOT_SECRET_KEY": SECRET_KEY})

    def objects(self):
        """Keys, from the files."""
        root = self.root / self.bucket
        return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


class Imposter(S3Server):
    """The control API of tests/servers/imposter.py, whose first lines list all rules, as methods."""

    def __init__(self, folder, tls=False, bucket=BUCKET, region=REGION, seed=1, flags=()):
        if tls and not shutil.which("openssl"):
            pytest.skip("the openssl command is not there")
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        ready = folder / "ready"
        ready.unlink(missing_ok=True)
        command = [sys.executable, IMPOSTER, "--ready-file", ready, "--bucket", bucket, "--region", region,
                   "--access-key", ACCESS_KEY, "--secret-key", SECRET_KEY, "--seed", seed,
                   *(["--tls-dir", folder / "tls"] if tls else []), *flags]
        super().__init__(folder, command, ready.exists)
        for name, value in json.loads(ready.read_text()).items():
            setattr(self, name, value)

    def stop(self):
        super().stop()
        assert "Traceback" not in self.log.read_text(), self.log.read_text()

    def control_call(self, method, path, body=None):
        data = json.dumps(body) if isinstance(body, (dict, list)) else body
        status, answer = call(self.control, method, path, data)
        assert status == 200, (method, path, status, answer)
        return answer

    def told(self, method, path, body=None):
        return json.loads(self.control_call(method, path, body))

    def rule(self, do, op=None, key=None, **fields):
        """rule("status", op="GetObject", status=503, nth=2) -> id. What is no field of a rule goes into its action."""
        spec = {name: fields.pop(name) for name in ("id", "nth", "after", "times", "per_key", "probability", "seed")
                if name in fields}
        match = {"op": op, "key": key, "range": fields.pop("range", None)}
        match = {name: value for name, value in match.items() if value is not None}
        return self.told("POST", "/rules", {**spec, "match": match, "action": {"do": do, **fields}})["ids"][0]

    def clear_rules(self):
        self.told("DELETE", "/rules")

    def rules(self):
        return self.told("GET", "/rules")

    def log_of(self, op=None):
        """Entries of the request log, all or of one operation."""
        return [entry for entry in self.told("GET", "/log")["requests"] if op in (None, entry["op"])]

    def stats(self):
        """in_flight, max_in_flight, connections, max_connections"""
        return {name: value for name, value in self.told("GET", "/log").items() if name != "requests"}

    def clear_log(self):
        self.told("DELETE", "/log")

    def settings(self, **new):
        return self.told("PUT", "/settings", new)

    def objects(self):
        """key -> {"size", "etag"}"""
        return self.told("GET", "/objects")[self.bucket]

    def _path(self, key):
        return f"/objects/{self.bucket}/{quote(key)}"

    def get(self, key):
        return self.control_call("GET", self._path(key))

    def put(self, key, data):
        self.control_call("PUT", self._path(key), data)

    def remove(self, key):
        self.control_call("DELETE", self._path(key))

    def uploads(self):
        return self.told("GET", "/uploads")

    def credentials(self, access_key, secret_key, **more):
        self.told("PUT", "/credentials", {"access_key": access_key, "secret_key": secret_key, **more})

    def close_connections(self, how="fin"):
        self.told("POST", "/close", {"how": how})

    def reset(self):
        self.told("POST", "/reset")


class Link:
    """A proxy of toxiproxy in front of a server; the client goes to `url`."""

    def __init__(self, control, name, upstream):
        self.control, self.name = control, name
        place = urlparse(upstream)
        made = self._call("POST", "/proxies", {"name": name, "listen": "127.0.0.1:0", "upstream": place.netloc,
                                               "enabled": True})
        self.url = f"{place.scheme}://{made['listen']}"

    def _call(self, method, path, body=None):
        status, answer = call(self.control, method, path, json.dumps(body) if body is not None else None)
        assert status in (200, 201, 204), (status, answer)
        return json.loads(answer) if answer else None

    def toxic(self, kind, stream="downstream", toxicity=1.0, **attributes):
        """kind: latency, bandwidth, slow_close, timeout, reset_peer, slicer, limit_data -> its name"""
        body = {"type": kind, "stream": stream, "toxicity": toxicity, "attributes": attributes}
        return self._call("POST", f"/proxies/{self.name}/toxics", body)["name"]

    def remove(self, toxic):
        self._call("DELETE", f"/proxies/{self.name}/toxics/{toxic}")

    def up(self, enabled=True):
        """False is an outage: connections end, new ones are refused."""
        self._call("POST", f"/proxies/{self.name}", {"enabled": enabled})


class Toxiproxy(Process):
    def __init__(self, folder):
        port = free_port()
        self.control, self.links = f"http://127.0.0.1:{port}", 0
        command = [built("toxiproxy"), "-host", "127.0.0.1", "-port", port]
        super().__init__(folder, command, answers(self.control, "/version"))

    def link(self, upstream):
        self.links += 1
        return Link(self.control, f"link{self.links}", upstream)


def _starter(tmp_path, kind, name):
    running = []

    def start(*arguments, **options):
        running.append(kind(tmp_path / f"{name}{len(running)}", *arguments, **options))
        return running[-1]

    yield start
    for server in running:
        server.stop()


@pytest.fixture
def versitygw(tmp_path):
    """versitygw(keep_alive=True, ...) -> Versitygw"""
    yield from _starter(tmp_path, Versitygw, "versitygw")


@pytest.fixture
def imposter(tmp_path):
    """imposter(tls=False, ...) -> Imposter"""
    yield from _starter(tmp_path, Imposter, "imposter")


@pytest.fixture
def toxiproxy(tmp_path):
    """toxiproxy(server.url) -> Link; all links of a test share one proxy process"""
    starter = _starter(tmp_path, Toxiproxy, "toxiproxy")
    start, running = next(starter), []

    def link(upstream):
        running or running.append(start())
        return running[0].link(upstream)

    yield link
    next(starter, None)

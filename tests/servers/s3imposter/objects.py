"""What the server holds: objects, uploads, buckets, credentials and settings; no input or output here."""
import collections
import dataclasses
import hashlib
import random
import time

from .answers import S3Error, no_such_key, precondition_failed

SETTINGS = {
    "bandwidth": 0,               # bytes a second of all connections together, both ways; 0 = no limit
    "latency_s": 0,               # before each answer
    "unsigned_payload": "tls",    # UNSIGNED-PAYLOAD: tls (only there), always, never
    "clock_offset_s": 0,          # the server's clock against the true one
    "etag": "md5",                # or opaque
    "part_bytes_min": 5 << 20,    # of a multipart upload, but for its last
    "object_bytes_max": 1 << 30,
    "list_keys_max": 1000,
    "idle_close_s": 0,            # a kept connection ends after so long; 0 = never
    "down": False,                # refuses connections
}


@dataclasses.dataclass
class Object:
    data: bytes
    etag: str
    modified: float
    headers: dict
    parts: list = None  # sizes, of a multipart upload

    def matches(self, condition):
        """Of If-Match or If-None-Match."""
        return condition in ("*", self.etag, self.etag.strip('"'))


@dataclasses.dataclass
class Upload:
    bucket: str
    key: str
    headers: dict
    started: float
    parts: dict = dataclasses.field(default_factory=dict)


class Bucket:
    """Objects by key, as a server that keeps them as files: no key is the folder of another."""

    def __init__(self):
        self.objects, self.folders = {}, collections.Counter()

    @staticmethod
    def _above(key):
        return [key[:i] for i, letter in enumerate(key) if letter == "/" and i]

    def put(self, key, item):
        if key not in self.objects:
            if key in self.folders:
                raise S3Error(409, "ExistingObjectIsDirectory", "The key is a path prefix of another key.")
            if any(above in self.objects for above in self._above(key)):
                raise S3Error(409, "ObjectParentIsFile", "Another key is a path prefix of this key.")
            self.folders.update(self._above(key))
        self.objects[key] = item

    def remove(self, key):
        if self.objects.pop(key, None) is not None:
            self.folders -= collections.Counter(self._above(key))


class S3:
    """The state of the server."""

    def __init__(self, options):
        self.options, self.region, self.tls = options, options.region, bool(options.tls_dir)
        self.reset()

    def reset(self):
        options = self.options
        self.settings = {**SETTINGS, "unsigned_payload": options.unsigned_payload, "bandwidth": options.bandwidth}
        self.credentials = {options.access_key: (options.secret_key, options.session_token, None)}
        self.buckets = {name: Bucket() for name in options.bucket}
        self.uploads, self.random, self.writes = {}, random.Random(options.seed), 0

    def now(self):
        return time.time() + self.settings["clock_offset_s"]

    def etag_of(self, data):
        self.writes += 1
        digest = hashlib.md5(data).hexdigest() if self.settings["etag"] == "md5" else f"{self.writes:08x}-opaque"
        return f'"{digest}"'


def kept_headers(request):
    """Those headers of a write that a read of the object gives back."""
    kept = {name: value for name, value in request.headers.items() if name.startswith("x-amz-meta-")}
    return {**kept, "Content-Type": request.get("content-type", "binary/octet-stream")}


def check_conditions_of_write(request, item):
    """If-Match and If-None-Match of a write to a key where `item` is now, or None."""
    none, match = request.get("if-none-match"), request.get("if-match")
    if none not in (None, "*"):
        raise S3Error(501, "NotImplemented", "If-None-Match of a write can be * only.")
    if none and item is not None and "if-none-match" not in request.ignore:
        raise precondition_failed("If-None-Match")
    if match is not None and "if-match" not in request.ignore:
        if item is None:
            raise no_such_key()
        if not item.matches(match):
            raise precondition_failed("If-Match")

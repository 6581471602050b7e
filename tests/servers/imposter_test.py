"""Property: the imposter refuses whatever a strict S3 server refuses, and does each scripted fault as the rule says it.
The client here speaks to a raw socket and has a SigV4 of its own; versitygw and curl, where they are, judge both."""
import base64
import binascii
import hashlib
import hmac
import json
import os
import re
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import quote, urlparse

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
from s3_servers import ACCESS_KEY, BUCKET, IMPOSTER, REGION, SECRET_KEY, Imposter, call  # noqa: E402
from s3_servers import toxiproxy, versitygw  # noqa: E402,F401

DATA = bytes(range(256)) * 400  # 102,400 bytes
UNSIGNED = "UNSIGNED-PAYLOAD"


def canonical_query(query):
    return "&".join(f"{k}={v}" for k, v in sorted((quote(k, safe=""), quote(v, safe="")) for k, v in query.items()))


def sign(method, path, query, headers, body_hash, when, access=ACCESS_KEY, secret=SECRET_KEY, region=REGION,
         service="s3", date=None, leave_out=(), signed_order=sorted):
    """The Authorization value of a request: AWS's four steps, one after the other."""
    names = signed_order([name for name in headers if name not in leave_out])
    text = f"{method}\n{path}\n{canonical_query(query)}\n" + "".join(f"{n}:{headers[n].strip()}\n" for n in names)
    text += "\n" + ";".join(names) + "\n" + body_hash
    scope = [date or when[:8], region, service, "aws4_request"]
    to_sign = f"AWS4-HMAC-SHA256\n{when}\n{'/'.join(scope)}\n{hashlib.sha256(text.encode()).hexdigest()}"
    digest = b"AWS4" + secret.encode()
    for part in [*scope, to_sign]:
        digest = hmac.digest(digest, part.encode(), "sha256")
    return (f"AWS4-HMAC-SHA256 Credential={access}/{'/'.join(scope)}, SignedHeaders={';'.join(names)}, "
            f"Signature={digest.hex()}")


class Client:
    """One connection at a time; `ended` of an answer is keep, close, fin (too early) or reset."""

    def __init__(self, server, timeout=20):
        place = urlparse(server.url)
        self.server, self.place, self.timeout, self.socket, self.rest = server, place, timeout, None, b""
        self.netloc = place.netloc

    def connect(self):
        self.socket, self.rest = socket.create_connection((self.place.hostname, self.place.port), self.timeout), b""
        if self.place.scheme == "https":
            context = ssl.create_default_context(cafile=self.server.ca)
            self.socket = context.wrap_socket(self.socket, server_hostname="127.0.0.1")

    def close(self):
        if self.socket:
            self.socket.close()
        self.socket = None

    def head(self, method, key="", query=None, body=b"", headers=None, body_hash=None, skew=0, virtual=False,
             unsigned=None, path=None, region=None, tamper=None, authorization=None, **signing):
        """The request's head as bytes."""
        when = (datetime.now(timezone.utc) + timedelta(seconds=skew)).strftime("%Y%m%dT%H%M%SZ")
        path = path or ("/" if virtual else f"/{self.server.bucket}" + ("/" if key else "")) + quote(key)
        host = f"{self.server.bucket}.{self.server.domain}:{self.place.port}" if virtual else self.netloc
        body_hash = body_hash or hashlib.sha256(body).hexdigest()
        lines = {"host": host, "x-amz-content-sha256": body_hash, "x-amz-date": when, **(headers or {})}
        lines = {name: value for name, value in lines.items() if value is not None}
        given = authorization or sign(method, path, query or {}, lines, body_hash, when,
                                      region=region or self.server.region, **signing)
        lines |= {**(unsigned or {}), "authorization": given}
        if body or method in ("PUT", "POST"):
            lines["content-length"] = str(len(body))
        (tamper or (lambda _: None))(lines)
        target = path + ("?" + canonical_query(query) if query else "")
        text = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        return f"{method} {target} HTTP/1.1\r\n{text}\r\n".encode()

    def __call__(self, method, key="", query=None, body=b"", **options):
        if self.socket is None:
            self.connect()
        try:
            self.socket.sendall(self.head(method, key, query, body, **options) + body)
        except OSError:
            pass  # what was answered is read all the same
        return self.answer(method)

    def raw(self, data, method="GET"):
        if self.socket is None:
            self.connect()
        self.socket.sendall(data)
        return self.answer(method)

    def _more(self):
        data = self.socket.recv(1 << 18)
        self.rest += data
        return data

    def answer(self, method="GET"):
        result = SimpleNamespace(status=None, headers={}, body=b"", ended="keep", code=None)
        try:
            while b"\r\n\r\n" not in self.rest:
                if len(self.rest) > 100_000 or not self._more():
                    result.ended, result.body = "fin", self.rest
                    return result
            head, _, self.rest = self.rest.partition(b"\r\n\r\n")
            lines = head.decode("latin-1").split("\r\n")
            result.status = int(lines[0].split()[1])
            result.headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines[1:])}
            if result.status == 100:
                return result
            self._body(result, method)
            self.rest = self.rest[len(result.body):] if "transfer-encoding" not in result.headers else self.rest
            if result.headers.get("connection") == "close" and result.ended == "keep":
                result.ended = "close"
        except ConnectionResetError:
            result.ended, result.body = "reset", self.rest
        finally:
            if result.ended != "keep":
                self.close()
        found = re.search(rb"<Error>.*?<Code>(\w+)</Code>", result.body)
        result.code = found.group(1).decode() if found else None
        return result

    def _body(self, result, method):
        if method == "HEAD" or result.status in (204, 304):
            return
        if "transfer-encoding" in result.headers:
            while True:
                while b"\r\n" not in self.rest:
                    self._more()
                size, _, self.rest = self.rest.partition(b"\r\n")
                while len(self.rest) < int(size, 16) + 2:
                    self._more()
                result.body, self.rest = result.body + self.rest[:int(size, 16)], self.rest[int(size, 16) + 2:]
                if int(size, 16) == 0:
                    return
        wanted = int(result.headers["content-length"])
        while len(self.rest) < wanted:
            if not self._more():
                result.ended = "fin"
                break
        result.body = self.rest[:wanted]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    started = Imposter(tmp_path_factory.mktemp("plain"))
    yield started
    started.stop()


@pytest.fixture(scope="module")
def tls_server(tmp_path_factory):
    started = Imposter(tmp_path_factory.mktemp("tls"), tls=True)
    yield started
    started.stop()


@pytest.fixture
def s3(server):
    """A client of the imposter, which is as new."""
    server.reset()
    client = Client(server)
    yield client
    client.close()


def crc32c(data):
    register = 0xFFFFFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ 0x82F63B78 * (register & 1)
    return base64.b64encode(struct.pack(">I", register ^ 0xFFFFFFFF)).decode()


def md5(data):
    return base64.b64encode(hashlib.md5(data).digest()).decode()


def test_put_get_head_delete(s3, server):
    put = s3("PUT", "a/b=c+d é~", body=DATA, headers={"x-amz-meta-who": "me"})
    etag = f'"{hashlib.md5(DATA).hexdigest()}"'
    assert (put.status, put.headers["etag"]) == (200, etag)
    got = s3("GET", "a/b=c+d é~")
    assert (got.status, got.body, got.headers["etag"], got.headers["x-amz-meta-who"]) == (200, DATA, etag, "me")
    head = s3("HEAD", "a/b=c+d é~")
    assert (head.status, int(head.headers["content-length"]), head.body) == (200, len(DATA), b"")
    assert server.objects() == {"a/b=c+d é~": {"size": len(DATA), "etag": etag}}
    assert s3("DELETE", "a/b=c+d é~").status == 204
    assert s3("DELETE", "a/b=c+d é~").status == 204
    assert (s3("GET", "a/b=c+d é~").code, s3("HEAD", "a/b=c+d é~").status) == ("NoSuchKey", 404)
    assert {entry["connection"] for entry in server.log_of()} == {server.log_of()[0]["connection"]}  # kept alive


def test_virtual_host(s3):
    assert s3("PUT", "k", body=b"1", virtual=True).status == 200
    assert s3("GET", "k").body == b"1"
    assert s3("GET", "k", virtual=True).body == b"1"
    assert s3("GET", "", {"list-type": "2"}, virtual=True, path="/").body.count(b"<Key>") == 1
    assert s3("GET", path="/nothing/k").code == "NoSuchBucket"


def test_buckets(s3):
    assert (s3("HEAD").status, s3("HEAD").headers["x-amz-bucket-region"]) == (200, REGION)
    assert s3("HEAD", path="/nothing").status == 404
    assert (s3("PUT").code, s3("PUT", path="/other").code) == ("BucketAlreadyOwnedByYou", "AccessDenied")
    assert s3("GET", "", {"location": ""}).status == 200
    assert (s3("GET", "k", {"acl": ""}).status, s3("PATCH", "k").status) == (501, 405)


REFUSALS = {
    "secret": (dict(secret="other"), 403, "SignatureDoesNotMatch"),
    "access key": (dict(access="nobody"), 403, "InvalidAccessKeyId"),
    "region": (dict(region="eu-west-1"), 400, "AuthorizationHeaderMalformed"),
    "service": (dict(service="ec2"), 400, "AuthorizationHeaderMalformed"),
    "date of the scope": (dict(date="20200101"), 400, "AuthorizationHeaderMalformed"),
    "clock behind": (dict(skew=-1000), 403, "RequestTimeTooSkewed"),
    "clock ahead": (dict(skew=1000), 403, "RequestTimeTooSkewed"),
    "host not signed": (dict(leave_out=["host"]), 403, "AccessDenied"),
    "date not signed": (dict(leave_out=["x-amz-date"]), 403, "AccessDenied"),
    "x-amz header not signed": (dict(unsigned={"x-amz-meta-a": "b"}), 403, "AccessDenied"),
    "signed headers out of order": (dict(signed_order=lambda n: sorted(n, reverse=True)), 403, "SignatureDoesNotMatch"),
    "header changed on the way": (dict(headers={"x-amz-meta-a": "b"}, tamper=lambda h: h.update({"x-amz-meta-a": "c"})),
                                  403, "SignatureDoesNotMatch"),
    "signed header taken away": (dict(headers={"x-amz-meta-a": "b"}, tamper=lambda h: h.pop("x-amz-meta-a")),
                                 403, "SignatureDoesNotMatch"),
    "no authorization": (dict(tamper=lambda h: h.pop("authorization")), 403, "AccessDenied"),
    "version 2": (dict(authorization="AWS key:c2ln"), 400, "InvalidRequest"),
    "malformed": (dict(authorization="AWS4-HMAC-SHA256 Credential=x"), 400, "AuthorizationHeaderMalformed"),
    "no date": (dict(headers={"x-amz-date": None}), 403, "AccessDenied"),
    "no hash": (dict(headers={"x-amz-content-sha256": None}), 400, "InvalidRequest"),
    "hash of another body": (dict(body_hash=hashlib.sha256(b"other").hexdigest()), 400, "XAmzContentSHA256Mismatch"),
    "hash not a hash": (dict(body_hash="0" * 63), 400, "InvalidArgument"),
    "unsigned without TLS": (dict(body_hash=UNSIGNED), 400, "InvalidRequest"),
    "aws-chunked": (dict(body_hash="STREAMING-AWS4-HMAC-SHA256-PAYLOAD"), 501, "NotImplemented"),
    "aws-chunked encoding": (dict(headers={"content-encoding": "aws-chunked"}), 501, "NotImplemented"),
    "trailer": (dict(headers={"x-amz-trailer": "x-amz-checksum-crc32c"}), 501, "NotImplemented"),
    "copy": (dict(headers={"x-amz-copy-source": "/cairn-kv/x"}), 501, "NotImplemented"),
    "token that nobody gave": (dict(headers={"x-amz-security-token": "t"}), 400, "InvalidToken"),
    "transfer-encoding": (dict(unsigned={"transfer-encoding": "chunked"}), 501, "NotImplemented"),
    "no length": (dict(tamper=lambda h: h.pop("content-length")), 411, "MissingContentLength"),
    "MD5 wrong": (dict(headers={"content-md5": md5(b"other")}), 400, "BadDigest"),
    "MD5 malformed": (dict(headers={"content-md5": "???"}), 400, "InvalidDigest"),
    "CRC32C wrong": (dict(headers={"x-amz-checksum-crc32c": crc32c(b"other")}), 400, "BadDigest"),
    "CRC32C malformed": (dict(headers={"x-amz-checksum-crc32c": "AA=="}), 400, "InvalidRequest"),
    "checksum unknown": (dict(headers={"x-amz-checksum-crc64nvme": "AAAAAAAAAAA="}), 501, "NotImplemented"),
    "If-None-Match with an ETag": (dict(headers={"if-none-match": '"e"'}), 501, "NotImplemented"),
}
OF_THE_SIGNATURE = list(REFUSALS)[:17]


@pytest.mark.parametrize("name", REFUSALS)
def test_refusals(s3, server, name):
    options, status, code = REFUSALS[name]
    answer = s3("PUT", "k", body=b"body", **options)
    assert (answer.status, answer.code) == (status, code), answer.body
    assert server.objects() == {}
    assert server.log_of()[-1]["code"] == code
    if name == "region":
        assert f"<Region>{REGION}</Region>".encode() in answer.body and answer.headers["x-amz-bucket-region"] == REGION
    if name in OF_THE_SIGNATURE:
        assert server.log_of()[-1]["signature"] in ("wrong", "absent")


def test_head_says_the_region_in_a_header(s3):
    answer = s3("HEAD", region="eu-west-1")
    assert (answer.status, answer.body, answer.headers["x-amz-bucket-region"]) == (400, b"", REGION)


def test_path_and_query_are_signed_as_they_are_encoded(s3):
    s3("PUT", "a=b", body=b"1")
    assert s3("GET", path="/cairn-kv/a%3Db").status == 200
    assert s3("GET", path="/cairn-kv/a=b").code == "SignatureDoesNotMatch"
    assert s3("GET", path="/cairn-kv/a%3db").code == "SignatureDoesNotMatch"
    head = s3.head("GET", "", {"list-type": "2", "prefix": "a"})
    assert s3.raw(head.replace(b"list-type=2&prefix=a", b"prefix=a&list-type=2")).status == 200  # the order is free
    assert s3.raw(head.replace(b"prefix=a", b"prefix=b")).code == "SignatureDoesNotMatch"


def test_small_skew_and_changed_clock(s3, server):
    assert (s3("GET", "k", skew=800).status, s3("GET", "k", skew=-800).status) == (404, 404)
    server.settings(clock_offset_s=3600)
    assert s3("GET", "k").code == "RequestTimeTooSkewed"


def test_session_token_and_its_end(s3, server):
    server.credentials("temporary", "s", session_token="token", expires_s=60)
    of_it = dict(access="temporary", secret="s")
    with_token = dict(of_it, headers={"x-amz-security-token": "token"})
    assert s3("PUT", "k", body=b"1", **with_token).status == 200
    assert s3("GET", "k", **of_it).code == "InvalidAccessKeyId"
    assert s3("GET", "k", **of_it, headers={"x-amz-security-token": "other"}).code == "InvalidToken"
    server.credentials("temporary", "s", session_token="token", expires_s=-1)
    assert s3("GET", "k", **with_token).code == "ExpiredToken"
    server.told("DELETE", "/credentials/temporary")
    assert s3("GET", "k", **with_token).code == "InvalidAccessKeyId"


def test_log_has_no_secrets(s3, server):
    server.credentials("temporary", "secret-of-it", session_token="token-of-it")
    s3("GET", "k", access="temporary", secret="secret-of-it", headers={"x-amz-security-token": "token-of-it"})
    log = server.control_call("GET", "/log").decode()
    assert '"signature": "right"' in log and "Signature=" not in log and "-of-it" not in log and SECRET_KEY not in log


@pytest.mark.parametrize("head", [
    b"GET / HTTP/1.0\r\nHost: h\r\n\r\n", b"GET http://h/ HTTP/1.1\r\nHost: h\r\n\r\n", b"GET /\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n", b"GET / HTTP/1.1\r\nHost : h\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: h\r\n folded\r\n\r\n", b"GET /%ff HTTP/1.1\r\nHost: h\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: h\r\nLong: " + b"a" * 70_000 + b"\r\n\r\n"])
def test_http_is_strict(s3, head):
    answer = s3.raw(head)
    assert (answer.status, answer.ended) == (400, "close")


def test_checksums_of_a_body(s3):
    large = os.urandom(70_000)
    crc32, sha256 = struct.pack(">I", binascii.crc32(b"1")), hashlib.sha256(b"1").digest()
    for body, sums in ((b"123456789", {"x-amz-checksum-crc32c": "4waSgw=="}),
                       (large, {"x-amz-checksum-crc32c": crc32c(large)}),
                       (b"1", {"x-amz-checksum-crc32": base64.b64encode(crc32).decode()}),
                       (b"1", {"x-amz-checksum-sha256": base64.b64encode(sha256).decode()}),
                       (b"1", {"content-md5": md5(b"1")})):
        put = s3("PUT", "k", body=body, headers=sums)
        assert put.status == 200 and all(put.headers[n] == v for n, v in sums.items() if n.startswith("x-amz")), sums
    s3("PUT", "k", body=b"123456789", headers={"x-amz-checksum-crc32c": "4waSgw=="})
    assert s3("GET", "k", headers={"x-amz-checksum-mode": "ENABLED"}).headers["x-amz-checksum-crc32c"] == "4waSgw=="
    assert "x-amz-checksum-crc32c" not in s3("GET", "k").headers


def test_write_conditions(s3, server):
    none = {"if-none-match": "*"}
    assert [s3("PUT", "k", body=body, headers=none).status for body in (b"1", b"2")] == [200, 412]
    assert server.get("k") == b"1"
    etag = s3("HEAD", "k").headers["etag"]
    assert [s3("PUT", "k", body=b"3", headers={"if-match": e}).status for e in ('"no"', etag)] == [412, 200]
    assert s3("PUT", "absent", body=b"3", headers={"if-match": etag}).code == "NoSuchKey"


def test_read_conditions(s3):
    etag = s3("PUT", "k", body=b"1").headers["etag"]
    assert [s3("GET", "k", headers={"if-match": e}).status for e in (etag, '"no"', "*")] == [200, 412, 200]
    assert [s3("HEAD", "k", headers={"if-match": e}).status for e in (etag, '"no"')] == [200, 412]
    assert [s3("GET", "k", headers={"if-none-match": e}).status for e in (etag, '"no"')] == [304, 200]


@pytest.mark.parametrize("asked, span", [
    ("bytes=0-0", (0, 1)), ("bytes=10-99", (10, 100)), ("bytes=102390-", (102390, 102400)),
    ("bytes=-7", (102393, 102400)), ("bytes=102399-999999", (102399, 102400)), ("bytes=-999999", (0, 102400)),
    ("bytes=5-4", None), ("bytes=0-1,3-4", None), ("lines=0-1", None),
    ("bytes=102400-", 416), ("bytes=102400-102401", 416), ("bytes=-0", 416)])
def test_ranges(s3, server, asked, span):
    server.put("k", DATA)
    answer = s3("GET", "k", headers={"range": asked})
    if span == 416:
        assert (answer.status, answer.code, answer.headers["content-range"]) == (416, "InvalidRange", "bytes */102400")
    elif span is None:
        assert (answer.status, answer.body) == (200, DATA)
    else:
        assert (answer.status, answer.body) == (206, DATA[slice(*span)])
        assert answer.headers["content-range"] == f"bytes {span[0]}-{span[1] - 1}/102400"


def test_part_number_of_a_whole_object(s3, server):
    server.put("k", DATA)
    assert (s3("GET", "k", {"partNumber": "1"}).status, s3("GET", "k", {"partNumber": "2"}).status) == (206, 416)


@pytest.mark.parametrize("key, code", [
    ("a//b", "InvalidArgument"), ("/a", "InvalidArgument"), ("a/../b", "InvalidArgument"),
    ("k" * 1025, "KeyTooLongError"), ("a", "ExistingObjectIsDirectory"), ("a/b/c", "ObjectParentIsFile")])
def test_keys_of_a_server_with_folders(s3, server, key, code):
    s3("PUT", "a/b", body=b"1")
    assert s3("PUT", key, body=b"2").code == code
    assert list(server.objects()) == ["a/b"]
    s3("DELETE", "a/b")
    assert s3("PUT", "a", body=b"2").status == 200


def listed(answer, tag):
    return [text.decode() for text in re.findall(rb"<%s>(.*?)</%s>" % (tag.encode(), tag.encode()), answer.body)]


def test_list(s3, server):
    for key in ("a/1", "a/2", "b/x/1", "b/x/2", "b/y", "c&d"):
        server.put(key, b"12")

    def ask(**query):
        return s3("GET", "", {"list-type": "2", **{name.replace("_", "-"): value for name, value in query.items()}})

    assert listed(ask(), "Key") == ["a/1", "a/2", "b/x/1", "b/x/2", "b/y", "c&amp;d"]
    assert listed(ask(), "Size") == ["2"] * 6 and listed(ask(), "IsTruncated") == ["false"]
    assert listed(ask(prefix="b/"), "Key") == ["b/x/1", "b/x/2", "b/y"]
    assert listed(ask(start_after="b/x/1"), "Key") == ["b/x/2", "b/y", "c&amp;d"]
    assert listed(ask(encoding_type="url"), "Key")[-1] == "c%26d"
    grouped = ask(delimiter="/", prefix="b/")
    assert (listed(grouped, "Key"), listed(grouped, "Prefix")) == (["b/y"], ["b/", "b/x/"])
    seen, token, pages = [], {}, 0
    while token is not None:
        page = ask(max_keys="1", delimiter="/", **token)
        seen += listed(page, "Key") + listed(page, "Prefix")[1:]
        following = listed(page, "NextContinuationToken")
        assert pages < 9, seen
        token, pages = {"continuation_token": following[0]} if following else None, pages + 1
    assert (seen, pages) == (["a/", "b/", "c&amp;d"], 3)
    assert (ask(max_keys="x").status, ask(continuation_token="x").status) == (400, 400)
    server.settings(list_keys_max=2)
    assert len(listed(ask(), "Key")) == 2


def test_delete_objects(s3, server):
    for key in ("a", "b", "c"):
        server.put(key, b"1")
    server.told("POST", "/rules", {"match": {"op": "DeleteObjects"}, "action": {"do": "delete_errors", "key": "b"}})
    rows = "".join(f"<Object><Key>{key}</Key></Object>" for key in ("a", "b", "absent"))
    body = f"<Delete>{rows}</Delete>".encode()
    assert s3("POST", "", {"delete": ""}, body).code == "InvalidRequest"
    answer = s3("POST", "", {"delete": ""}, body, headers={"content-md5": md5(body)})
    assert (answer.status, answer.code, listed(answer, "Key")) == (200, "InternalError", ["a", "b", "absent"])
    assert list(server.objects()) == ["b", "c"]
    assert s3("POST", "", {"delete": ""}, b"<Del", headers={"content-md5": md5(b"<Del")}).code == "MalformedXML"


def completion(etags):
    rows = "".join(f"<Part><PartNumber>{n}</PartNumber><ETag>{e}</ETag></Part>" for n, e in etags)
    return f"<CompleteMultipartUpload>{rows}</CompleteMultipartUpload>".encode()


def test_multipart(s3, server):
    server.settings(part_bytes_min=1000)
    (upload,) = listed(s3("POST", "m", {"uploads": ""}), "UploadId")
    parts = [b"a" * 1000, b"b" * 1000, b"c"]
    etags = [(n, s3("PUT", "m", {"partNumber": str(n), "uploadId": upload}, part).headers["etag"])
             for n, part in enumerate(parts, 1)]
    assert server.objects() == {} and listed(s3("GET", "", {"uploads": ""}), "UploadId") == [upload]
    assert listed(s3("GET", "m", {"uploadId": upload}), "PartNumber") == ["1", "2", "3"]

    def finish(etags, **more):
        return s3("POST", "m", {"uploadId": upload}, completion(etags), **more)

    assert finish(etags[::-1]).code == "InvalidPartOrder"
    assert finish([(1, '"no"')]).code == "InvalidPart"
    assert finish([etags[2], (4, '"x"')]).code == "InvalidPart"
    server.settings(part_bytes_min=1001)
    assert finish(etags).code == "EntityTooSmall"
    server.settings(part_bytes_min=1000)
    server.put("m", b"there")
    assert finish(etags, headers={"if-none-match": "*"}).code == "PreconditionFailed"
    server.remove("m")
    assert finish(etags).status == 200 and server.get("m") == b"".join(parts) and server.uploads() == []
    got = s3("GET", "m", {"partNumber": "2"})
    assert (got.status, got.body, got.headers["x-amz-mp-parts-count"]) == (206, parts[1], "3")
    assert got.headers["etag"].endswith('-3"')
    (upload,) = listed(s3("POST", "n", {"uploads": ""}), "UploadId")
    assert s3("DELETE", "n", {"uploadId": upload}).status == 204
    assert s3("DELETE", "n", {"uploadId": upload}).code == "NoSuchUpload"


# ---- faults ----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("status, code", [
    (403, "AccessDenied"), (404, "NoSuchKey"), (412, "PreconditionFailed"), (429, "TooManyRequests"),
    (500, "InternalError"), (503, "SlowDown")])
def test_status(s3, server, status, code):
    server.put("k", DATA)
    server.rule("status", status=status, retry_after=7, times=1)
    answer = s3("GET", "k")
    assert (answer.status, answer.code, answer.headers["retry-after"], answer.ended) == (status, code, "7", "keep")
    assert s3("GET", "k").body == DATA


@pytest.mark.parametrize("method, op", [("DELETE", "DeleteObject"), ("PUT", "PutObject"), ("GET", "ListObjectsV2")])
def test_one_operation_is_denied(s3, server, method, op):
    server.rule("status", op=op, status=403)
    server.put("k", b"1")
    ask = dict(query={"list-type": "2"}) if method == "GET" else dict(key="k", body=b"22" if method == "PUT" else b"")
    assert s3(method, **ask).code == "AccessDenied"
    assert server.get("k") == b"1" and s3("GET", "k").status == 200


def test_status_before_the_body_is_read_and_after_the_work_is_done(s3, server):
    server.rule("status", id="early", status=503, at="head", times=1)
    assert s3.raw(s3.head("PUT", "k", body=DATA), "PUT").status == 503  # no byte of the body was sent
    s3.close()
    server.rule("status", status=500, apply=True, times=1)
    assert (s3("PUT", "k", body=b"1").status, server.get("k")) == (500, b"1")
    server.rule("status", status=200, code="InternalError", times=1)
    answer = s3("PUT", "k", body=b"2")
    assert (answer.status, answer.code, server.get("k")) == (200, "InternalError", b"1")


@pytest.mark.parametrize("how", ["reset", "fin"])
@pytest.mark.parametrize("at, count", [("head", None), ("request", None), ("headers", 0), ("half", len(DATA) // 2),
                                       ("end", len(DATA)), (10, 10)])
def test_connection_ends(s3, server, how, at, count):
    server.put("k", DATA)
    server.rule(how, op="GetObject", at=at, times=1)
    answer = s3("GET", "k")
    if at == "end":  # all of the answer is there, and no more
        assert answer.status == 200 and len(answer.body) == count
        if how == "fin":
            assert s3.socket.recv(1) == b""
        else:
            with pytest.raises(ConnectionResetError):
                s3.socket.recv(1)
        s3.close()
    else:
        assert answer.ended == how and (answer.status is None) == (count is None)
        assert len(answer.body) == (count or 0)
    assert server.log_of()[0]["end"] == how
    assert s3("GET", "k").body == DATA


@pytest.mark.parametrize("at, apply, stored", [("head", False, False), ("request_half", False, False),
                                               ("request", False, False), ("request", True, True)])
def test_upload_whose_connection_ends(s3, server, at, apply, stored):
    server.rule("reset", op="PutObject", at=at, apply=apply)
    assert s3("PUT", "k", body=DATA * 20).ended in ("reset", "fin")
    assert ("k" in server.objects()) == stored
    assert server.log_of()[0]["bytes_in"] == {"head": 0, "request_half": 10 * len(DATA), "request": 20 * len(DATA)}[at]


def wait_for(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline


def wait_until_idle(server):
    wait_for(lambda: server.stats()["in_flight"] == 0)


@pytest.mark.parametrize("at, received", [("request", None), ("headers", 0), ("half", len(DATA) // 2)])
def test_stall(s3, server, at, received):
    server.put("k", DATA)
    server.rule("stall", at=at, times=1)
    s3.connect()
    s3.socket.sendall(s3.head("GET", "k"))
    wait_for(lambda: server.log_of() and server.log_of()[0].get("end") == "stall")
    s3.socket.settimeout(0.1)
    with pytest.raises(TimeoutError):
        while s3._more():
            pass
    head, _, body = s3.rest.partition(b"\r\n\r\n")
    assert (head, body) == (b"", b"") if received is None else len(body) == received
    assert server.stats()["in_flight"] == 1
    s3.close()
    wait_until_idle(server)
    assert s3("GET", "k").body == DATA


def test_short_and_long_bodies(s3, server):
    server.put("k", DATA)
    for options, ended, declared, got in ((dict(do="short", by=100), "fin", 102400, 102300),
                                          (dict(do="short", by=100, declared="cut"), "keep", 102300, 102300),
                                          (dict(do="long", by=9), "keep", 102409, 102409)):
        server.rule(**options, times=1)
        answer = s3("GET", "k")
        assert (answer.ended, int(answer.headers["content-length"]), len(answer.body)) == (ended, declared, got)
    server.rule("long", by=9, declared="right", times=1)
    answer = s3("GET", "k")
    while len(s3.rest) < 9:
        s3._more()
    assert (answer.body, s3.rest) == (DATA, b"\xa5" * 9)


def test_endless_body(s3, server):
    server.put("k", b"1")
    server.rule("endless", times=1)
    s3.connect()
    s3.socket.sendall(s3.head("GET", "k"))
    got = b""
    while len(got) < 3_000_000:
        got += s3.socket.recv(1 << 18)
    assert b"content-length" not in got[:1000].lower()


def test_flipped_bit(s3, server):
    server.put("k", DATA)
    server.rule("flip", bit=8 * 1000 + 3, times=1)
    got = s3("GET", "k").body
    assert [i for i in range(len(DATA)) if got[i] != DATA[i]] == [1000] and got[1000] == DATA[1000] ^ 8
    server.rule("flip")
    once, again = (s3("GET", "k", headers={"range": "bytes=0-99"}).body for _ in range(2))
    for body in (once, again):
        assert sum((a ^ b).bit_count() for a, b in zip(body, DATA)) == 1
    assert server.get("k") == DATA


def test_etags(s3, server):
    server.put("k", DATA)
    etag = s3("HEAD", "k").headers["etag"]
    server.rule("etag", times=1)
    assert s3("GET", "k").headers["etag"] == '"wrong"'
    server.rule("etag", missing=True, times=1)
    assert "etag" not in s3("GET", "k").headers
    server.rule("etag", changing=True)
    first, second = (s3("GET", "k", headers={"range": "bytes=0-9"}).headers["etag"] for _ in range(2))
    assert len({etag, first, second}) == 3


def test_object_replaced_between_two_ranges(s3, server):
    server.put("k", DATA)
    server.rule("replace", op="GetObject", nth=2)
    first = s3("GET", "k", headers={"range": "bytes=0-9"})
    assert s3("GET", "k", headers={"range": "bytes=10-19", "if-match": first.headers["etag"]}).status == 412
    assert len(server.get("k")) == len(DATA) and server.get("k") != DATA
    server.rule("ignore", what="if-match")
    assert s3("GET", "k", headers={"range": "bytes=10-19", "if-match": first.headers["etag"]}).status == 206


def test_ignored_headers_and_rules(s3, server):
    server.put("k", DATA)
    server.rule("ignore", what=["range", "if-none-match", "region", "skew", "checksum", "signature", "payload"])
    whole = s3("GET", "k", headers={"range": "bytes=0-9"})
    assert (whole.status, whole.body) == (200, DATA)
    assert s3("PUT", "k", body=b"2", headers={"if-none-match": "*"}).status == 200 and server.get("k") == b"2"
    assert s3("GET", "k", region="eu-west-1").status == 200
    assert s3("GET", "k", skew=5000).status == 200
    assert s3("PUT", "k", body=b"3", headers={"content-md5": md5(b"4")}).status == 200
    assert s3("PUT", "k", body=b"3", body_hash=hashlib.sha256(b"4").hexdigest()).status == 200
    assert s3("GET", "k", secret="other").status == 200 and server.log_of()[-1]["signature"] == "wrong"


def took(work):
    start = time.monotonic()
    result = work()
    return time.monotonic() - start, result


def test_slow_answers(s3, server):
    server.put("k", DATA)
    server.rule("drip", bytes_per_s=500_000, times=1)
    seconds, answer = took(lambda: s3("GET", "k"))
    assert answer.body == DATA and seconds > 0.19
    server.rule("latency", s=0.1, jitter_s=0.1, times=1)
    assert took(lambda: s3("GET", "k"))[0] >= 0.1
    server.settings(latency_s=0.1)
    assert took(lambda: s3("HEAD", "k"))[0] >= 0.1
    server.settings(latency_s=0, bandwidth=500_000)
    assert took(lambda: s3("PUT", "k", body=DATA))[0] > 0.19


def test_bandwidth_is_of_all_connections(s3, server):
    server.put("k", DATA)
    server.settings(bandwidth=1_000_000)
    clients = [Client(server) for _ in range(3)]
    threads = [threading.Thread(target=client, args=("GET", "k")) for client in clients]

    def all_of_them():
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert took(all_of_them)[0] > 0.28
    assert server.stats()["max_in_flight"] == 3 and server.stats()["max_connections"] == 3
    wait_until_idle(server)
    entries = server.log_of("GetObject")
    assert len(entries) == 3 and all(e["bytes_out"] == len(DATA) and e["signature"] == "right" for e in entries)
    assert all(e["finished"] > e["started"] for e in entries)
    for client in clients:
        client.close()


def test_redirects(s3, server):
    for status, code in ((307, "TemporaryRedirect"), (301, "PermanentRedirect")):
        server.rule("redirect", to="http://127.0.0.1:9", status=status, times=1)
        answer = s3("GET", "k")
        assert (answer.status, answer.code) == (status, code)
        assert answer.headers["location"] == f"http://127.0.0.1:9/{BUCKET}/k"


def test_garbage(s3, server):
    server.rule("garbage", what="http", times=1)
    answer = s3("GET", "k")
    assert answer.status is None and answer.ended in ("fin", "reset") and len(answer.body) == 512
    server.rule("garbage", what="length", times=1)
    with pytest.raises(ValueError):
        s3("GET", "k")
    s3.close()
    server.rule("garbage", what="headers", times=1)
    assert s3("GET", "k").status is None
    for what in ("xml", "bomb"):
        server.rule("garbage", what=what, times=1)
        answer = s3("GET", "", {"list-type": "2"})
        assert answer.status == 200 and b"ListBucketResult" in answer.body and b"</Contents>" not in answer.body


def test_close_after_each_answer(s3, server):
    server.rule("close")
    assert [s3("HEAD").ended for _ in range(2)] == ["close", "close"]
    server.clear_rules()
    server.rule("close", announce=False)
    answer = s3("HEAD")
    assert answer.ended == "keep" and "connection" not in answer.headers and s3.socket.recv(1) == b""


def test_chunked_answer(s3, server):
    server.put("k", DATA)
    server.rule("chunked")
    answer = s3("GET", "k")
    assert answer.body == DATA and "content-length" not in answer.headers
    assert s3("HEAD", "k").headers["content-length"] == str(len(DATA))


def test_absent_keys_are_forbidden(s3, server):
    server.rule("hide_absent", op="HeadObject")
    assert (s3("HEAD", "k").status, s3("GET", "k").status) == (403, 404)


def test_idle_connections_and_outage(s3, server):
    server.settings(idle_close_s=0.05)
    s3("HEAD")
    assert s3.socket.recv(1) == b""
    s3.close()
    server.settings(idle_close_s=0)
    for how, seen in (("fin", b""), ("reset", None)):
        s3("HEAD")
        server.close_connections(how)
        if seen is None:
            with pytest.raises(ConnectionResetError):
                s3.socket.recv(1)
        else:
            assert s3.socket.recv(1) == seen
        s3.close()
    server.settings(down=True)
    with pytest.raises(ConnectionRefusedError):
        s3("HEAD")
    server.settings(down=False)
    assert s3("HEAD").status == 200


def test_expect_continue(s3, server):
    expect = dict(body=DATA, unsigned={"expect": "100-continue"})
    assert s3.raw(s3.head("PUT", "k", **expect), "PUT").status == 100
    assert s3.raw(DATA, "PUT").status == 200 and server.get("k") == DATA
    refused = s3.raw(s3.head("PUT", "k", secret="other", **expect), "PUT")
    assert (refused.status, refused.ended) == (403, "close")  # and the body is never asked for


def test_which_requests_a_rule_takes(s3, server):
    seen = lambda *keys: [s3("GET", key).status for key in keys]  # noqa: E731
    server.rule("status", status=500, nth=[2, 3])
    assert seen(*"aaaa") == [404, 500, 500, 404]
    server.reset()
    server.rule("status", status=500, after=1, times=1)
    assert seen(*"aaa") == [404, 500, 404]
    server.reset()
    server.rule("status", status=500, key="^b", per_key=True, nth=1)
    assert seen("b1", "a", "b2", "b1", "b2") == [500, 404, 500, 404, 404]
    server.reset()
    server.rule("status", status=500, range="=5-")
    assert [s3("GET", "a", headers={"range": r}).status for r in ("bytes=0-4", "bytes=5-9")] == [404, 500]
    assert server.rules()[0]["fired"] == 1 and server.log_of()[-1]["rules"] == ["1"]
    server.told("DELETE", "/rules/1")
    assert server.rules() == []


def test_probability_is_of_the_seed_not_of_the_order(s3, server):
    keys = [f"k{i}" for i in range(40)]

    def fallen(order, seed):
        server.reset()
        server.rule("status", id="p", status=500, probability=0.5, seed=seed)
        return {key for key in order if s3("HEAD", key).status == 500}
    first = fallen(keys, 7)
    assert 8 < len(first) < 32 and fallen(keys[::-1], 7) == first and fallen(keys, 8) != first


@pytest.mark.parametrize("spec", [
    {"action": {"do": "nothing"}}, {"action": []}, {"when": 1, "action": {"do": "close"}},
    {"action": {"do": "fin", "at": "x"}}, {"match": {"key": "("}, "action": {"do": "close"}},
    {"match": {"verb": "GET"}, "action": {"do": "close"}}])
def test_rules_that_are_none(server, spec):
    assert call(server.control, "POST", "/rules", json.dumps(spec))[0] == 400


# ---- TLS, other clients, other servers -------------------------------------------------------------------------------

def test_tls(tls_server):
    s3 = Client(tls_server)
    assert s3("PUT", "k", body=DATA, body_hash=UNSIGNED).status == 200
    assert s3("GET", "k", body_hash=UNSIGNED).body == DATA
    for how in ("reset", "fin"):
        tls_server.rule(how, op="GetObject", times=1)
        try:
            assert s3("GET", "k").ended in ("fin", "reset")
        except ssl.SSLError:
            s3.close()
    tls_server.settings(unsigned_payload="never")
    assert s3("GET", "k", body_hash=UNSIGNED).code == "InvalidRequest"
    s3.close()
    with pytest.raises(ssl.SSLCertVerificationError):
        tls_server_without_ca = SimpleNamespace(url=tls_server.url, ca=None)
        Client(tls_server_without_ca).connect()


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not there")
def test_curl_signs_alike(s3, server, tmp_path):
    (tmp_path / "body").write_bytes(DATA)
    put = ["curl", "-sS", "--max-time", "20", "--aws-sigv4", f"aws:amz:{REGION}:s3",
           "--user", f"{ACCESS_KEY}:{SECRET_KEY}", "-T", str(tmp_path / "body"),
           "-H", f"x-amz-content-sha256: {hashlib.sha256(DATA).hexdigest()}", f"{server.url}/{BUCKET}/k"]
    done = subprocess.run(put, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, ""), done
    assert server.get("k") == DATA and server.log_of()[-1]["signature"] == "right"
    wrong = [word.replace(SECRET_KEY, "other") for word in put]
    assert "SignatureDoesNotMatch" in subprocess.run(wrong, capture_output=True, text=True).stdout


SAME = ["secret", "region", "service", "clock behind", "clock ahead", "header changed on the way", "no authorization",
        "hash of another body", "MD5 wrong", "CRC32C wrong"]


def answers_of(client):
    """name -> what is to be the same for every strict server"""
    told = {"put": client("PUT", "a/k", body=DATA).status}
    told["second put"] = client("PUT", "a/k", body=b"2", headers={"if-none-match": "*"}).status
    told["get"], told["head"] = client("GET", "a/k").body == DATA, client("HEAD", "a/k").headers["content-length"]
    for asked in ("bytes=5-9", "bytes=-5", "bytes=102400-"):
        answer = client("GET", "a/k", headers={"range": asked})
        told[asked] = answer.status, answer.headers.get("content-range") if answer.status == 206 else answer.code
    told["if-match"] = client("GET", "a/k", headers={"if-match": '"no"'}).status
    told["absent"] = client("GET", "absent").code
    for name in SAME:
        told[name] = client("PUT", "b", body=b"body", **REFUSALS[name][0]).status
    told["not stored"] = client("HEAD", "b").status
    told["folder"] = client("PUT", "a", body=b"1").status >= 400
    told["list"] = listed(client("GET", "", {"list-type": "2", "prefix": "a/"}), "Key")
    told["delete"] = [client("DELETE", "a/k").status for _ in range(2)]
    told["virtual"] = client("GET", "", {"list-type": "2"}, virtual=True, path="/").status
    client.close()
    return told


def test_versitygw_answers_alike(s3, versitygw):
    assert answers_of(s3) == answers_of(Client(versitygw()))


def test_versitygw_with_and_without_keep_alive(versitygw):
    for keep_alive, ended in ((True, "keep"), (False, "close")):
        real = versitygw(keep_alive=keep_alive)
        client = Client(real)
        assert (client("PUT", "a/k", body=b"1").status, client("GET", "a/k").ended) == (200, ended)
        assert real.objects() == ["a/k"]
        client.close()


def test_toxiproxy_breaks_the_link(server, toxiproxy):
    server.reset()
    server.put("k", DATA)
    link = toxiproxy(server.url)
    client = Client(server)
    client.place = urlparse(link.url)
    assert client("GET", "k").body == DATA
    slow = link.toxic("latency", latency=100)
    client.close()
    assert took(lambda: client("GET", "k"))[0] >= 0.1
    link.remove(slow)
    cut = link.toxic("limit_data", bytes=5000)
    client.close()
    assert client("GET", "k").ended in ("fin", "reset")
    link.remove(cut)
    link.up(False)
    client.close()
    with pytest.raises(ConnectionRefusedError):
        client("GET", "k")
    link.up()
    assert client("GET", "k").body == DATA
    client.close()


# ---- its own end -----------------------------------------------------------------------------------------------------

def test_ends_on_sigterm_and_with_its_parent(tmp_path):
    started = Imposter(tmp_path / "one")
    started.process.send_signal(signal.SIGTERM)
    assert started.process.wait(10) == 0
    ready = tmp_path / "ready"
    script = ("import subprocess, sys, time, pathlib; subprocess.Popen(sys.argv[2:])\n"
              "while not pathlib.Path(sys.argv[1]).exists(): time.sleep(0.01)\n")
    command = [sys.executable, str(IMPOSTER), "--ready-file", str(ready), "--bucket", BUCKET, "--access-key", "a",
               "--secret-key", "s"]
    subprocess.run([sys.executable, "-c", script, str(ready), *command], check=True, timeout=30)
    pid, deadline = json.loads(ready.read_text())["pid"], time.monotonic() + 10
    while Path(f"/proc/{pid}").exists() and Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z":
        assert time.monotonic() < deadline
        time.sleep(0.02)

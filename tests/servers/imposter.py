#!/usr/bin/env python3
"""A strict S3 server in memory whose faults are scripted: what real servers do wrong can be had on demand.

    imposter.py --port 0 --control-port 0 --ready-file F --bucket b --access-key K --secret-key S [--tls-dir D]

The ready file is JSON: url, control, bucket, region, domain (BUCKET.DOMAIN:PORT is the virtual host), ca, pid.
The control port speaks JSON over HTTP, without a key:

    POST /rules          one rule or a list -> {"ids": [...]};  GET /rules: with counts;  DELETE /rules[/ID]
    GET /log             every request, and the most that were in flight at once;  DELETE /log
    PUT /settings        any of SETTINGS below;  GET /settings
    GET /objects         names, sizes, ETags;  GET, PUT, DELETE /objects/BUCKET/KEY: bytes past all checks
    PUT /credentials     {"access_key", "secret_key", "session_token"?, "expires_s"?};  DELETE /credentials/KEY
    POST /close          ends every open connection ({"how": "fin" or "reset"});  POST /reset: as at the start

A rule: {"match": {"op", "key", "range"}, "nth", "after", "times", "per_key", "probability", "seed", "action"}.
`op` is S3's name of the operation or the HTTP method, `key` a regexp that is searched, `range` one for that header.
nth (number or list) counts matching requests from 1; after skips so many, times fires so often; per_key counts for each
key by itself. A probability is drawn from the seed and the request, so the order of arrival does not matter.
The first rule that gives an action of a kind wins; actions of different kinds add up. An action is {"do": KIND, ...}:

    status    status, code?, retry_after?, apply? (do it all the same), at "head": answer before the body is read
    reset fin stall   at: head, request_half, request (all is read), headers, half (default), end, or a byte offset of
              the answer's body; apply?: with at "request" the operation is done and its answer lost
    short     by n bytes; declared "whole" (then FIN) or "cut" (Content-Length is that much smaller)
    long      by n bytes; declared "long", or "right" (the bytes beyond Content-Length come all the same)
    endless   no Content-Length, no end;  chunked: Transfer-Encoding instead of Content-Length
    flip      one bit: bit n, else by the seed
    etag      value, or changing: true, or missing: true
    replace   the object becomes other bytes of the same length before the answer (length n: of another one)
    ignore    what: list of if-match, if-none-match, range, region, skew, signature, checksum, payload
    drip      bytes_per_s;  latency: s, jitter_s?
    redirect  to, status? (307);  garbage: what: http, length, headers, xml, bomb
    close     after the answer; announce: false leaves "Connection: close" out
    hide_absent   403 where 404 is due
    delete_errors key regexp, code: DeleteObjects reports these as failed
"""
import argparse
import asyncio
import base64
import binascii
import calendar
import collections
import ctypes
import dataclasses
import email.utils
import fcntl
import functools
import hashlib
import hmac
import json
import os
import random
import re
import signal
import socket
import ssl
import struct
import subprocess
import termios
import time
import traceback
import xml.etree.ElementTree as ET
import zlib
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes
from xml.sax.saxutils import escape

HEAD_BYTES_MAX, READ_BYTES, LOG_ENTRIES_MAX, SKEW_S_MAX = 65536, 1 << 18, 100_000, 900
XMLNS = "http://s3.amazonaws.com/doc/2006-03-01/"
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
KINDS = {"status", "reset", "fin", "stall", "short", "long", "endless", "chunked", "flip", "etag", "replace", "ignore",
         "drip", "latency", "redirect", "garbage", "close", "hide_absent", "delete_errors"}
PLACES = {"head", "request_half", "request", "headers", "half", "end"}
REASONS = {200: "OK", 204: "No Content", 206: "Partial Content", 301: "Moved Permanently", 304: "Not Modified",
           307: "Temporary Redirect", 400: "Bad Request", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
           409: "Conflict", 411: "Length Required", 412: "Precondition Failed", 416: "Requested Range Not Satisfiable",
           429: "Too Many Requests", 500: "Internal Server Error", 501: "Not Implemented", 503: "Slow Down"}
CODES = {400: "InvalidRequest", 403: "AccessDenied", 404: "NoSuchKey", 409: "OperationAborted",
         412: "PreconditionFailed", 429: "TooManyRequests", 500: "InternalError", 501: "NotImplemented",
         503: "SlowDown"}


class S3Error(Exception):
    def __init__(self, status, code, message="", headers=None, **fields):
        super().__init__(code)
        self.status, self.code, self.message = status, code, message or code
        self.headers, self.fields = headers or {}, fields


def malformed_xml():
    return S3Error(400, "MalformedXML", "The XML was not well-formed or is not what this operation takes.")


def precondition_failed(condition):
    return S3Error(412, "PreconditionFailed", "At least one of the pre-conditions did not hold", Condition=condition)


def no_such_key():
    return S3Error(404, "NoSuchKey", "The specified key does not exist.")


def chunked_refused():
    return S3Error(501, "NotImplemented", "aws-chunked bodies are refused here: send the body as it is.")


class Gone(Exception):
    """The connection is over, by a fault or by the client."""


# ---- checksums -------------------------------------------------------------------------------------------------------

def _crc_byte(value):
    for _ in range(8):
        value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return value


CRC_TABLE = [_crc_byte(b) for b in range(256)]
CRC_PLANES = [bytes(t >> 8 * i & 255 for t in CRC_TABLE) for i in range(4)]


def _apply(columns, value):
    out = 0
    while value:
        low = value & -value
        out ^= columns[low.bit_length() - 1]
        value ^= low
    return out


@functools.lru_cache(maxsize=16)
def _skip(count):
    """Columns of the linear map that `count` zero bytes are to a CRC register."""
    power, result = [CRC_TABLE[1 << i] if i < 8 else 1 << i - 8 for i in range(32)], [1 << i for i in range(32)]
    while count:
        if count & 1:
            result = [_apply(power, column) for column in result]
        power, count = [_apply(power, column) for column in power], count >> 1
    return result


def crc32c(data, lanes=4096):
    """Castagnoli's CRC; all lanes take a step at once by bytes.translate, so that large objects cost little."""
    register, rows = 0xFFFFFFFF, len(data) // lanes
    if rows >= 8:
        data = bytes(data)
        body, planes = data[:rows * lanes], [0] * 4
        for row in range(rows):
            at = (planes[0] ^ int.from_bytes(body[row::rows], "little")).to_bytes(lanes, "little")
            steps = [int.from_bytes(at.translate(plane), "little") for plane in CRC_PLANES]
            planes = [planes[i + 1] ^ steps[i] if i < 3 else steps[3] for i in range(4)]
        columns, parts = _skip(rows), [plane.to_bytes(lanes, "little") for plane in planes]
        for lane in range(lanes):
            register = _apply(columns, register) ^ sum(parts[i][lane] << 8 * i for i in range(4))
        data = data[rows * lanes:]
    for byte in data:
        register = register >> 8 ^ CRC_TABLE[(register ^ byte) & 255]
    return register ^ 0xFFFFFFFF


CHECKSUMS = {"crc32c": lambda d: struct.pack(">I", crc32c(d)), "crc32": lambda d: struct.pack(">I", zlib.crc32(d)),
             "sha1": lambda d: hashlib.sha1(d).digest(), "sha256": lambda d: hashlib.sha256(d).digest()}


def check_body(request, body):
    """Compares the body with every checksum that was sent; returns those to keep."""
    kept, sent = {}, request.get("content-md5")
    if sent is not None and "checksum" not in request.ignore:
        digest = _from_base64(sent)
        if digest is None or len(digest) != 16:
            raise S3Error(400, "InvalidDigest", "The Content-MD5 you specified was invalid.")
        if digest != hashlib.md5(body).digest():
            raise S3Error(400, "BadDigest", "The Content-MD5 you specified did not match what we received.")
    for name, value in request.headers.items():
        algorithm = name.removeprefix("x-amz-checksum-")
        if algorithm == name or algorithm in ("mode", "algorithm", "type"):
            continue
        if algorithm not in CHECKSUMS:
            raise S3Error(501, "NotImplemented", f"{name} is not known here.")
        digest, right = _from_base64(value), CHECKSUMS[algorithm](body)
        if digest is None or len(digest) != len(right):
            raise S3Error(400, "InvalidRequest", f"Value for {name} header is invalid.")
        if digest != right and "checksum" not in request.ignore:
            raise S3Error(400, "BadDigest", f"The {algorithm.upper()} you specified did not match.")
        kept[name] = base64.b64encode(right).decode()
    return kept


def _from_base64(text):
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


# ---- SigV4 -----------------------------------------------------------------------------------------------------------

def encode(text):
    """Percent-encoding as SigV4 wants it: all but A-Z a-z 0-9 - . _ ~ in upper case."""
    return quote(text, safe="")


def signature_of(secret, date, region, service, to_sign):
    key = ("AWS4" + secret).encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()


AUTHORIZATION = re.compile(r"AWS4-HMAC-SHA256 Credential=([^/,\s]+)/([^/,\s]+)/([^/,\s]*)/([^/,\s]+)/([^/,\s]+), ?"
                           r"SignedHeaders=([a-z0-9;_-]+), ?Signature=([0-9a-f]{64})")


def verify(request, s3):
    """Header SigV4, all of it but the body; the body's hash is compared when it is there."""
    given, malformed = request.get("authorization"), functools.partial(S3Error, 400, "AuthorizationHeaderMalformed")
    if given is None:
        request.signature = "absent"
        if "X-Amz-Signature" in request.query:
            raise S3Error(501, "NotImplemented", "Presigned requests are refused here.")
        raise S3Error(403, "AccessDenied", "Access Denied")
    request.signature = "wrong"
    match = AUTHORIZATION.fullmatch(given)
    if not match:
        if not given.startswith("AWS4-HMAC-SHA256"):
            raise S3Error(400, "InvalidRequest", "Please use AWS4-HMAC-SHA256.")
        raise malformed("The authorization header is malformed.")
    access_key, date, region, service, terminator, signed, signature = match.groups()
    request.scope, request.signed = f"{date}/{region}/{service}/{terminator}", signed.split(";")
    stamp = request.get("x-amz-date", "")
    try:
        when = calendar.timegm(time.strptime(stamp, "%Y%m%dT%H%M%SZ"))
    except ValueError:
        raise S3Error(403, "AccessDenied", "AWS authentication requires a valid Date or x-amz-date header") from None
    if terminator != "aws4_request" or service != "s3":
        raise malformed(f'The authorization header is malformed; incorrect service "{service}".')
    if date != stamp[:8]:
        raise malformed(f'The authorization header is malformed; Invalid credential date "{date}".')
    if region != s3.region and "region" not in request.ignore:
        raise malformed(f"The authorization header is malformed; '{region}' is wrong; expecting '{s3.region}'",
                        {"x-amz-bucket-region": s3.region}, Region=s3.region)
    unknown_key = S3Error(403, "InvalidAccessKeyId", "There is no such access key.", AWSAccessKeyId=access_key)
    if access_key not in s3.credentials:
        raise unknown_key
    secret, token, expires = s3.credentials[access_key]
    sent_token = request.get("x-amz-security-token")
    if token is not None and sent_token is None:
        raise unknown_key
    if sent_token != token:
        raise S3Error(400, "InvalidToken", "The provided token is malformed or otherwise invalid.")
    if expires is not None and s3.now() >= expires:
        raise S3Error(400, "ExpiredToken", "The provided token has expired.")
    if abs(s3.now() - when) > SKEW_S_MAX and "skew" not in request.ignore:
        raise S3Error(403, "RequestTimeTooSkewed", "The request time and the current time differ too much.",
                      RequestTime=stamp, ServerTime=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(s3.now())),
                      MaxAllowedSkewMilliseconds=SKEW_S_MAX * 1000)
    unsigned = [n for n in request.headers if (n == "host" or n.startswith("x-amz-")) and n not in request.signed]
    if unsigned:
        raise S3Error(403, "AccessDenied", "There were headers present which were not signed",
                      HeadersNotSigned=", ".join(unsigned))
    hashed = request.get("x-amz-content-sha256")
    if hashed is None:
        raise S3Error(400, "InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
    if hashed.startswith("STREAMING-"):
        raise chunked_refused()
    lines = [request.method, quote(request.path, safe="/"),
             "&".join(sorted(f"{encode(k)}={encode(v)}" for k, v in request.query.items())),
             *(f"{n}:{' '.join(request.headers.get(n, '').split())}" for n in request.signed), "",
             ";".join(request.signed), hashed]
    canonical = "\n".join(lines)
    to_sign = "\n".join(["AWS4-HMAC-SHA256", stamp, request.scope, hashlib.sha256(canonical.encode()).hexdigest()])
    right = signature_of(secret, date, region, service, to_sign)
    if request.signed != sorted(set(request.signed)) or not hmac.compare_digest(right, signature):
        if "signature" not in request.ignore:
            raise S3Error(403, "SignatureDoesNotMatch", "The request signature we calculated does not match yours.",
                          AWSAccessKeyId=access_key, StringToSign=to_sign, SignatureProvided=signature,
                          CanonicalRequest=canonical)
    else:
        request.signature = "right"
    if hashed == "UNSIGNED-PAYLOAD":
        if s3.settings["unsigned_payload"] == "never" or s3.settings["unsigned_payload"] == "tls" and not s3.tls:
            raise S3Error(400, "InvalidRequest", "UNSIGNED-PAYLOAD is allowed over TLS only.")
    elif not re.fullmatch(r"[0-9a-f]{64}", hashed):
        raise S3Error(400, "InvalidArgument", "x-amz-content-sha256 must be UNSIGNED-PAYLOAD or a valid sha256 value.",
                      ArgumentName="x-amz-content-sha256", ArgumentValue=hashed)


def verify_payload(request, body):
    hashed = request.get("x-amz-content-sha256")
    if hashed != "UNSIGNED-PAYLOAD" and "payload" not in request.ignore:
        right = hashlib.sha256(body).hexdigest()
        if right != hashed:
            raise S3Error(400, "XAmzContentSHA256Mismatch", "x-amz-content-sha256 is not the body's hash.",
                          ClientComputedContentSHA256=hashed, S3ComputedContentSHA256=right)


# ---- requests and answers --------------------------------------------------------------------------------------------

class Request:
    """A request's head, parsed strictly."""

    def __init__(self, head):
        try:
            lines = head.decode("ascii").split("\r\n")[:-2]
            self.method, self.target, version = lines[0].split(" ")
        except ValueError:
            raise S3Error(400, "BadRequest", "The request line or a header is not HTTP.") from None
        self.headers, self.ignore, self.signature, self.scope, self.signed = {}, set(), "unchecked", "", []
        self.op, self.bucket, self.key, self.query = "Unknown", "", "", {}
        if version != "HTTP/1.1" or not self.target.startswith("/") or len(head) > HEAD_BYTES_MAX:
            raise S3Error(400, "BadRequest", "HTTP/1.1, a path and a head of bounded size are needed.")
        for line in lines[1:]:
            match = re.fullmatch(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n\0]*?)[ \t]*", line)
            if not match or match.group(1).lower() in self.headers:
                raise S3Error(400, "BadRequest", "A header is malformed or there twice.")
            self.headers[match.group(1).lower()] = match.group(2)
        if not self.get("host"):
            raise S3Error(400, "BadRequest", "The Host header is missing.")
        path, _, query = self.target.partition("?")
        self.path = self._unquote(path)
        for pair in query.split("&") if query else []:
            name, _, value = pair.partition("=")
            if self._unquote(name) in self.query:
                raise S3Error(400, "InvalidArgument", "A query parameter is there twice.")
            self.query[self._unquote(name)] = self._unquote(value.replace("+", " "))

    @staticmethod
    def _unquote(text):
        try:
            return unquote_to_bytes(text).decode()
        except UnicodeDecodeError:
            raise S3Error(400, "InvalidURI", "Couldn't parse the specified URI.") from None

    def get(self, name, default=None):
        return self.headers.get(name, default)

    def place(self, domain):
        """Bucket and key, of the virtual host or of the path."""
        host = self.get("host").rsplit(":", 1)[0].lower()
        if host.endswith("." + domain):
            self.bucket, self.key = host[:-len(domain) - 1], self.path[1:]
        else:
            self.bucket, _, self.key = self.path[1:].partition("/")

    def length(self):
        given = self.get("content-length")
        if self.get("transfer-encoding") is not None:
            raise S3Error(501, "NotImplemented", "Transfer-Encoding is refused here.")
        if given is None:
            if self.method in ("PUT", "POST") and self.op not in ("CreateMultipartUpload", "CreateBucket"):
                raise S3Error(411, "MissingContentLength", "You must provide the Content-Length HTTP header.")
            return 0
        if not re.fullmatch(r"[0-9]{1,15}", given):
            raise S3Error(400, "BadRequest", "Content-Length is not a number.")
        return int(given)


@dataclasses.dataclass
class Response:
    status: int
    headers: dict = dataclasses.field(default_factory=dict)
    body: bytes = b""
    length: int = None  # of a HEAD's absent body


def xml_response(text, status=200, headers=None):
    body = ('<?xml version="1.0" encoding="UTF-8"?>\n' + text).encode()
    return Response(status, {"Content-Type": "application/xml", **(headers or {})}, body)


def tags(**values):
    return "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in values.items() if value is not None)


def error_response(error, request, number):
    fields = dict(Code=error.code, Message=error.message, Key=request.key or None, BucketName=request.bucket or None,
                  Resource=request.target, **error.fields, RequestId=f"{number:016X}", HostId="imposter")
    if request.method == "HEAD" or error.status == 304:
        return Response(error.status, {"Content-Type": "application/xml", **error.headers})
    return xml_response(f"<Error>{tags(**fields)}</Error>", error.status, error.headers)


# ---- objects and operations ------------------------------------------------------------------------------------------

@dataclasses.dataclass
class Object:
    data: bytes
    etag: str
    modified: float
    headers: dict
    parts: list = None  # sizes, of a multipart upload


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


# operation -> (method, has a key, query parameters that it must have, those that it may have)
OPERATIONS = {
    "HeadBucket": ("HEAD", False, (), ()),
    "ListObjectsV2": ("GET", False, ("list-type",), ("prefix", "delimiter", "start-after", "continuation-token",
                                                     "max-keys", "encoding-type", "fetch-owner")),
    "ListMultipartUploads": ("GET", False, ("uploads",), ("prefix", "max-uploads", "key-marker", "upload-id-marker")),
    "GetBucketLocation": ("GET", False, ("location",), ()),
    "CreateBucket": ("PUT", False, (), ()),
    "DeleteObjects": ("POST", False, ("delete",), ()),
    "UploadPart": ("PUT", True, ("partNumber", "uploadId"), ()),
    "PutObject": ("PUT", True, (), ()),
    "ListParts": ("GET", True, ("uploadId",), ("max-parts", "part-number-marker")),
    "GetObject": ("GET", True, (), ("partNumber",)),
    "HeadObject": ("HEAD", True, (), ("partNumber",)),
    "AbortMultipartUpload": ("DELETE", True, ("uploadId",), ()),
    "DeleteObject": ("DELETE", True, (), ()),
    "CreateMultipartUpload": ("POST", True, ("uploads",), ()),
    "CompleteMultipartUpload": ("POST", True, ("uploadId",), ()),
}
REFUSED_HEADERS = ("x-amz-copy-source", "x-amz-trailer", "x-amz-decoded-content-length",
                   "x-amz-server-side-encryption-customer-algorithm")


def name_operation(request):
    """Sets request.op, or tells why not."""
    query = set(request.query) - {"x-id"}
    for op, (method, has_key, must, may) in OPERATIONS.items():
        if method == request.method and has_key == bool(request.key) and query >= set(must) and query <= {*must, *may}:
            request.op = op
            return
    if request.method not in ("GET", "PUT", "HEAD", "POST", "DELETE"):
        raise S3Error(405, "MethodNotAllowed", "The specified method is not allowed against this resource.")
    raise S3Error(501, "NotImplemented", f"{request.method} with the parameters {sorted(query)} is not known here.")


class S3:
    """The state of the server and what each operation does to it; no input or output here."""

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

    def check(self, request):
        """What is refused whatever the operation."""
        if "aws-chunked" in request.get("content-encoding", ""):
            raise chunked_refused()
        for name in REFUSED_HEADERS:
            if name in request.headers:
                raise S3Error(501, "NotImplemented", f"{name} is refused here.")
        if request.bucket not in self.buckets and request.op != "CreateBucket":
            raise S3Error(404, "NoSuchBucket", "The specified bucket does not exist")
        self.check_key(request.key)

    @staticmethod
    def check_key(key):
        if len(key.encode()) > 1024:
            raise S3Error(400, "KeyTooLongError", "Your key is too long")
        if "//" in key or key.startswith("/") or {".", ".."} & set(key.split("/")):
            raise S3Error(400, "InvalidArgument", "Keys are paths here: no empty, '.' or '..' part can be.")

    def run(self, request, body, plan):
        """The answer to a request that was verified."""
        name = re.sub(r"(?<!^)(?=[A-Z])", "_", request.op.replace("V2", "")).lower()
        return getattr(self, "op_" + name)(request, body, plan)

    # -- bucket

    def op_head_bucket(self, request, body, plan):
        return Response(200, {"x-amz-bucket-region": self.region}, length=0)

    def op_get_bucket_location(self, request, body, plan):
        return _result("LocationConstraint", self.region if self.region != "us-east-1" else "")

    def op_create_bucket(self, request, body, plan):
        if request.bucket in self.buckets:
            raise S3Error(409, "BucketAlreadyOwnedByYou", "You already own this bucket.")
        raise S3Error(403, "AccessDenied", "Access Denied")

    def op_list_objects(self, request, body, plan):
        query = request.query
        limit = query.get("max-keys", "1000")
        if query["list-type"] != "2" or not limit.isdigit() or query.get("encoding-type", "url") != "url":
            raise S3Error(400, "InvalidArgument", "list-type must be 2, max-keys a number, encoding-type url.")
        limit, prefix = min(int(limit), self.settings["list_keys_max"]), query.get("prefix", "")
        delimiter = query.get("delimiter", "")
        after, token = query.get("start-after", ""), query.get("continuation-token")
        if token is not None:
            raw = _from_base64(token)
            if raw is None or not raw.startswith(b"after:"):
                raise S3Error(400, "InvalidArgument", "The continuation token provided is incorrect")
            after = raw[6:].decode()
        name = encode if "encoding-type" in query else str
        rows, count, last, more, groups = [], 0, "", False, set()
        objects = self.buckets[request.bucket].objects
        for key in sorted((k for k in objects if k.startswith(prefix)), key=str.encode):
            cut = key.find(delimiter, len(prefix)) if delimiter else -1
            group = key[:cut + len(delimiter)] if cut >= 0 else None
            if key.encode() <= after.encode() or group in groups or token is not None and group == after:
                continue
            if count == limit:
                more = limit > 0
                break
            count, last = count + 1, group or key
            if group is not None:
                groups.add(group)
                rows.append(f"<CommonPrefixes>{tags(Prefix=name(group))}</CommonPrefixes>")
            else:
                item = objects[key]
                fields = dict(Key=name(key), LastModified=_iso(item.modified), ETag=item.etag, Size=len(item.data))
                rows.append(f"<Contents>{tags(**fields, StorageClass='STANDARD')}</Contents>")
        following = base64.b64encode(b"after:" + last.encode()).decode() if more else None
        head = tags(Name=request.bucket, Prefix=name(prefix), Delimiter=delimiter or None,
                    StartAfter=query.get("start-after"), ContinuationToken=token, NextContinuationToken=following,
                    KeyCount=count, MaxKeys=limit, EncodingType=query.get("encoding-type"),
                    IsTruncated=str(more).lower())
        return _result("ListBucketResult", head + "".join(rows))

    def op_delete_objects(self, request, body, plan):
        if not any(name == "content-md5" or name.startswith("x-amz-checksum-") for name in request.headers):
            raise S3Error(400, "InvalidRequest", "Missing required header for this request: Content-MD5")
        check_body(request, body)
        root = _parse(body, "Delete")
        keys = [child.findtext("Key") for child in root.findall("Object")]
        if not 0 < len(keys) <= 1000 or not all(keys):
            raise malformed_xml()
        faulty, rows = plan.get("delete_errors"), []
        for key in keys:
            if faulty and re.search(faulty.get("key", ""), key):
                code = faulty.get("code", "InternalError")
                rows.append(f"<Error>{tags(Key=key, Code=code, Message='scripted')}</Error>")
                continue
            self.buckets[request.bucket].remove(key)
            if root.findtext("Quiet") != "true":
                rows.append(f"<Deleted>{tags(Key=key)}</Deleted>")
        return _result("DeleteResult", "".join(rows))

    # -- object

    def _conditions_of_write(self, request, item):
        none, match = request.get("if-none-match"), request.get("if-match")
        if none not in (None, "*"):
            raise S3Error(501, "NotImplemented", "If-None-Match of a write can be * only.")
        if none and item is not None and "if-none-match" not in request.ignore:
            raise precondition_failed("If-None-Match")
        if match is not None and "if-match" not in request.ignore:
            if item is None:
                raise no_such_key()
            if match not in ("*", item.etag, item.etag.strip('"')):
                raise precondition_failed("If-Match")

    def op_put_object(self, request, body, plan):
        bucket = self.buckets[request.bucket]
        kept = check_body(request, body)
        self._conditions_of_write(request, bucket.objects.get(request.key))
        item = Object(bytes(body), self.etag_of(body), self.now(), {**_kept_headers(request), **kept})
        bucket.put(request.key, item)
        return Response(200, {"ETag": item.etag, **kept})

    def find(self, request, plan):
        item = self.buckets[request.bucket].objects.get(request.key)
        if item is None:
            if "hide_absent" in plan:
                raise S3Error(403, "AccessDenied", "Access Denied")
            raise no_such_key()
        if "replace" in plan:
            count = plan["replace"].get("length", len(item.data))
            data = self.random.randbytes(count)
            item = Object(data, self.etag_of(data), self.now(), item.headers)
            self.buckets[request.bucket].objects[request.key] = item
        return item

    def op_get_object(self, request, body, plan):
        item = self.find(request, plan)
        match, none = request.get("if-match"), request.get("if-none-match")
        equal = ("*", item.etag, item.etag.strip('"'))
        if match is not None and match not in equal and "if-match" not in request.ignore:
            raise precondition_failed("If-Match")
        if none in equal and "if-none-match" not in request.ignore:
            raise S3Error(304, "NotModified", headers={"ETag": item.etag})
        modified = email.utils.formatdate(item.modified, usegmt=True)
        size, headers = len(item.data), {"ETag": item.etag, "Last-Modified": modified, "Accept-Ranges": "bytes"}
        headers |= {name: value for name, value in item.headers.items() if not name.startswith("x-amz-checksum-")}
        span = None if "range" in request.ignore else _range_of(request.get("range"), size)
        if "partNumber" in request.query:
            span = _part_span(item, request.query["partNumber"], headers)
        elif span is None and request.get("x-amz-checksum-mode", "").upper() == "ENABLED":
            headers |= {name: value for name, value in item.headers.items() if name.startswith("x-amz-checksum-")}
        first, end = span or (0, size)
        if span is not None:
            headers["Content-Range"] = f"bytes {first}-{end - 1}/{size}"
        if request.method == "HEAD":
            return Response(206 if span else 200, headers, length=end - first)
        return Response(206 if span else 200, headers, memoryview(item.data)[first:end])

    op_head_object = op_get_object

    def op_delete_object(self, request, body, plan):
        self.buckets[request.bucket].remove(request.key)
        return Response(204)

    # -- multipart

    def _upload(self, request):
        upload = self.uploads.get(request.query["uploadId"])
        if upload is None or (upload.bucket, upload.key) != (request.bucket, request.key):
            raise S3Error(404, "NoSuchUpload", "The specified upload does not exist.")
        return upload

    def op_create_multipart_upload(self, request, body, plan):
        name = self.random.randbytes(16).hex()
        self.uploads[name] = Upload(request.bucket, request.key, _kept_headers(request), self.now())
        return _result("InitiateMultipartUploadResult", tags(Bucket=request.bucket, Key=request.key, UploadId=name))

    def op_upload_part(self, request, body, plan):
        upload, number = self._upload(request), request.query["partNumber"]
        if not number.isdigit() or not 1 <= int(number) <= 10000:
            raise S3Error(400, "InvalidArgument", "Part number must be an integer between 1 and 10000, inclusive")
        kept = check_body(request, body)
        upload.parts[int(number)] = Object(bytes(body), f'"{hashlib.md5(body).hexdigest()}"', self.now(), kept)
        return Response(200, {"ETag": upload.parts[int(number)].etag, **kept})

    def op_complete_multipart_upload(self, request, body, plan):
        upload, bucket = self._upload(request), self.buckets[request.bucket]
        rows = _parse(body, "CompleteMultipartUpload").findall("Part")
        wanted = [(part.findtext("PartNumber", ""), part.findtext("ETag", "")) for part in rows]
        numbers = [int(number) for number, _ in wanted if number.isdigit()]
        if not wanted or len(numbers) != len(wanted):
            raise malformed_xml()
        if numbers != sorted(set(numbers)):
            raise S3Error(400, "InvalidPartOrder", "The list of parts was not in ascending order.")
        parts = [upload.parts.get(number) for number in numbers]
        if any(part is None or part.etag.strip('"') != etag.strip('"') for part, (_, etag) in zip(parts, wanted)):
            raise S3Error(400, "InvalidPart", "One or more of the specified parts could not be found.")
        if any(len(part.data) < self.settings["part_bytes_min"] for part in parts[:-1]):
            raise S3Error(400, "EntityTooSmall", "A part but the last is smaller than allowed.")
        self._conditions_of_write(request, bucket.objects.get(request.key))
        digest = hashlib.md5(b"".join(bytes.fromhex(part.etag.strip('"')) for part in parts)).hexdigest()
        item = Object(b"".join(part.data for part in parts), f'"{digest}-{len(parts)}"', self.now(), upload.headers,
                      [len(part.data) for part in parts])
        bucket.put(request.key, item)
        del self.uploads[request.query["uploadId"]]
        return _result("CompleteMultipartUploadResult", tags(Bucket=request.bucket, Key=request.key, ETag=item.etag))

    def op_abort_multipart_upload(self, request, body, plan):
        self._upload(request)
        del self.uploads[request.query["uploadId"]]
        return Response(204)

    def op_list_multipart_uploads(self, request, body, plan):
        limit, prefix = int(request.query.get("max-uploads", 1000)), request.query.get("prefix", "")
        marker = (request.query.get("key-marker", ""), request.query.get("upload-id-marker", ""))
        found = sorted((u.key, name, u.started) for name, u in self.uploads.items()
                       if u.bucket == request.bucket and u.key.startswith(prefix))
        found = [row for row in found if row[:2] > marker or marker == ("", "")]
        rows = "".join(f"<Upload>{tags(Key=key, UploadId=name, Initiated=_iso(when))}</Upload>"
                       for key, name, when in found[:limit])
        more = len(found) > limit > 0
        head = tags(Bucket=request.bucket, Prefix=prefix, MaxUploads=limit, IsTruncated=str(more).lower(),
                    NextKeyMarker=found[limit - 1][0] if more else None,
                    NextUploadIdMarker=found[limit - 1][1] if more else None)
        return _result("ListMultipartUploadsResult", head + rows)

    def op_list_parts(self, request, body, plan):
        parts = sorted(self._upload(request).parts.items())
        rows = "".join(f"<Part>{tags(PartNumber=number, ETag=part.etag, Size=len(part.data))}</Part>"
                       for number, part in parts)
        head = tags(Bucket=request.bucket, Key=request.key, UploadId=request.query["uploadId"], IsTruncated="false")
        return _result("ListPartsResult", head + rows)


def _result(name, text):
    return xml_response(f'<{name} xmlns="{XMLNS}">{text}</{name}>')


def _iso(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(seconds))


def _parse(body, root):
    """The root element, its namespace taken off."""
    try:
        tree = ET.fromstring(bytes(body))
    except ET.ParseError:
        tree = None
    if tree is not None:
        for node in tree.iter():
            node.tag = node.tag.rpartition("}")[2]
    if tree is None or tree.tag != root:
        raise malformed_xml()
    return tree


def _kept_headers(request):
    kept = {name: value for name, value in request.headers.items() if name.startswith("x-amz-meta-")}
    return {**kept, "Content-Type": request.get("content-type", "binary/octet-stream")}


def _range_of(header, size):
    """(first, end) of one range; None where S3 gives the whole object."""
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", header or "")
    if not match or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if first and last and int(first) > int(last):
        return None
    begin = int(first) if first else max(0, size - int(last))
    end = min(size, int(last) + 1) if first and last else size
    if begin >= size:
        raise S3Error(416, "InvalidRange", "The requested range is not satisfiable",
                      {"Content-Range": f"bytes */{size}"}, RangeRequested=header.removeprefix("bytes="),
                      ActualObjectSize=size)
    return begin, end


def _part_span(item, number, headers):
    sizes = item.parts or [len(item.data)]
    if not number.isdigit() or not 1 <= int(number) <= len(sizes):
        raise S3Error(416, "InvalidPartNumber", "There is no such part", ActualPartCount=len(sizes))
    if item.parts:
        headers["x-amz-mp-parts-count"] = len(sizes)
    first = sum(sizes[:int(number) - 1])
    return (first, first + sizes[int(number) - 1]) if item.data else None


# ---- scripted faults -------------------------------------------------------------------------------------------------

class Rule:
    def __init__(self, spec, number, seed):
        unknown = set(spec) - {"id", "match", "nth", "after", "times", "per_key", "probability", "seed", "action"}
        self.match, actions = spec.get("match", {}), spec.get("action", [])
        self.actions = actions if isinstance(actions, list) else [actions]
        bad = [a for a in self.actions
               if a.get("do") not in KINDS or not isinstance(a.get("at", 0), int) and a["at"] not in PLACES]
        if unknown or bad or not self.actions or set(self.match) - {"op", "key", "range"}:
            raise ValueError(f"not a rule: {spec}")
        self.spec, self.id, self.seed = spec, str(spec.get("id", number)), spec.get("seed", seed)
        self.seen, self.fired, self.drawn = collections.Counter(), 0, collections.Counter()
        nth, ops = spec.get("nth", []), self.match.get("op", [])
        self.nth, self.ops = nth if isinstance(nth, list) else [nth], ops if isinstance(ops, list) else [ops]
        self.key, self.range = re.compile(self.match.get("key", "")), re.compile(self.match.get("range", ""))

    def draw(self, request, text=""):
        """A number below 2^64 that the seed and the request decide, not the order of arrival."""
        name = f"{self.seed}|{self.id}|{request.method}|{request.target}|{request.get('range')}|{text}"
        self.drawn[name] += 1
        return int.from_bytes(hashlib.sha256(f"{name}|{self.drawn[name]}".encode()).digest()[:8], "big")

    def fires(self, request):
        if self.ops and request.op not in self.ops and request.method not in self.ops:
            return False
        if not self.key.search(request.key) or not self.range.search(request.get("range", "")):
            return False
        who = request.key if self.spec.get("per_key") else ""
        self.seen[who] += 1
        count = self.seen[who] - self.spec.get("after", 0)
        if count < 1 or self.nth and count not in self.nth or count > self.spec.get("times", count):
            return False
        if self.draw(request) / 2.0**64 >= self.spec.get("probability", 1):
            return False
        self.fired += 1
        return True

    def told(self):
        return {**self.spec, "id": self.id, "matched": sum(self.seen.values()), "fired": self.fired}


class Rules:
    def __init__(self, seed):
        self.seed, self.rules, self.number = seed, [], 0

    def add(self, spec):
        self.number += 1
        self.rules.append(Rule(spec, self.number, self.seed))
        return self.rules[-1].id

    def plan(self, request):
        """kind -> action, of all rules that fire; "fired" has their names."""
        plan = {"fired": []}
        for rule in self.rules:
            if not rule.fires(request):
                continue
            plan["fired"].append(rule.id)
            for action in rule.actions:
                kind = action["do"]
                if kind == "ignore":
                    what = action.get("what", [])
                    request.ignore |= {what} if isinstance(what, str) else set(what)
                elif kind not in plan:
                    plan[kind] = {**action, "draw": rule.draw(request, kind)}
        for kind in ("reset", "fin", "stall"):
            if kind in plan:
                plan["cut"] = {"how": kind, "at": plan[kind].get("at", "half"), "apply": plan[kind].get("apply", False)}
                break
        return plan


# ---- the server ------------------------------------------------------------------------------------------------------

def _error_of(check, *arguments):
    try:
        check(*arguments)
    except S3Error as refused:
        return refused
    return None


class Pace:
    """Bytes a second of all connections together."""

    def __init__(self):
        self.free_at = 0.0

    async def take(self, count, rate):
        if rate:
            now = time.monotonic()
            self.free_at = max(now, self.free_at) + count / rate
            await asyncio.sleep(self.free_at - now)


class Connection:
    """One client: requests in turn until one of both ends it."""

    def __init__(self, server, reader, writer):
        self.server, self.reader, self.writer = server, reader, writer
        self.s3, self.number, self.idle, self.entry, self.bytes_out = server.s3, server.connections, True, {}, 0
        self.writer.transport.set_write_buffer_limits(high=1)
        self.socket = writer.get_extra_info("socket")
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    # -- ends

    def tcp_state(self):
        return self.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]

    def unsent(self):
        return struct.unpack("i", fcntl.ioctl(self.socket.fileno(), termios.TIOCOUTQ, b"\0\0\0\0"))[0]

    async def end(self, how):
        """fin, reset or stall; what was written before arrives first."""
        self.entry["end"] = how
        if how == "stall":
            # 1 is ESTABLISHED; nothing is read, so the client's sends fill the window.
            while not self.writer.is_closing() and self.tcp_state() == 1:
                await asyncio.sleep(0.02)
        elif how == "reset":
            for _ in range(50):
                if not self.unsent():
                    break
                await asyncio.sleep(0.005)
            self.hard_close()
        else:
            await self.half_close()
        raise Gone

    def hard_close(self):
        if self.writer.is_closing():
            return
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def half_close(self):
        """FIN, and then reads for a while: closing with bytes unread would send RST and lose the answer."""
        if self.writer.can_write_eof():
            self.writer.write_eof()
            try:
                async with asyncio.timeout(2):
                    while await self.reader.read(READ_BYTES):
                        pass
            except TimeoutError:
                pass

    # -- reading

    async def serve(self):
        try:
            while await self.one():
                pass
        except (Gone, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            self.entry.setdefault("end", "client gone")
        except Exception:  # ours: Imposter.stop() of tests/e2e/s3_servers.py fails the test
            self.entry["end"] = "bug"
            traceback.print_exc()
        finally:
            self.finish()
            self.writer.close()

    async def one(self):
        """One request; whether another may follow."""
        self.entry, self.idle = {}, True
        async with asyncio.timeout(self.s3.settings["idle_close_s"] or None):
            head = await self.reader.readuntil(b"\r\n\r\n")
        self.idle, self.bytes_out = False, 0
        self.server.requests += 1
        number = self.server.requests
        try:
            request = Request(head)
        except S3Error as error:
            self.server.begin(self.entry, number, self.number, head)
            refused = Response(error.status, {"Content-Type": "text/plain"}, error.message.encode())
            await self.send(None, refused, {}, False, number)
            await self.half_close()
            return False
        request.place(self.server.options.domain)
        unknown = _error_of(name_operation, request)
        self.server.begin(self.entry, number, self.number, head, request)
        plan = self.server.rules.plan(request)
        self.entry["rules"] = plan["fired"]
        error = _error_of(verify, request, self.s3) or unknown or _error_of(self.s3.check, request)
        self.entry.update(signature=request.signature, scope=request.scope, signed_headers=request.signed)
        return await self.answer(request, plan, error, number)

    async def answer(self, request, plan, error, number):
        cut, early = plan.get("cut", {}), plan.get("status", {}).get("at") == "head"
        if cut.get("at") == "head":
            await self.end(cut["how"])
        try:
            length = request.length()
            if length > self.s3.settings["object_bytes_max"]:
                raise S3Error(400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed object size.")
        except S3Error as refused:
            error, early = error or refused, True
        expects = request.get("expect", "").lower() == "100-continue"
        if early or expects and error:
            await self.send(request, self.refusal(plan) if "status" in plan else error, plan, False, number)
            await self.half_close()
            return False
        if expects and length:
            self.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = await self.read_body(length, cut)
        error = error or _error_of(verify_payload, request, body)
        if cut.get("at") == "request" and not cut["apply"]:
            await self.end(cut["how"])
        await asyncio.sleep(self.wait_of(plan))
        response = self.outcome(request, body, plan, error)
        if cut.get("at") == "request":
            await self.end(cut["how"])
        keep = request.get("connection", "").lower() != "close" and "close" not in plan
        await self.send(request, response, plan, keep, number)
        self.finish()
        return keep

    async def read_body(self, length, cut):
        body, half = bytearray(), length // 2
        while len(body) < length:
            if cut.get("at") == "request_half" and len(body) >= half:
                break
            upto = half if cut.get("at") == "request_half" else length
            data = await self.reader.read(min(READ_BYTES, upto - len(body)))
            if not data:
                raise Gone
            body += data
            self.entry["bytes_in"] = len(body)
            await self.server.pace.take(len(data), self.s3.settings["bandwidth"])
        if cut.get("at") == "request_half":
            await self.end(cut["how"])
        return body

    def wait_of(self, plan):
        action = plan.get("latency", {})
        jitter = action.get("jitter_s", 0) * (action.get("draw", 0) / 2.0**64)
        return self.s3.settings["latency_s"] + action.get("s", 0) + jitter

    # -- answering

    def refusal(self, plan):
        action = plan["status"]
        status = action["status"]
        wait = {"Retry-After": str(action["retry_after"])} if "retry_after" in action else {}
        code = action.get("code") or CODES.get(status, "InternalError")
        return S3Error(status, code, action.get("message", "scripted"), wait)

    def outcome(self, request, body, plan, error):
        """What is answered: a Response or an S3Error; the operation is done unless a rule keeps it from that."""
        scripted = None
        if "status" in plan:
            scripted = self.refusal(plan)
        elif "redirect" in plan:
            to, status = plan["redirect"]["to"], plan["redirect"].get("status", 307)
            code = "PermanentRedirect" if status == 301 else "TemporaryRedirect"
            scripted = S3Error(status, code, "Please re-send this request to the specified endpoint.",
                               {"Location": to.rstrip("/") + request.target}, Endpoint=to)
        if scripted is None or plan.get("status", {}).get("apply"):
            try:
                if error is not None:
                    raise error
                done = self.s3.run(request, body, plan)
            except S3Error as refused:
                done = refused
            except ValueError as wrong:
                done = S3Error(400, "InvalidArgument", str(wrong))
            return scripted or done
        return scripted

    async def send(self, request, response, plan, keep, number):
        if isinstance(response, S3Error):
            self.entry["code"] = response.code
            response = error_response(response, request, number)
        if "garbage" in plan:
            response, keep = await self.garbage(plan["garbage"], response), False
        date = email.utils.formatdate(self.s3.now(), usegmt=True)
        body, headers = response.body, {"x-amz-request-id": f"{number:016X}", "x-amz-id-2": "imposter",
                                        "Server": "imposter", "Date": date, **response.headers}
        if "etag" in plan and "ETag" in headers:
            action = plan["etag"]
            headers["ETag"] = f'"{action["draw"]:016x}"' if action.get("changing") else action.get("value", '"wrong"')
            if action.get("missing"):
                del headers["ETag"]
        if "flip" in plan and len(body):
            body = bytearray(body)
            bit = plan["flip"].get("bit", plan["flip"]["draw"]) % (8 * len(body))
            body[bit // 8] ^= 1 << bit % 8
        declared, body, fin = self.stretch(plan, len(body) if response.length is None else response.length, body)
        bodiless = request is not None and request.method == "HEAD" or response.status in (204, 304)
        chunked = "chunked" in plan and not bodiless
        if chunked:
            headers["Transfer-Encoding"] = "chunked"
        elif declared is not None and response.status not in (204, 304):
            headers["Content-Length"] = str(declared)
        if fin == "endless" or not keep and plan.get("close", {}).get("announce", True):
            headers["Connection"] = "close"
        self.entry["status"] = response.status
        head = f"HTTP/1.1 {response.status} {REASONS.get(response.status, 'Scripted')}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in headers.items()) + "\r\n"
        await self.write_out(head.encode(), b"" if bodiless else memoryview(body), plan, chunked)
        if fin == "endless":
            await self.pour(plan)
        if fin:
            await self.end("fin")
        if not keep and request is not None and "close" in plan:
            self.entry["end"] = "close"

    @staticmethod
    def stretch(plan, length, body):
        """(declared length, body, how it ends) of answers that are shorter or longer than they ought to be."""
        if "short" in plan:
            missing = min(plan["short"].get("by", 1), len(body))
            cut = plan["short"].get("declared", "whole") == "cut"
            return length - missing if cut else length, memoryview(body)[:len(body) - missing], None if cut else "fin"
        if "long" in plan:
            more = plan["long"].get("by", 1)
            declared = length + more if plan["long"].get("declared", "long") == "long" else length
            return declared, bytes(body) + b"\xa5" * more, None
        if "endless" in plan:
            return None, body, "endless"
        return length, body, None

    async def write_out(self, head, body, plan, chunked):
        cut = plan.get("cut", {})
        at = {"headers": 0, "half": len(body) // 2, "end": len(body)}.get(cut.get("at"), cut.get("at"))
        at = at if isinstance(at, int) else None
        self.writer.write(head)
        await self.writer.drain()
        await self.write_body(body if at is None else body[:at], plan, chunked)
        if at is not None:
            await self.end(cut["how"])
        if chunked:
            self.writer.write(b"0\r\n\r\n")
            await self.writer.drain()

    async def write_body(self, body, plan, chunked=False):
        drip = plan.get("drip", {}).get("bytes_per_s", 0)
        step = max(1, min(READ_BYTES, drip // 20)) if drip else READ_BYTES
        if self.s3.settings["bandwidth"]:
            step = max(1, min(step, self.s3.settings["bandwidth"] // 50))
        for at in range(0, len(body), step):
            piece = body[at:at + step]
            if drip:
                await asyncio.sleep(len(piece) / drip)
            await self.server.pace.take(len(piece), self.s3.settings["bandwidth"])
            self.writer.write(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
            await self.writer.drain()
            self.bytes_out += len(piece)

    async def pour(self, plan):
        """Until the client leaves, or a bound that no test should see."""
        block = bytes(READ_BYTES)
        for _ in range((4 << 30) // READ_BYTES):
            await self.write_body(memoryview(block), plan)

    async def garbage(self, action, response):
        what = action.get("what", "http")
        if what == "xml":
            text = b'<?xml version="1.0"?><ListBucketResult><Contents><Key>a</Ke \xff\xfe'
            return Response(response.status, response.headers, text)
        if what == "bomb":
            levels = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10 if i else "ha"}">' for i in range(10))
            text = f"<!DOCTYPE r [{levels}]><ListBucketResult><Prefix>&l9;</Prefix></ListBucketResult>"
            return Response(response.status, response.headers, text.encode())
        text = {"length": b"HTTP/1.1 200 OK\r\nContent-Length: banana\r\n\r\nxxxx",
                "headers": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nx-long: " + b"a" * (4 << 20) + b"\r\n\r\n"}
        self.writer.write(text.get(what) or random.Random(action["draw"]).randbytes(512).replace(b"\n", b"?"))
        await self.writer.drain()
        return await self.end("fin")

    def finish(self):
        if "number" in self.entry and "finished" not in self.entry:
            self.server.finish(self.entry, self.bytes_out)


class Server:
    def __init__(self, options):
        self.options, self.s3, self.rules, self.pace = options, S3(options), Rules(options.seed), Pace()
        self.started, self.requests, self.connections, self.open, self.in_flight = time.monotonic(), 0, 0, set(), 0
        self.listener = self.tls = None
        self.port = options.port
        self.clear_log()

    def clear_log(self):
        self.log = collections.deque(maxlen=LOG_ENTRIES_MAX)
        self.max_in_flight, self.max_connections = self.in_flight, len(self.open)

    def begin(self, entry, number, connection, head, request=None):
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)
        entry.update(number=number, connection=connection, started=time.monotonic() - self.started,
                     in_flight=self.in_flight, bytes_in=0, status=None)
        if request is None:
            entry.update(op="Malformed", method=head[:8].decode("latin-1"), signature="unchecked")
        else:
            entry.update(op=request.op, method=request.method, bucket=request.bucket, key=request.key,
                         query=request.query, range=request.get("range"), headers=_without_secrets(request.headers))
        self.log.append(entry)

    def finish(self, entry, bytes_out):
        self.in_flight -= 1
        entry.setdefault("end", "answered")
        entry.update(finished=time.monotonic() - self.started, bytes_out=bytes_out)

    async def accept(self, reader, writer):
        self.connections += 1
        connection = Connection(self, reader, writer)
        self.open.add(connection)
        self.max_connections = max(self.max_connections, len(self.open))
        try:
            await connection.serve()
        finally:
            self.open.discard(connection)

    async def listen(self):
        self.listener = await asyncio.start_server(self.accept, self.options.host, self.port, ssl=self.tls,
                                                   limit=READ_BYTES, backlog=1024)
        self.port = self.listener.sockets[0].getsockname()[1]

    async def set_down(self, down):
        if down and self.listener:
            self.listener.close()
            self.listener = None
            self.close_all("reset")
        elif not down and not self.listener:
            await self.listen()

    def close_all(self, how):
        for connection in list(self.open):
            connection.hard_close() if how == "reset" else connection.writer.close()

    # -- control

    async def control(self, reader, writer):
        try:
            request = Request(await reader.readuntil(b"\r\n\r\n"))
            body = await reader.readexactly(int(request.get("content-length", "0")))
            try:
                answer = await self.command(request.method, request.path.strip("/").split("/", 2), body)
                status = 200
            except (KeyError, ValueError, TypeError, AttributeError, re.error, S3Error) as wrong:
                status = 404 if isinstance(wrong, KeyError) else 400
                answer = {"error": f"{type(wrong).__name__}: {wrong}"}
            data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            head = f"HTTP/1.1 {status} {REASONS[status]}\r\nContent-Length: {len(data)}\r\nConnection: close\r\n\r\n"
            writer.write(head.encode() + data)
            await writer.drain()
        except (S3Error, ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()

    async def command(self, method, path, body):
        what, rest = f"{method} {path[0]}", path[1:]
        if what == "GET rules":
            return [rule.told() for rule in self.rules.rules]
        if what == "POST rules":
            specs = json.loads(body)
            return {"ids": [self.rules.add(spec) for spec in (specs if isinstance(specs, list) else [specs])]}
        if what == "DELETE rules":
            self.rules.rules = [rule for rule in self.rules.rules if rest and rule.id != rest[0]]
            return {}
        if what == "GET log":
            return {"requests": list(self.log), "in_flight": self.in_flight, "max_in_flight": self.max_in_flight,
                    "connections": len(self.open), "max_connections": self.max_connections}
        if what == "DELETE log":
            self.clear_log()
            return {}
        if what == "PUT settings":
            new = json.loads(body)
            if set(new) - set(SETTINGS):
                raise KeyError(sorted(set(new) - set(SETTINGS)))
            self.s3.settings.update(new)
            await self.set_down(self.s3.settings["down"])
        if what in ("GET settings", "PUT settings"):
            return self.s3.settings
        if path[0] == "objects":
            return self.objects(method, rest, body)
        if what == "GET uploads":
            return [{"id": name, "key": u.key, "parts": sorted(u.parts)} for name, u in self.s3.uploads.items()]
        if what == "PUT credentials":
            new = json.loads(body)
            expires = self.s3.now() + new["expires_s"] if "expires_s" in new else None
            self.s3.credentials[new["access_key"]] = (new["secret_key"], new.get("session_token"), expires)
            return {}
        if what == "DELETE credentials":
            del self.s3.credentials[rest[0]]
            return {}
        if what == "POST close":
            self.close_all(json.loads(body or "{}").get("how", "fin"))
            return {}
        if what == "POST reset":
            self.s3.reset()
            self.rules = Rules(self.options.seed)
            self.clear_log()
            await self.set_down(False)
            return {}
        raise KeyError(what)

    def objects(self, method, rest, body):
        if not rest:
            return {name: {key: {"size": len(o.data), "etag": o.etag} for key, o in bucket.objects.items()}
                    for name, bucket in self.s3.buckets.items()}
        bucket, key = self.s3.buckets[rest[0]], rest[1]
        if method == "PUT":
            bucket.put(key, Object(body, self.s3.etag_of(body), self.s3.now(), {"Content-Type": "binary/octet-stream"}))
        elif method == "DELETE":
            bucket.remove(key)
        else:
            return bucket.objects[key].data
        return {}


def _without_secrets(headers):
    shown = dict(headers)
    for name in ("authorization", "x-amz-security-token"):
        if name in shown:
            shown[name] = "***"
    return shown


# ---- TLS and start ---------------------------------------------------------------------------------------------------

def make_certificates(folder, names):
    """A CA and a server certificate by the openssl command; kept when they are there."""
    folder.mkdir(parents=True, exist_ok=True)
    ca, key, chain = folder / "ca.pem", folder / "server.key", folder / "server.pem"
    if not chain.exists():
        hosts = ",".join(("IP:" if re.fullmatch(r"[0-9.]+|.*:.*", name) else "DNS:") + name for name in names)
        (folder / "openssl.cnf").write_text(
            "[req]\ndistinguished_name=dn\nprompt=no\n[dn]\nCN=imposter\n"
            "[ca]\nbasicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\nsubjectKeyIdentifier=hash\n"
            "[server]\nbasicConstraints=CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\n"
            f"subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\nsubjectAltName={hosts}\n")
        new = "openssl req -config openssl.cnf -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj"
        for command in (f"{new} /CN=imposter-ca -x509 -days 30 -extensions ca -keyout ca.key -out ca.pem",
                        f"{new} /CN=imposter -keyout server.key -out server.csr",
                        "openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 "
                        "-extfile openssl.cnf -extensions server -out server.pem"):
            subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    return context, ca


async def main(options):
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    server, ca = Server(options), None
    if options.tls_dir:
        names = options.tls_name or ["localhost", options.domain, "*." + options.domain, "127.0.0.1", "::1"]
        server.tls, ca = make_certificates(Path(options.tls_dir).resolve(), names)
    await server.listen()
    control = await asyncio.start_server(server.control, options.host, options.control_port, limit=READ_BYTES)
    if options.ready_file:
        told = {"url": f"{'https' if server.tls else 'http'}://{options.host}:{server.port}",
                "bucket": options.bucket[0],
                "control": f"http://{options.host}:{control.sockets[0].getsockname()[1]}", "region": options.region,
                "domain": options.domain, "ca": str(ca) if ca else None, "pid": os.getpid()}
        written = Path(options.ready_file + ".new")
        written.write_text(json.dumps(told))
        written.rename(options.ready_file)
    await stop.wait()
    os._exit(0)  # connections that stall are not waited for


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--control-port", type=int, default=0)
    parser.add_argument("--ready-file")
    parser.add_argument("--bucket", action="append", required=True, help="may be given more than once")
    parser.add_argument("--access-key", required=True)
    parser.add_argument("--secret-key", required=True)
    parser.add_argument("--session-token")
    parser.add_argument("--region", default="us-east-1")
    parser.add_argument("--domain", default="s3.localhost", help="BUCKET.DOMAIN is the virtual host")
    parser.add_argument("--tls-dir", help="speaks TLS; the folder gets ca.pem and the rest")
    parser.add_argument("--tls-name", action="append", help="what the certificate is for, in place of all that fits")
    parser.add_argument("--unsigned-payload", choices=["tls", "always", "never"], default="tls")
    parser.add_argument("--bandwidth", type=int, default=0, help="bytes a second")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    parent = os.getppid()
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
    if os.getppid() == parent:
        asyncio.run(main(arguments()))

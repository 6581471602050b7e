"""Checksums of bodies: Content-MD5 and x-amz-checksum-*, with a CRC-32C that is quick without a library."""
import base64
import binascii
import functools
import hashlib
import struct
import zlib

from .answers import S3Error


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
        digest = from_base64(sent)
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
        digest, right = from_base64(value), CHECKSUMS[algorithm](body)
        if digest is None or len(digest) != len(right):
            raise S3Error(400, "InvalidRequest", f"Value for {name} header is invalid.")
        if digest != right and "checksum" not in request.ignore:
            raise S3Error(400, "BadDigest", f"The {algorithm.upper()} you specified did not match.")
        kept[name] = base64.b64encode(right).decode()
    return kept


def from_base64(text):
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None

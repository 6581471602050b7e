"""What the product writes is what docs/format.md says: an independent reader finds, verifies and refuses blocks.

CAIRN_WRITE_BLOCK names the program that writes them; else it is looked for beside the program CAIRN names.
"""
import hashlib
import os
import random
import re
import struct
import subprocess
from pathlib import Path

import pytest
import xxhash

from format_reader import (HEADER, Damaged, LeftAlone, Store, chunks_of, principal_of, read_block, sha256)

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(os.environ.get("CAIRN", ROOT / "build/release/bin/cairn"))
WRITE_BLOCK = os.environ.get("CAIRN_WRITE_BLOCK", str(PROGRAM.parent / "kv_write_block"))


class Written:
    """One store on disk, and the chunks that must be in it."""

    def __init__(self, directory, line):
        manifest, tenant, salt = line.split("|")
        self.directory, self.manifest_path = directory, manifest
        self.store = Store((directory / manifest).read_text())
        tokens = list(range(1, 2 * self.store.chunk_tokens + 1))
        self.chunks = chunks_of(self.store, principal_of(tenant, salt), tokens)

    def blocks(self):
        return [(chunk, shard) for chunk in self.chunks for shard in range(self.store.cells)]

    def bytes_of(self, chunk, shard):
        return (self.directory / self.store.path(chunk, shard)).read_bytes()


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    directory = tmp_path_factory.mktemp("stores")
    subprocess.run([WRITE_BLOCK, str(directory)], check=True)
    return [Written(directory, line) for line in (directory / "stores").read_text().splitlines()]


def expected_page(store, shard, page):
    period = bytes((7 * i) % 256 for i in range(256))
    size, data = store.page_bytes(shard), bytearray()
    for row in range(-(-size // 256)):
        add = 31 * page + row
        data += bytes((byte + add) % 256 for byte in period)
    return bytes(data[:size])


def test_manifest_root_and_path_follow_from_the_fields(stores):
    assert len(stores) == 3
    for written in stores:
        assert written.store.root.hex() == written.store.manifest["store_root"]
        assert written.manifest_path == written.store.directory() + "/manifest.json"
    assert len({written.store.root for written in stores}) == 3


def test_every_block_is_found_by_name_and_holds_its_pages(stores):
    found = 0
    for written in stores:
        for chunk, shard in written.blocks():
            pages = read_block(written.bytes_of(chunk, shard), written.store, chunk, shard)
            assert pages == [expected_page(written.store, shard, page) for page in range(written.store.pages)]
            found += 1
    assert found == sum(1 for _ in stores[0].directory.rglob("*.kv")) == 2 * (1 + 2 + 6)


def test_blocks_of_several_segments_are_among_them(stores):
    sizes = [len(written.bytes_of(*written.blocks()[0])) for written in stores]
    assert max(sizes) > HEADER + 2 * (1 << 20)


def flips(data, seed):
    """Bits of the header, the slots, segment edges, the last partial segment and anywhere."""
    rng = random.Random(seed)
    places = set(range(0, 232)) | set(range(504, 560)) | {HEADER, len(data) - 1}
    places |= {HEADER + edge + side for edge in range(1 << 20, len(data) - HEADER, 1 << 20) for side in (-1, 0)}
    places |= {rng.randrange(len(data)) for _ in range(300)}
    return [(place, 1 << rng.randrange(8)) for place in sorted(places) if place < len(data)]


def test_every_flipped_bit_is_refused(stores):
    count = 0
    for seed, written in enumerate(stores):
        chunk, shard = written.blocks()[-1]
        original = written.bytes_of(chunk, shard)
        for place, bit in flips(original, seed):
            data = bytearray(original)
            data[place] ^= bit
            with pytest.raises((Damaged, LeftAlone)):
                read_block(bytes(data), written.store, chunk, shard)
            count += 1
        read_block(original, written.store, chunk, shard)
    assert count > 1500


def test_truncated_and_grown_files_are_refused(stores):
    written = stores[0]
    chunk, shard = written.blocks()[0]
    data = written.bytes_of(chunk, shard)
    for wrong in (b"", data[:100], data[:HEADER], data[:-1], data[:-4096], data + b"\0", data + bytes(4096)):
        with pytest.raises(Damaged):
            read_block(wrong, written.store, chunk, shard)


def test_blocks_under_another_name_are_refused(stores):
    for written in stores:
        for chunk, shard in written.blocks():
            for asked_chunk, asked_shard in written.blocks():
                if (asked_chunk, asked_shard) == (chunk, shard):
                    continue
                with pytest.raises(Damaged):
                    read_block(written.bytes_of(chunk, shard), written.store, asked_chunk, asked_shard)
    for other in stores[1:]:
        with pytest.raises(LeftAlone):
            read_block(other.bytes_of(*other.blocks()[0]), stores[0].store, stores[0].chunks[0], 0)


def test_another_tenant_finds_nothing(stores):
    for written in stores:
        tokens = list(range(1, 2 * written.store.chunk_tokens + 1))
        for chunk in chunks_of(written.store, principal_of("somebody", "else"), tokens):
            assert not (written.directory / written.store.path(chunk, 0)).exists()


def reseal(data):
    head = bytes(data[:504]) + bytes(8) + bytes(data[512:HEADER])
    data[504:512] = struct.pack("<Q", xxhash.xxh3_64_intdigest(head))


def test_a_later_version_and_unknown_kinds_are_left_alone(stores):
    written = stores[0]
    chunk, shard = written.blocks()[0]
    for offset in (8, 10, 186, 188, 190):
        data = bytearray(written.bytes_of(chunk, shard))
        data[offset] ^= 2
        reseal(data)
        with pytest.raises(LeftAlone):
            read_block(bytes(data), written.store, chunk, shard)


def example_blocks():
    document = (ROOT / "docs/format.md").read_text()
    shown = document.split("<!-- example:begin -->")[1].split("<!-- example:end -->")[0]
    return [block.strip() for block in re.findall(r"```\n(.*?)```", shown, re.S)]


def values(block):
    return dict(line.split(" = ") for line in block.splitlines() if " = " in line)


def test_the_worked_example_of_the_document_is_computed_alike(stores):
    root, plain, salted, block = example_blocks()
    store = stores[0].store
    assert "".join(root.splitlines()[:-1]) == store.encoding().hex()
    assert values(root)["store_root"] == store.root.hex()
    tokens = list(range(1, 17))
    principal = principal_of("acme", "s1")
    assert values(salted)["principal"] == principal.hex()
    for shown, tag in ((plain, bytes(16)), (salted, principal)):
        first, second = chunks_of(store, tag, tokens)
        assert values(shown)["key_0"] == first.parent.hex()
        assert values(shown)["key_1"] == first.key.hex() == second.parent.hex()
        assert values(shown)["key_2"] == second.key.hex()
        assert values(shown)["digest_0"] == first.token_digest.hex()
        assert values(shown)["digest_1"] == second.token_digest.hex()

    data = bytearray(HEADER)
    for name, value in values(block).items():
        if name.startswith("header["):
            offset = int(name[len("header["):-1])
            data[offset:offset + 32] = bytes.fromhex(value)
    for page in range(store.pages):
        data += expected_page(store, 0, page).ljust(store.page_stride(0), b"\0")
    assert block.splitlines()[0] == store.path(second, 0)
    assert len(data) == int(values(block)["file_bytes"])
    assert hashlib.sha256(data).hexdigest() == values(block)["file_sha256"]
    assert len(read_block(bytes(data), store, second, 0)) == 2
    assert sha256(b"") == hashlib.sha256().digest()

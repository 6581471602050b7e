"""An independent reader of stored KV, written from docs/format.md only: it shares no code with the product."""
import hashlib
import json
import struct

import xxhash

HEADER = 4096
MAGIC = b"CAIRNKV\n"
DTYPES = {"bf16": (1, 2), "f16": (2, 2), "f32": (3, 4)}
PAIRINGS = {"halves": 1, "interleaved": 2}
PAGE_ORDERS = {"layer-plane-head-token-dim": 1}


class LeftAlone(Exception):
    """A miss: the block belongs to someone else."""


class Damaged(Exception):
    """A miss: the block is broken or in the wrong place."""


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def u32(*values):
    return struct.pack(f"<{len(values)}I", *values)


def f64(*values):
    return struct.pack(f"<{len(values)}d", *values)


def text(value):
    return u32(len(value)) + value


def round_up(value, unit):
    return -(-value // unit) * unit


class Store:
    """What manifest.json says: identity, layout and the root that follows from them."""

    def __init__(self, manifest_text):
        self.manifest = json.loads(manifest_text)
        groups = self.manifest["geometry"]
        self.layers = sum(group["layers"] for group in groups)
        self.heads = max(group["heads"] for group in groups)
        grid = self.manifest["grid"]
        self.cell_layers = grid["shard_layers"] or self.layers
        self.cell_heads = grid["shard_kv_heads"] or self.heads
        self.columns = self.heads // self.cell_heads
        self.cells = self.layers // self.cell_layers * self.columns
        self.page_tokens = self.manifest["page_tokens"]
        self.chunk_tokens = self.manifest["chunk_tokens"]
        self.pages = self.chunk_tokens // self.page_tokens
        self.root = sha256(self.encoding())

    def encoding(self):
        m, records = self.manifest, []

        def add(tag, value):
            records.append(u32(tag) + text(value))

        add(1, bytes.fromhex(m["model_fingerprint"]))
        add(2, m["architecture"].encode())
        add(3, u32(m["hidden"]))
        for g in m["geometry"]:
            add(4, u32(g["layers"], g["planes"], g["heads"], g["dim"], DTYPES[g["dtype"]][0]))
        if "kv_quantization" in m:
            add(5, m["kv_quantization"].encode())
        attention, rope = m["attention"], m["rope"]
        if "sliding_window" in attention:
            add(6, u32(attention["sliding_window"]))
        if "soft_cap" in attention:
            add(7, f64(attention["soft_cap"]))
        if "scale" in attention:
            add(8, f64(attention["scale"]))
        if "theta" in rope:
            add(9, f64(rope["theta"]))
        add(10, u32(rope["rotary_dim"]))
        add(11, u32(PAIRINGS[rope["pairing"]]))
        if "scaling" in rope:
            add(12, rope["scaling"]["type"].encode())
            for name, numbers in sorted((k.encode(), v) for k, v in rope["scaling"]["parameters"].items()):
                add(13, text(name) + f64(*numbers))
        add(14, u32(m["chunk_tokens"]))
        add(15, u32(PAGE_ORDERS[m["page_order"]]))
        add(16, u32(m["page_tokens"]))
        add(17, u32(self.cell_layers, self.cell_heads))
        add(18, m["numerics_class"].encode())
        if "lossy_codec" in m:
            add(19, m["lossy_codec"].encode())
        add(20, u32(m["format_version"]))
        return b"cairn.store.1" + b"".join(records)

    def cell(self, shard):
        row, column = divmod(shard, self.columns)
        return (row * self.cell_layers, (row + 1) * self.cell_layers, column * self.cell_heads, (column + 1) * self.cell_heads)

    def page_bytes(self, shard):
        layer_begin, layer_end, head_begin, head_end = self.cell(shard)
        total, first = 0, 0
        for g in self.manifest["geometry"]:
            layers = max(0, min(layer_end, first + g["layers"]) - max(layer_begin, first))
            heads = max(0, min(head_end, g["heads"]) - head_begin)
            total += layers * g["planes"] * heads * self.page_tokens * g["dim"] * DTYPES[g["dtype"]][1]
            first += g["layers"]
        return total

    def page_stride(self, shard):
        return round_up(self.page_bytes(shard), 4096)

    def directory(self):
        m = self.manifest
        shape = f"-{self.layers}x{m['hidden']}-{m['model_fingerprint'][:8]}"
        plain = "abcdefghijklmnopqrstuvwxyz0123456789_"
        name = "".join(c if c in plain else "-" for c in m["architecture"].lower()[: 48 - len(shape)])
        dtypes = {g["dtype"] for g in m["geometry"]}
        dtype = dtypes.pop() if len(dtypes) == 1 else "mixed"
        return f"{name}{shape}/t{self.page_tokens}-{dtype}-c{self.chunk_tokens}-{self.root.hex()[:12]}"

    def path(self, chunk, shard):
        begin, end, head_begin, head_end = self.cell(shard)
        key = chunk.key.hex()
        return f"{self.directory()}/L{begin}-{end}_H{head_begin}-{head_end}/{key[:3]}/{key}.kv"


class Chunk:
    def __init__(self, key, parent, token_digest, index, tokens, principal):
        self.key, self.parent, self.token_digest = key, parent, token_digest
        self.index, self.tokens, self.principal = index, tokens, principal


def principal_of(tenant, cache_salt):
    if not tenant and not cache_salt:
        return bytes(16)
    return sha256(b"cairn.tenant.1", text(tenant.encode()), text(cache_salt.encode()))[:16]


def chunks_of(store, principal, tokens, extras=b""):
    key = sha256(b"cairn.root.1", store.root, text(principal if any(principal) else b""))
    size, chunks = store.chunk_tokens, []
    for index in range(len(tokens) // size):
        part = u32(size) + u32(*tokens[index * size:(index + 1) * size]) + text(extras)
        parent, key = key, sha256(b"cairn.chunk.1", key, part)
        chunks.append(Chunk(key, parent, sha256(b"cairn.tokens.1", part), index, size, principal))
    return chunks


def segment_log2_of(raw_bytes):
    log2 = 20
    while -(-raw_bytes // (1 << log2)) > 224:
        log2 += 1
    return log2


def demand(condition, kind, reason):
    if not condition:
        raise kind(reason)


def read_block(data, store, chunk, shard):
    """The pages of the block, dense; LeftAlone or Damaged with the reason."""
    demand(len(data) >= HEADER, Damaged, "short")
    head = data[:HEADER]
    demand(head[:8] == MAGIC, Damaged, "magic")
    version, flags, header_bytes, stored, raw = struct.unpack_from("<HHIQQ", head, 8)
    demand(version == 1, LeftAlone, "version")
    (checksum,) = struct.unpack_from("<Q", head, 504)
    demand(checksum == xxhash.xxh3_64_intdigest(head[:504] + bytes(8) + head[512:]), Damaged, "header checksum")
    layout, codec, checksum_kind, aead_kind, segment_log2, segments = struct.unpack_from("<HHHHII", head, 184)
    demand((flags, codec, checksum_kind, aead_kind) == (0, 0, 1, 0), LeftAlone, "kinds")

    demand(header_bytes == HEADER and 0 < raw <= 1 << 40 and stored == raw, Damaged, "length")
    demand(segment_log2 == segment_log2_of(raw), Damaged, "segment_log2")
    demand(segments == -(-stored // (1 << segment_log2)), Damaged, "segments")
    demand(not any(head[232:504]) and not any(head[512 + 16 * segments:]), Damaged, "reserved bytes")

    begin, end, layers_of, head_begin, head_end, heads_of, page_tokens, stride = struct.unpack_from("<8I", head, 152)
    demand(head[96:128] == store.root, LeftAlone, "root")
    order = PAGE_ORDERS[store.manifest["page_order"]]
    demand((layout, page_tokens, layers_of, heads_of) == (order, store.page_tokens, store.layers, store.heads),
           LeftAlone, "layout")
    demand((begin, end, head_begin, head_end) == store.cell(shard), Damaged, "shard")
    demand(stride == store.page_stride(shard), LeftAlone, "page_stride")
    demand(head[32:64] == chunk.key, Damaged, "key")
    demand(head[64:96] == chunk.parent, Damaged, "parent")
    demand(head[200:232] == chunk.token_digest, Damaged, "token digest")
    demand(head[128:144] == chunk.principal, Damaged, "tenant")
    demand(struct.unpack_from("<II", head, 144) == (chunk.index, chunk.tokens), Damaged, "chunk index or tokens")

    demand(raw == store.pages * stride, Damaged, "length")
    demand(len(data) == HEADER + round_up(stored, 4096), Damaged, "file length")
    payload = data[HEADER:HEADER + stored]
    demand(not any(data[HEADER + stored:]), Damaged, "padding")
    for segment in range(segments):
        part = payload[segment << segment_log2:(segment + 1) << segment_log2]
        value = xxhash.xxh3_128_intdigest(part)
        slot = struct.unpack_from("<QQ", head, 512 + 16 * segment)
        demand(slot == (value & (1 << 64) - 1, value >> 64), Damaged, f"segment {segment}")
    dense = store.page_bytes(shard)
    return [payload[page * stride:page * stride + dense] for page in range(store.pages)]

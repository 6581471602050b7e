"""A decoder-only transformer in numpy, written from docs/numerics.md alone; shares no code with the product.

The order of operations is followed as well, because rounding to bf16 between them amplifies the last bit of a sum: a
sum in any other order moves log-probabilities of a real model by up to 0.1 after thirty layers. A product of two bf16
values is exact in f32, so a fused step of T32 is a product and a sum here; other fused steps go through f64.
Positions stay below 256: one softmax chunk. `plant` makes the reference wrong on purpose (rope, heads, norm), so that
the test that compares can show that it would notice.
"""
import json
import math
import pathlib
import struct

import numpy as np


def bf16(x):
    """Nearest bf16, ties to even, kept as f32."""
    bits = np.ascontiguousarray(x, np.float32).view(np.uint32)
    rounded = (bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) & np.uint32(0xFFFF0000)
    return rounded.view(np.float32)


def fused(a, b, c):
    """f32 of a b + c with one rounding: the product is exact in f64."""
    return (np.float64(a) * np.float64(b) + np.float64(c)).astype(np.float32)


ROWS, COLUMNS, BLOCK = 64, 512, 32  # a tile stays in cache; T32 blocks of k


def t32(a, w):
    """a [m][k] times w [n][k] transposed, in T32 order."""
    k = -(-a.shape[1] // BLOCK) * BLOCK
    at, wt = (np.ascontiguousarray(np.pad(x, ((0, 0), (0, k - x.shape[1]))).T) for x in (a, w))
    out = np.zeros((a.shape[0], w.shape[0]), np.float32)
    for row in range(0, a.shape[0], ROWS):
        for column in range(0, w.shape[0], COLUMNS):
            left, right = at[:, row : row + ROWS], wt[:, column : column + COLUMNS]
            total = np.zeros((left.shape[1], right.shape[1]), np.float32)
            product = np.empty_like(total)
            for block in range(0, k, BLOCK):
                chains = [np.zeros_like(total), np.zeros_like(total)]
                for i in range(block, block + BLOCK):
                    np.multiply(left[i][:, None], right[i][None, :], out=product)
                    chains[i % 2] += product
                total += chains[0] + chains[1]
            out[row : row + ROWS, column : column + COLUMNS] = total
    return out


def tree(lanes):
    """Sum of 16 lanes (last axis): i with i+8, then i+4, i+2, i+1."""
    for width in (8, 4, 2, 1):
        lanes = lanes[..., :width] + lanes[..., width : 2 * width]
    return lanes[..., 0]


def lane_sum(values, step):
    """Sixteen partial sums by index mod 16 over the last axis, then the tree; step(lanes, values) -> lanes."""
    values = np.pad(values, [(0, 0)] * (values.ndim - 1) + [(0, -values.shape[-1] % 16)])
    lanes = np.zeros(values.shape[:-1] + (16,), np.float32)
    for i in range(0, values.shape[-1], 16):
        lanes = step(lanes, values[..., i : i + 16])
    return tree(lanes)


EXP2 = [float.fromhex(c) for c in ("0x1.62e42ap-1", "0x1.ebf9bcp-3", "0x1.c6b752p-5", "0x1.3cea88p-7", "0x1.5bba14p-10")]
LOG2_E = np.float32(float.fromhex("0x1.715476p0"))


def exp2(x):
    x = np.clip(x, np.float32(-125), np.float32(125))
    whole = np.rint(x)
    f, p = x - whole, np.full(x.shape, np.float32(EXP2[4]))
    for c in EXP2[3::-1]:
        p = fused(p, f, np.float32(c))
    return np.ldexp(fused(p, f, np.float32(1)), whole.astype(np.int32))


def read_tensors(model_dir):
    tensors = {}
    for path in sorted(pathlib.Path(model_dir).glob("*.safetensors")):
        data = path.read_bytes()
        (size,) = struct.unpack("<Q", data[:8])
        header = json.loads(data[8 : 8 + size])
        for name, entry in header.items():
            if name == "__metadata__":
                continue
            begin, end = (8 + size + offset for offset in entry["data_offsets"])
            if entry["dtype"] != "BF16":
                raise ValueError(f"{name} is {entry['dtype']}, expected BF16")
            half = np.frombuffer(data[begin:end], np.uint16).astype(np.uint32)
            tensors[name] = (half << np.uint32(16)).view(np.float32).reshape(entry["shape"])
    return tensors


class Reference:
    def __init__(self, model_dir, plant=None):
        self.config = json.loads((pathlib.Path(model_dir) / "config.json").read_text())
        self.tensors = read_tensors(model_dir)
        self.plant = plant
        c = self.config
        self.heads, self.kv_heads = c["num_attention_heads"], c["num_key_value_heads"]
        self.dim = c.get("head_dim") or c["hidden_size"] // self.heads
        self.eps = np.float32(c["rms_norm_eps"] * (1000 if plant == "norm" else 1))

    def norm(self, x, name):
        n = np.float32(x.shape[-1])
        mean = lane_sum(x, lambda lanes, v: fused(v, v, lanes)) / n
        inverse = np.float32(1) / np.sqrt(mean + self.eps)
        return (x * inverse[..., None]) * self.tensors[name + ".weight"]

    def frequencies(self):
        theta = self.config.get("rope_theta")
        scaling = self.config.get("rope_scaling")
        parameters = self.config.get("rope_parameters") or {}
        theta = theta if theta is not None else parameters.get("rope_theta", 10000.0)
        f = np.float64(theta) ** (-2.0 * np.arange(self.dim // 2) / self.dim)
        if scaling and scaling.get("rope_type", scaling.get("type")) == "llama3":
            turns = scaling["original_max_position_embeddings"] * f / (2 * math.pi)
            low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
            blend = np.clip((turns - low) / (high - low), 0, 1)
            f = (1 - blend) * f / scaling["factor"] + blend * f
        return f[::-1] if self.plant == "rope" else f

    def rotate(self, x):  # [tokens][heads][dim]
        angle = np.arange(x.shape[0])[:, None] * self.frequencies()[None, :]
        cos, sin = (f(angle).astype(np.float32)[:, None, :] for f in (np.cos, np.sin))
        first, second = np.split(x, 2, axis=-1)
        return np.concatenate([fused(first, cos, -(second * sin)), fused(second, cos, first * sin)], axis=-1)

    def attention(self, q, k, v):  # bf16 values; [tokens][heads][dim]
        tokens, group = q.shape[0], self.heads // self.kv_heads
        assert tokens <= 256, "one softmax chunk"
        scale = np.float32(math.log2(math.e) / math.sqrt(self.dim))
        mask = np.tril(np.ones((tokens, tokens), bool))
        out = np.empty((tokens, self.heads, self.dim), np.float32)
        for head in range(self.heads):
            kv = head % self.kv_heads if self.plant == "heads" else head // group
            scores = np.where(mask, t32(q[:, head], k[:, kv]) * scale, np.float32(-np.inf))
            p = np.where(mask, exp2(scores - scores.max(axis=-1, keepdims=True)), np.float32(0))
            total = lane_sum(p, lambda lanes, v: lanes + v)
            out[:, head] = t32(bf16(p), np.ascontiguousarray(v[:, kv].T)) / total[:, None]
        return bf16(out.reshape(tokens, -1))

    def layer(self, x, name):
        t = self.tensors
        a = bf16(self.norm(x, name + "input_layernorm"))
        attn = name + "self_attn."
        q, k, v = (t32(a, t[f"{attn}{p}_proj.weight"]).reshape(len(x), -1, self.dim) for p in "qkv")
        if attn + "q_norm.weight" in t:
            q, k = self.norm(q, attn + "q_norm"), self.norm(k, attn + "k_norm")
        attended = self.attention(bf16(self.rotate(q)), bf16(self.rotate(k)), bf16(v))
        x = x + t32(attended, t[attn + "o_proj.weight"])
        a = bf16(self.norm(x, name + "post_attention_layernorm"))
        gate, up = (t32(a, t[f"{name}mlp.{p}_proj.weight"]) for p in ("gate", "up"))
        product = bf16(gate / (np.float32(1) + exp2(gate * -LOG2_E)) * up)
        return x + t32(product, t[name + "mlp.down_proj.weight"])

    def logits(self, tokens):
        x = self.tensors["model.embed_tokens.weight"][np.asarray(tokens)]
        for i in range(self.config["num_hidden_layers"]):
            x = self.layer(x, f"model.layers.{i}.")
        head = self.tensors.get("lm_head.weight", self.tensors["model.embed_tokens.weight"])
        return t32(bf16(self.norm(x, "model.norm")), head)


def log_softmax(x):
    x = x.astype(np.float64)
    x = x - x.max(axis=-1, keepdims=True)
    return x - np.log(np.exp(x).sum(axis=-1, keepdims=True))

"""The text room gives the ids of `tokenizers` and the text of `jinja2`.

Run by pytest (CAIRN_BUILD names the build folder), or alone: python oracle_test.py --cairn-text PATH_OF_text_oracle.
"""
import json
import os
import pathlib
import random
import subprocess
import sys
import unicodedata

import pytest
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

ROOT = pathlib.Path(__file__).resolve().parents[2]
SMOLLM2 = ROOT / "models" / "SmolLM2-135M-Instruct"
ORACLE = pathlib.Path(os.environ.get("CAIRN_BUILD", ROOT / "build" / "dev")) / "bin" / "text_oracle"

# The split expressions published with the models.
QWEN2 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
         r"|\s+(?!\S)|\s+")
LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
          r"|\s+(?!\S)|\s+")


def ask(question):
    done = subprocess.run([ORACLE], input=json.dumps(question), capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


# ---- texts -----------------------------------------------------------------------------------------------------------

def assigned():
    """Every code point that Python's tables know, surrogates apart."""
    return [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000]


def stable(points):
    """Code points whose class no newer Unicode version changed: assigned for years, or never to be."""
    old = unicodedata.ucd_3_2_0
    return [c for c in points if unicodedata.category(c) not in ("Cn",) or old.category(c) != "Cn"]


def texts():
    rng = random.Random(20)
    everything = assigned()
    known = stable(rng.sample(everything, 20_000))
    words = ("the", "The", "don't", "I'LL", "we've", "it's", "O'Neil's", "naïve", "Straße", "привет", "世界", "नमस्ते",
             "مرحبا", "x1", "42", "1234567890", "3.14159", "٣٤", "½", "Ⅻ", "²", "e\u0301", "\u00e9", "a\u0323\u0307",
             "ﬁ", "Å", "\u212b", "가", "\u1100\u1161\u11a8", "👩\u200d👩\u200d👧", "🇩🇪", "🤷🏽\u200d♀️", "\u200b", "\ufeff",
             "\u00a0", "\u3000", "\u2028", "\u0085", "\u180e", "<b>", "=>", "!!!", "...", "#include", "snake_case",
             "ſ", "'ſ", "K", "\u0345", "\u0301", "\x00", "\x1c", "\ufffd", "\U0010ffff", "\ue000")
    spaces = (" ", "  ", "   ", "\n", "\n\n", "\r\n", "\r\n\r\n", "\t", " \n ", "\n  ", "\u00a0", " \t\n\r ", "", "")
    out = ["", " ", "\n", "  ", "a", "'", "'s", "a" * 5000, " " * 3000 + "x", "\n" * 3000, "1" * 999, "é" * 999,
           "Hello, world! How's it going?\r\n\r\n  - item 1\n  - item 2\n", "if (x == 10) {\n    return y[0];\n}\n"]
    for _ in range(120):
        out.append("".join(rng.choice(words) + rng.choice(spaces) for _ in range(rng.randrange(1, 40))))
    for _ in range(60):
        out.append("".join(rng.choice(known) for _ in range(rng.randrange(1, 60))))
    for plane in range(17):
        members = [c for c in everything if ord(c) >> 16 == plane]
        for _ in range(3):
            out.append("".join(rng.choice(members) for _ in range(40)))
    out += ["a" + " 1".join(everything[begin:begin + 2048]) for begin in range(0, 0x32000, 2048)]
    return out


TEXTS = texts()
CONTROL = ["<|im_start|>", "<|im_end|>", "<|begin|>", "<tool>", "</tool>", "<st", "<step", "word", "nfc\u00e9"]


def with_control(pieces):
    rng = random.Random(21)
    out = []
    for _ in range(100):
        parts = []
        for _ in range(rng.randrange(1, 10)):
            parts.append(rng.choice(CONTROL) if rng.random() < 0.5 else rng.choice(pieces)[:40])
            parts.append(rng.choice(("", " ", "  ", "\n", "x", "é")))
        out.append("".join(parts))
    return out + ["nfce\u0301 nfc\u00e9", "word wordy aword a word.", "<|im_end|>  \n<tool> </tool>", "<stepx <st <step"]


# ---- tokenizers ------------------------------------------------------------------------------------------------------

def train(pre_tokenizer, normalizer=None, size=900, ignore_merges=False, prefix=None, pairs=False):
    tokenizer = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=size, show_progress=False, special_tokens=["<|endoftext|>", "<|begin|>"],
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator([t[:200] for t in TEXTS[:200]] + ["the cat sat on the mat 1234 times"] * 40, trainer)
    tokenizer.add_special_tokens([AddedToken("<|im_start|>", special=True), AddedToken("<|im_end|>", special=True,
                                                                                       rstrip=True)])
    tokenizer.add_tokens([AddedToken("<tool>", lstrip=True, normalized=False), AddedToken("</tool>", normalized=True),
                          AddedToken("<st", normalized=False), AddedToken("<step", normalized=False),
                          AddedToken("word", single_word=True, normalized=False),
                          AddedToken("nfc\u00e9", normalized=True)])
    if prefix:
        tokenizer.post_processor = processors.Sequence([
            processors.ByteLevel(trim_offsets=False),
            processors.TemplateProcessing(single=f"{prefix} $A", pair=f"{prefix} $A {prefix} $B",
                                          special_tokens=[(prefix, tokenizer.token_to_id(prefix))])])
    return tokenizer


def split(pattern):
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated"),
                                    pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def smollm2_like():
    return train(pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True),
                                          pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)]))


KINDS = {
    "smollm2": smollm2_like,
    "gpt2": lambda: train(pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)),
    "digits": lambda: train(pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=False),
                                                     pre_tokenizers.ByteLevel(add_prefix_space=False)])),
    "qwen2": lambda: train(split(QWEN2), normalizers.NFC()),
    "llama3": lambda: train(split(LLAMA3), ignore_merges=True, prefix="<|begin|>"),
    "llama3-large": lambda: train(split(LLAMA3), ignore_merges=True, prefix="<|begin|>", size=4000),
}


def compare(theirs, folder, pieces):
    """Every text: ids with and without added tokens, decoded, streamed."""
    cases = [{"text": t, "add": add, "parse": parse} for t in pieces for add in (True, False) for parse in (True, False)
             if add != parse or add]
    answer = ask({"model_dir": str(folder), "cases": cases})
    assert "error" not in answer, answer
    wrong = []
    for case, got in zip(cases, answer["cases"]):
        theirs.encode_special_tokens = not case["parse"]
        want = theirs.encode(case["text"], add_special_tokens=case["add"]).ids
        if got.get("ids") != want:
            wrong.append((case, first_difference(theirs, got.get("ids"), want)))
            continue
        assert got["text"] == theirs.decode(want, skip_special_tokens=True), case
        assert got["all"] == theirs.decode(want, skip_special_tokens=False), case
        assert got["streamed"] == got["text"], case
    assert not wrong, f"{len(wrong)} of {len(cases)}; first: {wrong[0]}"[:3000]
    assert answer["vocab_size"] == theirs.get_vocab_size(with_added_tokens=True)
    return len(cases)


def first_difference(theirs, got, want):
    if got is None:
        return "refused"
    at = next((i for i, (a, b) in enumerate(zip(got, want)) if a != b), min(len(got), len(want)))
    return at, [theirs.id_to_token(i) for i in got[at - 3:at + 4]], [theirs.id_to_token(i) for i in want[at - 3:at + 4]]


@pytest.mark.parametrize("kind", KINDS)
def test_ids_and_text_equal_those_of_tokenizers(kind, tmp_path):
    theirs = KINDS[kind]()
    theirs.save(str(tmp_path / "tokenizer.json"))
    assert compare(theirs, tmp_path, TEXTS + with_control(TEXTS)) > 600


@pytest.mark.parametrize("kind", ["qwen2", "llama3"])
def test_merges_as_strings_mean_the_same_as_pairs(kind, tmp_path):
    theirs = KINDS[kind]()
    theirs.save(str(tmp_path / "tokenizer.json"))
    file = json.loads((tmp_path / "tokenizer.json").read_text())
    file["model"]["merges"] = [" ".join(m) if isinstance(m, list) else m for m in file["model"]["merges"]]
    (tmp_path / "tokenizer.json").write_text(json.dumps(file))
    compare(theirs, tmp_path, TEXTS[:200])


def test_random_ids_decode_alike(tmp_path):
    theirs = KINDS["llama3"]()
    theirs.save(str(tmp_path / "tokenizer.json"))
    rng = random.Random(22)
    ids = [[rng.randrange(theirs.get_vocab_size()) for _ in range(rng.randrange(1, 50))] for _ in range(500)]
    answer = ask({"model_dir": str(tmp_path), "decode": ids})
    assert answer["decode"] == [theirs.decode(i, skip_special_tokens=False) for i in ids]


@pytest.mark.skipif(not SMOLLM2.exists(), reason="models/SmolLM2-135M-Instruct is not there")
def test_smollm2_itself():
    theirs = Tokenizer.from_file(str(SMOLLM2 / "tokenizer.json"))
    assert theirs.get_vocab_size() == 49152
    compare(theirs, SMOLLM2, TEXTS + with_control(TEXTS))


# ---- chat templates --------------------------------------------------------------------------------------------------

def environment():
    def raise_exception(message):
        raise ValueError(message)

    def tojson(value, ensure_ascii=False, indent=None):
        return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent)

    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    return env


CHATS = [
    [("user", "Hi")],
    [("system", "  You are terse.\n"), ("user", "What's up?"), ("assistant", "Not much.\n"), ("user", "Ok <b>&\"'")],
    [("user", "a"), ("assistant", "<think>\nhm\n</think>\n\nfour"), ("user", "b"), ("assistant", "c"), ("user", "é 世界 👩‍👧")],
    [("system", ""), ("user", "")],
]
TOOLS = [{"type": "function", "function": {"name": "get_weather", "description": "Weather \"now\" in a city", "parameters": {
    "type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer", "default": 3, "max": 1.5e-7}},
    "required": ["city"], "nullable": None, "strict": True}}}]
CALL = [{"role": "user", "content": "Weather in Köln?"},
        {"role": "assistant", "content": "", "tool_calls": [
            {"type": "function", "function": {"name": "get_weather", "arguments": {"city": "Köln", "days": 2}}}]},
        {"role": "tool", "content": "{\"sky\": \"grey\"}"}, {"role": "tool", "content": "cold"},
        {"role": "user", "content": "Thanks"}]


def requests():
    out = []
    for chat in CHATS:
        messages = [{"role": r, "content": c} for r, c in chat]
        for prompt in (True, False):
            out.append({"messages": messages, "add_generation_prompt": prompt, "bos_token": "<s>", "eos_token": "</s>"})
            out.append(dict(out[-1], tools=TOOLS))
            out.append(dict(out[-2], variables={"enable_thinking": False, "date_string": "1 Jan 2030"}))
    for prompt in (True, False):
        out.append({"messages": CALL, "tools": TOOLS, "add_generation_prompt": prompt, "bos_token": "<s>", "eos_token": ""})
    parts = [{"role": "user", "content": [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]}]
    return out + [{"messages": parts, "bos_token": "<s>"}, {"messages": [], "bos_token": "<s>"}]


def expected(template, request):
    names = {"messages": request["messages"], "add_generation_prompt": request.get("add_generation_prompt", False),
             "bos_token": request.get("bos_token", ""), "eos_token": request.get("eos_token", ""),
             "tools": request.get("tools"), "documents": None, **request.get("variables", {})}
    return environment().from_string(template).render(**names)


def same_rendering(template, cases):
    """Both give the same text, or both refuse. Returns how many texts were compared."""
    sent = [dict(r, tools_text=json.dumps(r["tools"]) if "tools" in r else "",
                 variables_text=json.dumps(r["variables"]) if "variables" in r else "") for r in cases]
    answer = ask({"template": template, "requests": sent})
    assert "error" not in answer, (template[:200], answer)
    compared = 0
    for request, got in zip(cases, answer["requests"]):
        try:
            want = expected(template, request)
        except Exception as error:  # jinja2 raises many kinds; each must be an error here too
            assert "error" in got, (template[:200], request, error, got)
            continue
        assert got.get("text") == want, (template[:200], request, got, want)
        compared += 1
    return compared


@pytest.mark.parametrize("name", ["smollm2", "qwen25", "qwen3", "llama3", "llama32"])
def test_templates_in_the_style_of_the_models_render_as_jinja2(name):
    template = (pathlib.Path(__file__).parent / "templates" / f"{name}.jinja").read_text()
    assert same_rendering(template, requests()) >= 20


@pytest.mark.skipif(not SMOLLM2.exists(), reason="models/SmolLM2-135M-Instruct is not there")
def test_smollm2_s_own_template():
    template = json.loads((SMOLLM2 / "tokenizer_config.json").read_text())["chat_template"]
    assert same_rendering(template, requests()) >= 20


SNIPPETS = (pathlib.Path(__file__).parent / "templates" / "snippets.txt").read_text().split("\n----\n")


def test_snippets_render_as_jinja2():
    cases = [dict(requests()[4], variables={"n": 7, "x": 2.5, "big": 1e22, "small": 0.00001, "s": "Hello World, it's\tme", "e": "",
                                            "u": "straße ÀÉ", "l": [3, 1, 2], "d": {"b": 1, "a": [None, True]}, "t": True})]
    wrong = []
    for snippet in SNIPPETS:
        try:
            assert same_rendering(snippet, cases) <= 1
        except AssertionError as error:
            wrong.append(str(error)[:600])
    assert not wrong, f"{len(wrong)} of {len(SNIPPETS)}:\n" + "\n".join(wrong)
    assert len(SNIPPETS) > 100


if __name__ == "__main__":
    if "--cairn-text" in sys.argv:
        at = sys.argv.index("--cairn-text")
        os.environ["CAIRN_BUILD"] = str(pathlib.Path(sys.argv[at + 1]).resolve().parents[1])
        del sys.argv[at:at + 2]
    sys.exit(pytest.main([__file__, "-q", *sys.argv[1:]]))

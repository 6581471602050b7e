"""Property: whatever is wrong with words, files or limits is one line that says what would be right; 2: the words are
wrong, 1: doing it failed. Nothing hangs, nothing is left behind."""
import fcntl
import json
import math
import os
import signal
import subprocess
import time

import pytest
from conftest import CAIRN, cairn


def line_of(done, status):
    lines = [line for line in done.stderr.split("\n") if line]
    assert done.returncode == status and len(lines) == 1 and not done.stdout, (done.returncode, done.stdout, done.stderr)
    return lines[0]


def refused(*words, says, status=2, **options):
    line = line_of(cairn(*words, **options), status)
    for part in says:
        assert part in line, line


def limited(limit, *words):
    return subprocess.run(["bash", "-c", f'ulimit {limit}; exec "$0" "$@"', CAIRN, *map(str, words)], capture_output=True,
                          text=True, timeout=120)


@pytest.fixture
def fifo(tmp_path):
    path = tmp_path / "fifo"
    os.mkfifo(path)
    return path


# What config show and serve must refuse with the same words.
WRONG_SETTINGS = [
    (["--store", "nowhere"], ["stores", "file:///"]),
    (["--store", "gs://bucket/x"], ["stores", "s3://bucket/prefix"]),
    (["--store", "/a", "--store", "file:///a/"], ["stores", "twice"]),
    (["--isa", "mmx"], ["isa", "avx2", "scalar"]),
    (["--threads", "257"], ["threads", "256"]),
    (["--api-key", "two words"], ["api_keys"]),
    (["--api-key", "a", "--api-key", "b"], ["api_keys"]),
    (["--config", "/dev/null/x"], ["/dev/null/x"]),
    (["--config", "/dev/zero"], ["not a regular file"]),
    (["--config", ""], ["--config"]),
    (["--chunk-tokens", "100"], ["chunk_tokens", "16"]),
    (["--log-level", "loud"], ["log_level", "warning"]),
]


@pytest.mark.parametrize("words,says", WRONG_SETTINGS, ids=[" ".join(words) for words, _ in WRONG_SETTINGS])
def test_config_show_refuses_what_serve_refuses(words, says, small_model):
    shown = line_of(cairn("config", "show", *words), 2)
    assert shown == line_of(cairn("serve", small_model, *words), 2)
    for part in says:
        assert part in shown, shown


def test_variables_that_nearly_are_settings_are_refused(small_model):
    for name, right in [("CAIRN_STORE", "CAIRN_STORES"), ("CAIRN_API_KEY", "CAIRN_API_KEYS")]:
        environment = {**os.environ, name: "/x"}
        refused("config", "show", says=[name, right], env=environment)
        refused("serve", small_model, says=[name, right], env=environment)
    strangers = {"CAIRN_SERVICE_HOST": "10.0.0.1", "CAIRN_PORT": "tcp://10.0.0.1:80", "CAIRN_BUILD": "x"}
    assert cairn("config", "show", env={**os.environ, **strangers}).returncode == 0
    # One environment serves all verbs.
    settings = {"CAIRN_THREADS": "2", "CAIRN_CONFIG": "/nonexistent"}
    assert cairn("model", "info", small_model, env={**os.environ, **settings}).returncode == 0


def test_a_configuration_that_is_no_file_or_no_single_document(fifo, tmp_path):
    refused("config", "show", "--config", fifo, says=["not a regular file"])
    refused("config", "show", "--config", tmp_path, says=["not a regular file"])
    config = tmp_path / "c.yaml"
    for text, part in [(b"engine: {threads: 1}\n---\nengine: {threads: 2}\n", "second document"),
                       (b"engine: {threads: [1]}\n", "one value"), (b"engine:\n  threads: \x00\n", "NUL"),
                       (b'"a\\nb": 1\n', "no such setting")]:
        config.write_bytes(text)
        refused("config", "show", "--config", config, says=[part])


def test_what_config_show_prints_as_yaml_is_a_configuration(tmp_path):
    words = ["--store", "file:///a?durability=none", "--threads", "3", "--api-key", "canary", "--ram-bytes", "64MiB",
             "--device-kv-bytes", "64MiB"]
    first = cairn("config", "show", "--yaml", *words)
    assert first.returncode == 0 and "canary" not in first.stdout, first.stderr
    config = tmp_path / "cairn.yaml"
    config.write_text(first.stdout)

    def values(*words):
        done = cairn("config", "show", "--json", *words)
        assert done.returncode == 0, done.stderr
        flat = {}
        for name, entry in json.loads(done.stdout).items():
            for key, leaf in ({name: entry} if "origin" in entry else entry).items():
                flat[name, key] = leaf["value"]
        return flat

    again, expected = values("--config", config), values(*words)
    assert expected.pop(("server", "api_keys")) == ["[redacted]"] and again.pop(("server", "api_keys")) == []
    assert again == expected
    refused("config", "show", "--yaml", "--json", says=["--json", "--yaml"])


def test_more_than_the_memory_there_is(small_model):
    refused("bench", "engine", small_model, "--prefill-tokens", 100_000_000, says=["prefill_tokens", "context", "8192"])
    refused("bench", "engine", small_model, "--decode-context", 513, says=["decode_context", "prefill_tokens"])
    for kib in (60_000, 150_000, 300_000):
        for words in (["serve", small_model, "--listen", "127.0.0.1:0", "--ram-bytes", "256MiB", "--device-kv-bytes", "256MiB"],
                      ["bench", "engine", small_model, "--prefill-tokens", 8192]):
            line = line_of(limited(f"-v {kib}", *words), 1)
            assert "memory" in line or "map" in line or "threads" in line, line


def test_words_of_bench_and_init():
    refused("bench", "tier", "/tmp", "--path", "/x", says=["--path"])
    refused("bench", "engine", "/tmp", "--isa", "mmx", says=["isa", "avx2"])
    refused("bench", "engine", "/tmp", "--rounds", 3, says=["rounds", "9"])
    refused("model", "init", "", says=["empty", "cairn model init"])
    refused("model", "init", ".", status=1, says=["'.'", "name"])
    for name, value, part in [("layers", 0, "1 to"), ("heads", 0, "1 to"), ("head-dim", 24, "16"), ("kv-heads", 3, "divisor"),
                              ("vocabulary", 3, "259"), ("layers", 4_000_000_000, "1 to")]:
        refused("model", "init", "/nonexistent/x", f"--{name}", value, says=[name.replace("-", "_"), part])


def test_size_answers_with_finite_figures_or_a_line(tmp_path):
    for words, part in [(["--prefill-tokens-per-s", "-1"], "prefill_tokens_per_s"), (["--kv-value-bytes", "3"], "kv_value_bytes"),
                        (["--prefill-tokens-per-s", "1e308"], "prefill_tokens_per_s"), (["--chunk-tokens", "100"], "chunk_tokens"),
                        (["--device-fraction", "-0.5"], "device_fraction"), (["--engines", "0"], "engines"),
                        (["--users", "0"], "users")]:
        refused("size", "--preset", "Llama-3.1-8B", *words, says=[part])
    folder = tmp_path / 'a"b'
    folder.mkdir()
    (folder / "config.json").write_text('{"n_layer": 2, "n_head": 2, "n_embd": 64}')
    done = cairn("size", folder, "--json", "--prefill-tokens-per-s", "1e12")
    report = json.loads(done.stdout, parse_constant=lambda name: pytest.fail(name))
    assert report["model"] == 'a"b' and math.isfinite(report["break_even_bytes_per_s"])


def test_model_info_refuses_damaged_weights(small_model, tmp_path, fifo):
    done = cairn("model", "info", small_model)
    assert done.returncode == 0 and "BF16" in done.stdout and "tensors" in done.stdout, done.stdout
    folder = tmp_path / "model"
    folder.mkdir()
    for path in small_model.iterdir():
        if path.name != "model.safetensors":
            (folder / path.name).write_bytes(path.read_bytes())
    weights = folder / "model.safetensors"
    whole = (small_model / "model.safetensors").read_bytes()
    for damage in (b"", whole[:-1], b"\xff" * 16, whole[:8]):
        weights.write_bytes(damage)
        refused("model", "info", folder, status=1, says=["model.safetensors"])
    weights.unlink()
    weights.symlink_to(fifo)
    refused("model", "info", folder, status=1, says=["not a regular file"])
    refused("model", "import", fifo, tmp_path / "out", status=1, says=["not a regular file"])


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json"])
def test_a_model_file_that_is_a_fifo_is_not_waited_for(small_model, tmp_path, fifo, name):
    folder = tmp_path / "model"
    folder.mkdir()
    for path in small_model.iterdir():
        (folder / path.name).symlink_to(fifo if path.name == name else path)
    refused("serve", folder, "--listen", "127.0.0.1:0", status=1, says=[name, "not a regular file"])


def test_serve_finds_out_before_it_loads_the_model(small_model, tmp_path):
    refused("serve", small_model, "--ready-file", tmp_path / "none/ready", status=1, says=["ready_file", "none", "directory"])
    refused("serve", small_model, "--ready-file", tmp_path, status=1, says=["ready_file", "regular file"])
    refused("serve", small_model, "--api-keys-file", tmp_path / "none", status=1, says=["api_keys_file"])
    store, link = tmp_path / "store", tmp_path / "link"
    store.mkdir()
    link.symlink_to(store)
    refused("serve", small_model, "--store", store, "--store", link, status=1, says=["stores", "same directory"])


BIG = ["--layers", 16, "--hidden", 1024, "--intermediate", 4096, "--vocabulary", 32768, "--heads", 16, "--head-dim", 64]


def started(target):
    process = subprocess.Popen([CAIRN, "model", "init", *map(str, BIG), str(target)], stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not list(target.parent.glob(f".{target.name}.*.tmp/model.safetensors")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.005)
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_init_leaves_nothing(tmp_path, number):
    process = started(tmp_path / "big")
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + number and len(errors.strip().split("\n")) == 1, errors
    assert not list(tmp_path.iterdir())


def test_what_a_killed_init_left_goes_with_the_next_one_and_what_lives_stays(tmp_path):
    target = tmp_path / "big"
    process = started(target)
    process.kill()
    process.communicate()
    assert len(list(tmp_path.iterdir())) == 1
    living, stranger = tmp_path / ".big.0123456789abcdef.tmp", tmp_path / ".big.notes.tmp"
    living.mkdir()
    stranger.mkdir()
    descriptor = os.open(living, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    assert cairn("model", "init", target, "--layers", 1).returncode == 0
    assert {path.name for path in tmp_path.iterdir()} == {"big", living.name, stranger.name}
    os.close(descriptor)


def test_a_limit_on_file_size_is_one_line_and_leaves_nothing(tmp_path):
    line = line_of(limited("-f 64", "model", "init", tmp_path / "m", "--hidden", 256), 1)
    assert "model.safetensors" in line and "large" in line
    assert not list(tmp_path.iterdir())


def test_a_shape_that_needs_too_much_memory_is_one_line_and_leaves_nothing(tmp_path):
    line = line_of(limited("-v 400000", "model", "init", tmp_path / "m", "--hidden", 2048, "--vocabulary", 200000), 1)
    assert "out of memory" in line and "shape" in line
    assert not list(tmp_path.iterdir())


def test_each_help_page_has_an_example_and_fits_a_terminal():
    for verb in (["serve"], ["bench", "tier"], ["bench", "engine"], ["model", "import"], ["model", "init"], ["model", "info"],
                 ["size"], ["config", "show"]):
        page = cairn(*verb, "--help").stdout
        assert page.count("\nExample: cairn " + " ".join(verb)) == 1, page
        assert all(len(line) <= 120 for line in page.split("\n")), page

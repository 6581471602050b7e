"""Property: `cairn bench multi-round-qa` takes the published script's flags, counts what the server counts, and whatever
ends a run leaves figures and files."""
import csv
import json
import signal
import subprocess
import time

from conftest import CAIRN, cairn

WORKLOAD = ["--num-users", 15, "--num-rounds", 20, "--qps", 2, "--shared-system-prompt", 1000, "--user-history-prompt",
            20000, "--answer-len", 100]
SMALL = ["--num-users", 4, "--num-rounds", 5, "--qps", 4, "--shared-system-prompt", 20, "--user-history-prompt", 30,
         "--answer-len", 4, "--warm-up", 1, "--filler-seed", 3, "--ignore-eos"]
ORIGINAL = ["prompt_tokens", "generation_tokens", "ttft", "generation_time", "user_id", "question_id", "launch_time",
            "finish_time"]


def bench(*words, **options):
    return cairn("bench", "multi-round-qa", *words, **options)


def target(instance, tmp_path):
    return ["--model", instance.model(), "--base-url", instance.url + "/v1", "--output", tmp_path / "rows.csv", "--json",
            tmp_path / "figures.json"]


def test_the_published_command_has_the_published_plan():
    done = bench(*WORKLOAD, "--time", 1200, "--dry-run")
    assert done.returncode == 0, done.stderr
    for figure in ["7.500", "142.500", "9.500"]:
        assert figure in done.stdout
    assert "--prebuilt-history" in bench("--help").stdout


def test_wrong_words_get_one_line_that_says_what_is_right():
    url = ["--model", "m", "--base-url", "http://127.0.0.1:1/v1"]
    for words, expected in [
        ([], "--num-users"), (WORKLOAD, "--base-url"), ([*WORKLOAD, *url, "--num-user", 3], "--num-users"),
        ([*WORKLOAD, *url, "--sharegpt"], "sharegpt"), ([*WORKLOAD, "--model", "m", "--base-url", "https://h"], "http://"),
        ([*WORKLOAD, *url, "--mode", "other"], "lmcache-v1"), ([*WORKLOAD, *url, "--time", -1], "time"),
        ([*WORKLOAD, *url, "--output", "/nowhere/rows.csv"], "/nowhere/rows.csv"), ([*WORKLOAD, *url, "extra"], "words"),
    ]:
        done = bench(*words)
        assert done.returncode == 2, words
        assert len(done.stderr.strip().split("\n")) == 1 and expected in done.stderr, done.stderr


def test_a_dead_server_is_said_at_once(tmp_path):
    done = bench(*WORKLOAD, "--model", "m", "--base-url", "http://127.0.0.1:1/v1", "--output", tmp_path / "rows.csv")
    assert done.returncode == 1
    assert len(done.stderr.strip().split("\n")) == 1 and "127.0.0.1:1" in done.stderr
    assert not (tmp_path / "rows.csv").exists()


def test_a_run_counts_what_the_server_counts(serve, chat_model, tmp_path):
    instance = serve(chat_model, "--ram-bytes", "64MiB", "--device-kv-bytes", "64MiB")
    done = bench(*SMALL, *target(instance, tmp_path), "--time", 4, "--prebuilt-history")
    assert done.returncode == 0, done.stderr
    assert done.stderr == "", "quiet in a pipe"
    rows = list(csv.DictReader(open(tmp_path / "rows.csv")))
    assert list(rows[0])[:8] == ORIGINAL
    figures = json.load(open(tmp_path / "figures.json"))
    assert figures["summary"]["finished"] == len(rows) == len(figures["requests"]) > 0
    prompt = sum(int(row["prompt_tokens"]) for row in rows)
    assert prompt == figures["summary"]["prompt_tokens"] == sum(figures["counted_tokens_by_source"].values())
    cached = sum(int(row["cached_tokens"]) for row in rows)
    assert cached == prompt - figures["counted_tokens_by_source"].get("computed", 0)
    assert all(int(row["generation_tokens"]) == 4 for row in rows)
    again = bench("--process-summary", tmp_path / "rows.csv")
    assert again.returncode == 0 and f"{len(rows)}\n" in again.stdout


def test_an_interrupt_ends_it_as_the_time_does(serve, chat_model, tmp_path):
    instance = serve(chat_model, "--ram-bytes", "64MiB", "--device-kv-bytes", "64MiB")
    process = subprocess.Popen([CAIRN, "bench", "multi-round-qa", *map(str, SMALL), "--verbose", "--time", "600",
                                *map(str, target(instance, tmp_path))], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert "asks question" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 1 and "broken off" in out
    figures = json.load(open(tmp_path / "figures.json"))
    assert figures["interrupted"] and figures["summary"]["finished"] > 0 and figures["summary"]["in_flight"] == 0


def test_a_server_killed_under_load_leaves_rows_with_reasons(serve, chat_model, tmp_path):
    instance = serve(chat_model, "--ram-bytes", "64MiB", "--device-kv-bytes", "64MiB")
    process = subprocess.Popen([CAIRN, "bench", "multi-round-qa", *map(str, SMALL), "--verbose", "--time", "3",
                                *map(str, target(instance, tmp_path))], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert "asks question" in process.stderr.readline()
    instance.kill()
    start = time.monotonic()
    process.communicate(timeout=60)
    assert process.returncode == 1 and time.monotonic() - start < 30
    rows = list(csv.DictReader(open(tmp_path / "rows.csv")))
    failed = [row for row in rows if row["end"] == "failed"]
    assert failed and all(row["error"] and not row["ttft"] for row in failed)

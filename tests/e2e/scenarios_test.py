"""Property: `cairn bench scenarios` says what it will do, refuses a plan that cannot be run, measures every cell on a
fleet of its own, and leaves nothing running and nothing on disk, however it ends."""
import csv
import json
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest
from conftest import CAIRN, ROOT, cairn, wait_for
from s3_servers import built

PLAN = """
model: {model}
users: 2
rounds: 3
qps: 2
system_words: 20
answer_tokens: 4
contexts: [300, 60]
device_kv_bytes: 32MiB
chunk_tokens: 32
time: 2
drain: 20
warm_up: 1
scenarios:
  - "device: --ram-bytes 0"
  - "ram + store: --ram-bytes 32MiB --store file://{{store}}?durability=none"
work: {work}
"""


@pytest.fixture
def plan(chat_model, tmp_path):
    """plan(**settings) -> file; a setting replaces the key or is added."""

    def write(text=None, **settings):
        text = text or PLAN.format(model=chat_model, work=tmp_path / "work")
        for key, value in settings.items():
            text = re.sub(rf"^{key}:.*\n(  -.*\n)*", "", text, flags=re.MULTILINE) + f"{key}: {value}\n"
        (tmp_path / "plan.yaml").write_text(text)
        return tmp_path / "plan.yaml"

    return write


def scenarios(*words, **options):
    return cairn("bench", "scenarios", *words, **options)


def children(process):
    """Processes of our process group's descendants that run the program."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(words[1]) == process.pid and words[0] != "Z":
            found.append(int(stat.parent.name))
    return found


def commands():
    """Command lines of all processes."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            pass
    return found


def test_a_plan_runs_and_leaves_only_its_reports(plan, tmp_path):
    done = scenarios(plan(), "--csv", tmp_path / "r.csv", "--json", tmp_path / "r.json", "--html", tmp_path / "r.html")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == "", "quiet in a pipe"
    assert done.stdout.index("Plan") < done.stdout.index("Answers: equal")
    rows = list(csv.DictReader(open(tmp_path / "r.csv")))
    assert len(rows) == 4
    results = json.load(open(tmp_path / "r.json"))
    assert results["scenarios"] == ["device", "ram + store"] and [context["words"] for context in results["contexts"]] == [60, 300]
    assert results["answers"]["equal"] is True and results["answers"]["compared"] > 0
    assert "<html" in (tmp_path / "r.html").read_text()
    by = {(row["scenario"], row["context_words"]): row for row in rows}
    long = by["ram + store", "300"]
    assert int(long.get("tokens_ram") or 0) > 0, "RAM began with the seed"
    assert all(int(row["finished"]) > 0 for row in rows)
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "models") == [
        "plan.yaml", "r.csv", "r.html", "r.json"], "stores and logs are gone"


def test_a_store_may_be_a_bucket(plan, tmp_path):
    built("versitygw")
    done = scenarios(plan(scenarios='["device: --ram-bytes 0", "bucket: --ram-bytes 0 --store {bucket}&read_bytes_per_s=100MB"]', contexts="[300]",
                          bucket_server=f"{ROOT}/tools/bucket_server --latency-ms 5"), "--json", tmp_path / "r.json", "--keep-logs")
    assert done.returncode == 0, done.stdout + done.stderr
    cells = {cell["scenario"]: cell for cell in json.load(open(tmp_path / "r.json"))["cells"]}
    assert sum(tokens for source, tokens in cells["bucket"]["tokens_by_source"].items() if source.startswith("s3")) > 0, cells["bucket"]
    logs = "".join(path.read_text() for path in (tmp_path / "work/logs").iterdir())
    assert "AWS_" not in logs and "X-Amz-Signature" not in logs and "AWS4-HMAC" not in logs
    wait_for(lambda: not [cmd for cmd in commands() if str(tmp_path) in cmd])


def test_a_dry_run_starts_nothing(plan, tmp_path):
    done = scenarios(plan(), "--dry-run", "--time", 100, "--repeats", 3)
    assert done.returncode == 0, done.stderr
    assert "12 cells of 100 s" in done.stdout and "of memory" in done.stdout and "of disk" in done.stdout
    assert not (tmp_path / "work").exists()


def test_what_cannot_be_run_is_refused_before_anything_starts(plan, tmp_path):
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "thesis.txt").write_text("years")
    for settings, expected in [
        ({"contxts": "[3]"}, "contexts"), ({"model": "/nowhere"}, "/nowhere"), ({"device_kv_bytes": "900GiB"}, "memory"),
        ({"scenarios": '["a: --ram-bytes 0 --rum-bytes 1"]'}, "--ram-bytes"), ({"contexts": "[100000]"}, "reads at most"),
        ({"scenarios": '["a: --ram-bytes 0 --store {bucket}"]'}, "bucket_server must say"),
        ({"scenarios": '["a: --ram-bytes 0 --store file:///srv/kv"]'}, "{store} or {bucket}"),
        ({"scenarios": '["a: --ram-bytes 0 --store {bucket} --store file://{store}"]', "bucket_server": "tools/none"}, "do not go together"),
        ({"scenarios": '["a: --ram-bytes 0 --store {bucket}"]', "bucket_server": "tools/none"}, "tools/none"),
        ({"scenarios": '["a: --threads 1"]'}, "--ram-bytes is needed"), ({"work": tmp_path / "taken"}, "not empty"),
        ({"time": 900000, "users": 2000, "contexts": "[7000]", "device_kv_bytes": "1GiB"}, "free there"),
        ({"html": "/nowhere/r.html"}, "/nowhere/r.html"), ({"contexts": "[many]"}, "many"),
        ({"scenarios": '["a: --ram-bytes 0 --s3-secret-access-key canary"]'}, "--s3-secret-access-key would stand in"),
    ]:
        done = scenarios(plan(**settings), "--purge")
        assert done.returncode == 2, (settings, done.stdout)
        assert len(done.stderr.strip().split("\n")) == 1 and expected in done.stderr, done.stderr
        assert not (tmp_path / "work").exists()
    assert (tmp_path / "taken" / "thesis.txt").exists()


def test_a_demo_that_cannot_be_run_is_refused_before_it_measures(chat_model, tmp_path):
    demo = ["--demo", "--model", chat_model, "--work", tmp_path / "work"]
    for words, expected in [
        ([*demo, "--dry-run"], "dry_run does not go with demo"), ([*demo, "--html", "/nowhere/r.html"], "/nowhere/r.html"),
        ([*demo[:2], "/nowhere"], "/nowhere"), (["--full", "--model", chat_model], "full goes with demo"),
    ]:
        done = scenarios(*words)
        assert done.returncode == 2 and expected in done.stderr, (words, done.stderr)
        assert len(done.stderr.strip().split("\n")) == 1
        assert not (tmp_path / "work").exists()


def test_an_interrupt_stops_the_children_and_reports_what_there_is(plan, tmp_path):
    process = subprocess.Popen([CAIRN, "bench", "scenarios", str(plan(time=600)), "--json", str(tmp_path / "r.json")],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: len(children(process)) == 3, 60)  # a cell: two instances and the router
    started = children(process)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130, out
    assert json.load(open(tmp_path / "r.json"))["interrupted"] is True
    assert not any(os.path.exists(f"/proc/{pid}") for pid in started)
    assert not (tmp_path / "work" / "store").exists() and not (tmp_path / "work" / "seed").exists()
    refused = scenarios(plan(), "--dry-run")
    assert refused.returncode == 2 and "--purge" in refused.stderr, "its logs are still there"
    assert scenarios(plan(), "--dry-run", "--purge").returncode == 0


def interrupted(words, when):
    """(process, children at that moment, output) of a run that is told to stop once `when` is true."""
    process = subprocess.Popen([CAIRN, "bench", "scenarios", *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: when(process) or process.poll() is not None, 60)
    started = children(process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    return process, started, out + err


def test_ctrl_c_while_a_seed_is_computed_leaves_nothing(plan, tmp_path):
    process, started, told = interrupted([plan(time=600, contexts="[1500]", device_kv_bytes="64MiB")],
                                         lambda process: (tmp_path / "work/logs/seed-1500.router.ready").exists())
    assert process.returncode == 130 and started, told
    assert not any(os.path.exists(f"/proc/{pid}") for pid in started)
    assert not (tmp_path / "work/store").exists() and not (tmp_path / "work/seed").exists()


def test_ctrl_c_while_the_demo_measures_leaves_nothing(chat_model, tmp_path):
    process, started, told = interrupted(["--demo", "--model", chat_model, "--work", tmp_path / "work"],
                                         lambda process: (tmp_path / "work/logs/prefill.router.ready").exists())
    assert process.returncode == 130 and started, told
    assert not any(os.path.exists(f"/proc/{pid}") for pid in started)
    assert not (tmp_path / "work").exists()


def test_an_interrupted_run_goes_on(plan, tmp_path):
    work = tmp_path / "work"
    process = subprocess.Popen([CAIRN, "bench", "scenarios", str(plan()), "--json", str(tmp_path / "r.json")],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: len(list((work / "cells").glob("*-*.json"))) == 2, 120)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130 and f"--resume --work {work}" in out, out
    for words, expected in [
        (["--resume", "--work", work, "--users", 3], "--users does not go with --resume"),
        (["--resume", "--work", tmp_path / "other"], "no run that could go on"),
    ]:
        refused = scenarios(*words)
        assert refused.returncode == 2 and expected in refused.stderr, refused.stderr
    measured = {path.name: path.read_bytes() for path in (work / "cells").glob("*-*.json")}
    (tmp_path / "r.json").unlink()
    done = scenarios("--resume", "--work", work, "--keep-logs")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Going on with the run of 20" in done.stdout
    results = json.load(open(tmp_path / "r.json"))
    assert len(results["cells"]) == 4 and results["interrupted"] is False and results["answers"]["equal"] is True
    for name, text in measured.items():
        assert (work / "cells" / name).read_bytes() == text, "not measured again"
    refused = scenarios("--resume", "--work", work)
    assert refused.returncode == 2 and "no run that could go on" in refused.stderr, "it is whole"


@pytest.mark.parametrize("spoilt, expected", [("run.json", "another program"), ("plan.yaml", "not the plan")])
def test_a_run_of_another_program_or_plan_does_not_go_on(plan, tmp_path, spoilt, expected):
    work = tmp_path / "work"
    process = subprocess.Popen([CAIRN, "bench", "scenarios", str(plan(time=600))], stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    wait_for(lambda: (work / "plan.yaml").exists(), 60)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    file = work / "cells" / "run.json" if spoilt == "run.json" else work / spoilt
    text = file.read_text()
    changed = re.sub(r'("program",\s*")[0-9a-f]+', r"\g<1>0000", text).replace("users: 2", "users: 3")
    assert changed != text
    file.write_text(changed)
    refused = scenarios("--resume", "--work", work)
    assert refused.returncode == 2 and expected in refused.stderr, refused.stderr


def test_killed_it_leaves_no_children(plan):
    process = subprocess.Popen([CAIRN, "bench", "scenarios", str(plan(time=600))], stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    wait_for(lambda: len(children(process)) == 3, 60)
    started = children(process)
    process.kill()
    process.wait()
    wait_for(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in started))


def test_an_instance_that_dies_is_a_row_with_its_last_words(plan, tmp_path):
    process = subprocess.Popen([CAIRN, "bench", "scenarios", str(plan(contexts="[60]", time=20)), "--stop-at-failure",
                                "--json", str(tmp_path / "r.json")], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: len(children(process)) == 3, 60)
    os.kill(min(children(process)), signal.SIGKILL)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 1, out
    cells = json.load(open(tmp_path / "r.json"))["cells"]
    assert len(cells) == 1 and "instance0 was ended by signal 9" in cells[0]["failure"]

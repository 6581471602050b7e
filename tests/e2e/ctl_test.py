"""Property: `cairn ctl` sees a store as it is, directory or bucket, beside instances that use it: damage is found and
named, repair and purge take what they say and nothing else."""
import os

import pytest
from conftest import blocks, cairn, wait_for
from s3_test import keys
from s3_test import store as store_url

SMALL = ["--ram-bytes", 0, "--device-kv-bytes", "16MiB", "--load-policy", "always", "--chunk-tokens", 64]
PROMPT = "".join(f"{i} cairns, " for i in range(150))


def ctl(*words, env=None, status=0):
    done = cairn("ctl", *words, env={**os.environ, **(env or {})})
    assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
    return done.stdout + done.stderr


def said(told, name):
    """The number in that row."""
    return [int(line.split()[1]) for line in told.splitlines() if line.split()[:1] == [name]]


def damage(data):
    return data[:5000] + bytes([data[5000] ^ 1]) + data[5001:]


def stored_in(server):
    return [key for key in server.objects() if key.endswith(".kv")]


def filled(server, serve, model):
    """(url, env, blocks) of a bucket that an instance has stored PROMPT's blocks in, and still uses."""
    url, env = store_url(server, "team"), keys(server)
    count = serve(model, *SMALL, "--store", url, env=env).complete(PROMPT)["usage"]["prompt_tokens"] // 64
    wait_for(lambda: len(stored_in(server)) == count)
    return url, env, count


def test_a_directory_is_verified_repaired_and_purged(serve, small_model, tmp_path):
    store = tmp_path / "store"
    store.mkdir()
    instance = serve(small_model, *SMALL, "--store", f"file://{store}")
    reply = instance.complete(PROMPT)
    count = reply["usage"]["prompt_tokens"] // 64
    wait_for(lambda: len(blocks(store)) == count)
    assert said(ctl("verify", store), "right") == [count]
    assert said(ctl("verify", f"file://{store}", "--headers-only"), "right") == [count]

    bad = blocks(store)[1]
    bad.write_bytes(damage(bad.read_bytes()))
    (store / "photo.jpg").write_bytes(b"x")
    told = ctl("verify", store, status=1)
    assert f"{bad.relative_to(store)}: bad_segment" in told
    assert (said(told, "damaged"), said(told, "strangers"), said(told, "right")) == ([1], [1], [count - 1])
    assert said(ctl("verify", store, "--repair"), "right") == [count - 1]
    assert not bad.exists()

    assert said(ctl("purge", store, "--all", "--dry-run"), "blocks") == [count - 1, 0] and len(blocks(store)) == count - 1
    assert said(ctl("purge", store, "--older-than-hours", 1), "blocks") == [0, count - 1]
    ctl("purge", store, "--all")
    left = sorted(str(path.relative_to(store)) for path in store.rglob("*") if path.is_file())
    assert "photo.jpg" in left and all(path.endswith(("photo.jpg", "manifest.json", "usage")) for path in left), left
    assert instance.complete(PROMPT)["choices"] == reply["choices"]


@pytest.mark.parametrize("kind", ["versitygw", "imposter"])
def test_a_bucket_likewise(serve, small_model, kind, request):
    server = request.getfixturevalue(kind)()
    url, env, count = filled(server, serve, small_model)

    assert said(ctl("verify", url, env=env), "right") == [count]
    assert said(ctl("verify", url, "--headers-only", env=env), "right") == [count]
    if kind == "imposter":  # it lets a test change bytes
        server.put("team-photo.jpg", b"x")  # beside the prefix: never seen
        server.put("team/photo.jpg", b"x")
        bad = stored_in(server)[1]
        server.put(bad, damage(server.get(bad)))
        told = ctl("verify", url, env=env, status=1)
        assert f"{bad.removeprefix('team/')}: bad_segment" in told and said(told, "strangers") == [1]
        assert said(ctl("verify", url, "--repair", env=env), "damaged") == [1]
        count -= 1
    assert said(ctl("purge", url, "--all", env=env), "blocks") == [count, 0]
    left = [key for key in server.objects() if not key.startswith(".") and not key.endswith("/manifest.json")]
    assert left == (["team-photo.jpg", "team/photo.jpg"] if kind == "imposter" else [])
    assert server.secret_key not in ctl("verify", url, env={**env, "AWS_ACCESS_KEY_ID": "wrong"}, status=1)


def test_what_a_bucket_refuses_stays_is_counted_and_named(serve, small_model, imposter):
    server = imposter()
    url, env, count = filled(server, serve, small_model)

    kept = stored_in(server)[0]
    server.told("POST", "/rules", {"match": {"op": "DeleteObjects"},
                                   "action": {"do": "delete_errors", "key": kept.rsplit("/", 1)[1], "code": "AccessDenied"}})
    told = ctl("purge", url, "--all", env=env, status=1)
    assert said(told, "blocks") == [count - 1, 1] and said(told, "refused") == [1] and "AccessDenied" in told, told
    assert stored_in(server) == [kept]
    server.clear_rules()
    server.rule("status", op="DeleteObjects", status=403, code="AccessDenied")
    told = ctl("purge", url, "--all", env=env, status=1)
    assert said(told, "refused") == [1] and stored_in(server) == [kept]
    server.clear_rules()
    assert said(ctl("purge", url, "--all", env=env), "blocks") == [1, 0] and stored_in(server) == []


def test_uploads_that_nobody_ends_are_counted_and_aborted(serve, small_model, imposter):
    server = imposter()
    server.settings(clock_offset_s=-2 * 86400)  # it began two days ago, by the server's clock
    url, env = store_url(server, "team", multipart_bytes="5MiB"), keys(server)
    server.rule("status", op="CompleteMultipartUpload", status=403)
    server.rule("status", op="AbortMultipartUpload", status=403, id="no-abort")
    instance = serve(small_model, "--ram-bytes", 0, "--device-kv-bytes", "32MiB", "--chunk-tokens", 5632, "--store", url, env=env)
    instance.complete([7 + i % 100 for i in range(5700)], max_tokens=1)
    wait_for(lambda: server.uploads())
    instance.stop()
    server.clear_rules()
    server.settings(clock_offset_s=0)
    assert said(ctl("verify", url, env=env), "leftovers") == [1]
    assert said(ctl("purge", url, "--older-than-hours", 1, env=env), "uploads") == []
    assert said(ctl("purge", url, "--leftovers", env=env), "uploads") == [1]
    assert server.uploads() == []


def test_wrong_words_are_one_line(tmp_path):
    for words, status, says in [(["verify", tmp_path / "none"], 1, "cannot open"), (["verify", tmp_path], 1, "no store"), (["verify"], 2, "cairn ctl verify STORE"),
                                (["purge", tmp_path], 2, "--all"), (["purge", tmp_path, "--older-than-hours", -1], 2, "older_than_hours"),
                                (["verify", "gs://bucket"], 1, "gs"), (["verify", tmp_path, "--threads", 0], 2, "threads"),
                                (["purge", tmp_path, "--al"], 2, "--all")]:
        told = ctl(*words, status=status)
        assert says in told and told.count("\n") == 1, told

"""Property: behind a router the instances are one server: what one computed is a hit whoever answers next, and an
instance that dies costs no more than the answers it had begun."""
import json
import socket
import threading

from conftest import blocks, cairn, wait_for

PROMPT = "".join(f"{i} ways, " for i in range(300))
FLAGS = ["--load-policy", "always", "--ram-bytes", 0, "--device-kv-bytes", "16MiB"]


def test_round_robin_hits_through_the_shared_store(serve, route, small_model, tmp_path):
    store = tmp_path / "store"
    store.mkdir()
    instances = [serve(small_model, *FLAGS, "--store", f"file://{store}") for _ in range(2)]
    router = route(*[word for instance in instances for word in ("--backend", instance.url)])
    body = {"model": instances[0].model(), "prompt": PROMPT, "temperature": 0, "max_tokens": 8, "logprobs": 2}
    status, first, _ = router.request("POST", "/v1/completions", body)
    assert status == 200
    first = json.loads(first)
    tokens = first["usage"]["prompt_tokens"]
    wait_for(lambda: len(blocks(store)) >= tokens // 256)
    second = json.loads(router.request("POST", "/v1/completions", body)[1])
    assert second["choices"] == first["choices"]
    assert second["usage"]["prompt_tokens_details"]["cached_tokens"] >= tokens - 272
    answered = [sum(instance.metric("vllm:request_success_total") for instance in [one]) for one in instances]
    assert answered == [1, 1]  # each had its turn
    assert [model["id"] for model in json.loads(router.request("GET", "/v1/models")[1])["data"]] == [body["model"]]


def test_an_instance_that_is_killed_costs_only_what_it_had_begun(serve, route, small_model):
    instances = [serve(small_model, *FLAGS) for _ in range(2)]
    router = route("--backend", instances[0].url, "--backend", instances[1].url, "--health-interval-ms", 100)
    model, results, stop = instances[0].model(), [], threading.Event()

    def client(number):
        while not stop.is_set():
            body = {"model": model, "prompt": f"{number} {len(results)}", "max_tokens": 30, "ignore_eos": True, "stream": True}
            status, data, whole = router.request("POST", "/v1/completions", body)
            results.append((status, data, whole))

    threads = [threading.Thread(target=client, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    wait_for(lambda: len(results) >= 20)
    instances[0].kill()
    wait_for(lambda: router.metric(f'cairn_route_backend_up{{backend="{instances[0].url}"}} 0'))
    before = len(results)
    wait_for(lambda: len(results) >= before + 20)
    stop.set()
    for thread in threads:
        thread.join()
    broken = [one for one in results if not one[2]]
    assert all(status == 200 for status, _, _ in results), [one[:2] for one in results if one[0] != 200]
    assert len(broken) <= 6  # at most one for each client: those under way
    assert all(b"broke off" in data and b"[DONE]" not in data for _, data, _ in broken)
    assert all(b"[DONE]" in data for _, data, whole in results if whole)


def test_what_is_wrong_is_one_line_that_says_what_would_be_right(tmp_path):
    for flags, why in [([], "name at least one"), (["--backend", "localhost:1"], "http://HOST:PORT"),
                       (["--backend", "https://a"], "TLS"), (["--backend", "http://a", "--policy", "sesion"], "session"),
                       (["--backend", "http://a", "--listen", "0.0.0.0:0"], "api_keys"),
                       (["--backend", "http://a", "--ready-file", tmp_path / "no/such"], "no directory"),
                       (["--backend", "http://a", "--polcy", "session"], "--policy")]:
        done = cairn("route", *flags)
        assert done.returncode in (1, 2) and why in done.stderr and done.stderr.count("\n") == 1, (flags, done.stderr)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        done = cairn("route", "--backend", "http://a", "--listen", f"127.0.0.1:{listening.getsockname()[1]}")
        assert done.returncode == 1 and "in use" in done.stderr

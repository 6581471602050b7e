"""The product's forward against a numpy reference, teacher-forced over 5 x 64 positions.

Passes when the argmax is equal wherever the reference's top two are at least 0.05 apart (at most 3 closer cases may
differ, and are printed), and the log-probabilities of the reference's top 10 differ by at most 0.05. With --plant the
reference errs on purpose, and the test passes only if that is noticed.

  reference_test.py --program build/dev/bin/model_logits --model DIR [--tokens FILE] [--plant rope|heads|norm|all]
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

import reference

HERE = pathlib.Path(__file__).resolve().parent
PLANTS = ["rope", "heads", "norm"]
SEQUENCES, POSITIONS = 5, 64
MARGIN, LOG_PROB_MAX, CLOSE_CASES_MAX, TOP = 0.05, 0.05, 3, 10


def token_sequences(path, vocabulary):
    if path:
        sequences = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))["sequences"]
    else:
        sequences = np.random.default_rng(20).integers(0, vocabulary, (SEQUENCES, POSITIONS)).tolist()
    assert len(sequences) == SEQUENCES and all(len(s) == POSITIONS for s in sequences)
    return sequences


def product_logits(program, model, sequences, isa):
    text = "".join(" ".join(map(str, s)) + "\n" for s in sequences)
    done = subprocess.run([program, model, isa, "2", "48"], input=text.encode(), stdout=subprocess.PIPE, check=True)
    return np.frombuffer(done.stdout, np.float32).reshape(SEQUENCES, POSITIONS, -1)


def compare(ours, model, sequences, plant):
    """Problems found, as lines of text."""
    ref = reference.Reference(model, plant)
    problems, close, worst, equal = [], 0, 0.0, 0
    for index, tokens in enumerate(sequences):
        logits = ref.logits(tokens)
        equal += int(np.count_nonzero(logits == ours[index]))
        want, got = reference.log_softmax(logits), reference.log_softmax(ours[index])
        for position in range(POSITIONS):
            order = np.argsort(-want[position])[:TOP]
            where = f"sequence {index} position {position}"
            if np.argmax(got[position]) != order[0]:
                margin = want[position][order[0]] - want[position][order[1]]
                if margin < MARGIN:
                    close += 1
                    print(f"{where}: argmax differs at a margin of {margin:.4f}")
                else:
                    problems.append(f"{where}: argmax differs, margin {margin:.3f}")
            delta = float(np.max(np.abs(want[position][order] - got[position][order])))
            worst = max(worst, delta)
            if not delta <= LOG_PROB_MAX:
                problems.append(f"{where}: log-probabilities differ by {delta:.4f}")
    if close > CLOSE_CASES_MAX:
        problems.append(f"{close} close cases, at most {CLOSE_CASES_MAX} are allowed")
    share = equal / ours[: len(sequences)].size
    print(
        f"plant {plant or 'nothing'}: {share:.2%} of the logits equal in every bit, largest difference {worst:.4f}, "
        f"{close} close cases, {len(problems)} problems"
    )
    return problems


def build_folder():
    folder = os.environ.get("CAIRN_BUILD")
    if not folder:
        pytest.skip("CAIRN_BUILD names no build folder")
    return pathlib.Path(folder)


def check(model, tokens, plants):
    program = str(build_folder() / "bin" / "model_logits")
    vocabulary = json.loads((pathlib.Path(model) / "config.json").read_text())["vocab_size"]
    sequences = token_sequences(tokens, vocabulary)
    ours = product_logits(program, str(model), sequences, "")
    assert not compare(ours, model, sequences, None)
    for plant in plants:
        assert compare(ours, model, sequences[:1], plant), f"a planted error in {plant} was not noticed"


def test_smollm2_agrees_with_the_reference_and_planted_errors_do_not():
    model = HERE.parents[1] / "models" / "SmolLM2-135M-Instruct"
    if not model.is_dir():
        pytest.skip("models/SmolLM2-135M-Instruct is not there: make model")
    check(model, HERE / "reference_tokens.json", PLANTS)


@pytest.mark.parametrize("architecture, heads, kv_heads, head_dim", [("qwen3", 4, 2, 48), ("llama", 6, 2, 80)])
def test_random_models_agree_with_the_reference(tmp_path, architecture, heads, kv_heads, head_dim):
    model = tmp_path / "model"
    shape = {"layers": 4, "hidden": 192, "intermediate": 320, "heads": heads, "kv-heads": kv_heads,
             "head-dim": head_dim, "vocabulary": 1000, "seed": 5}
    flags = [text for name, value in shape.items() for text in (f"--{name}", str(value))]
    cairn = build_folder() / "bin" / "cairn"
    subprocess.run([cairn, "model", "init", "--arch", architecture, *flags, model], check=True)
    check(model, None, PLANTS)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--tokens")
    parser.add_argument("--isa", default="")
    parser.add_argument("--plant", choices=PLANTS + ["all"])
    options = parser.parse_args()
    vocabulary = json.loads((pathlib.Path(options.model) / "config.json").read_text())["vocab_size"]
    sequences = token_sequences(options.tokens, vocabulary)
    ours = product_logits(options.program, options.model, sequences, options.isa)
    problems = compare(ours, options.model, sequences, None)
    print("\n".join(problems[:20]))
    failed = bool(problems)
    plants = {None: [], "all": PLANTS}.get(options.plant, [options.plant])
    for plant in plants:
        if not compare(ours, options.model, sequences[:1], plant):
            print(f"a planted error in {plant} was not noticed")
            failed = True
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

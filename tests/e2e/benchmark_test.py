"""The benchmark in small, and the arithmetic that it compares with."""

import json
import os
import pathlib
import runpy
import subprocess
import sys

import numpy as np
import pytest

_ROOT = pathlib.Path(__file__).parents[2]
MEASURING = runpy.run_path(str(_ROOT / "tools" / "benchmarks" / "measuring.py"))


@pytest.fixture(scope="module")
def results(mnist_dir, tmp_path_factory):
    """What the part scoring writes where PyTorch is not installed."""
    absent, out = (tmp_path_factory.mktemp(name) for name in ("absent", "out"))
    (absent / "torch.py").write_text("raise ImportError")
    flags = "--part=scoring --images=64 --num_samples=8 --epochs=3 --repetitions=1".split()
    places = [f"--data_dir={mnist_dir}", f"--out={out}"]
    done = subprocess.run(
        [sys.executable, _ROOT / "tools" / "benchmark.py", *flags, *places],
        env={**os.environ, "PYTHONPATH": f"{absent}{os.pathsep}{_ROOT}"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    text = (out / "scoring.md").read_text()
    assert text in done.stdout
    return json.loads((out / "scoring.json").read_text()), text


def test_ours_and_the_peers_are_compared(results):
    found, text = results
    table, limit = found["tables"]
    rows = {row[0].split(", batch")[0]: row[1:] for row in table["rows"]}
    absent = "absent; pip install -r requirements-benchmark.txt"
    assert rows["PyTorch, a loop of forward passes"][0] == absent
    assert rows["BaaL, predict_on_dataset"][0] == absent
    assert f"| PyTorch, a loop of forward passes | {absent} |" in text
    keras_loop = rows["Keras, model(x, training=True) in a tf.function"]
    times = float(keras_loop[0]) / float(rows["ours, exact"][0])
    assert float(keras_loop[2].rstrip("x")) == pytest.approx(times, rel=0.02)
    assert [row[0] for row in limit["rows"]][-1] == "ours, exact / limit"


def test_the_results_say_how_they_came_about_and_name_no_folder(results):
    found, _ = results
    assert found["command"].startswith("python tools/benchmark.py --part=scoring --images=64")
    assert found["command"].endswith("--data_dir=MNIST_DIR --out=FOLDER")
    assert found["versions"]["tensorflow"]
    assert "cores" in found["machine"]
    assert all(len(spent) == 1 for spent in found["seconds"]["scoring"].values())


def test_moments_and_agreement_by_hand():
    moments = MEASURING["moments"]([np.array([[0.2, 0.8]]), np.array([[0.6, 0.4]])])
    np.testing.assert_allclose(moments.mean, [[0.4, 0.6]])
    np.testing.assert_allclose(moments.variance, [[0.04, 0.04]])
    reference = MEASURING["Moments"](np.array([[0.5, 0.5]]), np.array([[0.08, 0.08]]))
    # Standard error sqrt(0.08 * (1/2 + 1/2)); of two samples the variance counts twice.
    z, ratio = MEASURING["agreement"](moments, 2, reference, 2)
    assert z == pytest.approx(0.1 / np.sqrt(0.08))
    assert ratio == pytest.approx(1.0)


def test_calls_take_turns_and_slow_ones_fewer(monkeypatch):
    monkeypatch.setitem(MEASURING["interleaved"].__globals__, "_SLOW_SECONDS", 0.0)
    order = []
    calls = {name: lambda name=name: order.append(name) for name in "ab"}
    seconds, _ = MEASURING["interleaved"](calls, 5)
    assert order == list("ababab")
    assert [len(spent) for spent in seconds.values()] == [3, 3]


@pytest.mark.parametrize(
    ("number", "text"),
    [(0.0123456, "0.0123"), (1.2345, "1.23"), (12.345, "12.3"), (123.45, "123"), (0, "0.00")],
)
def test_numbers_have_three_digits(number, text):
    assert MEASURING["significant"](number) == text

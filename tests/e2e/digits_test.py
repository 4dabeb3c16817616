"""The quickstart in small: two techniques on digits, compared."""

import pathlib

import pytest

from dbal_tf.config import Config
from dbal_tf.experiments.engine import run
from dbal_tf.store.writer import Store

pytestmark = pytest.mark.usefixtures("shared_fitters", "checked_here")


@pytest.fixture(scope="module")
def experiment(tmp_path_factory):
    config = Config(
        dataset="digits",
        acquisition=("var_ratios", "random"),
        rounds=1,
        epochs=15,
        num_samples=5,
        pool_subset=200,
        weight_decay="2.5",
        export_every=-1,
        run_dir=str(tmp_path_factory.mktemp("digits") / "run"),
    )
    lines = []
    curves = run(config, lines.append)
    return pathlib.Path(config.run_dir), curves, "\n".join(lines)


def _bought(folder):
    with Store(folder) as store:
        return store.reader.labels().ids.tolist()


def test_both_begin_with_the_same_images_and_the_same_model(experiment):
    folder, curves, _ = experiment
    [uncertain], [random] = curves["var_ratios"], curves["random"]
    assert uncertain[0].evaluation == random[0].evaluation
    one, two = (_bought(folder / name / "0") for name in curves)
    assert one[:20] == two[:20]
    assert len(one) == len(two) == 30
    assert set(one[20:]) != set(two[20:])


def test_it_learns(experiment):
    _, curves, _ = experiment
    errors = [point.evaluation.error for [curve] in curves.values() for point in curve]
    assert len(errors) == 4
    assert max(errors) < 0.7, "chance is 0.9"


def test_the_curves_are_compared_and_drawn(experiment):
    folder, _, shown = experiment
    rows = [line.split() for line in shown.splitlines()]
    for name in ("var_ratios", "random"):
        assert [row for row in rows if row[:1] == [name]][-1][1:]
        assert f"{name}, repetition 0: {folder}/{name}/0" in shown
    assert "error (%) at labels" in shown
    assert f"Learning curve: {folder}/curve.png" in shown
    assert (folder / "curve.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(path.name for path in folder.iterdir()) == [
        *("curve.png", "flags.cfg", "random", "var_ratios")
    ]

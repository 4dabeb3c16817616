import dataclasses
import pathlib

import pytest

from dbal_tf.core import InputError
from dbal_tf.experiments import melanoma_report
from dbal_tf.experiments.melanoma import EXPERIMENT

_RUNS = {
    "bald": [([0.6, 0.8], [1, 3]), ([0.5, 0.6], [1, 2])],
    "random": [([0.6, 0.7], [1, 1]), ([0.5, 0.4], [1, 2])],
}


@pytest.fixture
def written(lesion_runs):
    """Returns the lines and the folder of a report of the first variant's runs."""
    config, results = lesion_runs(**_RUNS)
    lines = melanoma_report.write(EXPERIMENT, config, results)
    return lines, pathlib.Path(config.run_dir)


def test_the_console_shows_means(written):
    lines, folder = written
    assert lines[1:4] == [
        "technique      runs    at 4    at 7",
        "bald              2   0.550   0.700",
        "random            2   0.550   0.550",
    ]
    assert lines[-2:] == ["4 of 4 runs are finished.", f"Report: {folder / 'report.html'}"]


def test_the_report_has_its_tables_and_figures(written):
    _, folder = written
    text = (folder / "report.md").read_text()
    assert "| bald | 2 | 0.550 (0.500 to 0.600) | 0.700 (0.600 to 0.800) |" in text
    # 12.7062 * 0.0707 / sqrt(2), and times sqrt(3) as two folds share half of the images.
    assert "| bald | 2 | +0.000 ± 0.000 (± 0.000) | +0.150 ± 1.100 (± 0.635) |" in text
    assert "| bald | 2 | +0.0 ± 0.0 (± 0.0) | +1.0 ± 22.0 (± 12.7) |" in text
    assert "Sensitivity (malignant) at a specificity of 0.8" in text
    assert (
        "of 0.051 with 35 positive and 137 negative test images, and of 0.046 with 43" in text
    )
    assert "| 0-bald-4 | malignant | 1 of 2 | 0 of 2 |" in text
    assert "Differences from the paper" in text
    assert "benign 3, malignant 1 at the start" in text
    assert (folder / "melanoma.png").stat().st_size > 5000
    assert "<svg" in (folder / "report.html").read_text()
    assert not (folder / "reliability.svg").exists(), "published results have no bins"


def test_the_same_runs_make_the_same_files(written, lesion_runs):
    _, folder = written
    before = {path.name: path.read_bytes() for path in folder.glob("*.*")}
    melanoma_report.write(EXPERIMENT, *lesion_runs(**_RUNS))
    assert before == {path.name: path.read_bytes() for path in folder.glob("*.*")}


def test_reliability_is_drawn_of_all_runs_together(lesion_runs):
    config, results = lesion_runs(**_RUNS)
    bins = ((0.0, 0.0, 0.0), (10.0, 0.9, 0.8)), ((0.0, 0.0, 0.0), (30.0, 0.7, 0.6))
    changed = []
    for result in results:
        rows = bins[result.cell.config.repetition]
        curve = [
            dataclasses.replace(
                p, evaluation=dataclasses.replace(p.evaluation, reliability=rows)
            )
            for p in result.curve
        ]
        record = dataclasses.replace(result.outcome, curve=curve)
        changed.append(dataclasses.replace(result, record=record))
    melanoma_report.write(EXPERIMENT, config, changed)
    assert pathlib.Path(config.run_dir, "reliability.png").is_file()
    techniques = melanoma_report.rare_class.compared(melanoma_report.group_results(changed))
    [panel] = melanoma_report._reliability(techniques)
    [confidence], [right] = (
        x.tolist() for x in (panel.series["bald"].x_p, panel.series["bald"].y_p)
    )
    assert (confidence, right) == pytest.approx((0.75, 0.65))


def test_what_cannot_be_reported(lesion_runs):
    config, results = lesion_runs(**_RUNS)
    with pytest.raises(InputError, match="holds no run with a round"):
        melanoma_report.write(EXPERIMENT, config, [])
    [point] = results[0].curve[:1]
    without = dataclasses.replace(
        point, evaluation=dataclasses.replace(point.evaluation, auc=None)
    )
    record = dataclasses.replace(results[0].outcome, curve=[without])
    alone = [dataclasses.replace(results[0], record=record)]
    with pytest.raises(InputError, match="bald have test items of one class"):
        melanoma_report.write(EXPERIMENT, config, alone)

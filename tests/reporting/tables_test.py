import numpy as np
import pytest

from dbal_tf.artifacts import CurvePoint, Evaluation
from dbal_tf.config import ACQUISITIONS
from dbal_tf.reporting import tables
from dbal_tf.reporting.curves import Line


def _point(round_index, labels, error, seconds=1.0):
    return CurvePoint(
        round=round_index,
        labels=labels,
        evaluation=Evaluation(error, 0.3, 0.2, 0.02, 0.4, 0.5),
        weight_decay=2.5,
        seconds={"train": seconds, "score": 2.0, "evaluate": 0.5, "label": 0.0},
    )


def _curve(errors, start=20, step=10, seconds=1.0):
    return [_point(i, start + step * i, error, seconds) for i, error in enumerate(errors)]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(12, "12 s"), (99.4, "99 s"), (99.6, "2 min"), (1860, "31 min"), (19200, "5 h 20 min")],
)
def test_progress_line_is_aligned_with_its_header(seconds, text):
    header = tables.progress_header()
    line = tables.progress_line(_point(7, 90, 0.0512), 98, seconds)
    assert line.split() == [
        "7/98",
        "90",
        "5.12",
        "%",
        *"1.0 s 2.0 s 0.5 s".split(),
        *text.split(),
    ]
    assert len(line) == len(header) <= 79
    assert line[: header.index("test error") + len("test error")].endswith("5.12 %")


def _table(curves):
    """The table of some repetitions' curves, by technique."""
    return tables.comparison_table(
        {
            name: Line.from_curves(dict(enumerate(of_name)), "error")
            for name, of_name in curves.items()
        },
        {
            name: sum(sum(point.seconds.values()) for curve in of_name for point in curve)
            for name, of_name in curves.items()
        },
    )


def test_comparison_table_known_answer():
    curves = {
        "bald": [
            _curve([0.4, 0.1, 0.02], seconds=17.5),
            _curve([0.2, 0.12, 0.06], seconds=17.5),
        ],
        "random": [_curve([0.5, 0.4]), _curve([0.5, 0.2])],
    }
    assert _table(curves).splitlines() == [
        "           error (%) at labels  labels for",
        "technique     20     30     40  10 %   5 %    min",
        "bald       30.00  11.00   4.00    40    40    2.0",
        "random     50.00  30.00      -     -     -    0.2",
        "Mean of 2 repetitions.",
    ]


def test_comparison_table_crosses_at_the_mean_not_at_one_repetition():
    curves = {"bald": [_curve([0.5, 0.01, 0.01]), _curve([0.5, 0.3, 0.09])]}
    assert _table(curves).splitlines()[2].split()[-3:] == ["40", "40", "0.3"]


def test_comparison_table_crosses_where_the_threshold_is_met_exactly():
    line = _table({"bald": [_curve([0.5, 0.1, 0.05])]}).splitlines()[2]
    assert line.split()[-3:-1] == ["30", "40"]


def test_comparison_table_is_narrow_and_ends_at_the_last_count():
    errors = np.geomspace(0.5, 0.01, 99)
    names = [*ACQUISITIONS, "max_entropy deterministic"]
    lines = _table({name: [_curve(errors)] for name in names}).splitlines()
    assert max(map(len, lines)) <= 79
    assert lines[1].split()[1:6] == ["100", "250", "500", "750", "1000"]
    assert [line.split()[0] for line in lines[2:7]] == list(ACQUISITIONS)
    assert len(lines) == 8, "one repetition needs no note"


def test_comparison_table_gives_a_long_name_a_line_of_its_own():
    name = "the settings of the deterministic curve, max_entropy"
    curve = _curve(np.geomspace(0.5, 0.01, 99))
    rows = _table({name: [curve], "bald": [curve]}).splitlines()
    assert rows[2] == name and rows[4].startswith("bald ")
    assert rows[3].split() == rows[4].split()[1:]
    assert max(map(len, rows)) <= 79


def test_comparison_table_of_nothing_has_a_header():
    assert "technique" in tables.comparison_table({}, {})


def test_comparison_table_says_when_repetitions_differ():
    curves = {"bald": [_curve([0.5])] * 3, "random": [_curve([0.5])] * 2}
    assert _table(curves).splitlines()[-1] == "Mean of 2 to 3 repetitions."

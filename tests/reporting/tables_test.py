import csv
import dataclasses
import io

import numpy as np
import pytest

from dbal_tf.artifacts import CurvePoint, Evaluation, Labels, Query
from dbal_tf.config import ACQUISITIONS
from dbal_tf.core import InputError
from dbal_tf.reporting import tables


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


def test_curve_csv_known_text():
    point = CurvePoint(
        3, 50, Evaluation(0.1, 0.25, 0.5, 0.02, 0.3, 1.5), 2.5, {"train": 1.23456, "score": 2}
    )
    assert tables.curve_csv([point]) == (
        "round,labels,error,nll,brier,ece,deterministic_error,deterministic_nll,"
        "weight_decay,train_seconds,score_seconds,evaluate_seconds,label_seconds\n"
        "3,50,0.1,0.25,0.5,0.02,0.3,1.5,2.5,1.235,2.000,0.000,0.000\n"
    )


def test_curve_reads_back_equal_whatever_kind_of_float():
    awkward = [0.1 + 0.2, 1 / 3, 5e-324, np.float64(2 / 3), 1e22, float("inf")]
    point = CurvePoint(
        0,
        20,
        Evaluation(*awkward),
        np.float64(0.1),
        {"train": 1.5, "score": 0.25, "evaluate": 0.0, "label": 86400.125},
    )
    assert tables.read_curve_csv(tables.curve_csv([point, point])) == [point, point]


def test_the_auc_is_a_column_if_every_round_has_one():
    with_auc = [
        dataclasses.replace(
            point, evaluation=dataclasses.replace(point.evaluation, auc=0.5 + point.round / 7)
        )
        for point in _curve([0.75, 0.5])
    ]
    text = tables.curve_csv(with_auc)
    assert ",deterministic_nll,auc,weight_decay," in text
    assert tables.read_curve_csv(text) == with_auc
    assert "auc" not in tables.curve_csv([*with_auc, _point(2, 40, 0.3)])


def test_the_errors_on_a_graph_are_columns_if_every_round_has_them():
    on_graph = [
        dataclasses.replace(
            point,
            evaluation=dataclasses.replace(
                point.evaluation, auc=0.5, graph_error=0.25, graph_mass_error=1 / 7
            ),
        )
        for point in _curve([0.75, 0.5])
    ]
    text = tables.curve_csv(on_graph)
    assert ",auc,graph_error,graph_mass_error,weight_decay," in text
    assert tables.read_curve_csv(text) == on_graph
    assert "graph" not in tables.curve_csv([*on_graph, _point(2, 40, 0.3)])


def test_empty_curve_reads_back():
    assert tables.read_curve_csv(tables.curve_csv([])) == []


@pytest.mark.parametrize(
    ("spoil", "got"),
    [
        (lambda text: "", "first line reads ''"),
        (lambda text: text.replace("nll", "loss"), "first line reads 'round,labels,error,loss"),
        (lambda text: text[: text.rindex(",")], "Line 3"),
        (lambda text: text.replace("30,0.5", "30,half"), "Line 3"),
        (lambda text: text.replace("1,30", "1.5,30"), "Line 3"),
        (lambda text: text + "7,", "Line 4 of the curve reads '7,'"),
    ],
)
def test_malformed_curve_is_an_input_error(spoil, got):
    text = tables.curve_csv(_curve([0.75, 0.5]))
    with pytest.raises(InputError) as error:
        tables.read_curve_csv(spoil(text))
    assert got in str(error.value)
    assert "expected" in str(error.value) and "curve.csv" in str(error.value)


def test_query_csv_finds_labels_by_id():
    query = Query(
        np.array(["b", "a"]), np.array([0.1 + 0.2, 0.25]), np.array([0.0123456, 1e-9])
    )
    labels = Labels(np.array(["a", "x", "b"]), np.array([1, 0, 0]))
    assert tables.query_csv(query, labels, ("cat", "dog")) == (
        "id,score,standard_error,rank,label\n"
        "b,0.30000000000000004,0.0123,1,cat\na,0.25,1e-09,2,dog\n"
    )


def test_query_csv_of_exact_scores():
    query = Query(np.array(["b"]), np.array([0.5]))
    text = tables.query_csv(query, Labels(np.array(["b"]), np.array([0])), ("cat",))
    assert text.splitlines()[1] == "b,0.5,0,1,cat"


def test_query_csv_keeps_awkward_ids_and_names():
    item, name = 'my "best", photo.png', "left, right"
    text = tables.query_csv(
        Query(np.array([item]), np.array([1.0])),
        Labels(np.array([item]), np.array([0])),
        (name,),
    )
    assert list(csv.reader(io.StringIO(text)))[1] == [item, "1.0", "0", "1", name]


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


def test_errors_by_labels_of_another_measure():
    labels, nll = tables.errors_by_labels([_curve([0.5, 0.4])], "deterministic_error")
    assert labels.tolist() == [20, 30]
    assert nll.tolist() == [[p.evaluation.deterministic_error for p in _curve([0.5, 0.4])]]


def test_errors_by_labels_keeps_what_all_repetitions_reached():
    labels, errors = tables.errors_by_labels([_curve([0.5, 0.4, 0.3]), _curve([0.3, 0.2]), []])
    assert labels.tolist() == [20, 30]
    assert errors.tolist() == [[0.5, 0.4], [0.3, 0.2]]


def test_comparison_table_known_answer():
    curves = {
        "bald": [
            _curve([0.4, 0.1, 0.02], seconds=17.5),
            _curve([0.2, 0.12, 0.06], seconds=17.5),
        ],
        "random": [_curve([0.5, 0.4]), _curve([0.5, 0.2])],
    }
    assert tables.comparison_table(curves, at_labels=[10, 25, 40]).splitlines() == [
        "           error (%) at labels  labels for",
        "technique     10     25     40  10 %   5 %    min",
        "bald           -  30.00   4.00    40    40    2.0",
        "random         -  50.00      -     -     -    0.2",
        "Mean of 2 repetitions.",
    ]


def test_comparison_table_crosses_at_the_mean_not_at_one_repetition():
    curves = {"bald": [_curve([0.5, 0.01, 0.01]), _curve([0.5, 0.3, 0.09])]}
    assert tables.comparison_table(curves, [20]).splitlines()[2].split() == [
        *("bald", "50.00", "40", "40", "0.3")
    ]


def test_comparison_table_crosses_where_the_threshold_is_met_exactly():
    line = tables.comparison_table({"bald": [_curve([0.5, 0.1, 0.05])]}, [20]).splitlines()[2]
    assert line.split()[2:4] == ["30", "40"]


def test_comparison_table_defaults_are_narrow_and_end_at_the_last_count():
    errors = np.geomspace(0.5, 0.01, 99)
    names = [*ACQUISITIONS, "max_entropy deterministic"]
    lines = tables.comparison_table({name: [_curve(errors)] for name in names}).splitlines()
    assert max(map(len, lines)) <= 79
    assert lines[1].split()[1:6] == ["100", "250", "500", "750", "1000"]
    assert [line.split()[0] for line in lines[2:7]] == list(ACQUISITIONS)
    assert len(lines) == 8, "one repetition needs no note"


def test_comparison_table_of_techniques_without_a_round():
    lines = tables.comparison_table({"bald": [[]], "random": [_curve([0.5])]}).splitlines()
    assert lines[2].split() == ["bald", "-", "-", "-", "0.0"]
    assert lines[3].split() == ["random", "50.00", "-", "-", "0.1"]
    assert "technique" in tables.comparison_table({})


def test_comparison_table_says_when_repetitions_differ():
    curves = {"bald": [_curve([0.5])] * 3, "random": [_curve([0.5])] * 2}
    assert tables.comparison_table(curves).splitlines()[-1] == "Mean of 2 to 3 repetitions."

import csv
import dataclasses
import io

import numpy as np
import pytest

from dbal_tf.artifacts import CurvePoint, Evaluation
from dbal_tf.core import InputError
from dbal_tf.store import csv_files
from dbal_tf.store.rows import LabelRecord


def _point(round_index, labels, error, seconds=1.0):
    return CurvePoint(
        round=round_index,
        labels=labels,
        evaluation=Evaluation(error, 0.3, 0.2, 0.02, 0.4, 0.5),
        weight_decay=2.5,
        seconds={"train": seconds, "score": 2.0, "evaluate": 0.5, "label": 0.0, "export": 0.0},
    )


def _curve(errors, start=20, step=10, seconds=1.0):
    return [_point(i, start + step * i, error, seconds) for i, error in enumerate(errors)]


def test_curve_csv_known_text():
    point = CurvePoint(
        3, 50, Evaluation(0.1, 0.25, 0.5, 0.02, 0.3, 1.5), 2.5, {"train": 1.23456, "score": 2}
    )
    assert csv_files.curve_csv([point]) == (
        "round,labels,error,nll,brier,ece,deterministic_error,deterministic_nll,"
        "weight_decay,train_seconds,score_seconds,evaluate_seconds,label_seconds,"
        "export_seconds\n"
        "3,50,0.1,0.25,0.5,0.02,0.3,1.5,2.5,1.235,2.000,0.000,0.000,0.000\n"
    )


def test_curve_reads_back_equal_whatever_kind_of_float():
    awkward = [0.1 + 0.2, 1 / 3, 5e-324, np.float64(2 / 3), 1e22, float("inf")]
    point = CurvePoint(
        0,
        20,
        Evaluation(*awkward),
        np.float64(0.1),
        {"train": 1.5, "score": 0.25, "evaluate": 0.0, "label": 86400.125, "export": 7.5},
    )
    assert csv_files.read_curve_csv(csv_files.curve_csv([point, point])) == [point, point]


def test_the_auc_is_a_column_if_every_round_has_one():
    with_auc = [
        dataclasses.replace(
            point, evaluation=dataclasses.replace(point.evaluation, auc=0.5 + point.round / 7)
        )
        for point in _curve([0.75, 0.5])
    ]
    text = csv_files.curve_csv(with_auc)
    assert ",deterministic_nll,auc,weight_decay," in text
    assert csv_files.read_curve_csv(text) == with_auc
    assert "auc" not in csv_files.curve_csv([*with_auc, _point(2, 40, 0.3)])


def test_the_errors_on_a_graph_are_columns_if_every_round_has_them():
    on_graph = [
        dataclasses.replace(
            point,
            evaluation=dataclasses.replace(
                point.evaluation,
                auc=0.5,
                sensitivity=0.75,
                graph_error=0.25,
                graph_mass_error=1 / 7,
            ),
        )
        for point in _curve([0.75, 0.5])
    ]
    text = csv_files.curve_csv(on_graph)
    assert ",auc,sensitivity,graph_error,graph_mass_error,weight_decay," in text
    assert csv_files.read_curve_csv(text) == on_graph
    assert "graph" not in csv_files.curve_csv([*on_graph, _point(2, 40, 0.3)])


def test_a_curve_without_the_seconds_of_a_phase_reads_back():
    lines = csv_files.curve_csv(_curve([0.75, 0.5])).splitlines()
    older = "\n".join(line.rpartition(",")[0] for line in lines)
    assert lines[0].endswith(",export_seconds")
    assert [p.evaluation.error for p in csv_files.read_curve_csv(older)] == [0.75, 0.5]
    assert "export" not in csv_files.read_curve_csv(older)[0].seconds


def test_empty_curve_reads_back():
    assert csv_files.read_curve_csv(csv_files.curve_csv([])) == []


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
    text = csv_files.curve_csv(_curve([0.75, 0.5]))
    with pytest.raises(InputError) as error:
        csv_files.read_curve_csv(spoil(text))
    assert got in str(error.value)
    assert "expected" in str(error.value) and "curve.csv" in str(error.value)


def _row(item, label, rank=0, score=0.5, error=None, state="labelled"):
    return LabelRecord(item, label, 7, rank, score, None, state, error)


def test_query_csv_known_text():
    rows = [
        _row("b", 0, 0, 0.1 + 0.2, 0.0123456),
        _row("a", 1, 1, 0.25, 1e-9),
    ]
    assert csv_files.query_csv(rows, ("cat", "dog")) == (
        "id,score,standard_error,rank,label\n"
        "b,0.30000000000000004,0.0123,1,cat\na,0.25,1e-09,2,dog\n"
    )


def test_query_csv_of_exact_scores():
    text = csv_files.query_csv([_row("b", 0)], ("cat",))
    assert text.splitlines()[1] == "b,0.5,0,1,cat"


@pytest.mark.parametrize("state", ["skipped", "unsure"])
def test_query_csv_keeps_the_rank_of_what_has_no_class(state):
    rows = [_row("b", 1, 0), _row("a", None, 1, state=state), _row("c", 0, 4)]
    assert csv_files.query_csv(rows, ("cat", "dog")).splitlines()[1:] == [
        *("b,0.5,0,1,dog", "a,0.5,0,2,", "c,0.5,0,5,cat")
    ]


def test_query_csv_of_nothing_is_a_header():
    assert csv_files.query_csv([], ()) == "id,score,standard_error,rank,label\n"


def test_query_csv_keeps_awkward_ids_and_names():
    item, name = 'my "best", photo.png', "left, right"
    text = csv_files.query_csv([_row(item, 0, score=1.0)], (name,))
    assert list(csv.reader(io.StringIO(text)))[1] == [item, "1.0", "0", "1", name]

"""The published numbers agree with the authors' curves that are kept here."""

import numpy as np
import pytest

from dbal_tf.config import ACQUISITIONS, SEMI_SUPERVISED, VARIANTS
from dbal_tf.experiments import paper
from dbal_tf.experiments.paper import authors_curve
from dbal_tf.reporting.curves import error_at, first_crossing

ALL = (
    paper.FIGURE1,
    paper.FIGURE2_DETERMINISTIC,
    paper.TABLE1_START100,
    *paper.QUERY_RATE.values(),
)


@pytest.mark.parametrize("of", ALL, ids=lambda of: of.curves)
def test_the_numbers_are_those_of_the_curves(of):
    for name, numbers in of.numbers.items():
        labels, errors = authors_curve(of.curves, name)
        for threshold, count in ((0.1, numbers.to_10), (0.05, numbers.to_5)):
            crossing = first_crossing(labels, errors[0], threshold)
            assert crossing == (None if count is None else count + of.not_counted)
        if numbers.error_at_1000 is not None:
            end = 100 * error_at(labels, errors[0], 1000)
            assert end == pytest.approx(numbers.error_at_1000, abs=0.0051)


@pytest.mark.parametrize("of", ALL, ids=lambda of: of.curves)
def test_the_curves_are_errors_to_1000_labels(of):
    for name in of.numbers:
        labels, errors = authors_curve(of.curves, name)
        assert errors.shape == (1, len(labels))
        assert (np.diff(labels) > 0).all()
        assert labels[-1] == 1000
        assert 0.01 < errors.min() < errors.max() < 0.6


def test_what_the_paper_prints():
    errors = {n: numbers.error_at_1000 for n, numbers in paper.FIGURE1.numbers.items()}
    assert errors == {
        "random": 4.66,
        "bald": 1.80,
        "var_ratios": 1.64,
        "max_entropy": 1.74,
        "mean_std": 4.13,
    }
    table1 = {n: (x.to_10, x.to_5) for n, x in paper.TABLE1_START20.numbers.items()}
    assert table1 == {
        "random": (255, 835),
        "bald": (145, 335),
        "var_ratios": (120, 295),
        "max_entropy": (165, 355),
        "mean_std": (230, 695),
    }


def test_the_names_are_those_of_the_flag():
    assert {name for of in ALL for name in of.numbers} == set(ACQUISITIONS)


def test_mean_std_is_no_target_anywhere():
    assert {of.numbers["mean_std"].defect for of in ALL} == {paper.AS_CODED}


def test_random_of_figure_1_is_no_target():
    """The authors ran it with other settings than the techniques beside it."""
    assert "3x3 kernels and c = 3.5" in paper.FIGURE1.numbers["random"].defect


def test_there_may_be_no_curve():
    assert authors_curve("", "bald") is None
    assert authors_curve("query_rate_q1", "random") is None
    assert authors_curve("figure1", "margin") is None


def test_the_curves_of_figure_3():
    labels, errors = authors_curve(paper.FIGURE3.curves, "mbr")
    assert labels[[0, -1]].tolist() == [100, 600]
    assert 100 * error_at(labels, errors[0], 300) == pytest.approx(2.692, abs=0.0005)
    assert authors_curve(paper.FIGURE3.curves, "max_entropy") is None
    labels, errors = authors_curve(paper.FIGURE3_DETERMINISTIC.curves, "max_entropy")
    assert 100 * error_at(labels, errors[0], 500) == pytest.approx(0.399, abs=0.0005)


def test_table2_cites_every_semi_supervised_system():
    assert tuple(paper.TABLE2) == SEMI_SUPERVISED
    assert [error for error, _ in paper.TABLE2.values()] == [
        *(5.73, 5.38, 3.64, 3.46, 3.68, 2.40, 1.53, 1.32)
    ]
    assert tuple(paper.TABLE2_VARIANTS) == VARIANTS

"""Reports of runs that never ran: which files there are and what they show."""

import math
import pathlib
import xml.etree.ElementTree

import pytest

from dbal_tf.artifacts import CurvePoint, Evaluation
from dbal_tf.config import Config
from dbal_tf.experiments import report
from dbal_tf.experiments.grid import Result, cells
from dbal_tf.experiments.groups import group_results
from dbal_tf.experiments.outcome import Outcome, read_run
from dbal_tf.experiments.registry import EXPERIMENTS

ERRORS = {"bald": (0.4, 0.09, 0.02), "random": (0.4, 0.2, 0.04)}


@pytest.fixture
def reported(tmp_path, write_run):
    """Writes the report of an experiment of two techniques; returns lines and folder."""

    def make(name, dataset="mnist", repetitions=1, without=(), query=490, **errors):
        config = Config(
            experiment=name,
            dataset=dataset,
            acquisition=tuple(errors),
            repetitions=repetitions,
            rounds=2,
            acquisition_size=query,
            run_dir=str(tmp_path),
        )
        experiment = EXPERIMENTS[name]
        results = []
        for cell in cells(experiment, config, lambda: 10):
            if cell.path not in without:
                points = cell.config.rounds + 1
                curve = [*errors[cell.acquisition], *[0.02] * points][:points]
                write_run(cell, curve)
            results.append(Result(cell, read_run(pathlib.Path(cell.config.run_dir))))
        return experiment.report(experiment, config, results), tmp_path

    return make


def test_the_report_holds_every_part(reported):
    lines, folder = reported("figure1", repetitions=2, without=("random/1",), **ERRORS)
    assert {path.name for path in folder.iterdir()} == {
        *("bald", "random", "figure1.png", "figure1.svg", "report.html", "report.md")
    }
    text = (folder / "report.md").read_text()
    for heading in (
        "# Figure 1: acquisition functions, mnist",
        "## Test error (%) and labels",
        "## Ours and the published numbers",
        "## Labels saved against random at equal error",
        "## Paired differences",
        "## Protocol",
        "## Cost (minutes) and provenance",
    ):
        assert f"\n{heading}\n" in f"\n{text}"
    assert text.count("commit abc123; 3 runs, 16 min.") == 4
    assert "| bald | error (%) at 1000 | 2.00 | 2.10 | 1.80 | +0.30 ± - | yes |" in text
    assert "3 of 4 runs are finished." in lines
    assert "Missing: random/1." in lines
    assert lines[-1] == f"Report: {folder / 'report.html'}"


def test_the_page_shows_the_figure_and_the_same_tables(reported):
    _, folder = reported("figure1", **ERRORS)
    text = (folder / "report.html").read_text()
    assert "<h2>Ours and the published numbers</h2>" in text
    assert "<td>bald</td><td>error&nbsp;(%)&nbsp;at" in text.replace(" (%)", "&nbsp;(%)")
    svg = text[text.index("<svg") : text.index("</svg>") + 6]
    assert xml.etree.ElementTree.fromstring(svg).tag.endswith("svg")
    assert svg.strip() in (folder / "figure1.svg").read_text()
    assert "<!-- bald -->" in svg


def test_other_data_are_not_compared_with_the_paper(reported):
    _, folder = reported("figure1", dataset="digits", **ERRORS)
    text = (folder / "report.md").read_text()
    assert "Ours and the published" not in text
    assert "Dashed" not in text
    assert "stroke-dasharray" not in (folder / "figure1.svg").read_text()


def test_the_authors_curves_are_dashed(reported):
    _, folder = reported("figure1", **ERRORS)
    assert (folder / "figure1.svg").read_text().count("stroke-dasharray") == 2
    assert "Dashed: the authors' stored curves" in (folder / "report.md").read_text()


@pytest.mark.parametrize(
    ("name", "titles", "lines_of_panels"),
    [
        ("figure1", ("mnist",), 2),
        # Each variant's random stands in the panel of each technique.
        ("figure2", ("bald",), 4),
        ("table1", ("start 20", "start 100", "start 100, as released"), 6),
        ("query_rate", ("bald",), 8),
        ("figure3", ("the network",), 2),
        ("label_efficiency", ("bald", "as in the paper", "BatchBALD instead"), 0),
    ],
)
def test_the_panels_of_every_experiment(reported, name, titles, lines_of_panels):
    # Few images, because the store of a run of one a query has as many commits.
    _, folder = reported(name, query=60, **ERRORS)
    svg = (folder / f"{name}.svg").read_text()
    assert all(svg.count(f"<!-- {title} -->") == 1 for title in titles)
    names = [
        *("bald", "random", "Bayesian", "deterministic"),
        *(f"{size} per query" for size in (1, 5, 10, 100)),
    ]
    names += [f"{name}, random" for name in names[2:]]
    shown = sum(svg.count(f"<!-- {one} -->") for one in names if one not in titles)
    assert shown == lines_of_panels


def test_deterministic_and_bayesian_are_compared_technique_by_technique(reported):
    _, folder = reported("figure2", **ERRORS, max_entropy=ERRORS["bald"])
    text = (folder / "report.md").read_text()
    assert "| Bayesian, bald - deterministic, bald | 1 | +0.00 ± - |" in text
    no_difference = "| +0.00 ± - | +0.00 ± - | -2.00 ± - |"
    for posterior in ("deterministic", "Bayesian"):
        pair = f"| {posterior}, bald - {posterior}, random | 1 "
        assert pair + no_difference in text
    assert text.count("| Bayesian, random - deterministic, random |") == 1
    assert "every score is exactly 0" in text


def test_random_alone_is_drawn(reported):
    _, folder = reported("figure2", random=ERRORS["random"])
    assert (folder / "figure2.svg").read_text().count("<!-- Bayesian, random -->") == 1


@pytest.mark.parametrize("name", ["figure1", "figure2", "whole_pool"])
def test_panels_without_measures_draw_the_network_of_mbr(name):
    config = Config(experiment=name, acquisition=("bald", "mbr"), rounds=1)
    on_graph = Evaluation(0.3, 0, 0, 0, 0.2, 0, graph_error=0.05, graph_mass_error=0.04)
    points = [CurvePoint(0, 20, on_graph, 2.5, {}), CurvePoint(1, 30, on_graph, 2.5, {})]
    groups = group_results(
        [
            Result(cell, Outcome(points, {}, "", ""))
            for cell in cells(EXPERIMENTS[name], config, pytest.fail)
            if cell.acquisition == "mbr"
        ]
    )
    assert {group.measure for group in groups} == {"error", "graph_error", "graph_mass_error"}
    panels = report._panels(EXPERIMENTS[name], config, groups)
    lines = [line for panel in panels for line in panel.lines.values()]
    # Variants that name their techniques do not name mbr.
    variants = [one for one in EXPERIMENTS[name].variants if not one.techniques]
    assert [errors.tolist() for _, errors in lines] == [[[0.3, 0.3]]] * len(variants)


def test_a_run_whose_error_is_not_known_says_so(reported):
    lines, folder = reported("run", bald=(math.nan,) * 3)
    assert lines[2] == "No learning curve: no test image has a known class."
    assert not (folder / "curve.png").exists()


def test_a_plain_grid_is_compared_in_a_few_lines(reported):
    lines, folder = reported("run", **ERRORS)
    assert lines[1].splitlines()[1].split()[0] == "technique"
    assert lines[2] == f"Learning curve: {folder / 'curve.png'}"
    assert {path.name for path in folder.iterdir()} == {"bald", "random", "curve.png"}

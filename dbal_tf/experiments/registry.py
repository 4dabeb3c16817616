"""The experiments that are grids of runs, by the names that `--experiment` takes."""

from dbal_tf.experiments import (
    calibration,
    figure1,
    figure2,
    figure3,
    label_efficiency,
    melanoma,
    query_rate,
    repeated_pool,
    report,
    table1,
    whole_pool,
)
from dbal_tf.experiments.grid import Experiment

EXPERIMENTS: dict[str, Experiment] = {
    "run": Experiment("", report.compare),
    "figure1": figure1.EXPERIMENT,
    "figure2": figure2.EXPERIMENT,
    "figure3": figure3.EXPERIMENT,
    "table1": table1.EXPERIMENT,
    "melanoma": melanoma.EXPERIMENT,
    "query_rate": query_rate.EXPERIMENT,
    "whole_pool": whole_pool.EXPERIMENT,
    "label_efficiency": label_efficiency.EXPERIMENT,
    "repeated_pool": repeated_pool.EXPERIMENT,
    "calibration": calibration.EXPERIMENT,
}

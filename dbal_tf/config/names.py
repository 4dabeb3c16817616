"""The names that flags accept.

They stand here once; the rooms that implement them build their registries from
these tuples.
"""

# Grids of runs; table2 is none: it fits semi-supervised systems, each once.
GRIDS = ("run", "figure1", "figure2", "figure3", "table1", "query_rate", "whole_pool")
EXPERIMENTS = (*GRIDS, "table2")
ACQUISITIONS = ("random", "bald", "max_entropy", "var_ratios", "mean_std")
# These score on a graph, not by predictive statistics: they are no acquisition functions.
GRAPH_TECHNIQUES = ("mbr",)
TECHNIQUES = (*ACQUISITIONS, *GRAPH_TECHNIQUES)
# In the order of the paper's Table 2.
SEMI_SUPERVISED = (
    "embedding",
    "tsvm",
    "mtc",
    "pseudo_label",
    "atlas_rbf",
    "dgn",
    "ladder",
    "vat",
)
SCHEDULES = ("faithful", "light", "tiny")
POSTERIORS = ("mc_dropout", "deterministic", "gaussian_dropout")
DATASETS = ("digits", "image_folder", "mnist", "tfrecord")
RESIZES = ("pad", "crop", "stretch")
ORACLES = ("dataset", "csv", "label_studio", "web")
MODELS = ("bayesian_cnn",)
INITIALIZERS = ("glorot_uniform", "early_keras")
STRATEGIES = ("auto", "none", "mirrored", "multi_worker")

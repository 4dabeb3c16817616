"""The names that flags accept.

They stand here once; the rooms that implement them build their registries from
these tuples.
"""

# Grids of runs; table2 is none: it fits semi-supervised systems, each once.
GRIDS = (
    *("run", "figure1", "figure2", "figure3", "table1"),
    *(
        "melanoma",
        "query_rate",
        "whole_pool",
        "label_efficiency",
        "repeated_pool",
        "calibration",
    ),
)
EXPERIMENTS = (*GRIDS, "table2")
ACQUISITIONS = ("random", "bald", "max_entropy", "var_ratios", "mean_std")
# These score items together with others, by all their samples, not by predictive statistics.
JOINT_ACQUISITIONS = ("epig",)
# These score on a graph, not by predictive statistics: they are no acquisition functions.
GRAPH_TECHNIQUES = ("mbr",)
TECHNIQUES = (*ACQUISITIONS, *JOINT_ACQUISITIONS, *GRAPH_TECHNIQUES)
BATCHES = ("top_k", "stochastic", "batchbald", "diverse")
# These choose by the posterior samples of the best items, not by scores alone.
JOINT_BATCHES = ("batchbald", "diverse")
STOCHASTIC = ("power", "softmax", "softrank")
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
POSTERIORS = (
    "mc_dropout",
    "deterministic",
    "gaussian_dropout",
    "laplace",
    "ensemble",
    "bayes_by_backprop",
)
# Who answers; all but the first are people.
ORACLES = ("dataset", "web", "csv", "label_studio")
SHOW_PREDICTIONS = ("never", "after", "before")
MODELS = ("bayesian_cnn", "bayesian_resnet")
APPLICATIONS = "keras.applications:"  # Before the name of one of Keras's networks.
DATASETS = ("digits", "image_folder", "mnist", "tfrecord")
RESIZES = ("pad", "crop", "stretch")
NEAR_COPIES = ("group", "ignore")
INITIALIZERS = ("glorot_uniform", "early_keras")
STRATEGIES = ("auto", "none", "mirrored", "multi_worker")
SCORERS = ("local", "beam")
TRAINERS = ("supervised", "vat")
AUGMENTATIONS = ("shift", "flip", "rotate")
CLASS_WEIGHTS = ("none", "balanced")
LEARNING_RATE_SCHEDULES = ("constant", "linear")

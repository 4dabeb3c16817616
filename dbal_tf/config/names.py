"""The names that flags accept.

Each name is written here once; the packages that implement them build their
registries from these tuples.
"""

# Grids of runs. table2 is not one: it fits each semi-supervised system once.
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
# These score an item together with others, from posterior samples, not predictive statistics.
JOINT_ACQUISITIONS = ("epig",)
# These score on a graph, not from predictive statistics, so they are not acquisition functions.
GRAPH_TECHNIQUES = ("mbr",)
TECHNIQUES = (*ACQUISITIONS, *JOINT_ACQUISITIONS, *GRAPH_TECHNIQUES)
BATCHES = ("top_k", "stochastic", "batchbald", "diverse")
# These choose by the posterior samples of the best items, not only by scores.
JOINT_BATCHES = ("batchbald", "diverse")
SCREENINGS = ("top_k", "stochastic")
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
# Two of them in another form, as their own papers have it: without the denoising
# autoencoder, and with a decoder of all layers.
VARIANTS = ("plain_pseudo_label", "full_ladder")
SCHEDULES = ("faithful", "light", "tiny")
POSTERIORS = (
    "mc_dropout",
    "deterministic",
    "gaussian_dropout",
    "laplace",
    "ensemble",
    "bayes_by_backprop",
)
# Who answers: the data set, or a person in one of three ways.
ORACLES = ("dataset", "web", "csv", "label_studio")
SHOW_PREDICTIONS = ("never", "after", "before")
MODELS = ("bayesian_cnn", "bayesian_resnet")
APPLICATIONS = "keras.applications:"  # Prefix of the name of a Keras network.
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

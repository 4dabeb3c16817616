"""All settings of an experiment, in one frozen dataclass.

Each field has a help line and limits. The flags of the command line, the checks
of their values and the flagfiles of runs are all generated from these fields.

TensorFlow is not imported, which would take seconds before a wrong flag is reported.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

from dbal_tf.config import names as known
from dbal_tf.config.limits import check_limits, option
from dbal_tf.core import InputError

_NOUNS = {"acquisition": "technique", "classes": "class", "systems": "system"}


@dataclasses.dataclass(frozen=True)
class Config:
    """The settings of an experiment; every field is a flag of the same name."""

    experiment: str = option(
        "run",
        "What to run. The paper's experiments have flagfiles: --flagfile=configs/figure1.cfg "
        "and the like.",
        choices=known.EXPERIMENTS,
    )
    only: tuple[str, ...] = option(
        (),
        "Runs of the experiment to do now, by their folders, such as bald/0,random. "
        "Empty: all.",
        identity=False,
    )
    report_only: bool = option(
        False, "Run nothing; write the report of the runs that exist.", identity=False
    )
    acquisition: tuple[str, ...] = option(
        ("var_ratios",),
        "Acquisition function, or mbr, which queries by expected risk on a similarity graph "
        "of the images. A comma-separated list runs each and compares them. Paper: all.",
        choices=known.TECHNIQUES,
    )
    var_ratios: str = option(
        "mean",
        "Variation ratios as 1 - max of the mean probabilities (mean, the paper's "
        "equation) or 1 - share of the modal class (votes, the authors' code).",
        choices=("mean", "votes"),
    )
    posterior: str = option(
        "mc_dropout",
        "Approximate posterior over the weights. gaussian_dropout approximates mc_dropout "
        "and is faster. Paper: mc_dropout; deterministic in section 5.2.",
        choices=known.POSTERIORS,
    )
    dataset: str = option(
        "mnist",
        "Data set. digits needs no download; tfrecord may be larger than memory. Paper: mnist.",
        choices=known.DATASETS,
    )
    # The place of the data does not identify a run; their checksum does.
    data_dir: str = option(
        "",
        "Folder with the data set's files: for mnist the idx files, gzipped or not, or "
        "mnist.npz (empty: tensorflow-datasets downloads it); for tfrecord the shards.",
        identity=False,
    )
    classes: tuple[str, ...] = option(
        (),
        "Names of the classes to tell apart; images of other classes are left out. Empty: "
        "all. Paper, section 5.3: 2,8.",
    )
    model: str = option(
        "bayesian_cnn",
        "Network: bayesian_cnn, or package.module:function for your own function of image "
        "shape, number of classes and seed that returns a Keras model. Paper: bayesian_cnn.",
        choices=known.MODELS,
        or_function=True,
    )
    kernel_size: int = option(
        4,
        "Height and width of the kernels, for bayesian_cnn only. Paper: 4; the authors' code "
        "for Table 1: 3.",
        at_least=1,
        at_most=14,
    )
    initializer: str = option(
        "glorot_uniform",
        "Initial weights, for bayesian_cnn only. early_keras: Glorot uniform as in the "
        "authors' Keras of 2015, which starts convolutions with larger weights.",
        choices=known.INITIALIZERS,
    )
    # With more rounds, or fewer, it is the same run: continued, or its beginning.
    rounds: int = option(
        98,
        "Number of queries after the initial set. Paper: 98, for 20 to 1000 labels.",
        at_least=0,
        identity=False,
    )
    acquisition_size: int = option(10, "Images labelled per query. Paper: 10.", at_least=1)
    initial_per_class: int = option(
        2, "Images per class in the initial set. Paper: 2, so 20 in all.", at_least=1
    )
    validation_size: int = option(
        100, "Images in the validation set, for hyper-parameters. Paper: 100.", at_least=1
    )
    pool_size: int = option(
        0,
        "Largest size of the pool: a random subset, drawn once for all rounds; 0: no limit. "
        "The authors' code for section 5.3: 5000.",
        at_least=0,
    )
    num_samples: int = option(
        100,
        "Posterior samples T per image, for scores and test error. Paper: 100.",
        at_least=1,
        at_most=1_000_000,
    )
    pool_subset: int = option(
        0,
        "Number of pool images to score, a new random subset each round; 0: the whole pool. "
        "The authors' code: 2000.",
        at_least=0,
    )
    refine: int = option(
        0,
        "Score in two passes: all images with the fast gaussian_dropout, then this many of "
        "the best with exact mc_dropout; 0: one pass. 500 works well.",
        at_least=0,
    )
    refine_samples: int = option(
        2000,
        "Posterior samples T per image in the second pass of --refine.",
        at_least=1,
        at_most=1_000_000,
    )
    graph_neighbors: int = option(
        10,
        "Nearest neighbours that mbr's graph joins each image to; 0: all other images.",
        at_least=0,
    )
    graph_scale: float = option(
        0.0,
        "Width of the kernel of mbr's graph, a Euclidean distance between images with pixel "
        "values from 0 to 1; 0: the median length of the graph's edges.",
        at_least=0.0,
        at_most=1e6,
    )
    # More systems are further rows of the same table.
    systems: tuple[str, ...] = option(
        known.SEMI_SUPERVISED,
        "Semi-supervised systems that --experiment=table2 fits. Paper: all.",
        choices=known.SEMI_SUPERVISED,
        identity=False,
    )
    schedule: str = option(
        "faithful",
        "How long the systems of --systems train, and how large they are: as published; "
        "light: minutes to an hour each; tiny: seconds, for small images. Paper: faithful.",
        choices=known.SCHEDULES,
    )
    # A digest of the labels identifies a fit, wherever they were read from.
    labels_from: str = option(
        "",
        "Folder of an active learning run: --experiment=table2 learns from the labels that it "
        "bought. Empty: from --initial_per_class of each class, by seed, as in the paper.",
        identity=False,
    )
    labels: int = option(
        0,
        "Learn from the first so many labels of --labels_from, in the order in which they "
        "were bought; 0: all.",
        at_least=0,
        identity=False,
    )
    repetitions: int = option(
        1,
        "Runs per technique or system, each with its own split and initial weights. Paper: 3.",
        at_least=1,
        at_most=10_000,
    )
    repetition: int = option(0, "Number of the first repetition.", at_least=0)
    epochs: int = option(50, "Training epochs per round, from scratch. Paper: 50.", at_least=1)
    batch_size: int = option(128, "Images per training step. Paper: 128.", at_least=1)
    remainder: str = option(
        "merge",
        "What to do with an epoch's last batch if it has fewer than 16 images: merge it into "
        "the batch before, or keep it, as the authors' code does.",
        choices=("merge", "keep"),
    )
    learning_rate: float = option(1e-3, "Learning rate of Adam. Paper: 0.001.", above=0.0)
    # Text, because it may be a word instead of a number.
    weight_decay: str = option(
        "2.5",
        "c of the penalty (c/N) * sum of squares on the first dense layer, or "
        "auto: chosen on the validation set. The authors' code: 2.5.",
        number_or="auto",
    )
    # Devices change the rounding of sums, but not what is computed.
    strategy: str = option(
        "auto",
        "Devices to use: one (none), all (mirrored), all if there are several GPUs (auto), or "
        "those of all processes in TF_CONFIG (multi_worker).",
        choices=known.STRATEGIES,
        identity=False,
    )
    mixed_precision: bool = option(
        False,
        "Compute in bfloat16, keep weights and probabilities in float32: faster on devices "
        "with bfloat16 units.",
    )
    jit_compile: bool = option(False, "Compile with XLA; slower on CPUs.")
    seed: int = option(0, "Seed that all random numbers are derived from.", at_least=0)
    run_dir: str = option(
        "",
        "Folder that the run writes to and resumes from. "
        "Empty: runs/<dataset>-<acquisition>-<posterior>-<seed>.",
        identity=False,
    )
    # Exports only save a model; they change nothing that the run computes.
    export_every: int = option(
        0,
        "Export a SavedModel every this many rounds; 0: at the end only.",
        at_least=0,
        identity=False,
    )
    bless_max_error: float = option(
        0.0,
        "Export a round of --export_every only if its test error (0 to 1) is at most this and "
        "below that of the last one exported; 0: export all.",
        at_least=0.0,
        at_most=1.0,
        identity=False,
    )
    keep_scores: bool = option(
        False, "Write the scores of all scored images each round.", identity=False
    )

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            check_limits(field, getattr(self, field.name))
        for name, noun in _NOUNS.items():
            names = getattr(self, name)
            if len(set(names)) != len(names):
                raise InputError(
                    f"--{name}={','.join(names)} names a {noun} twice; name each once."
                )
        self._check_labels_from()
        if len(self.classes) == 1:
            raise InputError(
                f"--classes={self.classes[0]} is one class; expected at least two, or none "
                "for all; name another."
            )
        for name in ("pool_subset", "refine"):
            if 0 < getattr(self, name) < self.acquisition_size:
                raise InputError(
                    f"--{name}={getattr(self, name)} is below --acquisition_size="
                    f"{self.acquisition_size}; score at least as many images as are bought."
                )
        if self.refine and self.posterior == "deterministic":
            raise InputError(
                f"--refine={self.refine} cannot be used with --posterior=deterministic, which "
                "has nothing to sample; leave one of them out."
            )
        if not self.run_dir:
            # A frozen dataclass can set its own fields only in this way.
            object.__setattr__(self, "run_dir", self._default_run_dir())

    def _check_labels_from(self) -> None:
        if self.labels_from and self.experiment in known.GRIDS:
            raise InputError(
                f"--labels_from={self.labels_from} cannot be used with --experiment="
                f"{self.experiment}, which buys its labels; use --experiment=table2."
            )
        if self.labels and not self.labels_from:
            raise InputError(
                f"--labels={self.labels} was given without --labels_from; expected the folder "
                "of the run that bought them; for a balanced set use --initial_per_class."
            )

    def _default_run_dir(self) -> str:
        techniques = "-".join(self.acquisition)
        return f"runs/{self.dataset}-{techniques}-{self.posterior}-{self.seed}"

    def replace(self, **changes: Any) -> "Config":
        """Returns a copy with some settings changed.

        A default `run_dir`, which is named after the settings, is named after the
        new ones; any other is kept.
        """
        if self.run_dir == self._default_run_dir():
            changes = {"run_dir": "", **changes}
        return dataclasses.replace(self, **changes)

    def to_flags(self) -> str:
        """Returns the settings as the text of a flagfile, one flag per line."""
        return "".join(f"--{name}={text}\n" for name, text in self.texts().items())

    def texts(self) -> dict[str, str]:
        """Returns the values of all flags as text, as on the command line."""
        return {
            name: ",".join(value) if isinstance(value, tuple) else str(value)
            for name, value in vars(self).items()
        }

    def identity_values(self) -> dict[str, Any]:
        """Returns the settings that identify a run, sorted by name, lists as text."""
        values = {name: getattr(self, name) for name in sorted(self.identity())}
        return {n: ",".join(v) if isinstance(v, tuple) else v for n, v in values.items()}

    @classmethod
    def identity(cls) -> set[str]:
        """Returns the names of the settings that identify a run."""
        return {f.name for f in dataclasses.fields(cls) if f.metadata.get("identity", True)}


def define_flags(define: dict[type, Callable[..., Any]]) -> None:
    """Defines a flag for every setting.

    Args:
        define: A function of name, default and help line, such as absl's
            `DEFINE_...`, for each of the types str, int, float, bool and tuple
            (a comma-separated list).
    """
    for field in dataclasses.fields(Config):
        help_line = field.metadata["help"]
        choices = field.metadata.get("choices")
        if choices and not field.metadata.get("or_function"):
            help_line += f" One of: {', '.join(choices)}."
        define[type(field.default)](field.name, field.default, help_line)


def from_flags(values: dict[str, Any]) -> Config:
    """Returns the settings from a mapping of flags, which may hold other flags, too."""
    names = [field.name for field in dataclasses.fields(Config)]
    settings: dict[str, Any] = {}
    for name in names:
        value = values[name]
        settings[name] = tuple(value) if isinstance(value, list) else value
    return Config(**settings)

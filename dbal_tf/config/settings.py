"""All settings of an experiment, in one frozen dataclass.

Each field carries its own help line and limits, so that the command line's
flags, the check of their values and the flagfile that a run writes all come
from this one place.
"""

import dataclasses
from collections.abc import Callable, Collection
from typing import Any

from dbal_tf.config.limits import check_limits, option
from dbal_tf.core import InputError

EXPERIMENTS = ("run", "figure1", "figure2", "figure3", "table1", "query_rate", "whole_pool")
ACQUISITIONS = ("random", "bald", "max_entropy", "var_ratios", "mean_std")
TECHNIQUES = (*ACQUISITIONS, "mbr")
POSTERIORS = ("mc_dropout", "deterministic", "gaussian_dropout")
DATASETS = ("digits", "mnist", "tfrecord")
MODELS = ("bayesian_cnn",)
INITIALIZERS = ("glorot_uniform", "early_keras")
STRATEGIES = ("auto", "none", "mirrored", "multi_worker")


@dataclasses.dataclass(frozen=True)
class Config:
    """The settings of an experiment; every field is a flag of the same name."""

    experiment: str = option(
        "run",
        "What to run. For the paper's: --flagfile=configs/figure1.cfg and its neighbours.",
        choices=EXPERIMENTS,
    )
    only: tuple[str, ...] = option(
        (),
        "Runs of the experiment to do now, by their folders: bald/0,random or empty for all.",
        identity=False,
    )
    report_only: bool = option(
        False, "Do no run; draw the report of the runs that are there.", identity=False
    )
    acquisition: tuple[str, ...] = option(
        ("var_ratios",),
        "Acquisition function, or mbr, which asks by the expected risk on a graph of the "
        "images; a comma-separated list runs each and compares them. Paper: all.",
        choices=TECHNIQUES,
    )
    var_ratios: str = option(
        "mean",
        "Variation ratios as 1 - max of the mean probabilities (mean, the paper's "
        "equation) or 1 - share of the modal class (votes, the authors' code).",
        choices=("mean", "votes"),
    )
    posterior: str = option(
        "mc_dropout",
        "Approximate posterior over the weights. gaussian_dropout is a faster "
        "mc_dropout. Paper: mc_dropout; deterministic for its section 5.2.",
        choices=POSTERIORS,
    )
    dataset: str = option(
        "mnist",
        "Images to learn from. digits needs no download; tfrecord need not fit into "
        "memory. Paper: mnist.",
        choices=DATASETS,
    )
    data_dir: str = option(
        "",
        "Folder with the data set's files; for mnist the idx files, gzipped or "
        "not, or mnist.npz (empty: tensorflow-datasets), for tfrecord the shards.",
        identity=False,
    )
    classes: tuple[str, ...] = option(
        (),
        "Classes to tell apart, by their names; images of others are left out. Empty: all. "
        "Paper, section 5.3: 2,8.",
    )
    model: str = option("bayesian_cnn", "Network. Paper: bayesian_cnn.", choices=MODELS)
    kernel_size: int = option(
        4,
        "Height and width of bayesian_cnn's kernels. Paper: 4; the authors' code for "
        "Table 1: 3.",
        at_least=1,
        at_most=14,
    )
    initializer: str = option(
        "glorot_uniform",
        "Initial weights. early_keras: Glorot's as the authors' Keras of 2015 counted, with "
        "larger kernels at the start.",
        choices=INITIALIZERS,
    )
    rounds: int = option(
        98,
        "Queries to make after the initial set. Paper: 98 for 20 to 1000 labels.",
        at_least=0,
        identity=False,
    )
    acquisition_size: int = option(10, "Images bought per query. Paper: 10.", at_least=1)
    initial_per_class: int = option(
        2, "Images per class in the initial set. Paper: 2, so 20 in all.", at_least=1
    )
    validation_size: int = option(
        100, "Images kept for choosing hyper-parameters. Paper: 100.", at_least=1
    )
    pool_size: int = option(
        0,
        "Images in the pool at most, a random part, once for all rounds; 0: all. The "
        "authors' code for section 5.3: 5000.",
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
        "Score a fresh random subset of so many pool images each round; 0: the "
        "whole pool. The authors' code: 2000.",
        at_least=0,
    )
    refine: int = option(
        0,
        "Score all with the fast gaussian_dropout, then so many of the best with exact "
        "mc_dropout, and choose from those; 0: one pass. 500 does well.",
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
        "Near images that mbr's graph joins each one to; 0: all images to each other.",
        at_least=0,
    )
    graph_scale: float = option(
        0.0,
        "Width of the kernel of mbr's graph, in distances of pixels of 0 to 1; 0: the median "
        "length of its edges.",
        at_least=0.0,
        at_most=1e6,
    )
    repetitions: int = option(
        1,
        "Runs per technique, each with its own split and weights. Paper: 3.",
        at_least=1,
        at_most=10_000,
    )
    repetition: int = option(0, "Number of the first repetition.", at_least=0)
    epochs: int = option(50, "Training epochs per round, from scratch. Paper: 50.", at_least=1)
    batch_size: int = option(128, "Images per training step. Paper: 128.", at_least=1)
    remainder: str = option(
        "merge",
        "An epoch's last batch of under 16 images: merge it into the one before, "
        "or keep it, as the authors' code does.",
        choices=("merge", "keep"),
    )
    learning_rate: float = option(1e-3, "Learning rate of Adam. Paper: 0.001.", above=0.0)
    weight_decay: str = option(
        "2.5",
        "c of the penalty (c/N) * sum of squares on the first dense layer, or "
        "auto: chosen on the validation set. The authors' code: 2.5.",
        number_or="auto",
    )
    strategy: str = option(
        "auto",
        "Devices: one (none), all (mirrored), all if there are several GPUs (auto), or those "
        "of all processes that TF_CONFIG names (multi_worker).",
        choices=STRATEGIES,
        identity=False,
    )
    mixed_precision: bool = option(
        False,
        "Compute in bfloat16, keep weights and probabilities in float32: faster on devices "
        "that have bfloat16 units.",
    )
    jit_compile: bool = option(False, "Let XLA compile the graphs; on CPUs it is slower.")
    seed: int = option(0, "Root of every random number.", at_least=0)
    run_dir: str = option(
        "",
        "Folder that the run writes to and goes on from. "
        "Empty: runs/<dataset>-<acquisition>-<posterior>-<seed>.",
        identity=False,
    )
    export_every: int = option(
        0,
        "Export a SavedModel every so many rounds; 0: at the end only.",
        at_least=0,
        identity=False,
    )
    bless_max_error: float = option(
        0.0,
        "Of the rounds of --export_every, export those alone whose test error, a "
        "share, is at most this and below that of the last one exported; 0: all.",
        at_least=0.0,
        at_most=1.0,
        identity=False,
    )
    keep_scores: bool = option(
        False, "Write every round's scores of all scored images.", identity=False
    )

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            check_limits(field, getattr(self, field.name))
        for name, noun in (("acquisition", "technique"), ("classes", "class")):
            names = getattr(self, name)
            if len(set(names)) != len(names):
                raise InputError(
                    f"--{name}={','.join(names)} names a {noun} twice; name each once."
                )
        if len(self.classes) == 1:
            raise InputError(
                f"--classes={self.classes[0]} is one class; expected two at least, or none "
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
            name = f"{self.dataset}-{'-'.join(self.acquisition)}-{self.posterior}-{self.seed}"
            object.__setattr__(self, "run_dir", f"runs/{name}")

    def replace(self, **changes: Any) -> "Config":
        """Returns a copy with some settings changed."""
        return dataclasses.replace(self, **changes)

    def to_flags(self) -> str:
        """Returns the settings as a flagfile, a line a flag."""
        return "".join(f"--{name}={text}\n" for name, text in self.texts().items())

    def texts(self) -> dict[str, str]:
        """Returns the value of every flag as it stands on a command line."""
        return {
            name: ",".join(value) if isinstance(value, tuple) else str(value)
            for name, value in vars(self).items()
        }

    def identity_values(self) -> dict[str, Any]:
        """Returns the settings that make a run what it is, lists as text."""
        values = {name: getattr(self, name) for name in sorted(self.identity())}
        return {n: ",".join(v) if isinstance(v, tuple) else v for n, v in values.items()}

    def differing(self, flagfile: str, free: Collection[str] = ()) -> list[str]:
        """Returns the flags that make another run of a written flagfile.

        Settings that may change when a run goes on (its folder, its number of
        rounds and the like) do not count. A flag that the flagfile does not
        name has its default there, so a run outlives new flags.

        Args:
            flagfile: The text of a flagfile that `to_flags` wrote.
            free: Further settings that do not count.

        Returns:
            Texts such as `--seed=1 (the run has --seed=0)`.
        """
        fixed = self.identity() | _parse(flagfile).keys() - self.__dataclass_fields__.keys()
        ours = _parse(self.to_flags())
        theirs = _parse(Config().to_flags()) | _parse(flagfile)
        return [
            f"--{name}={ours.get(name)} (the run has --{name}={theirs.get(name)})"
            for name in sorted(fixed - set(free))
            if ours.get(name) != theirs.get(name)
        ]

    @classmethod
    def identity(cls) -> set[str]:
        """Returns the names of the settings that are part of what a run is."""
        return {f.name for f in dataclasses.fields(cls) if f.metadata.get("identity", True)}


def define_flags(define: dict[type, Callable[..., Any]]) -> None:
    """Defines a flag for every setting.

    Args:
        define: absl's `DEFINE_...` function for each of the types str, int,
            float, bool and tuple (a comma-separated list).
    """
    for field in dataclasses.fields(Config):
        help_line = field.metadata["help"]
        if choices := field.metadata.get("choices"):
            help_line += f" One of: {', '.join(choices)}."
        define[type(field.default)](field.name, field.default, help_line)


def from_flags(values: dict[str, Any]) -> Config:
    """Returns the settings in a mapping that may hold other flags too."""
    names = [field.name for field in dataclasses.fields(Config)]
    return Config(**{n: tuple(v) if isinstance(v := values[n], list) else v for n in names})


def _parse(flagfile: str) -> dict[str, str]:
    lines = (line.strip() for line in flagfile.split("\n"))
    return dict(line[2:].partition("=")[::2] for line in lines if line.startswith("--"))

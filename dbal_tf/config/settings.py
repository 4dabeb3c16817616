"""All settings of an experiment, in one frozen dataclass.

Each field has a help line and limits. The flags of the command line, the checks
of their values and the flagfiles of runs are all generated from these fields.

This module does not import TensorFlow, so that a wrong flag is reported at once.
"""

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from dbal_tf.config import names as known
from dbal_tf.config.choice import ChoiceSettings
from dbal_tf.config.data import DataSettings, class_counts, height_width
from dbal_tf.config.experiments import ExperimentSettings
from dbal_tf.config.labelling import LabellingSettings
from dbal_tf.config.limits import check_limits
from dbal_tf.config.training import TrainingSettings
from dbal_tf.core import InputError

_NOUNS = {
    "acquisition": "technique",
    "classes": "class",
    "systems": "system",
    "class_names": "class",
    "augment": "change",
    "flip_classes": "class",
}
# Flags that apply to a folder of images only.
_OF_FOLDERS = (
    *("labels_csv", "groups_csv", "class_names", "image_size", "strict"),
    *("test_size", "test_counts", "folds"),
)
_COUNTS = ("initial_counts", "test_counts", "pool_counts")
T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Config(
    LabellingSettings, TrainingSettings, ChoiceSettings, DataSettings, ExperimentSettings
):
    """The settings of an experiment; every field is a flag of the same name."""

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            check_limits(field, getattr(self, field.name))
        self._check_names()
        self._check_labels_from()
        self._check_oracle()
        self._check_folder()
        self._check_counts()
        self._check_pool()
        self._check_training()
        for name in ("pool_subset", "refine"):
            if 0 < getattr(self, name) < self.acquisition_size:
                raise InputError(
                    f"--{name}={getattr(self, name)} is below --acquisition_size="
                    f"{self.acquisition_size}; score at least as many images as are bought."
                )
        if self.refine and self.posterior not in ("mc_dropout", "gaussian_dropout"):
            raise InputError(
                f"--refine={self.refine} cannot be used with --posterior={self.posterior}, "
                "which has no faster approximation for the first pass; leave one of them out."
            )
        self._check_weights()
        self._check_batch()
        self._check_scorer()
        if not self.run_dir:
            # A frozen dataclass can set its own fields only in this way.
            object.__setattr__(self, "run_dir", self._default_run_dir())

    def _check_names(self) -> None:
        for name, noun in _NOUNS.items():
            names = getattr(self, name)
            if len(set(names)) != len(names):
                raise InputError(
                    f"--{name}={','.join(names)} names a {noun} twice; name each once."
                )
        for name in ("classes", "class_names"):
            if len(names := getattr(self, name)) == 1:
                raise InputError(
                    f"--{name}={names[0]} is one class; expected at least two, or none "
                    "for all; name another."
                )

    def _check_weights(self) -> None:
        if self.model.startswith(known.APPLICATIONS):
            return
        for name in ("weights", "train_trunk"):
            if (value := getattr(self, name)) != getattr(TrainingSettings, name):
                raise InputError(
                    f"--{name}={value} cannot be used with --model={self.model}; expected "
                    f"--model={known.APPLICATIONS}NAME; leave one of them out."
                )

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

    def _check_oracle(self) -> None:
        if self.disagreement_folds == 1:
            raise InputError(
                "--disagreement_folds=1 leaves no label to learn from; expected 0 for none, or "
                "at least 2."
            )
        if self.oracle == "dataset":
            return
        given = f"--oracle={self.oracle} cannot be used with"
        if self.experiment != "run" or len(self.acquisition) > 1 or self.repetitions > 1:
            raise InputError(
                f"{given} several runs, which ask for the same images again; use "
                "--experiment=run with one --acquisition and --repetitions=1."
            )
        if self.acquisition[0] in known.GRAPH_TECHNIQUES:
            raise InputError(
                f"{given} --acquisition={self.acquisition[0]}, whose graph needs the labels of "
                "all test images; use another acquisition function."
            )
        if self.strategy == "multi_worker":
            raise InputError(
                f"{given} --strategy=multi_worker, whose workers the answers do not reach; use "
                "--strategy=auto."
            )
        on_page = ("digits", "image_folder", *(["mnist"] if self.data_dir else []))
        if self.oracle == "web" and self.dataset not in on_page:
            raise InputError(
                f"{given} --dataset={self.dataset}, as the page reads image folders, digits, "
                "and mnist with --data_dir; use one of these or --oracle=csv."
            )

    def _check_batch(self) -> None:
        batch, alone = f"--batch={self.batch}", {"random", *known.GRAPH_TECHNIQUES}
        joint = self.batch in known.JOINT_BATCHES
        by_samples = set(known.JOINT_ACQUISITIONS) & set(self.acquisition)
        if self.batch == "batchbald" and self.acquisition != ("bald",):
            raise InputError(
                f"{batch} cannot be used with --acquisition={','.join(self.acquisition)}; it "
                "scores several images jointly by bald; use --acquisition=bald."
            )
        if self.batch != "top_k" and (found := sorted(alone & set(self.acquisition))):
            raise InputError(
                f"{batch} cannot be used with --acquisition={found[0]}, which has no scores to "
                "make a batch of; leave one of them out."
            )
        needy = f"--acquisition={min(by_samples)}" if by_samples else batch
        if (joint or by_samples) and self.posterior == "deterministic":
            raise InputError(
                f"{needy} cannot be used with --posterior=deterministic, which has one sample; "
                "use mc_dropout."
            )
        if (joint or by_samples) and self.refine:
            raise InputError(
                f"{needy} cannot be used with --refine={self.refine}; leave one of them out."
            )
        if joint and self.candidates < self.acquisition_size:
            raise InputError(
                f"--candidates={self.candidates} is below --acquisition_size="
                f"{self.acquisition_size}; choose from at least as many images as are bought."
            )

    def _check_scorer(self) -> None:
        if self.scorer == "local":
            if self.beam_options:
                raise InputError(
                    f"--beam_options={self.beam_options} is for --scorer=beam; give that, or "
                    "leave it out."
                )
            return
        if self.dataset != "tfrecord":
            raise InputError(
                f"--scorer=beam cannot be used with --dataset={self.dataset}; it reads shards, "
                "--dataset=tfrecord; leave one of them out."
            )
        by_samples = {*known.JOINT_ACQUISITIONS, *known.GRAPH_TECHNIQUES}
        flags = [f"--acquisition={name}" for name in self.acquisition if name in by_samples]
        flags += [f"--refine={self.refine}"] if self.refine else []
        if self._has_frozen_trunk:
            flags.append(f"--model={self.model} without --train_trunk")
        if flags:
            raise InputError(
                f"--scorer=beam cannot be used with {flags[0]}, which is computed in one "
                "process; leave one of them out."
            )

    def _check_folder(self) -> None:
        height_width(self.image_size)
        given = [name for name in _OF_FOLDERS if getattr(self, name)]
        if given and self.dataset != "image_folder":
            raise InputError(
                f"--{given[0]} was given with --dataset={self.dataset}; it is for "
                "--dataset=image_folder; leave one of them out."
            )

    def _check_counts(self) -> None:
        held_out = [n for n in ("test_size", "test_counts", "folds") if getattr(self, n)]
        if len(held_out) > 1:
            raise InputError(
                f"--{held_out[0]} and --{held_out[1]} were both given; expected one way to get "
                "a test set; leave one of them out."
            )
        if self.folds == 1:
            raise InputError(
                "--folds=1 would test on all images; expected at least 2, or 0 for none."
            )
        for name in _COUNTS:
            class_counts(name, getattr(self, name))
        # Classes are unknown before a person labels the images.
        counted = [name for name in _COUNTS if getattr(self, name)]
        if counted and self.oracle != "dataset":
            raise InputError(
                f"--{counted[0]} cannot be used with --oracle={self.oracle}, as the classes "
                "are not known before labelling; leave it out."
            )

    @property
    def _has_frozen_trunk(self) -> bool:
        return self.model.startswith(known.APPLICATIONS) and not self.train_trunk

    def _check_training(self) -> None:
        if not self.validation_size:
            if self.weight_decay == "auto":
                raise InputError(
                    "--validation_size=0 cannot be used with --weight_decay=auto, which is "
                    "chosen on the validation set; give a number, or a larger validation set."
                )
            if self.experiment == "table2":
                raise InputError(
                    "--validation_size=0 cannot be used with --experiment=table2, whose "
                    "systems are chosen on the validation set; give a number above 0."
                )
        if self.trainer == "vat" and self.steps != "auto" and not int(self.steps):
            raise InputError(
                "--trainer=vat needs --steps, as with few labels --epochs alone gives too few "
                "steps; give a number, such as 5000, or --steps=auto."
            )
        flag, instead = f"--augment={','.join(self.augment)}", "--augment="
        if not self.augment:
            flag, instead = f"--trainer={self.trainer}", "--trainer=supervised"
        if self._has_frozen_trunk and flag != instead:
            raise InputError(
                f"{flag} cannot be used with --model={self.model}, whose features do not "
                f"change; give --train_trunk, or {instead}."
            )

    def _check_pool(self) -> None:
        if self.pool_counts and self.pool_size:
            raise InputError(
                f"--pool_size={self.pool_size} and --pool_counts were both given; expected one "
                "of them; leave the other out."
            )
        if self.pool_copies == 1:
            return
        given = f"--pool_copies={self.pool_copies} cannot be used with"
        if self.oracle != "dataset":
            raise InputError(
                f"{given} --oracle={self.oracle}, where a person would label each copy; leave "
                "it out."
            )
        if self.dataset == "tfrecord":
            raise InputError(
                f"{given} --dataset=tfrecord, whose images stay in their files; leave it out."
            )
        # Features are cached by id, but a copy's noise differs between repetitions.
        if self._has_frozen_trunk:
            raise InputError(
                f"{given} --model={self.model}, whose features are kept for other runs; give "
                "--train_trunk, or leave it out."
            )

    def num_initial(self, num_classes: int) -> int:
        """Returns the number of items in the initial set, given the number of classes."""
        counts = class_counts("initial_counts", self.initial_counts)
        return sum(counts.values()) if counts else self.initial_per_class * num_classes

    def _default_run_dir(self) -> str:
        techniques = "-".join(self.acquisition)
        return f"runs/{self.dataset}-{techniques}-{self.posterior}-{self.seed}"

    def replace(self, **changes: Any) -> "Config":
        """Returns a copy with some settings changed.

        A default `run_dir` is named after the settings, so it follows the changes; any
        other is kept.
        """
        if self.run_dir == self._default_run_dir():
            changes = {"run_dir": "", **changes}
        return dataclasses.replace(self, **changes)

    def build(self, kind: type[T], **given: Any) -> T:
        """Returns a dataclass whose fields are settings of the same names, or `given`."""
        names = inspect.signature(kind).parameters.keys() - given.keys()
        return kind(**{name: getattr(self, name) for name in names}, **given)

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
    """Returns the settings from a mapping of flags, which may also hold other flags."""
    names = [field.name for field in dataclasses.fields(Config)]
    settings: dict[str, Any] = {}
    for name in names:
        value = values[name]
        settings[name] = tuple(value) if isinstance(value, list) else value
    return Config(**settings)

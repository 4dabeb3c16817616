"""The artifacts that components exchange.

All are frozen. The name of an array ends in its axes: n items, c classes, h/w/k height,
width and channels of images. An item is identified by its id, a string from the data set
that never changes. Positions in an array are used only within a function.
"""

import dataclasses
import functools
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from dbal_tf.core import Findings, Images, InputError

PHASES = ("train", "score", "evaluate", "label", "export")
"""The phases of a round whose times are recorded, in the order of `curve.csv`."""

LABEL_STATES = ("labelled", "skipped", "unsure")
"""The possible states of an answer."""


class Lookup:
    """An index from ids to rows."""

    # Not a dict, which takes about 100 bytes per id and is read in a Python loop.

    def __init__(self, ids: np.ndarray) -> None:
        self._ids, self._order = ids, np.argsort(ids, kind="stable")

    def rows(self, wanted: np.ndarray) -> np.ndarray:
        """Returns the row of each wanted id, or -1 if it is unknown."""
        wanted = np.asarray(wanted, np.str_)
        if not len(self._ids):
            return np.full(len(wanted), -1)
        places = np.searchsorted(self._ids, wanted, sorter=self._order)
        rows = self._order[np.minimum(places, len(self._ids) - 1)]
        return np.where(self._ids[rows] == wanted, rows, -1)

    def known_rows(self, wanted: np.ndarray) -> np.ndarray:
        """Returns the row of each wanted id; raises KeyError if one is unknown."""
        rows = self.rows(wanted)
        if (rows < 0).any():
            raise KeyError(wanted[rows.argmin()])
        return rows


def _parts(artifact: Any, rows: np.ndarray | slice) -> list[Any]:
    """Returns the rows of each of an artifact's fields; fields that are None stay None."""
    values = [getattr(artifact, field.name) for field in dataclasses.fields(artifact)]
    return [None if one is None else one[rows] for one in values]


@dataclasses.dataclass(frozen=True, eq=False)
class Examples:
    """Images with their ids.

    Attributes:
        ids: Unique strings, shape `[n]`.
        images: Pixel values 0 to 255, uint8, shape `[n, h, w, k]`: an array, or an
            array-like that reads images when they are used. For a network with a
            frozen trunk, features instead of images, float32 `[n, 1, 1, d]`.
    """

    ids: np.ndarray
    images: Images

    def __len__(self) -> int:
        return len(self.ids)

    @functools.cached_property
    def _lookup(self) -> Lookup:
        return Lookup(self.ids)

    def rows(self, ids: np.ndarray) -> np.ndarray:
        """Returns the positions of these ids, int64."""
        return self._lookup.known_rows(ids)

    def select(self, ids: np.ndarray) -> "Examples":
        """Returns the items with these ids, in this order."""
        rows = self.rows(ids)
        return Examples(self.ids[rows], self.images[rows])


@dataclasses.dataclass(frozen=True, eq=False)
class Labels:
    """Answers for some items, in the order in which the items were queried.

    Attributes:
        ids: Item ids, shape `[n]`.
        classes: Class indices, int64, shape `[n]`; -1 for an item without a class.
        states: One of `LABEL_STATES` per item, shape `[n]`; None: all are
            `labelled`. Models are trained only on these; a skipped or unsure
            item is not queried again.
        annotators: Name of each item's annotator, or empty, shape `[n]`; None: not known.
    """

    ids: np.ndarray
    classes: np.ndarray
    states: np.ndarray | None = None
    annotators: np.ndarray | None = None

    @classmethod
    def from_answers(cls, answers: Mapping[str, int | str]) -> "Labels":
        """Returns labels from a mapping of ids to class indices, "skipped" or "unsure".

        Raises:
            InputError: An answer is none of these.

        >>> Labels.from_answers({"cat.jpg": 2, "dark.jpg": "unsure"}).classes
        array([ 2, -1])
        """
        for item, answer in answers.items():
            # bool is a subclass of int, but True is not a class index.
            is_class = isinstance(answer, int | np.integer) and not isinstance(answer, bool)
            if not is_class and answer not in LABEL_STATES[1:]:
                raise InputError(
                    f"The answer for {item} is {answer!r}; expected a class index, "
                    f"{' or '.join(map(repr, LABEL_STATES[1:]))}."
                )
        given = list(answers.values())
        return cls(
            np.array(list(answers), np.str_),
            np.array([-1 if isinstance(one, str) else one for one in given], np.int64),
            np.array([one if isinstance(one, str) else LABEL_STATES[0] for one in given]),
        )

    def __len__(self) -> int:
        return len(self.ids)

    @functools.cached_property
    def _lookup(self) -> Lookup:
        return Lookup(self.ids)

    def select(self, ids: np.ndarray) -> "Labels":
        """Returns the labels of these ids, in this order."""
        return Labels(*_parts(self, self._lookup.known_rows(ids)))

    def first(self, count: int) -> "Labels":
        """Returns the first `count` labels."""
        return Labels(*_parts(self, slice(count)))

    def rows(self) -> Iterator[tuple[str, int | None, str]]:
        """Yields each item's id, class index (None if it has none) and state."""
        states = np.full(len(self), LABEL_STATES[0]) if self.states is None else self.states
        for item, label, state in zip(self.ids, self.classes, states, strict=True):
            yield str(item), int(label) if state == LABEL_STATES[0] else None, str(state)


@dataclasses.dataclass(frozen=True, eq=False)
class Splits:
    """The split of `Dataset.train` into three disjoint sets that cover it.

    Attributes:
        initial_ids: Items whose labels are known at the start: usually balanced.
        validation_ids: Items for choosing hyper-parameters; no model is fitted to them.
        pool_ids: Items that may be queried.
    """

    initial_ids: np.ndarray
    validation_ids: np.ndarray
    pool_ids: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class Dataset:
    """A data set with its splits.

    Attributes:
        name: The value of `--dataset`.
        train: All training items, whatever their split.
        splits: The split of the ids of `train`.
        hidden: The classes of all items of `train`, -1 where unknown. Only the oracle
            and the code that splits may use them; everything else must query an oracle.
        test: Items for the evaluation, with `test_labels`; no model is fitted to them.
        test_labels: The classes of `test`, in its order; -1 where unknown.
        class_names: One name per class, in the order of the class indices.
        checksum: `Source.checksum`, before `--classes` and `--pool_size` remove items.
        findings: Problems found in a folder of images.
        flips: Features of the flipped images, one for each of `FLIPS`; empty for images.
    """

    name: str
    train: Examples
    splits: Splits
    hidden: Labels
    test: Examples
    test_labels: Labels
    class_names: tuple[str, ...]
    checksum: str
    findings: Findings = dataclasses.field(default_factory=Findings)
    flips: tuple[Examples, ...] = ()

    @functools.cached_property
    def _pool_lookup(self) -> Lookup:
        return Lookup(self.splits.pool_ids)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of an image, or `(1, 1, d)` for features."""
        height, width, channels = self.train.images.shape[1:]
        return height, width, channels

    def unlabelled(self, answered: np.ndarray) -> np.ndarray:
        """Returns the ids of the pool without those in `answered`."""
        rows = self._pool_lookup.rows(answered)
        return np.delete(self.splits.pool_ids, rows[rows >= 0])

    def ids_by_use(self) -> dict[str, list[str]]:
        """Returns the ids of each split, of `test`, and of all of `train`."""
        splits = self.splits
        return {
            "initial": splits.initial_ids.tolist(),
            "validation": splits.validation_ids.tolist(),
            "pool": splits.pool_ids.tolist(),
            "test": self.test.ids.tolist(),
            "train": self.train.ids.tolist(),
        }


@dataclasses.dataclass(frozen=True, eq=False)
class Model:
    """A trained network.

    All rounds of a run share one network, so that it is compiled only once. The next
    round overwrites its variables: a `Model` is valid until then.

    Attributes:
        network: A built `keras.Model`, from pixel values to class probabilities.
        num_labels: Number of labels N that it was trained on.
        weight_decay: Weight-decay constant c of the penalty c/N on its first dense layer.
        seed: Seed of its initial weights.
    """

    network: Any
    num_labels: int
    weight_decay: float
    seed: int


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """The evaluation of a model on the test items.

    `error`, `nll` and so on are computed from the mean probabilities over posterior
    samples, as in the paper; `deterministic_...` from one forward pass without
    dropout, as in the authors' code.

    Attributes:
        error: Share of misclassified items, 0 to 1.
        nll: Mean negative log likelihood of the true class, in nats.
        brier: Mean squared distance between the probabilities and the one-hot class.
        ece: Expected calibration error over 15 bins, 0 to 1.
        deterministic_error: `error` without dropout.
        deterministic_nll: `nll` without dropout.
        auc: See `metrics.auc`; None if all items are of one class.
        reliability: Number of items, mean confidence and accuracy in each bin of `ece`.
        blessed: Whether the model is good enough, see `PushGate`; None: not decided.
        graph_error: `error` of the harmonic solution, if `--acquisition=mbr`.
        graph_mass_error: The same with class mass normalisation.
        sensitivity: See `metrics.sensitivity`; None unless there are two classes.
    """

    error: float
    nll: float
    brier: float
    ece: float
    deterministic_error: float
    deterministic_nll: float
    auc: float | None = None
    reliability: tuple[tuple[float, float, float], ...] = ()
    blessed: bool | None = None
    graph_error: float | None = None
    graph_mass_error: float | None = None
    sensitivity: float | None = None

    def __post_init__(self) -> None:
        # JSON has only lists; an evaluation read from the store must equal the original.
        object.__setattr__(self, "reliability", tuple(map(tuple, self.reliability)))

    def measures(self) -> dict[str, float]:
        """Returns the measures that are set and are single numbers, by name."""
        return {name: value for name, value in vars(self).items() if isinstance(value, float)}


@dataclasses.dataclass(frozen=True, eq=False)
class Scores:
    """Acquisition scores of the unlabelled items.

    On disk, with `--keep_scores`: `rounds/0007/scores.npz` with the arrays `ids`
    and `values`.

    Attributes:
        ids: Item ids, shape `[n]`.
        values: Acquisition scores, higher is better, float64, shape `[n]`.
        entropies: Predictive entropies in nats, float64, shape `[n]`; None if
            nothing was predicted.
    """

    ids: np.ndarray
    values: np.ndarray
    entropies: np.ndarray | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class Query:
    """Items to be labelled, best first.

    On disk, with the answers: `rounds/0007/query.csv` with the columns id,
    score, standard_error, rank and label.

    Attributes:
        ids: Item ids, shape `[k]`.
        scores: Acquisition scores, float64, shape `[k]`.
        standard_errors: Monte Carlo standard error of each score, over posterior
            samples, float64, shape `[k]`; None if the scores are exact.
        entropies: Predictive entropies in nats, shape `[k]`, or None.
    """

    ids: np.ndarray
    scores: np.ndarray
    standard_errors: np.ndarray | None = None
    entropies: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: Any) -> "Query":
        """Returns the items at these positions: a slice or an array."""
        return Query(*_parts(self, rows))


@dataclasses.dataclass(frozen=True)
class CurvePoint:
    """One point of the learning curve: a row of `curve.csv`.

    Attributes:
        round: Number of the round; round 0 has only the initial set.
        labels: Number of labels N that the model was trained on.
        evaluation: The evaluation of the model.
        weight_decay: Weight-decay constant c of the penalty c/N.
        seconds: Wall time of each of `PHASES`.
    """

    round: int
    labels: int
    evaluation: Evaluation
    weight_decay: float
    seconds: dict[str, float]

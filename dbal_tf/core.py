"""The interfaces of deep Bayesian active learning, and the loop that uses them.

    dataset = ExampleGen.from_config(config).run(seed)
    for round in range(rounds + 1):
        model = trainer.run(fitter, dataset, labels, ...)    # q(w), from fresh weights
        evaluation = evaluator.run(model, dataset, seed)     # on all test items
        pusher.run(model, dataset, evaluation, ...)          # SavedModel, when it is due
        scores, query = chooser.run(model, labels, pool)     # a(x), and argmax a(x)
        store.ask(point, query, ...)                         # commits the query
        store.tell(oracle.run(query), ...)                   # commits its labels y
        labels = store.reader.labels()

`loop/` implements this loop, with resume and reporting. The last round has no query. A
component is a frozen dataclass of its parameters with `from_config` and one method,
`run`; `artifacts.py` defines what components exchange.
"""

import dataclasses
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

# For types only: this module is also used where TensorFlow is not imported.
if TYPE_CHECKING:
    import numpy as np
    import tensorflow as tf

    from dbal_tf.artifacts import Evaluation, Examples, Labels, Model, Query, Scores
    from dbal_tf.bayesian.statistics import PredictiveStatistics


class InputError(ValueError):
    """Raised when a flag, file or folder cannot be used.

    The message is one sentence for the user: what was given, what was expected,
    and what to do. The program prints only this sentence and exits with status 2.
    """


class AnswersAwaited(Exception):
    """Raised when a run stops to wait for a person's answers in a file.

    The program prints the message and exits with status 3; the next start resumes the run.

    Args:
        count: Number of images to label.
        file: The file that lists them.
    """

    def __init__(self, count: int, file: str) -> None:
        wait, them = ("1 image waits", "it") if count == 1 else (f"{count} images wait", "them")
        super().__init__(f"{wait} in {file}; label {them} and give the same command.")


@dataclasses.dataclass(frozen=True)
class Findings:
    """Problems found in a folder of images, to be shown to the user.

    On disk: `unreadable.csv` with the columns path and reason, and `near_copies.csv`
    with the columns group, id and label. A file is written only if it has rows.

    Attributes:
        files: Number of image files.
        unreadable: Path of each file that was left out, and the reason.
        near_copies: Groups of near copies, each image as its id and its label; the
            label is empty where it is not known.
        notes: Other findings, one sentence each.
    """

    files: int = 0
    unreadable: tuple[tuple[str, str], ...] = ()
    near_copies: tuple[tuple[tuple[str, str], ...], ...] = ()
    notes: tuple[str, ...] = ()

    def with_note(self, note: str) -> "Findings":
        """Returns the findings with another note."""
        return dataclasses.replace(self, notes=(*self.notes, note))


@runtime_checkable
class Images(Protocol):
    """An array of images, or an array-like whose images are not in memory.

    Indexing is cheap and need not read any image; `numpy.asarray` reads them.

    Attributes:
        shape: Number of images, height, width and channels.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of images, height, width and channels."""

    @property
    def dtype(self) -> Any:
        """The data type of the pixel values."""

    def __len__(self) -> int:
        """Returns the number of images."""

    def __getitem__(self, rows: Any) -> Any:
        """Returns the images at a slice or an array of positions."""

    def __array__(self, dtype: Any = None, /, *, copy: bool | None = None) -> "np.ndarray":
        """Returns pixel values, shape `[n, h, w, k]`."""


@runtime_checkable
class Posterior(Protocol):
    """An approximate posterior q(w) over the weights of one network.

    A pass over the pool has three parts, so that no work is repeated: `features`
    runs once per item, `sample` once per set of posterior samples, and `probs` once
    per pair of them. All three run inside a `tf.function` without AutoGraph, so loops
    and branches on tensors need `tf.while_loop`, `tf.map_fn` and `tf.cond`.

    Sample t depends only on (seed, t), not on the items, the batch, the device or
    the order of calls. A sample is one function: all items see the same one.
    """

    def features(self, images: "tf.Tensor") -> Any:
        """Maps images `[n, h, w, k]` to features that do not depend on the sample."""

    def sample(self, indices: "tf.Tensor", seed: "tf.Tensor") -> Any:
        """Draws the posterior samples with these indices, int64 `[t]`, from a seed."""

    def probs(self, features: Any, samples: Any) -> "tf.Tensor":
        """Returns class probabilities `probs_tnc`, float32 `[t, n, c]`."""

    def num_samples(self, requested: int) -> int:
        """Returns the number of samples to draw: `requested`, unless it is fixed."""


class AcquisitionFunction(Protocol):
    """A score of how informative an item's label would be: a(x) in the paper."""

    def __call__(self, statistics: "PredictiveStatistics") -> Any:
        """Returns `scores_n`, `[n]`, in the dtype of the statistics; higher is better."""


Say = Callable[[str], Any]
"""A function that shows a line to the user."""

SeedFor = Callable[[str], int]
"""A function from a purpose, such as `"masks"`, to a round's seed for it."""


class Chooser(Protocol):
    """A strategy that chooses the next query, by a network's posterior or by a graph."""

    def run(
        self, model: "Model", labels: "Labels", unlabelled: "Examples", seed_for: SeedFor
    ) -> "tuple[Scores, Query]":
        """Returns a score for each candidate, and the query.

        The query is ranked, best first. Items beyond the acquisition size are a
        reserve: they replace items that cannot be labelled.
        """

    def evaluate(self, evaluation: "Evaluation", labels: "Labels") -> "Evaluation":
        """Returns the evaluation, with the errors of the chooser's classifier if it has one."""


class Oracle(Protocol):
    """A source of labels for queried items: a data set, a file or a person.

    Attributes:
        annotator: The oracle's name in the store.
    """

    annotator: ClassVar[str]

    def check(self) -> None:
        """Checks that queries can be answered, before anything is trained."""

    def attend(self, say: Say) -> AbstractContextManager[None]:
        """Returns a context in which queries are answered: it may serve a web page."""

    def run(self, query: "Query") -> "Labels":
        """Returns the answers so far, for none, some or all of the query's items.

        Raises:
            AnswersAwaited: No answer can arrive before the program is started again.
        """

    def told(self) -> None:
        """Called after the answers of `run` have been committed."""

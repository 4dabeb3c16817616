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

`loop/` is this loop with resume and reporting. The last round has no query. A
component is a frozen dataclass of its parameters with `from_config` and one method
`run`; `artifacts.py` defines what components exchange.
"""

import dataclasses
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

# For types only: every module imports this one, also before TensorFlow is imported.
if TYPE_CHECKING:
    import numpy as np
    import tensorflow as tf

    from dbal_tf.artifacts import Evaluation, Examples, Labels, Model, Query, Scores
    from dbal_tf.bayesian.statistics import PredictiveStatistics


class InputError(ValueError):
    """A flag, file or folder cannot be used.

    The message is one sentence for the user: what was given, what was expected,
    and what to do. The program prints only this sentence and exits with status 2.
    """


class AnswersAwaited(Exception):
    """A file waits for a person's answers; the run goes on at the next start.

    The program prints the message and exits with status 3.

    Args:
        count: Number of images that wait.
        file: Where they do.
    """

    def __init__(self, count: int, file: str) -> None:
        wait = "1 image waits" if count == 1 else f"{count} images wait"
        super().__init__(f"{wait} in {file}; label them and give the same command.")


@dataclasses.dataclass(frozen=True)
class Findings:
    """What was found in a folder of images, for the user.

    On disk: `unreadable.csv` with the columns path and reason, and `near_copies.csv`
    with the columns group, id and label; neither if there is nothing to say.

    Attributes:
        files: Number of image files.
        unreadable: Path and reason of each that was set aside.
        near_copies: Id and label of images that are near copies of each other, the label
            empty where it is not known.
        notes: Sentences about anything else.
    """

    files: int = 0
    unreadable: tuple[tuple[str, str], ...] = ()
    near_copies: tuple[tuple[tuple[str, str], ...], ...] = ()
    notes: tuple[str, ...] = ()


@runtime_checkable
class Images(Protocol):
    """An array of images, or an array-like whose images are not in memory.

    Indexing is cheap and may read nothing; `numpy.asarray` reads the images.

    Attributes:
        shape: Number of images, height, width and channels.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of images, height, width and channels."""

    @property
    def dtype(self) -> Any:
        """The type of a pixel's values."""

    def __len__(self) -> int:
        """Returns the number of images."""

    def __getitem__(self, rows: Any) -> Any:
        """Returns the images of a slice or of an array of positions."""

    def __array__(self, dtype: Any = None, /, *, copy: bool | None = None) -> "np.ndarray":
        """Returns pixel values, shape `[n, h, w, k]`."""


@runtime_checkable
class Posterior(Protocol):
    """An approximate posterior q(w) over the weights of one network.

    A pass over the pool has three parts, so that no work is repeated: `features`
    runs once per item, `sample` once per set of posterior samples, and `probs` once
    per pair of them. All three run inside a `tf.function` without AutoGraph: loops and
    branches on tensors are `tf.while_loop`, `tf.map_fn` and `tf.cond`, not Python's.

    Sample t depends only on (seed, t), not on the items, the batch, the device or
    the order of calls; all items see the same sample, because a sample is one
    function.
    """

    def features(self, images: "tf.Tensor") -> Any:
        """Maps images `[n, h, w, k]` to features that do not depend on the sample."""

    def sample(self, indices: "tf.Tensor", seed: "tf.Tensor") -> Any:
        """Draws the samples with these indices, int64 `[t]`, from a seed."""

    def probs(self, features: Any, samples: Any) -> "tf.Tensor":
        """Returns class probabilities `probs_tnc`, float32 `[t, n, c]`."""

    def num_samples(self, requested: int) -> int:
        """Returns the number of samples to draw: `requested`, or as many as there are."""


class AcquisitionFunction(Protocol):
    """Scores items by how informative their labels would be: a(x) in the paper."""

    def __call__(self, statistics: "PredictiveStatistics") -> Any:
        """Returns `scores_n`, float64 `[n]`; higher is better."""


Say = Callable[[str], Any]
"""Shows a line to the user."""

SeedFor = Callable[[str], int]
"""Maps a purpose, such as `"masks"`, to a round's seed for it."""


class Chooser(Protocol):
    """Decides which items to label next: by a network's posterior, or by a graph."""

    def run(
        self, model: "Model", labels: "Labels", unlabelled: "Examples", seed_for: SeedFor
    ) -> "tuple[Scores, Query]":
        """Returns a score for each candidate, and the query.

        The query is ranked, best first. Items beyond the acquisition size are a
        reserve, which replaces items that cannot be labelled.
        """

    def evaluate(self, evaluation: "Evaluation", labels: "Labels") -> "Evaluation":
        """Returns the evaluation, with the errors of the chooser's own classifier if any."""


class Oracle(Protocol):
    """Labels the items of a query: a data set, a file or a person.

    Attributes:
        annotator: Its name in the store.
    """

    annotator: ClassVar[str]

    def check(self) -> None:
        """Checks before anything is trained that queries can be answered."""

    def attend(self, say: Say) -> AbstractContextManager[None]:
        """Returns a context in which queries are answered, such as one with a page."""

    def run(self, query: "Query") -> "Labels":
        """Returns answers to some or all of the query's items; none if none is there yet.

        Raises:
            AnswersAwaited: None will be there before the program is started again.
        """

    def told(self) -> None:
        """Is called when the answers of `run` are committed."""

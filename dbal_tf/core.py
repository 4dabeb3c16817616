"""The nouns of deep Bayesian active learning, and the loop that uses them.

    dataset = ExampleGen.from_config(config).run(seed)
    for round in range(rounds + 1):
        model = trainer.run(fitter, dataset, labels, ...)    # q(w), from fresh weights
        evaluation = evaluator.run(model, dataset, seed)     # on all test items
        pusher.run(model, dataset, evaluation, ...)          # SavedModel, when it is due
        scores, query = chooser.run(model, labels, pool)     # a(x), and argmax a(x)
        store.ask(point, query, ...)                         # committed: it is asked
        store.tell(oracle.run(query), ...)                   # committed: y for what was asked
        labels = store.reader.labels()

`loop.py` is this, with resume and reporting. The last round only measures.
Components are frozen dataclasses of their parameters with a `from_config` and
one method `run`; what they exchange is in `artifacts.py`.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    import tensorflow as tf

    from dbal_tf.artifacts import Evaluation, Examples, Labels, Model, Query, Scores
    from dbal_tf.bayesian.statistics import PredictiveStatistics


class InputError(ValueError):
    """A flag, file or folder cannot be used.

    The message is one sentence for the user: what was got, what was expected
    and what to do. The program prints it alone and ends with status 2.
    """


@runtime_checkable
class Images(Protocol):
    """Images that need not be in memory: an array, or what reads like one.

    Rows are cheap to choose; `numpy.asarray` makes an array of what is left.

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

    A pass over the pool is split in three, so that each part runs as rarely
    as it can: `features` once per item, `sample` once per set of posterior
    samples, `probs` once per pair. All three run inside a `tf.function`.

    Sample t depends on (seed, t) alone, never on the items, the batch, the
    device or the order of calls; all items of a call see the same sample,
    because a sample is one function.
    """

    def features(self, images: "tf.Tensor") -> Any:
        """Maps images `[n, h, w, k]` to what no sample changes."""

    def sample(self, indices: "tf.Tensor", seed: "tf.Tensor") -> Any:
        """Draws the samples with these indices, int64 `[t]`, of a seed."""

    def probs(self, features: Any, samples: Any) -> "tf.Tensor":
        """Returns class probabilities `probs_tnc`, float32 `[t, n, c]`."""

    def num_samples(self, requested: int) -> int:
        """Returns how many samples are worth drawing if so many are asked."""


class AcquisitionFunction(Protocol):
    """Scores items by what their labels would teach: a(x) of the paper."""

    def __call__(self, statistics: "PredictiveStatistics") -> Any:
        """Returns `scores_n`, float64 `[n]`; higher is better."""


SeedFor = Callable[[str], int]
"""Gives a round's seed for a purpose, such as `"masks"`."""


class Chooser(Protocol):
    """Decides which items are to be labelled next.

    The items are ranked by the posterior of a network, or by a graph of the
    images; what a round does is the same.
    """

    def run(
        self, model: "Model", labels: "Labels", unlabelled: "Examples", seed_for: SeedFor
    ) -> "tuple[Scores, Query]":
        """Returns a score for each candidate, and the query.

        The query is ranked, best first. It may hold more items than are asked
        for: the rest is a reserve, for items that cannot be labelled.
        """

    def evaluate(self, evaluation: "Evaluation", labels: "Labels") -> "Evaluation":
        """Returns the evaluation with the errors of a classifier of its own, if it has one."""


class Oracle(Protocol):
    """Whoever labels what is asked: a data set, a file or a person.

    Attributes:
        annotator: Their name in the store.
    """

    annotator: ClassVar[str]

    def run(self, query: "Query") -> "Labels":
        """Returns answers to some or all of the query's items."""

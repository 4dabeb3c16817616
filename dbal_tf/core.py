"""The nouns of deep Bayesian active learning, and the loop that uses them.

    dataset = ExampleGen(...).run()
    labels = oracle.run(initial query)
    for round in range(rounds + 1):
        model = trainer.run(dataset, labels, seed)           # q(w) from scratch
        evaluation = evaluator.run(model, dataset, seed)     # all test items
        scores = scorer.run(model, dataset, labels, seed)    # a(x) for the pool
        query = acquirer.run(scores, seed)                   # argmax a(x)
        labels = labels.plus(oracle.run(query))              # y for what was asked
        store.commit(round, ...)                             # now it happened
    pusher.run(model, evaluation, ...)                       # SavedModel

`loop.py` is this, with resume and reporting. Components are frozen
dataclasses of their parameters with one method `run`; what they exchange is
in `artifacts.py`.
"""

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    import tensorflow as tf

    from dbal_tf.artifacts import Labels, Query
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

    shape: tuple[int, ...]

    def __len__(self) -> int:
        """Returns the number of images."""

    def __getitem__(self, rows: Any) -> Any:
        """Returns the images of a slice or of an array of positions."""

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> "np.ndarray":
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


class Oracle(Protocol):
    """Whoever labels what is asked: a data set, a file or a person."""

    def run(self, query: "Query") -> "Labels":
        """Returns the labels of the query's items, in the query's order."""

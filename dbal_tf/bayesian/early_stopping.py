"""Early stopping: keeps the weights with the lowest loss on held-out images.

Prechelt, "Early stopping - but when?", 1998.
"""

import math
from collections.abc import Callable
from typing import Self

import keras
import numpy as np

from dbal_tf.bayesian import metrics
from dbal_tf.bayesian.inference import predictor_for
from dbal_tf.core import Images


class Enough(Exception):
    """Raised when the loss no longer falls."""


class EarlyStopping:
    """A context manager that stops a fit early and restores the best weights.

    Pass the object to `Fitter.fit` as `check`, inside its own context. At the end, the
    context sets the network's weights to the best ones.

    Args:
        network: The network that is being trained.
        loss: Returns the current loss of the network on held-out images.
        every: Number of calls between two measurements; the first call, before any
            training, does not count.
        patience: Number of measurements without a new minimum after which the fit ends.

    >>> network = keras.Sequential([keras.Input([1]), keras.layers.Dense(1)])
    >>> losses = iter([0.3, 0.4])
    >>> stopping = EarlyStopping(network, lambda: next(losses), every=1, patience=1)
    >>> stopping(), stopping()
    (None, None)
    >>> stopping()
    Traceback (most recent call last):
    dbal_tf.bayesian.early_stopping.Enough

    Raises:
        ArithmeticError: The loss is not finite, in a call or at the end of the context.
    """

    def __init__(
        self,
        network: keras.Model,
        loss: Callable[[], float],
        every: int = 5,
        patience: int = 3,
    ) -> None:
        self._network, self._loss = network, loss
        self._every, self._patience = every, patience
        self._calls, self._since = -1, 0
        self._least, self._best = math.inf, network.get_weights()

    @classmethod
    def by_likelihood(cls, network: keras.Model, images: Images, classes: np.ndarray) -> Self:
        """Returns early stopping by the negative log-likelihood of images `[n, h, w, k]`."""

        def loss() -> float:
            # Without dropout, which is cheaper: the loss is only compared with itself.
            predictor = predictor_for(network, "deterministic")
            return metrics.nll(predictor.statistics(images, 1, 0).mean_probs, classes)

        return cls(network, loss)

    def __call__(self) -> None:
        """Measures the loss on every `every`-th call.

        Raises:
            Enough: The patience has run out. The context catches it and ends.
        """
        self._calls += 1
        # Untrained weights are not measured: a few wrong labels may make them look best.
        if not self._calls or self._calls % self._every:
            return
        self._measure()
        if self._since >= self._patience:
            raise Enough

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        if kind is None or kind is Enough:
            self._measure()
            self._network.set_weights(self._best)
        return kind is Enough

    def _measure(self) -> None:
        loss = self._loss()
        if not math.isfinite(loss):
            raise ArithmeticError(
                f"The validation loss became {loss}; try a smaller --learning_rate."
            )
        self._since += 1
        if loss < self._least:
            self._least, self._best, self._since = loss, self._network.get_weights(), 0

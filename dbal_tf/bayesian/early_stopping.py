"""Early stopping: the weights whose loss on other images is the least.

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
    """The loss no longer falls."""


class EarlyStopping:
    """Keeps the best weights of a fit, and ends it.

    It is the `check` of a `Fitter.fit` inside its own context, which gives the network
    its best weights at the end.

    Args:
        network: Is being trained.
        loss: Returns the loss of the network as it is, of images that it is not
            trained on.
        every: Calls from one measurement to the next; the first call, before any
            training, does not count.
        patience: Measurements without a new best that end the fit.

    >>> network = keras.Sequential([keras.Input([1]), keras.layers.Dense(1)])
    >>> losses = iter([0.3, 0.4])
    >>> stopping = EarlyStopping(network, lambda: next(losses), every=1, patience=1)
    >>> stopping(), stopping()
    (None, None)
    >>> stopping()
    Traceback (most recent call last):
    dbal_tf.bayesian.early_stopping.Enough

    Raises:
        ArithmeticError: By a call or at the end: the loss is not finite.
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
        """Builds it for the negative log likelihood of images, shape `[n, h, w, k]`."""

        def loss() -> float:
            # Without dropout: it is measured often, and only compared with itself.
            predictor = predictor_for(network, "deterministic")
            return metrics.nll(predictor.statistics(images, 1, 0).mean_probs, classes)

        return cls(network, loss)

    def __call__(self) -> None:
        """Measures the loss, if it is time.

        Raises:
            Enough: It has had no new minimum for long, which ends the context.
        """
        self._calls += 1
        # Untrained weights are never the best: a few wrong labels may rate them so.
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

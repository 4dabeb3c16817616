"""Early stopping: the weights whose loss on other images is the least.

Prechelt, "Early stopping - but when?", 1998.
"""

import math
from collections.abc import Callable

import keras


class Enough(Exception):
    """The loss no longer falls."""


class EarlyStopping:
    """Keeps the best weights of a fit, and ends it; see `check` of `Fitter.fit`.

    Args:
        network: Is being trained.
        loss: Returns the loss of the network as it is, of images that it is not
            trained on.
        every: Calls from one measurement to the next.
        patience: Measurements without a new best that end the fit.

    >>> network = keras.Sequential([keras.Input([1]), keras.layers.Dense(1)])
    >>> losses = iter([0.5, 0.3, 0.4])
    >>> stopping = EarlyStopping(network, lambda: next(losses), every=1, patience=1)
    >>> stopping(), stopping()
    (None, None)
    >>> stopping()
    Traceback (most recent call last):
    dbal_tf.bayesian.early_stopping.Enough
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
        self._calls, self._since = 0, 0
        self._least, self._best = math.inf, network.get_weights()

    def __call__(self) -> None:
        """Measures the loss, if it is time.

        Raises:
            Enough: It has had no new minimum for long.
        """
        self._calls += 1
        if (self._calls - 1) % self._every:
            return
        self._measure()
        if self._since >= self._patience:
            raise Enough

    def finish(self) -> None:
        """Gives the network its best weights."""
        self._measure()
        self._network.set_weights(self._best)

    def _measure(self) -> None:
        loss = self._loss()
        self._since += 1
        if loss < self._least:
            self._least, self._best, self._since = loss, self._network.get_weights(), 0

import keras
import numpy as np
import pytest

from dbal_tf.bayesian.early_stopping import EarlyStopping, Enough


def _run(losses: list[float], **given: int) -> tuple[int, float]:
    """Returns how often a fit went on, and its weight: the number of a step."""
    network = keras.Sequential([keras.Input([1]), keras.layers.Dense(1, use_bias=False)])
    at = 0

    def loss() -> float:
        return losses[at]

    stopping = EarlyStopping(network, loss, **given)
    for number in range(len(losses)):
        at = number
        network.set_weights([np.full([1, 1], float(number))])
        try:
            stopping()
        except Enough:
            break
    stopping.finish()
    return at, float(network.get_weights()[0][0, 0])


@pytest.mark.parametrize(
    ("losses", "patience", "expected"),
    [
        ([5, 4, 3, 2], 1, (3, 3)),
        ([5, 4, 6, 3, 9, 8, 7], 2, (5, 3)),
        ([5, 4, 6, 3, 9], 1, (2, 1)),
        ([5, float("nan"), 4], 2, (2, 2)),
    ],
)
def test_it_ends_some_measurements_after_the_best_and_goes_back_to_it(
    losses: list[float], patience: int, expected: tuple[int, float]
) -> None:
    assert _run(losses, every=1, patience=patience) == expected


def test_it_measures_every_few_calls_and_at_the_end() -> None:
    # Calls 1, 4 and 7 of eight, and the end.
    assert _run([5, 1, 1, 4, 1, 1, 6, 3], every=3, patience=9) == (7, 7)

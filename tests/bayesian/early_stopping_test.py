import keras
import numpy as np
import pytest

from dbal_tf.bayesian.early_stopping import EarlyStopping


def _run(losses: list[float], **given: int) -> tuple[int, float]:
    """Returns how often a fit went on, and its weight: the number of a step."""
    network = keras.Sequential([keras.Input([1]), keras.layers.Dense(1, use_bias=False)])
    at = 0

    def loss() -> float:
        return losses[at]

    with EarlyStopping(network, loss, **given) as stopping:
        for number in range(len(losses)):
            at = number
            network.set_weights([np.full([1, 1], float(number))])
            stopping()
    return at, float(network.get_weights()[0][0, 0])


@pytest.mark.parametrize(
    ("losses", "patience", "expected"),
    [
        ([5, 4, 3, 2], 1, (3, 3)),
        ([5, 4, 6, 3, 9, 8, 7], 2, (5, 3)),
        ([5, 4, 6, 3, 9], 1, (2, 1)),
        # The weights of the first call were not trained yet.
        ([1, 4, 6, 3], 1, (2, 1)),
    ],
)
def test_it_ends_some_measurements_after_the_best_and_goes_back_to_it(
    losses: list[float], patience: int, expected: tuple[int, float]
) -> None:
    assert _run(losses, every=1, patience=patience) == expected


def test_it_measures_every_few_calls_and_at_the_end() -> None:
    # Calls 4 and 7 of eight, and the end.
    assert _run([1, 1, 1, 4, 1, 1, 6, 3], every=3, patience=9) == (7, 7)


def test_a_loss_that_is_not_finite_is_no_result() -> None:
    with pytest.raises(ArithmeticError, match="loss became nan; try a smaller"):
        _run([5, 4, float("nan")], every=1, patience=9)
    with pytest.raises(ArithmeticError, match="loss became inf"):
        _run([float("inf")], every=3, patience=9)

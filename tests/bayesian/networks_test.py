"""The paper's network: its layers, its sizes and its seed."""

import keras
import numpy as np
import pytest

from dbal_tf import config
from dbal_tf.bayesian.networks import INITIALIZERS, NETWORKS, bayesian_cnn


def test_every_name_of_the_flag_has_a_network() -> None:
    assert tuple(NETWORKS) == config.MODELS
    assert tuple(INITIALIZERS) == config.INITIALIZERS


def test_the_papers_shapes() -> None:
    network = bayesian_cnn((28, 28, 1), 10, seed=0)
    shapes = [tuple(layer.output.shape[1:]) for layer in network.layers]
    convolutions = [(28, 28, 1), (25, 25, 32), (22, 22, 32), (11, 11, 32), (11, 11, 32)]
    assert shapes == [*convolutions, (3872,), (128,), (128,), (10,)]
    # 4*4*32 + 32, 4*4*32*32 + 32, 3872*128 + 128, 128*10 + 10.
    assert network.count_params() == 544 + 16_416 + 495_744 + 1_290


def test_the_papers_layers() -> None:
    network = bayesian_cnn((28, 28, 1), 10, seed=0)
    rates = [x.rate for x in network.layers if isinstance(x, keras.layers.Dropout)]
    activations = [x.activation.__name__ for x in network.layers if hasattr(x, "activation")]
    assert rates == [0.25, 0.5]
    assert activations == ["relu", "relu", "relu", "softmax"]


def test_the_kernel_size_can_be_chosen() -> None:
    network = bayesian_cnn((28, 28, 1), 10, seed=0, kernel_size=3)
    shapes = [layer.output.shape[1:3] for layer in network.layers[1:4]]
    assert shapes == [(26, 26), (24, 24), (12, 12)]
    assert network.layers[1].kernel.shape == (3, 3, 1, 32)


def test_pixel_values_are_scaled_inside() -> None:
    network = bayesian_cnn((8, 8, 1), 3, seed=0)
    white = np.full((1, 8, 8, 1), 255.0)
    np.testing.assert_array_equal(network.layers[0](white), np.ones((1, 8, 8, 1)))


def _weights(seed: int, initializer: str = "glorot_uniform") -> list[np.ndarray]:
    return bayesian_cnn((8, 8, 2), 3, seed, initializer=initializer).get_weights()


@pytest.mark.parametrize("name", INITIALIZERS)
def test_the_seed_fixes_the_weights(name: str) -> None:
    ours, others = _weights(5, name), _weights(6, name)
    for one, same in zip(ours, _weights(5, name), strict=True):
        np.testing.assert_array_equal(one, same)
    for kernel, other in zip(ours[::2], others[::2], strict=True):
        assert (kernel != other).mean() > 0.99
    assert all(not bias.any() for bias in ours[1::2])


def test_initial_weights_are_glorot_uniform() -> None:
    for kernel in _weights(5)[::2]:
        receptive = np.prod(kernel.shape[:-2])
        _check_uniform(kernel, np.sqrt(6 / (receptive * sum(kernel.shape[-2:]))))


def test_early_keras_counts_the_output_maps_alone() -> None:
    kernels = _weights(5, "early_keras")[::2]
    # 4*4*2 + 32, 4*4*32 + 32, then dense layers, which are as today.
    for kernel, fans in zip(kernels, (64, 544, 32 + 128, 128 + 3), strict=True):
        _check_uniform(kernel, np.sqrt(6 / fans))


def _check_uniform(kernel: np.ndarray, limit: float) -> None:
    assert 0.95 * limit < np.abs(kernel).max() <= limit
    # The mean of n uniform numbers has standard deviation limit / sqrt(3 n).
    assert abs(kernel.mean()) < 5 * limit / np.sqrt(3 * kernel.size)

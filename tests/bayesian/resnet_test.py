import keras
import numpy as np
import pytest

from dbal_tf.bayesian.fitting import Fitter
from dbal_tf.bayesian.resnet import bayesian_resnet


def _maps(shape):
    network = bayesian_resnet(shape, 3, seed=0)
    convolutions = [x for x in network.layers if isinstance(x, keras.layers.Conv2D)]
    return [tuple(x.output.shape[1:]) for x in convolutions]


def test_a_stem_and_three_blocks_of_which_two_halve_the_size():
    expected = [(32, 32, 16)] * 3  # The first block keeps x as it is.
    for side, filters in ((16, 32), (8, 64)):
        expected += [(side, side, filters)] * 3
    assert _maps((32, 32, 3)) == expected


@pytest.mark.parametrize(("side", "first", "last"), [(28, 28, 7), (64, 32, 8), (128, 32, 8)])
def test_large_images_cost_no_more_than_small_ones(side, first, last):
    maps = _maps((side, side, 3))
    assert (maps[0][0], maps[-1][0]) == (first, last)


def test_pixel_values_are_scaled_inside():
    network = bayesian_resnet((28, 28, 1), 3, seed=0)
    ends = np.array([0.0, 255.0]).reshape(2, 1, 1, 1) * np.ones((2, 28, 28, 1))
    scaled = np.asarray(network.layers[1](ends))
    np.testing.assert_allclose(scaled[:, 0, 0, 0], [-1, 1], atol=1e-6)


def test_a_block_adds_to_what_it_is_given():
    network = bayesian_resnet((28, 28, 1), 3, seed=0)
    adds = [x for x in network.layers if isinstance(x, keras.layers.Add)]
    assert [x.output.shape[-1] for x in adds] == [16, 32, 64]
    stem, *_, last = [x for x in network.layers if isinstance(x, keras.layers.Conv2D)][:3]
    last.kernel.assign(np.zeros(last.kernel.shape))
    both = keras.Model(network.input, [stem.output, adds[0].output])
    given, added = both(np.random.default_rng(0).integers(0, 256, (2, 28, 28, 1)))
    np.testing.assert_array_equal(given, added)
    assert np.any(np.asarray(given))


def test_it_learns_colours_from_a_few_images():
    rng = np.random.default_rng(0)
    classes = np.arange(60) % 3
    images = rng.integers(0, 160, (60, 28, 28, 3)).astype(np.uint8)
    images[np.arange(60), :, :, classes] += 60
    fitter = Fitter(bayesian_resnet, (28, 28, 3), 3, batch_size=15)
    fitter.fit(images[:30], classes[:30], epochs=15, weight_decay=0.1, seed=1)
    probs = np.asarray(fitter.network(images[30:].astype(np.float32), training=False))
    assert (probs.argmax(axis=1) == classes[30:]).mean() > 0.9

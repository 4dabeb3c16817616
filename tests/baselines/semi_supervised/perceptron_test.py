import numpy as np
import tensorflow as tf

from dbal_tf.baselines.semi_supervised.perceptron import outputs, perceptron


def test_one_hidden_layer_and_linear_outputs():
    network = perceptron(5, 4, 3, "tanh", 0)
    first, bias, second, shift = network.get_weights()
    assert (first.shape, second.shape) == ((5, 4), (4, 3))
    inputs = np.random.default_rng(0).random((2, 5), np.float32)
    expected = np.tanh(inputs @ first + bias) @ second + shift
    np.testing.assert_allclose(network(inputs), expected, rtol=1e-5)


def test_weights_are_those_of_the_seed():
    def weights(seed):
        return perceptron(4, 4, 4, "relu", seed).get_weights()

    np.testing.assert_array_equal(weights(0)[0], weights(0)[0])
    assert not np.array_equal(weights(0)[0], weights(1)[0])
    assert not np.array_equal(weights(0)[0], weights(0)[2])


def test_outputs_of_many_inputs_keep_their_order():
    inputs = np.arange(2500, dtype=np.float32)[:, np.newaxis]
    np.testing.assert_array_equal(outputs(lambda x: 2 * tf.constant(x), inputs), 2 * inputs)

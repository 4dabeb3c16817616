"""What TensorFlow, Keras or Python calls deprecated fails the test that uses it."""

import pytest
import tensorflow as tf
from tensorflow.python.util import deprecation


@deprecation.deprecated(None, "Use something else.")
def old(x):
    return x


@deprecation.deprecated_args(None, "Leave it out.", "y")
def old_argument(x, y=None):
    return x


@pytest.mark.parametrize("_time", range(2))
def test_tensorflows_log_of_our_call_fails(_time):
    with pytest.raises(DeprecationWarning, match="is deprecated"):
        old(1)
    # TensorFlow looks at arguments in graphs only.
    with tf.Graph().as_default(), pytest.raises(DeprecationWarning, match="with y is deprec"):
        old_argument(1, y=2)


def test_a_call_in_a_graph_fails():
    with pytest.raises(Exception, match=r"DeprecationWarning: .* is deprecated"):
        tf.function(lambda x: old(x) + 1)(tf.constant(1))


def test_a_call_of_another_library_passes():
    code = compile("result = old(1)", "/elsewhere/site-packages/other/module.py", "exec")
    space = {"old": old}
    exec(code, space)
    assert space["result"] == 1


def test_kerass_warnings_fail():
    from keras import layers

    with pytest.raises(UserWarning, match="`input_shape` is deprecated"):
        layers.InputLayer(input_shape=(2,))

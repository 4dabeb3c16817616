import json
import subprocess
import sys

import pytest
import tensorflow as tf

from dbal_tf.core import InputError
from dbal_tf.runtime.devices import from_chief, is_chief, make_strategy, run_folder

_PROGRAM = """
import json, sys
from dbal_tf.runtime import startup
startup.import_tensorflow()
import numpy as np, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 4)
from dbal_tf.acquisition import bald, top_k
from dbal_tf.bayesian.fitting import Fitter
from dbal_tf.bayesian.inference import Predictor
from dbal_tf.bayesian.networks import bayesian_cnn
import keras

def plain(shape, classes, seed):
    start = keras.initializers.GlorotUniform(seed)
    dense = keras.layers.Dense(classes, "softmax", kernel_initializer=start)
    # The first is penalised.
    hidden = keras.layers.Dense(8, "tanh", kernel_initializer=start)
    first = keras.Input(shape), keras.layers.Rescaling(1 / 255), keras.layers.Flatten()
    return keras.Sequential([*first, hidden, dense])

rng = np.random.default_rng(0)
images = rng.integers(0, 256, (50, 10, 10, 1)).astype(np.uint8)
classes = rng.integers(0, 3, 50)
for count in (1, 4):
    devices = [f"CPU:{n}" for n in range(count)]
    # The default all-reduce takes one number of devices per process only.
    reduction = tf.distribute.ReductionToOneDevice()
    strategy = tf.distribute.MirroredStrategy(devices, reduction) if count > 1 else None
    with (strategy or tf.distribute.get_strategy()).scope():
        fitter = Fitter(bayesian_cnn, (10, 10, 1), 3)
        loss = fitter.fit(images[:23], classes[:23], 3, 2.5, 0)
        kernels = [fitter.network.layers[1].kernel.value]
        if strategy:
            kernels = strategy.experimental_local_results(kernels[0])
        in_step = all(np.array_equal(kernels[0], kernel) for kernel in kernels)
        # Without dropout it makes no difference who trains on which images; of 3 some get none.
        trained, other = [], Fitter(plain, (10, 10, 1), 3, 0.001, 8)
        for few in (23, 3):
            trained.append(other.fit(images[:few], classes[:few], 3, 2.5, 0))
            trained += other.network.get_weights()[0].ravel()[:9].tolist()
        fitter._reset(0)
        scores = np.asarray(bald(Predictor(fitter.network).statistics(images, 30, 0)))
    best = top_k(scores, 10, 0).tolist()
    print(json.dumps([count, loss, in_step, scores.tolist(), best, trained]))
"""


_MASKS = """
from dbal_tf.runtime import startup
startup.import_tensorflow()
import keras, numpy as np, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from dbal_tf.bayesian import masks

strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
with strategy.scope():
    layer = keras.layers.Dropout(0.5, seed=1)

def draw():
    replica = tf.distribute.get_replica_context().replica_id_in_sync_group
    sample = tf.cast(2 * step + replica, tf.int64)
    ours = masks.noise(layer, (64,), sample, tf.constant(7, tf.int64), site=0)
    return ours, layer(tf.ones([1, 64]), training=True)[0]

drawn = set(), set()
for step in range(5):
    for masks_of, results in zip(drawn, strategy.run(draw)):
        both = strategy.experimental_local_results(results)
        masks_of |= {mask.numpy().tobytes() for mask in both}
print(*map(len, drawn))
"""


def test_two_replicas_that_draw_five_masks_each():
    """Keras gives all replicas the same masks: half of the samples would be copies."""
    done = subprocess.run(
        [sys.executable, "-c", _MASKS], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "10 5\n"


@pytest.mark.parametrize("text", [None, "", "worker", "[]", "{}", '{"cluster": {}, "task": 0}'])
def test_a_cluster_that_is_not_described(text, monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if text is not None:
        monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(InputError, match="got no cluster; expected TF_CONFIG"):
        make_strategy("multi_worker")


def test_a_single_process_keeps_its_run():
    strategy = make_strategy("none")
    assert is_chief(strategy)
    assert from_chief(strategy, b"state") == b"state"
    with run_folder(strategy, "there") as folder:
        assert folder == "there"


def test_one_device_needs_no_strategy():
    assert make_strategy("none") is tf.distribute.get_strategy()
    if len(tf.config.list_logical_devices("GPU")) < 2:
        assert make_strategy("auto") is tf.distribute.get_strategy()
    assert isinstance(make_strategy("mirrored"), tf.distribute.MirroredStrategy)


def test_scores_do_not_depend_on_the_number_of_devices():
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    runs = [json.loads(line) for line in done.stdout.splitlines()]
    assert [run[0] for run in runs] == [1, 4]
    _, loss, _, scores, best, trained = runs[0]
    assert max(scores) > 1e-4
    for _, other_loss, in_step, other_scores, other_best, other_trained in runs:
        assert in_step, "the replicas' weights differ after training"
        assert other_loss == pytest.approx(loss, rel=0.5)
        assert other_scores == pytest.approx(scores, abs=1e-5)
        assert other_best == best
        assert other_trained == pytest.approx(trained, rel=1e-4)

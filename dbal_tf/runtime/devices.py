"""Distribution over the devices of one machine, or of several."""

import contextlib
import functools
import json
import os
import tempfile
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from dbal_tf.core import InputError

_CLUSTER = "TF_CONFIG"


def make_strategy(name: str) -> tf.distribute.Strategy:
    """Returns the distribution strategy with a name.

    Items are split over the replicas, posterior samples are not: all replicas
    draw the same masks, so scores do not depend on the number of devices.

    Args:
        name: `"none"`: one device. `"mirrored"`: all GPUs, or all logical CPU
            devices if there is no GPU. `"auto"`: `"mirrored"` if there are several
            GPUs, else `"none"`. `"multi_worker"`: the devices of all processes in
            a cluster.

    Raises:
        InputError: `TF_CONFIG` does not describe the cluster of
            `"multi_worker"`.
    """
    if name == "multi_worker":
        return _multi_worker()
    gpus = tf.config.list_logical_devices("GPU")
    if name == "none" or (name == "auto" and len(gpus) < 2):
        return tf.distribute.get_strategy()
    devices = gpus or tf.config.list_logical_devices("CPU")
    return tf.distribute.MirroredStrategy([device.name for device in devices])


def gather(strategy: tf.distribute.Strategy, value: Any) -> np.ndarray:
    """Returns the values of all replicas on all machines, joined along the first axis."""
    if isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return strategy.gather(value, axis=0).numpy()
    return np.concatenate([x.numpy() for x in strategy.experimental_local_results(value)])


def from_chief(strategy: tf.distribute.Strategy, data: bytes) -> bytes:
    """Returns the chief's data in every process; waits for all processes.

    Args:
        strategy: The strategy that all processes run under.
        data: The data to broadcast; that of other processes is ignored.
    """
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return data
    # gather joins along the first axis, so all but one replica contribute nothing.
    # int32, because all-gather takes no bytes.
    here = np.frombuffer(data if is_chief(strategy) else b"", np.uint8).astype(np.int32)

    def value(context: tf.distribute.experimental.ValueContext) -> tf.Tensor:
        return tf.constant(here if context.replica_id_in_sync_group == 0 else here[:0])

    everything = strategy.experimental_distribute_values_from_function(value)
    return gather(strategy, everything).astype(np.uint8).tobytes()


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Returns whether this process writes the run's files; the others only compute.

    Without a task of the type chief, worker 0 is the chief, as in TensorFlow.
    """
    resolver = strategy.cluster_resolver
    several = isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)
    return not several or (resolver.task_type, resolver.task_id) in (
        ("chief", 0),
        *([] if "chief" in resolver.cluster_spec().jobs else [("worker", 0)]),
    )


@contextlib.contextmanager
def run_folder(strategy: tf.distribute.Strategy, run_dir: str) -> Iterator[str]:
    """Yields the folder that this process writes to: the run's, or a temporary one."""
    # Workers write, too, so that all processes run the same code; nobody reads their files.
    if is_chief(strategy):
        yield run_dir
    else:
        with tempfile.TemporaryDirectory(prefix="dbal_tf-worker-") as folder:
            yield folder


# A process can join its cluster only once.
@functools.cache
def _multi_worker() -> tf.distribute.Strategy:
    try:
        described = json.loads(os.environ[_CLUSTER])
        complete = bool(described["cluster"]) and described["task"]["index"] >= 0
    except (KeyError, TypeError, ValueError):
        complete = False
    if not complete:
        raise InputError(
            f"--strategy=multi_worker got no cluster; expected {_CLUSTER} in the environment, "
            'such as {"cluster": {"worker": ["host:port", ...]}, "task": {"type": "worker", '
            '"index": 0}}, another index in each process; set it or use --strategy=mirrored.'
        )
    return tf.distribute.MultiWorkerMirroredStrategy()

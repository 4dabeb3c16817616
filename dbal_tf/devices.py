"""How the work is spread over the devices of a machine."""

import tensorflow as tf


def make_strategy(name: str) -> tf.distribute.Strategy:
    """Returns the distribution strategy of a name.

    Items are split over the replicas, posterior samples never: all replicas
    draw the same masks, so scores do not depend on the number of devices.

    Args:
        name: `"none"`: one device. `"mirrored"`: all GPUs, or without any all
            logical CPU devices. `"auto"`: mirrored if there are several GPUs.
    """
    gpus = tf.config.list_logical_devices("GPU")
    if name == "none" or (name == "auto" and len(gpus) < 2):
        return tf.distribute.get_strategy()
    devices = gpus or tf.config.list_logical_devices("CPU")
    return tf.distribute.MirroredStrategy([device.name for device in devices])

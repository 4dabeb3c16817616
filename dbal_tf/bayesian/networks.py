"""Networks by name. A factory builds one from a seed: same seed, same weights.

Networks take pixel values 0 to 255 as they are stored and scale them inside,
so that training, scoring and the exported model share one convention.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import layers


class EarlyKeras(keras.initializers.Initializer):
    """Glorot uniform as Keras counted in 2015, and so in the authors' runs.

    A convolution's fan-out was its output maps alone, not times the kernel's
    size: the paper's first kernels begin 3.3 times as large as today.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Any:
        """Returns weights of a shape `[..., inputs, outputs]`."""
        limit = math.sqrt(6 / (math.prod(shape[:-1]) + shape[-1]))
        return keras.random.uniform(shape, -limit, limit, dtype, self.seed)

    def get_config(self) -> dict[str, Any]:
        """Returns the seed."""
        return {"seed": self.seed}


INITIALIZERS: dict[str, Callable[[int], keras.initializers.Initializer]] = {
    "glorot_uniform": lambda seed: keras.initializers.GlorotUniform(seed=seed),
    "early_keras": EarlyKeras,
}

NetworkFactory = Callable[[tuple[int, int, int], int, int], keras.Model]


def bayesian_cnn(
    image_shape: tuple[int, int, int],
    num_classes: int,
    seed: int,
    kernel_size: int = 4,
    initializer: str = "glorot_uniform",
) -> keras.Model:
    """Returns the paper's network for MNIST, with fresh weights.

    Convolution-relu-convolution-relu-max pooling-dropout-dense-relu-dropout-
    dense-softmax; 32 kernels of 4x4, 2x2 pooling, 128 units, dropout of 0.25
    and 0.5 (Gal, Islam and Ghahramani 2017, section 5.1).

    Layers have Keras's current dtype policy, the probabilities float32.

    Args:
        image_shape: Height, width and channels.
        num_classes: Number of classes.
        seed: Seed of the initial weights.
        kernel_size: Height and width of the kernels. Paper: 4.
        initializer: A key of `INITIALIZERS`.
    """

    def initial(offset: int) -> keras.initializers.Initializer:
        return INITIALIZERS[initializer](seed + offset)

    return keras.Sequential(
        [
            keras.Input(image_shape),
            layers.Rescaling(1 / 255),
            layers.Conv2D(32, kernel_size, activation="relu", kernel_initializer=initial(0)),
            layers.Conv2D(32, kernel_size, activation="relu", kernel_initializer=initial(1)),
            layers.MaxPooling2D(2),
            layers.Dropout(0.25, seed=seed),
            layers.Flatten(),
            layers.Dense(128, activation="relu", kernel_initializer=initial(2)),
            layers.Dropout(0.5, seed=seed),
            layers.Dense(
                num_classes,
                activation="softmax",
                kernel_initializer=initial(3),
                dtype="float32",
            ),
        ],
        name="bayesian_cnn",
    )


NETWORKS: dict[str, Callable[..., keras.Model]] = {"bayesian_cnn": bayesian_cnn}

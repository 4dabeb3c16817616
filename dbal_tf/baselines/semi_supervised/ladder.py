"""The ladder network: each layer learns to remove noise, using the layer above.

Reference: Rasmus, Valpola, Honkala, Berglund and Raiko, "Semi-Supervised Learning
with Ladder Networks", NIPS 2015.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from dbal_tf.baselines.semi_supervised import batches, loops
from dbal_tf.baselines.semi_supervised.mlp import Mlp, MlpPredictor, normal
from dbal_tf.baselines.semi_supervised.normalisation import by_rest, moments, standardise
from dbal_tf.baselines.semi_supervised.schedules import HoldThenLinear
from dbal_tf.baselines.semi_supervised.session import Session
from dbal_tf.baselines.semi_supervised.system import LabelledImages, check, pixels
from dbal_tf.core import InputError
from dbal_tf.seeds import seed_for


@dataclasses.dataclass(frozen=True)
class Ladder:
    """The ladder network, or its Gamma-model, on a multilayer perceptron.

    The loss is the cross-entropy on labelled images, with noise in every layer, plus a
    weighted denoising cost for each decoded layer: the mean over unlabelled images and
    units of (z - denoised z)^2, where z is the layer's normalised pre-activation without
    noise. The Gamma-model decodes only the topmost layer.

    Attributes:
        denoising: Weight of each decoded layer, from the top down. One weight gives the
            Gamma-model; one for each layer and one for the pixels give the full ladder.
        units: Units of the hidden layers.
        noise: Standard deviation of the noise on pixels and pre-activations.
        steps: Training steps.
        hold: Steps before the learning rate falls linearly to 0.
        rate: Initial learning rate of Adam.
        labelled_batch: Labelled images per step.
        unlabelled_batch: Unlabelled images per step.
    """

    # The authors' weight for 1,000 labels; they use 0.5 for 100 labels and 2 for all labels.
    denoising: tuple[float, ...] = (10.0,)
    units: tuple[int, ...] = (1000, 500, 250, 250, 250)
    noise: float = 0.3
    steps: int = 90_000
    hold: int = 60_000
    rate: float = 0.002
    labelled_batch: int = 100
    unlabelled_batch: int = 100

    def __post_init__(self) -> None:
        most = len(self.units) + 2
        if not 1 <= len(self.denoising) <= most:
            raise InputError(
                f"The ladder has {len(self.denoising)} denoising weights; expected 1 to "
                f"{most}, from the topmost layer to the pixels; leave some out."
            )

    @classmethod
    def faithful(cls, full: bool = False) -> "Ladder":
        """Returns the authors' settings for 1000 labels.

        Args:
            full: Whether all layers are decoded, or only the topmost.
        """
        if full:
            return cls(denoising=(0.1, 0.1, 0.1, 0.1, 0.1, 20.0, 2000.0), noise=0.2)
        return cls()

    @classmethod
    def light(cls, full: bool = False) -> "Ladder":
        """Returns the authors' settings with a sixth of the steps."""
        return dataclasses.replace(cls.faithful(full), steps=15_000, hold=6_000)

    @classmethod
    def tiny(cls, full: bool = False) -> "Ladder":
        """Returns settings for a few hundred small images."""
        return dataclasses.replace(
            cls.faithful(),
            denoising=(10.0, 1.0, 1.0) if full else (10.0,),
            units=(100,),
            noise=0.2,
            steps=300,
            hold=150,
            labelled_batch=50,
        )

    def fit(
        self,
        labelled: LabelledImages,
        unlabelled: np.ndarray,
        validation: LabelledImages,
        seed: int,
        session: Session,
    ) -> MlpPredictor:
        """Learns from labelled and unlabelled images; see `System.fit`.

        The validation images are not used: no hyper-parameter is chosen.
        """
        num_classes = check(labelled, unlabelled, self.unlabelled_batch)
        # The authors' unlabelled images include those with labels.
        everything = np.concatenate([labelled.images, unlabelled])
        widths = [int(np.prod(labelled.images.shape[1:])), *self.units, num_classes]
        start = seed_for(seed, 0, 0, "weights")
        mlp = Mlp(widths[0], widths[1:], start, scale_hidden=False)
        # The decoder's seeds follow those of the encoder's layers, so that no seed is reused.
        decoder = Decoder(widths, len(self.denoising), start + len(widths))
        # The authors keep the learning rate constant, and let it fall to 0 in the last third.
        optimizer = keras.optimizers.Adam(HoldThenLinear(self.rate, self.hold, self.steps))
        optimizer.build(mlp.trainable_variables + decoder.trainable_variables)
        step = self._step(mlp, decoder, optimizer, labelled, everything, seed)
        state = {"mlp": mlp, "decoder": decoder, "optimizer": optimizer}
        session.train("ladder", self.steps, loops.compiled(step), state)
        # Statistics from training would include the noise; predictions have no noise.
        mlp.settle(everything)
        return MlpPredictor(mlp)

    def _step(
        self,
        mlp: Mlp,
        decoder: "Decoder",
        optimizer: keras.optimizers.Optimizer,
        labelled: LabelledImages,
        everything: np.ndarray,
        seed: int,
    ) -> loops.Step:
        """Returns the function that runs a training step."""
        images, classes = tf.constant(pixels(labelled.images)), tf.constant(labelled.classes)
        pool = tf.constant(everything.reshape(len(everything), -1))
        # If there are fewer labels than a batch, each step uses all of them.
        first = min(self.labelled_batch, len(labelled))
        seeds = [seed_for(seed, 0, 0, name) for name in ("labelled", "unlabelled", "noise")]
        variables = mlp.trainable_variables + decoder.trainable_variables

        def step(number: tf.Tensor) -> dict[str, tf.Tensor]:
            rows = batches.rows(seeds[0], number, len(labelled), first)
            others = batches.rows(seeds[1], number, len(everything), self.unlabelled_batch)
            # Stored as bytes: floats would take four times the memory.
            unlabelled = tf.cast(tf.gather(pool, others), tf.float32) / 255

            def noise(layer: int, values: tf.Tensor) -> tf.Tensor:
                # Each layer is a separate site, so no two layers share their noise.
                key = batches.key(seeds[2], number, layer)
                return self.noise * tf.random.stateless_normal(tf.shape(values), key)

            with tf.GradientTape() as tape:
                logits, noisy = corrupted(mlp, tf.gather(images, rows), unlabelled, noise)
                cross_entropy = tf.reduce_mean(
                    tf.nn.sparse_softmax_cross_entropy_with_logits(
                        tf.gather(classes, rows), logits[:first]
                    )
                )
                # The noisy softmax, because the decoder must not see its target.
                probs = tf.nn.softmax(logits[first:])
                costs = denoising_costs(decoder, clean(mlp, unlabelled), noisy, probs)
                pairs = zip(self.denoising, costs, strict=True)
                denoising = tf.add_n([weight * cost for weight, cost in pairs])
                loss = cross_entropy + denoising
            optimizer.apply(tape.gradient(loss, variables), variables)
            return {"cross_entropy": cross_entropy, "denoising": denoising}

        return step


class Level(NamedTuple):
    """A layer without noise, the target of denoising.

    Attributes:
        values: Normalised pre-activations z, `[n, d]`; pixels in layer 0.
        mean: Mean by which z was normalised, `[1, d]`; 0 for pixels.
        deviation: Standard deviation by which z was normalised, `[1, d]`; 1 for pixels.
    """

    values: tf.Tensor
    mean: tf.Tensor
    deviation: tf.Tensor


class Decoder(keras.layers.Layer):
    """The weights of the decoder.

    Args:
        widths: Units of each layer of the encoder, from the pixels to the classes.
        depth: Number of decoded layers, from the top.
        seed: Seed of the initial weights.
    """

    def __init__(self, widths: Sequence[int], depth: int, seed: int) -> None:
        super().__init__()
        down = list(widths)[::-1]
        # The authors start with a slope of 1 in both sigmoids and 0 everywhere else.
        start = np.zeros((10, 1), np.float32)
        start[[1, 6]] = 1
        # The topmost layer needs no kernel: its signal is the softmax.
        self.combinations, self.kernels = [], []
        for level, width in enumerate(down[:depth]):
            weights = self.add_weight((10, width), "zeros")
            weights.assign(np.repeat(start, width, axis=1))
            self.combinations.append(weights)
            if level:
                shape = (down[level - 1], width)
                self.kernels.append(self.add_weight(shape, normal(seed + level)))


def corrupted(
    mlp: Mlp,
    labelled: tf.Tensor,
    unlabelled: tf.Tensor,
    noise: Callable[[int, tf.Tensor], tf.Tensor],
) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """Returns the logits and pre-activations of the encoder with noise.

    Args:
        mlp: The encoder.
        labelled: Pixels, `[m, d]`.
        unlabelled: Pixels, `[n, d]`.
        noise: Returns noise for a layer, given the layer's number (0 for the pixels)
            and its values.

    Returns:
        Logits, `[m + n, c]`, and the noisy normalised pre-activations of the unlabelled
        images in each layer, from the pixels to the classes.
    """
    first = tf.shape(labelled)[0]
    # The authors normalise labelled images by their own statistics. This is about the same for
    # random labels. For acquired ones, it would make training differ from prediction.
    by_unlabelled = by_rest(first)
    inputs = tf.concat([labelled, unlabelled], axis=0)
    inputs += noise(0, inputs)
    noisy = [inputs[first:]]

    def normalise(layer: int, values: tf.Tensor) -> tf.Tensor:
        values = by_unlabelled(layer, values)
        # After normalisation, so that the relative noise is the same in every layer.
        values += noise(layer + 1, values)
        noisy.append(values[first:])
        return values

    return mlp.logits(inputs, normalise), noisy


def clean(mlp: Mlp, unlabelled: tf.Tensor) -> list[Level]:
    """Returns the layers without noise, from the pixels to the classes."""
    # Pixels are not normalised: mean 0, deviation 1.
    levels = [Level(unlabelled, tf.zeros([1, 1]), tf.ones([1, 1]))]

    def normalise(layer: int, values: tf.Tensor) -> tf.Tensor:
        del layer
        mean, deviation = moments(values)
        # As in the authors' code, the gradient also flows through the target.
        levels.append(Level((values - mean) / deviation, mean, deviation))
        return levels[-1].values

    mlp.logits(unlabelled, normalise)
    return levels


def denoising_costs(
    decoder: Decoder, levels: Sequence[Level], noisy: Sequence[tf.Tensor], probs: tf.Tensor
) -> list[tf.Tensor]:
    """Returns the mean squared error of each decoded layer, from the top down.

    Args:
        decoder: The decoder's weights.
        levels: The layers without noise, from the pixels to the classes.
        noisy: The layers with noise, each `[n, d]`.
        probs: The encoder's softmax with noise, `[n, c]`.
    """
    costs: list[tf.Tensor] = []
    told = probs
    for number, weights in enumerate(decoder.combinations):
        if number:
            told = told @ decoder.kernels[number - 1]
        level = levels[-1 - number]
        # The signal from above is also normalised; otherwise its scale would drift.
        told = denoised(noisy[-1 - number], standardise(told), weights)
        # As in the authors' code, normalised by the statistics of z.
        estimate = (told - level.mean) / level.deviation
        costs.append(tf.reduce_mean(tf.square(estimate - level.values)))
    return costs


def denoised(noisy: tf.Tensor, told: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """Returns the estimate (z - mu(u)) v(u) + mu(u) of units without noise.

    mu(u) = a1 sigmoid(a2 u + a3) + a4 u + a5, and v(u) is the same with a6 to a10.
    An estimate of this form is optimal for Gaussian units under Gaussian noise.

    Args:
        noisy: Units with noise z, `[n, d]`.
        told: The signal u from the layer above, `[n, d]`.
        weights: a1 to a10 of each unit, `[10, d]`.
    """
    a = tf.unstack(tf.convert_to_tensor(weights))
    mean = a[0] * tf.sigmoid(a[1] * told + a[2]) + a[3] * told + a[4]
    trust = a[5] * tf.sigmoid(a[6] * told + a[7]) + a[8] * told + a[9]
    return (noisy - mean) * trust + mean

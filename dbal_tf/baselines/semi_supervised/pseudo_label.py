"""Pseudo-labels: training on a network's own predictions (Lee, 2013)."""

import dataclasses
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from dbal_tf.baselines.semi_supervised import autoencoders, batches, loops
from dbal_tf.baselines.semi_supervised.perceptron import outputs, perceptron
from dbal_tf.baselines.semi_supervised.session import Session
from dbal_tf.baselines.semi_supervised.system import LabelledImages, check, pixels
from dbal_tf.seeds import seed_for


def unlabelled_weight(epoch: tf.Tensor, first: float, last: float, final: float) -> tf.Tensor:
    """Returns alpha(t): 0 until epoch `first`, then rising linearly to `final` at `last`."""
    return final * tf.clip_by_value((epoch - first) / (last - first), 0.0, 1.0)


def momentum(epoch: tf.Tensor, epochs: float) -> tf.Tensor:
    """Returns the momentum p(t), which rises linearly from 0.5 to 0.99 at epoch `epochs`."""
    return 0.5 + 0.49 * tf.minimum(epoch / epochs, 1.0)


def moved(
    velocity: tf.Tensor, gradient: tf.Tensor, momentum: tf.Tensor, rate: tf.Tensor
) -> tf.Tensor:
    """Returns the next change of a weight, p dW - (1 - p) rate gradient.

    The gradient has the weight 1 - p, so in the long run the weights move by `rate`
    times the mean gradient, for any momentum.
    """
    return momentum * velocity - (1 - momentum) * rate * gradient


def class_loss(logits_nc: tf.Tensor, targets_nc: tf.Tensor) -> tf.Tensor:
    """Returns the binary cross-entropy in nats, summed over classes, averaged over images."""
    losses = tf.nn.sigmoid_cross_entropy_with_logits(labels=targets_nc, logits=logits_nc)
    return tf.reduce_mean(tf.reduce_sum(losses, axis=-1))


def pseudo_labels(logits_nc: tf.Tensor) -> tf.Tensor:
    """Returns the most probable class of each image, one-hot `[n, c]`, without gradient."""
    likeliest_n = tf.argmax(tf.stop_gradient(logits_nc), axis=-1)
    return tf.one_hot(likeliest_n, logits_nc.shape[-1], dtype=logits_nc.dtype)


def settle(network: keras.Model, dropout: float) -> None:
    """Scales the output weights by 1 - dropout, for predictions without dropout."""
    # Hinton et al. (2012): with all units, the sums then equal the mean sums under dropout.
    kernel = network.layers[-1].kernel
    kernel.assign((1 - dropout) * kernel)


@dataclasses.dataclass(frozen=True)
class PseudoLabelPredictor:
    """A fitted `PseudoLabel`: a network with one sigmoid output per class."""

    network: keras.Model

    def predict_probs(self, images: np.ndarray) -> np.ndarray:
        """Returns the classes' sigmoids divided by their sum, float64 `[n, c]`."""
        logits_nc = outputs(self.network, pixels(images)).astype(np.float64)
        # In logarithms, because all sigmoids of an image may underflow.
        return np.asarray(tf.nn.softmax(tf.math.log_sigmoid(logits_nc)))


@dataclasses.dataclass(frozen=True)
class PseudoLabel:
    """A network trained on its own predictions for unlabelled images as labels.

    The loss is CE(labelled) + alpha(t) CE(unlabelled, argmax of the outputs). The
    argmax is computed in each step, without dropout. An epoch is a pass over the
    labelled images. The hidden layer may first be trained as a denoising autoencoder
    on all images; Lee does not state the optimizer for this, and here it is Adam.

    Reference: Lee, "Pseudo-label: the simple and efficient semi-supervised
    learning method for deep neural networks", ICML workshop 2013.

    Attributes:
        num_hidden: Units of the single hidden layer, with ReLU.
        denoising_steps: Training steps of the autoencoder; 0: no autoencoder.
        epochs: Passes over the labelled images.
        ramp: Epochs at which alpha(t) starts to rise and reaches its final value.
        alpha: Final value of alpha(t).
        rate: Initial learning rate.
        decay: Factor of the learning rate per epoch.
        momentum_epochs: Epochs in which the momentum rises from 0.5 to 0.99.
        dropout: Dropout rate of hidden units, and of the autoencoder's noise.
        batch: Labelled images per step.
        unlabelled_batch: Unlabelled images per step.
        denoising_rate: Initial learning rate of Adam for the autoencoder.
    """

    num_hidden: int = 5000
    denoising_steps: int = 6600
    epochs: int = 3000
    ramp: tuple[float, float] = (200.0, 800.0)
    alpha: float = 3.0
    rate: float = 1.5
    decay: float = 0.998
    momentum_epochs: float = 500.0
    dropout: float = 0.5
    batch: int = 32
    unlabelled_batch: int = 256
    denoising_rate: float = 1e-3

    @classmethod
    def faithful(cls, denoising: bool = True) -> "PseudoLabel":
        """Returns the paper's settings, with or without the denoising autoencoder."""
        # Without pre-training, Lee starts the unlabelled loss sooner.
        return cls() if denoising else cls(denoising_steps=0, ramp=(100.0, 600.0))

    @classmethod
    def light(cls, denoising: bool = True) -> "PseudoLabel":
        """Returns settings with 2,000 units and the paper's schedules in 1,000 epochs."""
        return cls(
            num_hidden=2000,
            denoising_steps=5500 if denoising else 0,
            epochs=1000,
            ramp=(67.0, 267.0) if denoising else (33.0, 200.0),
            decay=0.994,
            momentum_epochs=167.0,
        )

    @classmethod
    def tiny(cls, denoising: bool = True) -> "PseudoLabel":
        """Returns settings that take seconds on small digits."""
        return cls(
            num_hidden=100,
            denoising_steps=100 if denoising else 0,
            epochs=70,
            ramp=(20.0, 50.0),
            alpha=1.0,
            rate=0.5,
            decay=0.95,
            momentum_epochs=30.0,
            unlabelled_batch=64,
        )

    def fit(
        self,
        labelled: LabelledImages,
        unlabelled: np.ndarray,
        validation: LabelledImages,
        seed: int,
        session: Session,
    ) -> PseudoLabelPredictor:
        """Learns from labelled and unlabelled images; see `System.fit`."""
        count = check(labelled, unlabelled, self.unlabelled_batch)
        own_nd, others_nd = pixels(labelled.images), pixels(unlabelled)
        start = seed_for(seed, 0, 0, "weights")
        network = perceptron(own_nd.shape[1], self.num_hidden, count, "relu", start)
        if self.denoising_steps:
            both_nd = np.concatenate([own_nd, others_nd])
            # Only the encoder is kept; the decoder is needed only for pre-training.
            network.layers[0].set_weights(self._denoise(both_nd, seed, session))
        # Not keras.optimizers.SGD: Lee weights the old step by p and the gradient by 1 - p.
        velocities = [tf.Variable(tf.zeros(x.shape)) for x in network.trainable_variables]
        own = (tf.constant(own_nd), tf.one_hot(labelled.classes, count))
        # Lee does not define an epoch. At 1,000 labels, 3,000 passes over the labelled images
        # are 93,000 steps; over 59,000 unlabelled images, they are 690,000.
        steps_per_epoch = max(1, len(labelled) // self.batch)
        seeds = [seed_for(seed, 0, 0, name) for name in ("labelled", "unlabelled", "dropout")]

        def step(now: tf.Tensor) -> dict[str, tf.Tensor]:
            rows = batches.rows(seeds[0], now, len(labelled), self.batch)
            # Drawn with replacement, because an epoch uses only a subset of these images.
            others = loops.draw(seeds[1], now, 0, len(others_nd), self.unlabelled_batch)
            # Lee's t counts epochs; fractions make the schedules smooth.
            epoch = tf.cast(now, tf.float32) / steps_per_epoch
            variables = network.trainable_variables
            with tf.GradientTape() as tape:
                inputs = tf.concat([tf.gather(own[0], rows), tf.gather(data, others)], axis=0)
                key = batches.key(seeds[2], now, 0)
                loss = self.loss(network, inputs, tf.gather(own[1], rows), epoch, key)
            self._move(variables, velocities, tape.gradient(loss, variables), epoch)
            return {"loss": loss}

        data = tf.constant(others_nd)
        state = {"network": network, "velocities": velocities}
        session.train(
            "pseudo_label", self.epochs * steps_per_epoch, loops.compiled(step), state
        )
        settle(network, self.dropout)
        return PseudoLabelPredictor(network)

    def loss(
        self,
        network: keras.Model,
        inputs_nd: tf.Tensor,
        targets_lc: tf.Tensor,
        epoch: tf.Tensor,
        key: tf.Tensor,
    ) -> tf.Tensor:
        """Returns the loss of a step.

        Args:
            network: A network of a hidden layer and logits.
            inputs_nd: Labelled images, followed by unlabelled images.
            targets_lc: One-hot classes of the labelled images.
            epoch: The epoch t, float32 scalar; fractions are allowed.
            key: Seed of the dropout, int64 `[2]`.
        """
        hidden, logits = network.layers
        count = tf.shape(targets_lc)[0]
        # Pixels have no dropout, so one product serves both passes, with and without dropout.
        code_nh = hidden(inputs_nd)
        # Without dropout: the best prediction, and deterministic for given weights.
        keep = 1 - self.dropout
        targets_uc = pseudo_labels(logits(keep * code_nh[count:]))
        # As usual in 2013, kept units are not scaled up. A factor of 2 makes the loss four
        # times as curved, and training with the learning rate of 1.5 would diverge.
        kept_nh = tf.random.stateless_uniform(tf.shape(code_nh), key) < keep
        logits_nc = logits(tf.where(kept_nh, code_nh, 0.0))
        weight = unlabelled_weight(epoch, *self.ramp, self.alpha)
        labelled_loss = class_loss(logits_nc[:count], targets_lc)
        return labelled_loss + weight * class_loss(logits_nc[count:], targets_uc)

    def _move(
        self,
        variables: Sequence[keras.Variable],
        velocities: Sequence[tf.Variable],
        gradients: Sequence[tf.Tensor],
        epoch: tf.Tensor,
    ) -> None:
        rate, share = self.rate * self.decay**epoch, momentum(epoch, self.momentum_epochs)
        for variable, velocity, gradient in zip(variables, velocities, gradients, strict=True):
            velocity.assign(moved(velocity, gradient, share, rate))
            variable.assign_add(velocity)

    def _denoise(self, inputs_nd: np.ndarray, seed: int, session: Session) -> list[np.ndarray]:
        """Trains a denoising autoencoder; returns its kernel and bias."""
        names = ("denoising weights", "denoising images", "denoising noise")
        seeds = [seed_for(seed, 0, 0, name) for name in names]
        autoencoder = autoencoders.TiedAutoencoder(
            inputs_nd.shape[1], self.num_hidden, seeds[0], "relu"
        )

        def loss(batch_nd: tf.Tensor, now: tf.Tensor) -> tf.Tensor:
            rate = self.dropout
            return autoencoders.denoising_loss(autoencoder, batch_nd, rate, seeds[2], now)

        autoencoders.pretrain(
            "denoising",
            autoencoder,
            loss,
            inputs_nd,
            self.denoising_steps,
            self.unlabelled_batch,
            self.denoising_rate,
            seeds[1],
            session,
        )
        return [autoencoder.kernel.numpy(), autoencoder.bias.numpy()]

"""Pseudo-labels: Lee, 2013."""

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
    """Returns alpha(t): 0 until epoch `first`, then linear to `final` at epoch `last`."""
    return final * tf.clip_by_value((epoch - first) / (last - first), 0.0, 1.0)


def momentum(epoch: tf.Tensor, epochs: float) -> tf.Tensor:
    """Returns p(t): from 0.5 linearly to 0.99 at `epochs`, then 0.99."""
    return 0.5 + 0.49 * tf.minimum(epoch / epochs, 1.0)


def moved(
    velocity: tf.Tensor, gradient: tf.Tensor, momentum: tf.Tensor, rate: tf.Tensor
) -> tf.Tensor:
    """Returns the next change of a weight, p dW - (1 - p) rate gradient.

    With the gradient weighted by 1 - p, the weights move by `rate` times the
    mean gradient in the long run, whatever the momentum is.
    """
    return momentum * velocity - (1 - momentum) * rate * gradient


def class_loss(logits_nc: tf.Tensor, targets_nc: tf.Tensor) -> tf.Tensor:
    """Returns the mean over images of the binary cross-entropy, summed over classes."""
    losses = tf.nn.sigmoid_cross_entropy_with_logits(labels=targets_nc, logits=logits_nc)
    return tf.reduce_mean(tf.reduce_sum(losses, axis=-1))


def pseudo_labels(logits_nc: tf.Tensor) -> tf.Tensor:
    """Returns the likeliest class of each image, one-hot `[n, c]`, without a gradient."""
    likeliest_n = tf.argmax(tf.stop_gradient(logits_nc), axis=-1)
    return tf.one_hot(likeliest_n, logits_nc.shape[-1], dtype=logits_nc.dtype)


def settle(network: keras.Model, dropout: float) -> None:
    """Scales the output weights so that predictions need no dropout of hidden units."""
    # Hinton et al. (2012): all units at once, with the mean of the sums that dropout leaves.
    kernel = network.layers[-1].kernel
    kernel.assign((1 - dropout) * kernel)


@dataclasses.dataclass(frozen=True)
class PseudoLabelPredictor:
    """A network with one sigmoid for each class."""

    network: keras.Model

    def predict_probs(self, images: np.ndarray) -> np.ndarray:
        """Returns the classes' sigmoids divided by their sum, float64 `[n, c]`."""
        logits_nc = outputs(self.network, pixels(images)).astype(np.float64)
        # The division in logarithms: sigmoids of none of the classes may underflow.
        return np.asarray(tf.nn.softmax(tf.math.log_sigmoid(logits_nc)))


@dataclasses.dataclass(frozen=True)
class PseudoLabel:
    """A network that learns its own predictions for unlabelled images as labels.

    The loss is CE(labelled) + alpha(t) CE(unlabelled, argmax of their outputs),
    with the argmax taken anew at each step, dropout off. An epoch is a pass over
    the labelled images. The hidden layer may first be trained as a denoising
    autoencoder on all images; Lee does not state its optimizer, here it is Adam.

    Reference: Lee, "Pseudo-label: the simple and efficient semi-supervised
    learning method for deep neural networks", ICML workshop 2013.

    Attributes:
        num_hidden: Units of the one hidden layer, ReLU.
        denoising_steps: Steps of training the autoencoder; 0: without it.
        epochs: Passes over the labelled images.
        ramp: Epochs where alpha(t) begins to rise and where it is at its final value.
        alpha: Its final value.
        rate: The first learning rate.
        decay: Factor of the learning rate per epoch.
        momentum_epochs: Epochs in which the momentum rises from 0.5 to 0.99.
        dropout: Rate of dropout of hidden units, and of the autoencoder's noise.
        batch: Labelled images of a step.
        unlabelled_batch: Unlabelled images of a step.
        denoising_rate: Adam's first rate for the autoencoder.
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
        """The paper's settings, with or without the denoising autoencoder."""
        # Lee starts the unlabelled loss sooner where nothing was trained before.
        return cls() if denoising else cls(denoising_steps=0, ramp=(100.0, 600.0))

    @classmethod
    def light(cls, denoising: bool = True) -> "PseudoLabel":
        """2,000 units, and the paper's schedules in 1,000 epochs instead of 3,000."""
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
        """Seconds on small digits."""
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
            # Only the encoder is kept; the decoder served the pre-training.
            network.layers[0].set_weights(self._denoise(both_nd, seed, session))
        # Not keras.optimizers.SGD: Lee's step weighs old and new by p and 1 - p.
        velocities = [tf.Variable(tf.zeros(x.shape)) for x in network.trainable_variables]
        own = (tf.constant(own_nd), tf.one_hot(labelled.classes, count))
        # Lee does not say what an epoch is a pass over. At 1,000 labels, 3,000 passes over
        # the labelled images are 93,000 steps; over 59,000 unlabelled ones, 690,000.
        steps_per_epoch = max(1, len(labelled) // self.batch)
        seeds = [seed_for(seed, 0, 0, name) for name in ("labelled", "unlabelled", "dropout")]

        def step(now: tf.Tensor) -> dict[str, tf.Tensor]:
            rows = batches.rows(seeds[0], now, len(labelled), self.batch)
            # Drawn with replacement: one labelled pass sees a part of the unlabelled images.
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
            network: Hidden layer and logits.
            inputs_nd: Labelled images, then unlabelled ones.
            targets_lc: One-hot classes of the labelled images.
            epoch: t, float32 scalar; whole numbers are not needed.
            key: Seed of the dropout, int64 `[2]`.
        """
        hidden, logits = network.layers
        count = tf.shape(targets_lc)[0]
        # Without dropout on pixels one product serves both, with dropout and without.
        code_nh = hidden(inputs_nd)
        # Without dropout: the network's best guess, and the same for equal weights.
        keep = 1 - self.dropout
        targets_uc = pseudo_labels(logits(keep * code_nh[count:]))
        # Units that are kept are not scaled up, as it was in 2013. Scaled by 2, they make
        # the loss four times as curved, and a rate of 1.5 diverges.
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
        """Returns kernel and bias of a denoising autoencoder."""
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

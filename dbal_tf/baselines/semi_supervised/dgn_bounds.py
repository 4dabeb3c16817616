"""The networks of M1 and M2, and the bounds that they maximise.

    M1: p(z1) p(x|z1), a variational autoencoder of binary pixels.
    M2: p(y) p(z) p(z1|y, z), an autoencoder of M1's latent values with a class.

Kingma, Rezende, Mohamed and Welling, "Semi-Supervised Learning with Deep Generative
Models", NIPS 2014. Bounds are in nats, one per image. `noise` are standard normal
values; they are arguments, so that a bound is a deterministic function.
"""

import math

import keras
import tensorflow as tf

# The authors initialise all weights of M2 with a standard deviation of 0.001, so that all
# classes are equally likely at first. With Glorot output layers, a random decoder teaches the
# classifier arbitrary classes before the labels do. Hidden layers use Glorot weights here,
# because they learn slowly from such small ones.
_SPREAD = 1e-3


def gaussian_kl(mean: tf.Tensor, log_variance: tf.Tensor) -> tf.Tensor:
    """Returns KL(N(mean, variance) || N(0, 1)), summed over the last axis."""
    # In closed form, because an estimate from samples would add noise to the gradient.
    terms = tf.exp(log_variance) + mean**2 - 1 - log_variance
    return 0.5 * tf.reduce_sum(terms, axis=-1)


def gaussian_log_density(x: tf.Tensor, mean: tf.Tensor, log_variance: tf.Tensor) -> tf.Tensor:
    """Returns log N(x; mean, variance), summed over the last axis."""
    terms = math.log(2 * math.pi) + log_variance + (x - mean) ** 2 * tf.exp(-log_variance)
    return -0.5 * tf.reduce_sum(terms, axis=-1)


def sampled(mean: tf.Tensor, log_variance: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
    """Returns mean + standard deviation * noise."""
    return mean + tf.exp(0.5 * log_variance) * noise


def network(
    inputs: int, hidden: tuple[int, ...], outputs: int, seed: int, spread: float | None = None
) -> keras.Model:
    """Returns a built network with softplus hidden layers and linear outputs.

    Args:
        inputs: Number of inputs.
        hidden: Units of the hidden layers.
        outputs: Number of outputs.
        seed: Seed of the initial weights.
        spread: Standard deviation of the output layer's initial weights; None: Glorot.
    """
    layers = [
        keras.layers.Dense(
            units, "softplus", kernel_initializer=keras.initializers.GlorotUniform(seed + depth)
        )
        for depth, units in enumerate(hidden)
    ]
    last = seed + len(hidden)
    if spread is None:
        initial = keras.initializers.GlorotUniform(last)
    else:
        initial = keras.initializers.RandomNormal(0.0, spread, last)
    outs = keras.layers.Dense(outputs, kernel_initializer=initial)
    return keras.Sequential([keras.Input((inputs,)), *layers, outs])


class M1:
    """A variational autoencoder: q(z1|x) and p(x|z1).

    Args:
        pixels: Number of pixels.
        hidden: Units of the hidden layers of both networks.
        latent: Number of dimensions of z1.
        seed: Seed of the initial weights.
    """

    def __init__(self, pixels: int, hidden: tuple[int, ...], latent: int, seed: int) -> None:
        self.encoder = network(pixels, hidden, 2 * latent, seed)
        self.decoder = network(latent, hidden, pixels, seed + 100)
        self.networks = {"encoder": self.encoder, "decoder": self.decoder}

    def posterior(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns mean and log-variance of q(z1|x), `[n, latent]`, for pixels `[n, d]`."""
        mean, log_variance = tf.split(self.encoder(x), 2, axis=-1)
        return mean, log_variance

    def bound(self, x: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
        """Returns E log p(x|z1) - KL(q(z1|x) || p(z1)), `[n]`.

        Args:
            x: Pixels of 0 and 1, shape `[n, d]`.
            noise: Shape `[n, latent]`.
        """
        mean, log_variance = self.posterior(x)
        logits = self.decoder(sampled(mean, log_variance, noise))
        losses = tf.nn.sigmoid_cross_entropy_with_logits(x, logits)
        return -tf.reduce_sum(losses, axis=-1) - gaussian_kl(mean, log_variance)


class M2:
    """The networks q(y|x), q(z|x, y) and p(x|y, z), where x are latent values of M1.

    Args:
        inputs: Number of dimensions of x.
        hidden: Units of the hidden layers of each network.
        latent: Number of dimensions of z.
        num_classes: Number of classes c, all equally probable a priori.
        seed: Seed of the initial weights.
    """

    def __init__(
        self, inputs: int, hidden: tuple[int, ...], latent: int, num_classes: int, seed: int
    ) -> None:
        self.num_classes = num_classes
        self.classifier = network(inputs, hidden, num_classes, seed, _SPREAD)
        self.encoder = network(inputs + num_classes, hidden, 2 * latent, seed + 100, _SPREAD)
        self.decoder = network(latent + num_classes, hidden, 2 * inputs, seed + 200, _SPREAD)
        self.networks = {
            "classifier": self.classifier,
            "encoder": self.encoder,
            "decoder": self.decoder,
        }

    def bound(self, x: tf.Tensor, onehot: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
        """Returns L(x, y) = E log p(x|y, z) + log p(y) - KL(q(z|x, y) || p(z)), `[n]`.

        Args:
            x: Shape `[n, inputs]`.
            onehot: The classes, shape `[n, c]`.
            noise: Shape `[n, latent]`.
        """
        encoded = self.encoder(tf.concat([x, onehot], axis=-1))
        mean, log_variance = tf.split(encoded, 2, axis=-1)
        z = sampled(mean, log_variance, noise)
        decoded = tf.split(self.decoder(tf.concat([z, onehot], axis=-1)), 2, axis=-1)
        log_prior = -math.log(self.num_classes)
        density = gaussian_log_density(x, *decoded)
        return density + log_prior - gaussian_kl(mean, log_variance)

    def marginalised_bound(self, x: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
        """Returns U(x) = sum_y q(y|x) L(x, y) + H(q(y|x)), `[n]`.

        Args:
            x: Shape `[n, inputs]`.
            noise: Shape `[n, latent]`.
        """
        count, classes = tf.shape(x)[0], self.num_classes
        # Sums over all classes, so that no gradient has to pass through a sampled class.
        onehot = tf.repeat(tf.eye(classes), count, axis=0)
        # The same noise for all: the classifier learns from differences of the bounds.
        each = self.bound(tf.tile(x, [classes, 1]), onehot, tf.tile(noise, [classes, 1]))
        bounds_nc = tf.transpose(tf.reshape(each, [classes, count]))
        # No stop_gradient: the classifier also learns from the bounds that its probabilities
        # weight.
        log_probs = tf.nn.log_softmax(self.classifier(x))
        return tf.reduce_sum(tf.exp(log_probs) * (bounds_nc - log_probs), axis=-1)

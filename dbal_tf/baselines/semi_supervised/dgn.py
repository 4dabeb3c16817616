"""Deep generative models M1 + M2: the class is a latent variable of an image."""

import dataclasses
from collections.abc import Callable, Mapping

import keras
import numpy as np
import scipy.special
import tensorflow as tf

from dbal_tf.baselines.semi_supervised import batches, loops
from dbal_tf.baselines.semi_supervised.dgn_bounds import M1, M2, sampled
from dbal_tf.baselines.semi_supervised.session import Session
from dbal_tf.baselines.semi_supervised.system import LabelledImages, check, pixels

_BLOCK = 5000  # images that are encoded at once
_LIVE = 0.1  # minimum standard deviation over images of an informative latent mean
_PROBE = 1000  # images over which this standard deviation is computed


@dataclasses.dataclass(frozen=True)
class Phase:
    """The training schedule of one model.

    Attributes:
        steps: Number of training steps.
        batch: Images per step; for M2, unlabelled ones.
        rate: Initial learning rate of Adam.
        last_rate: Final learning rate; the rate falls linearly to it.
    """

    steps: int
    batch: int
    rate: float
    last_rate: float


@dataclasses.dataclass(frozen=True)
class Dgn:
    """M1, a variational autoencoder, followed by M2 on M1's latent values.

    M1 learns from all images. In each step, M2 draws new values z1 from q(z1|x). It
    maximises, per image,

        N_l / N mean L(z1, y) + N_u / N mean U(z1) + alpha mean log q(y|z1)
        - |weights|^2 / (2 N),

    which is the paper's objective divided by N, where the classifier's term has the
    factor beta = alpha N / N_l. Predictions are q(y|z1) at the mean of z1.

    Kingma, Rezende, Mohamed and Welling, "Semi-Supervised Learning with Deep
    Generative Models", NIPS 2014: 2.40 % at 1,000 labels of MNIST.

    Attributes:
        hidden1: Units of the hidden layers of M1's networks.
        hidden2: Units of the hidden layers of M2's networks.
        latent: Number of dimensions of z1 and of z.
        alpha: Weight of the classifier's log-likelihood.
        phase1: Training schedule of M1.
        phase2: Training schedule of M2.
        labelled_batch: Labelled images per step of M2.
    """

    hidden1: tuple[int, ...]
    hidden2: tuple[int, ...]
    latent: int
    alpha: float
    phase1: Phase
    phase2: Phase
    labelled_batch: int

    @classmethod
    def faithful(cls) -> "Dgn":
        """Returns the paper's networks and 3,000 epochs of M2; ten hours on two cores."""
        phase1 = Phase(150_000, 1000, 3e-4, 3e-4)
        # 3,000 epochs of 200 steps, each of 5 labelled and 245 other images.
        phase2 = Phase(600_000, 245, 3e-4, 3e-4)
        return cls((500, 500), (500,), 50, 0.1, phase1, phase2, 5)

    @classmethod
    def light(cls) -> "Dgn":
        """Returns the paper's networks, fewer steps, higher learning rates; half an hour."""
        phase1 = Phase(50_000, 200, 1e-3, 1e-4)
        phase2 = Phase(40_000, 200, 1e-3, 1e-4)
        return cls((500, 500), (500,), 50, 0.1, phase1, phase2, 50)

    @classmethod
    def tiny(cls) -> "Dgn":
        """Returns settings that take seconds for a thousand digits."""
        phase1, phase2 = Phase(400, 100, 3e-3, 1e-3), Phase(400, 50, 3e-3, 1e-3)
        return cls((64,), (64,), 12, 1.0, phase1, phase2, 25)

    def fit(
        self,
        labelled: LabelledImages,
        unlabelled: np.ndarray,
        validation: LabelledImages,
        seed: int,
        session: Session,
    ) -> "DgnPredictor":
        """Learns from labelled and unlabelled images; see `System.fit`.

        The validation images are used only to show progress.
        """
        least = max(self.phase1.batch, self.phase2.batch)
        num_classes = check(labelled, unlabelled, least)
        images = np.concatenate([labelled.images, unlabelled])
        flat = tf.constant(np.reshape(images, (len(images), -1)))
        m1 = M1(flat.shape[1], self.hidden1, self.latent, seed)
        self._train_m1(m1, flat, seed, session)
        means, log_variances = encode(m1, images)
        # As in the authors' code: a nearly constant mean has collapsed to the prior.
        live = np.flatnonzero(means[-_PROBE:].std(axis=0) > _LIVE)
        # After few steps, all dimensions may be below the limit; then all are kept.
        live = live if live.size else np.arange(self.latent)
        session.say(f"dgn: M2 learns from {len(live)} of {self.latent} latent dimensions")
        # + 1000, because M1's seeds count up from `seed`.
        m2 = M2(len(live), self.hidden2, self.latent, num_classes, seed + 1000)
        predictor = DgnPredictor(m1, m2, live)
        values = tf.constant(means[:, live]), tf.constant(log_variances[:, live])
        self._train_m2(predictor, values, labelled.classes, validation, seed, session)
        return predictor

    def _train_m1(self, m1: M1, flat: tf.Tensor, seed: int, session: Session) -> None:
        count, size = int(flat.shape[0]), self.phase1.batch

        def loss(step: tf.Tensor) -> tf.Tensor:
            rows = loops.draw(seed, step, 0, count, size)
            x = tf.cast(tf.gather(flat, rows), tf.float32) / 255
            drawn = tf.random.stateless_uniform([size, x.shape[1]], batches.key(seed, step, 1))
            noise = tf.random.stateless_normal([size, self.latent], batches.key(seed, step, 2))
            # p(x|z1) is Bernoulli: pixels are drawn in each step, as in the authors' code.
            return -tf.reduce_mean(m1.bound(tf.cast(drawn < x, tf.float32), noise))

        _train("dgn_m1", self.phase1, m1.networks, loss, count, session, dict)

    def _train_m2(
        self,
        predictor: "DgnPredictor",
        values: tuple[tf.Tensor, tf.Tensor],
        classes: np.ndarray,
        validation: LabelledImages,
        seed: int,
        session: Session,
    ) -> None:
        """Trains M2; the first rows of `values` belong to the labelled images."""
        m2, count, num_labelled = predictor.m2, int(values[0].shape[0]), len(classes)
        onehot = tf.one_hot(classes, m2.num_classes)

        def draw(rows: tf.Tensor, step: tf.Tensor, site: int) -> tf.Tensor:
            mean, log_variance = (tf.gather(part, rows) for part in values)
            noise = tf.random.stateless_normal(tf.shape(mean), batches.key(seed, step, site))
            # The authors also train M2 on samples; trained only on the means, it overfits.
            return sampled(mean, log_variance, noise)

        def loss(step: tf.Tensor) -> tf.Tensor:
            size_l, size_u = self.labelled_batch, self.phase2.batch
            rows_l = loops.draw(seed, step, 10, num_labelled, size_l)
            rows_u = loops.draw(seed, step, 11, count - num_labelled, size_u) + num_labelled
            noise_l = tf.random.stateless_normal(
                [size_l, self.latent], batches.key(seed, step, 12)
            )
            noise_u = tf.random.stateless_normal(
                [size_u, self.latent], batches.key(seed, step, 13)
            )
            x_l, y_l = draw(rows_l, step, 14), tf.gather(onehot, rows_l)
            return m2_loss(
                m2,
                (x_l, y_l, noise_l),
                (draw(rows_u, step, 15), noise_u),
                num_labelled / count,
                self.alpha,
            )

        held = tf.constant(predictor.values(validation.images))

        def look() -> Mapping[str, float]:
            found = tf.argmax(m2.classifier(held), axis=-1).numpy()
            return {"validation_error": float(np.mean(found != validation.classes))}

        _train("dgn_m2", self.phase2, m2.networks, loss, count, session, look)


def m2_loss(
    m2: M2,
    labelled: tuple[tf.Tensor, tf.Tensor, tf.Tensor],
    unlabelled: tuple[tf.Tensor, tf.Tensor],
    share: float,
    alpha: float,
) -> tf.Tensor:
    """Returns the negative objective of `Dgn` on a batch, without the weights' penalty.

    Args:
        m2: The model.
        labelled: x `[l, inputs]`, one-hot classes `[l, c]` and noise `[l, latent]`.
        unlabelled: x `[u, inputs]` and noise `[u, latent]`.
        share: The share of labelled images, N_l / N.
        alpha: Weight of the classifier's log-likelihood.
    """
    x, onehot, _ = labelled
    # The labelled bound does not contain q(y|x). Without this term, the classifier would not
    # learn from labels.
    cross_entropy = tf.nn.softmax_cross_entropy_with_logits(onehot, m2.classifier(x))
    return (
        -share * tf.reduce_mean(m2.bound(*labelled))
        - (1 - share) * tf.reduce_mean(m2.marginalised_bound(*unlabelled))
        + alpha * tf.reduce_mean(cross_entropy)
    )


def encode(m1: M1, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns means and log-variances of q(z1|x), float32 `[n, latent]`, of uint8 images."""
    blocks = [
        m1.posterior(tf.constant(pixels(images[start : start + _BLOCK])))
        for start in range(0, len(images), _BLOCK)
    ]
    means, log_variances = (np.concatenate(part) for part in zip(*blocks, strict=True))
    return means, log_variances


@dataclasses.dataclass(frozen=True, eq=False)
class DgnPredictor:
    """A fitted `Dgn`: the classifier of M2 on the means of M1.

    Attributes:
        m1: The autoencoder of pixels.
        m2: The model with classes.
        live: The dimensions of z1 that M2 uses.
    """

    m1: M1
    m2: M2
    live: np.ndarray

    def values(self, images: np.ndarray) -> np.ndarray:
        """Returns M1's means in the live dimensions, float32 `[n, live]`."""
        return encode(self.m1, images)[0][:, self.live]

    def predict_probs(self, images: np.ndarray) -> np.ndarray:
        """Returns class probabilities, float64 `[n, c]`, of uint8 images `[n, h, w, k]`."""
        logits = self.m2.classifier(tf.constant(self.values(images))).numpy()
        return scipy.special.softmax(logits.astype(np.float64), axis=1)


def _train(
    name: str,
    phase: Phase,
    networks: Mapping[str, keras.Model],
    loss: Callable[[tf.Tensor], tf.Tensor],
    count: int,
    session: Session,
    look: Callable[[], Mapping[str, float]],
) -> None:
    """Minimises a loss, with a standard normal prior on all weights.

    Args:
        name: Name of this part of the fit.
        phase: Steps and learning rates.
        networks: The networks to train.
        loss: Returns the mean loss per image, given the index of the step.
        count: N, the number of images; the prior's term is divided by it.
        session: Session of the fit.
        look: Returns further measures to show.
    """
    weights = [part for model in networks.values() for part in model.trainable_variables]
    optimizer = keras.optimizers.Adam(
        keras.optimizers.schedules.PolynomialDecay(phase.rate, phase.steps, phase.last_rate)
    )
    optimizer.build(weights)

    @tf.function(input_signature=[tf.TensorSpec([], tf.int64)] * 2)
    def steps(first: tf.Tensor, last: tf.Tensor) -> tf.Tensor:
        value = tf.constant(0.0)
        for step in tf.range(first, last):
            with tf.GradientTape() as tape:
                half_squares = tf.add_n([tf.nn.l2_loss(part) for part in weights])
                value = loss(step) + half_squares / count
            optimizer.apply(tape.gradient(value, weights), weights)
        return value

    def run(first: int, last: int) -> Mapping[str, float]:
        return {"loss": float(steps(first, last)), **look()}

    session.train(name, phase.steps, run, {**networks, "optimizer": optimizer}, chunk=200)

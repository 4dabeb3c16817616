"""The manifold tangent classifier: Rifai, Dauphin, Vincent, Bengio and Muller, 2011."""

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from dbal_tf.baselines.semi_supervised import autoencoders, batches, loops
from dbal_tf.baselines.semi_supervised.perceptron import SoftmaxPredictor, outputs
from dbal_tf.baselines.semi_supervised.session import Session
from dbal_tf.baselines.semi_supervised.system import LabelledImages, check, error, pixels
from dbal_tf.seeds import seed_for

_BLOCK = 50  # images whose tangents are computed at once, about 100 MB at 2,000 units
_SPARE = 5  # additional directions, with which the subspace converges sooner


def codes(layers: Sequence[Any], inputs_nd: tf.Tensor) -> list[tf.Tensor]:
    """Returns the code of each layer, each `[n, h]`; a layer encodes the previous code."""
    found = [inputs_nd]
    for layer in layers:
        found.append(layer(found[-1]))
    return found[1:]


def pushed(
    layers: Sequence[Any], codes_nh: Sequence[tf.Tensor], directions_nkd: tf.Tensor
) -> tf.Tensor:
    """Returns J u, the derivative of the last code along directions u, `[n, k, h]`.

    Args:
        layers: Sigmoid layers with a `kernel`, in forward order.
        codes_nh: The layers' codes of the inputs.
        directions_nkd: k directions u for each input, shape `[n, k, d]`.
    """
    # Only products with J: for 2,000 units, J takes 6 MB per image of MNIST.
    for layer, code_nh in zip(layers, codes_nh, strict=True):
        moved_nkh = tf.tensordot(directions_nkd, layer.kernel.value, 1)
        directions_nkd = moved_nkh * autoencoders.slopes(code_nh)[:, tf.newaxis]
    return directions_nkd


def pulled(
    layers: Sequence[Any], codes_nh: Sequence[tf.Tensor], directions_nkh: tf.Tensor
) -> tf.Tensor:
    """Returns J' v for directions v of the last code, shape `[n, k, d]`."""
    for layer, code_nh in zip(reversed(layers), reversed(codes_nh), strict=True):
        scaled_nkh = directions_nkh * autoencoders.slopes(code_nh)[:, tf.newaxis]
        directions_nkh = tf.tensordot(scaled_nkh, tf.transpose(layer.kernel.value), 1)
    return directions_nkh


def tangents(layers: Sequence[Any], inputs_nd: tf.Tensor, count: int, rounds: int) -> tf.Tensor:
    """Returns the directions in which the stacked encoder's code moves most.

    They are the first right singular vectors of its Jacobian at each input. Subspace
    iteration finds them; it needs only products with the Jacobian.

    Args:
        layers: Sigmoid layers.
        inputs_nd: Images, shape `[n, d]`.
        count: Number of directions.
        rounds: Number of iterations; each reduces the error by the square of the ratio
            of singular values.

    Returns:
        Orthonormal directions, strongest first, shape `[n, count, d]`.
    """
    size, width = tf.shape(inputs_nd)[0], inputs_nd.shape[1]
    codes_nh = codes(layers, inputs_nd)
    # The seed does not matter: the iteration converges from almost any start.
    start_dk = tf.random.stateless_normal([width, min(count + _SPARE, width)], [0, 0])
    basis_ndk = tf.tile(tf.linalg.qr(start_dk).q[tf.newaxis], [size, 1, 1])
    for _ in range(rounds):
        moved_nkh = pushed(layers, codes_nh, tf.linalg.matrix_transpose(basis_ndk))
        back_nkd = pulled(layers, codes_nh, moved_nkh)
        # Orthonormalised; otherwise all directions would converge to the strongest.
        basis_ndk = tf.linalg.qr(tf.linalg.matrix_transpose(back_nkd)).q
    moved_nkh = pushed(layers, codes_nh, tf.linalg.matrix_transpose(basis_ndk))
    # Within the subspace, the singular vectors are the eigenvectors of (J Q)' J Q.
    turns_nkk = tf.linalg.eigh(tf.matmul(moved_nkh, moved_nkh, transpose_b=True))[1]
    strongest_nkc = tf.reverse(turns_nkk, [-1])[..., :count]
    return tf.linalg.matrix_transpose(tf.matmul(basis_ndk, strongest_nkc))


def tangent_penalty(
    network: keras.Model, inputs_nd: tf.Tensor, directions_nkd: tf.Tensor
) -> tf.Tensor:
    """Returns the mean over images of sum_u |J u|^2, with J the Jacobian of the logits.

    Args:
        network: A network of sigmoid layers and a linear last layer.
        inputs_nd: Images, shape `[n, d]`.
        directions_nkd: Tangents u of each image, shape `[n, k, d]`.
    """
    *hidden, last = network.layers
    moved_nkh = pushed(hidden, codes(hidden, inputs_nd), directions_nkd)
    moved_nkc = tf.tensordot(moved_nkh, last.kernel.value, 1)
    return tf.reduce_mean(tf.reduce_sum(tf.square(moved_nkc), axis=[1, 2]))


@dataclasses.dataclass(frozen=True)
class Mtc:
    """A network, pretrained by contractive autoencoders, that is flat along tangents.

    1. Layers of sigmoid units are trained on all images, one after another, by
       `autoencoders.contractive_loss` (CAE+H).
    2. `tangents` of the stacked encoder are computed for each labelled image.
    3. All layers and a softmax are trained on the labelled images by
       cross-entropy + penalty * `tangent_penalty`. Penalty and learning rate are
       chosen by the validation error.

    Reference: Rifai, Dauphin, Vincent, Bengio, Muller, "The manifold tangent
    classifier", NIPS 2011. Its weights and learning rates are not known.

    Attributes:
        num_hidden: Units of each layer.
        contraction: Weight of the Jacobian's norm.
        curvature: Weight of the Jacobian's change under noise.
        noise: Standard deviation of that noise, in units of the pixels.
        layer_steps: Training steps of each autoencoder.
        layer_batch: Images per training step of an autoencoder.
        tangents: Number of tangents per image.
        rounds: Rounds of subspace iteration.
        penalties: Candidates for the weight of the tangent penalty; 0 shows the effect
            of the autoencoders alone.
        rates: Candidates for Adam's initial learning rate in step 3; it falls to zero.
        epochs: Passes over the labelled images.
        batch: Labelled images per step.
        learning_rate: Adam's initial learning rate for the autoencoders; it falls to zero.
    """

    num_hidden: tuple[int, ...] = (2000, 2000)
    contraction: float = 1.0
    curvature: float = 1.0
    noise: float = 0.1
    layer_steps: int = 27500
    layer_batch: int = 100
    tangents: int = 15
    rounds: int = 10
    penalties: tuple[float, ...] = (0.0, 0.01, 0.1, 1.0, 10.0)
    rates: tuple[float, ...] = (1e-3, 3e-4)
    epochs: int = 200
    batch: int = 50
    learning_rate: float = 1e-3

    @classmethod
    def faithful(cls) -> "Mtc":
        """Returns settings with the paper's two layers of 2,000 units and its 15 tangents."""
        return cls()

    @classmethod
    def light(cls) -> "Mtc":
        """Returns settings with two layers of 1,000 units, each trained for thirty epochs."""
        return cls(
            num_hidden=(1000, 1000),
            layer_steps=16_500,
            rounds=8,
            penalties=(0.0, 0.1, 1.0, 10.0),
            epochs=40,
        )

    @classmethod
    def tiny(cls) -> "Mtc":
        """Returns settings that take seconds on small digits."""
        return cls(
            num_hidden=(80, 60),
            layer_steps=150,
            tangents=5,
            rounds=3,
            penalties=(0.01,),
            rates=(5e-3,),
            epochs=60,
            batch=20,
            learning_rate=5e-3,
        )

    def fit(
        self,
        labelled: LabelledImages,
        unlabelled: np.ndarray,
        validation: LabelledImages,
        seed: int,
        session: Session,
    ) -> SoftmaxPredictor:
        """Learns from labelled and unlabelled images; see `System.fit`."""
        count = check(labelled, unlabelled, self.layer_batch)
        own_nd = pixels(labelled.images)
        # The autoencoders use all images; only the later steps need labels.
        encoders = self._encoders(np.concatenate([own_nd, pixels(unlabelled)]), seed, session)
        # Only for labelled images, at which the penalty is computed.
        kept = session.stage("tangents", lambda: {"tangents": self._tangents(encoders, own_nd)})
        fitted = []
        for penalty, rate in itertools.product(self.penalties, self.rates):
            # Each fit starts from the encoders, so that the fits can be compared.
            network = _network(encoders, count, seed_for(seed, 0, 0, "last layer"))
            data = (own_nd, labelled.classes, kept["tangents"])
            self._tune(network, data, penalty, rate, seed, session)
            found = error(SoftmaxPredictor(network), validation)
            fitted.append((found, penalty, rate, network))
            session.say(
                f"mtc, penalty {penalty:g}, rate {rate:g}: {found:.2%} error on validation "
                "images"
            )
        _, penalty, rate, best = min(fitted, key=lambda tried: tried[0])
        session.choose(penalty=penalty, rate=rate)
        return SoftmaxPredictor(best)

    def _encoders(
        self, inputs_nd: np.ndarray, seed: int, session: Session
    ) -> list[autoencoders.TiedAutoencoder]:
        encoders: list[autoencoders.TiedAutoencoder] = []
        for index in range(len(self.num_hidden)):
            encoders.append(self._encoder(index, inputs_nd, seed, session))
            # Layer by layer, as in the paper: the layers below are fixed.
            inputs_nd = outputs(encoders[-1], inputs_nd)
        return encoders

    def _encoder(
        self, index: int, inputs_nd: np.ndarray, seed: int, session: Session
    ) -> autoencoders.TiedAutoencoder:
        """Trains layer `index`, from 0, on the codes of the layers below."""
        purposes = ("weights", "images", "noise")
        start, order, noise = (seed_for(seed, 0, index, purpose) for purpose in purposes)
        layer = autoencoders.TiedAutoencoder(
            inputs_nd.shape[1], self.num_hidden[index], start, "sigmoid"
        )

        def loss(batch_nd: tf.Tensor, now: tf.Tensor) -> tf.Tensor:
            weights = (self.contraction, self.curvature, self.noise)
            key = batches.key(noise, now, 0)
            return autoencoders.contractive_loss(layer, batch_nd, *weights, key)

        autoencoders.pretrain(
            f"layer_{index + 1}",
            layer,
            loss,
            inputs_nd,
            self.layer_steps,
            self.layer_batch,
            self.learning_rate,
            order,
            session,
        )
        return layer

    def _tangents(
        self, encoders: list[autoencoders.TiedAutoencoder], inputs_nd: np.ndarray
    ) -> np.ndarray:
        @tf.function(reduce_retracing=True)
        def block(rows_nd: tf.Tensor) -> tf.Tensor:
            return tangents(encoders, rows_nd, self.tangents, self.rounds)

        # In blocks, because the Jacobian products of all images would not fit into memory.
        starts = range(0, len(inputs_nd), _BLOCK)
        blocks = [block(tf.constant(inputs_nd[i : i + _BLOCK])).numpy() for i in starts]
        return np.concatenate(blocks)

    def _tune(
        self,
        network: keras.Model,
        data: tuple[np.ndarray, np.ndarray, np.ndarray],
        penalty: float,
        rate: float,
        seed: int,
        session: Session,
    ) -> None:
        """Trains all layers on the labelled images, their classes and their tangents."""
        inputs_nd, classes_n, tangents_nkd = map(tf.constant, data)
        steps_per_epoch = max(1, len(data[0]) // self.batch)
        # With a learning rate that falls to 0, no stopping time has to be chosen.
        optimizer = loops.cosine_adam(rate, self.epochs * steps_per_epoch)
        optimizer.build(network.trainable_variables)
        cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        # The same for all penalties, so that they can be compared.
        order = seed_for(seed, 0, 0, "labelled")

        def step(now: tf.Tensor) -> dict[str, tf.Tensor]:
            rows = batches.rows(order, now, len(data[0]), self.batch)
            batch_nd, along_nkd = tf.gather(inputs_nd, rows), tf.gather(tangents_nkd, rows)

            def loss() -> tf.Tensor:
                labelled = cross_entropy(tf.gather(classes_n, rows), network(batch_nd))
                return labelled + penalty * tangent_penalty(network, batch_nd, along_nkd)

            return {"loss": loops.descend(optimizer, network.trainable_variables, loss)}

        session.train(
            f"tangent_penalty_{penalty:g}_rate_{rate:g}",
            self.epochs * steps_per_epoch,
            loops.compiled(step),
            {"network": network, "optimizer": optimizer},
        )


def _network(
    encoders: Sequence[autoencoders.TiedAutoencoder], classes: int, seed: int
) -> keras.Model:
    """Returns a network with linear outputs, initialised from the encoders."""
    glorot = keras.initializers.GlorotUniform(seed)
    hidden = [keras.layers.Dense(one.kernel.shape[1], "sigmoid") for one in encoders]
    # Linear, because the tangent penalty has no gradient through a saturated softmax.
    last = keras.layers.Dense(classes, kernel_initializer=glorot)
    network = keras.Sequential([keras.Input([encoders[0].kernel.shape[0]]), *hidden, last])
    for layer, one in zip(hidden, encoders, strict=True):
        layer.set_weights([one.kernel.numpy(), one.bias.numpy()])
    return network

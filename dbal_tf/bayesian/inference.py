"""Predictive statistics of many items, computed chunk by chunk in compiled functions."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from dbal_tf.bayesian import tracing
from dbal_tf.bayesian.chunks import chunk_size
from dbal_tf.bayesian.posteriors import POSTERIORS
from dbal_tf.bayesian.statistics import PredictiveStatistics, Sums
from dbal_tf.core import Images, InputError, Posterior
from dbal_tf.runtime import devices

# Limits that bound the memory for any number of samples.
_SAMPLES = 50  # samples in a tile
_KEPT = 2  # up to this many tiles are drawn once and kept for all chunks


class Predictor:
    """A predictor with a network's posterior, traced once for all sizes.

    Besides the images and the results, it needs memory for one chunk of items and at
    most two tiles of samples, for any number of items and samples.

    Args:
        network: A model from images to class probabilities.
        posterior: A key of `POSTERIORS`.
    """

    def __init__(self, network: keras.Model, posterior: str = "mc_dropout") -> None:
        self._posterior: Posterior = POSTERIORS[posterior](network)
        self._strategy = tf.distribute.get_strategy()
        image = tf.TensorSpec([None, *network.input_shape[1:]], tf.float32)
        tile = tf.TensorSpec([None], tf.int64), tf.TensorSpec([], tf.int64)
        self._features = self._compiled(self._posterior.features, image)
        self._sample = self._compiled(self._posterior.sample, *tile)
        # Each function's signature is built from the outputs of the previous functions, with
        # unknown sizes, so that no function is traced twice.
        given = _specs(self._features), _specs(self._sample)
        self._first = self._compiled(self._first_sums, *given)
        sums = _specs(self._first)
        self._more = self._compiled(self._more_sums, sums, *given)
        self._probs = self._compiled(self._probs_ntc, *given)
        self._finish = self._compiled(lambda sums: sums.statistics(), sums)
        is_half = keras.backend.standardize_dtype(network.outputs[0].dtype).endswith("float16")
        self._tolerance = 1e-2 if is_half else 1e-3
        network._clear_losses()  # Tracing adds symbolic activity losses.

    def statistics(self, images: Images, num_samples: int, seed: int) -> PredictiveStatistics:
        """Returns the statistics of all images, as NumPy arrays.

        Args:
            images: Inputs of the network, shape `[n, h, w, k]`.
            num_samples: Number of posterior samples T, at least 1.
            seed: Seed of the samples; all chunks see the same samples.

        Raises:
            InputError: The network's outputs are not probabilities, or a pixel
                value is not finite.
            ArithmeticError: The outputs are not finite.
        """
        draws, chunks = self._draws(num_samples, seed), []
        for features, count in self._chunks(images):
            sums = None
            for samples in draws():
                sums = self._plus(sums, features, samples)
                # Frees the memory before the next tile is drawn.
                del samples
            chunks.append(self._gather(self._run(self._finish, sums), count))
        joined = PredictiveStatistics(*map(np.concatenate, zip(*chunks, strict=True)))
        _check_probs(joined.mean_probs, self._tolerance)
        return joined

    def probs(self, images: Images, num_samples: int, seed: int) -> np.ndarray:
        """Returns the probabilities of each sample, float32 `[n, t, c]`.

        Use it for a small number of images: the result takes O(n t c) memory, the result
        of `statistics` only O(n c).

        Args:
            images: Inputs of the network, shape `[n, h, w, k]`.
            num_samples: Number of posterior samples T, at least 1.
            seed: Seed of the samples; `statistics` draws the same samples from it.

        Raises:
            InputError: There are no images, or a pixel value is not finite.
        """
        draws, chunks = self._draws(num_samples, seed), []
        for features, count in self._chunks(images):
            tiles = []
            for samples in draws():
                tiles += self._gather([self._run(self._probs, features, samples)], count)
                del samples
            chunks.append(np.concatenate(tiles, axis=1))
        return np.concatenate(chunks)

    def num_samples(self, requested: int) -> int:
        """Returns the number of samples that are drawn if `requested` are requested."""
        return self._posterior.num_samples(requested)

    def _draws(self, num_samples: int, seed: int) -> Callable[[], Iterable[Any]]:
        """Returns a function that returns the samples for a chunk, tile by tile."""
        tiles = list(_tiles(self.num_samples(num_samples)))
        seed_tensor = tf.constant(seed, tf.int64)

        def draw(tile: np.ndarray) -> Any:
            return self._run(self._sample, tile, seed_tensor)

        if len(tiles) > _KEPT:
            return lambda: map(draw, tiles)
        kept = [*map(draw, tiles)]
        return lambda: kept

    def _chunks(self, images: Images) -> Iterator[tuple[Any, int]]:
        """Yields the features of each chunk of images, and its number of images."""
        if not len(images):
            raise InputError("No images were given; expected at least one.")
        items = chunk_size(np.shape(images)[1:])
        step = items * self._strategy.num_replicas_in_sync
        for start in range(0, len(images), step):
            chunk = np.asarray(images[start : start + step], np.float32)
            yield self._features_of(chunk), len(chunk)

    def _features_of(self, chunk: np.ndarray) -> Any:
        is_bad = ~np.isfinite(chunk).reshape(len(chunk), -1).all(axis=1)
        if is_bad.any():  # Compiled convolutions may turn NaN into numbers.
            raise InputError(
                f"{is_bad.sum()} of {len(chunk)} images have a pixel value that is not finite; "
                "expected numbers; correct the images or leave them out."
            )
        return self._run(self._features, self._spread(chunk))

    def _plus(self, sums: Any, features: Any, samples: Any) -> Any:
        if sums is None:
            return self._run(self._first, features, samples)
        return self._run(self._more, sums, features, samples)

    def _run(self, compiled: Any, *args: Any) -> Any:
        return self._strategy.run(compiled, args=args)

    def _spread(self, chunk: np.ndarray) -> Any:
        """Splits items evenly among the replicas; copies of the last item are the padding."""
        replicas = self._strategy.num_replicas_in_sync
        filled = -(-len(chunk) // replicas) * replicas
        rows = np.minimum(np.arange(filled), len(chunk) - 1).reshape(replicas, -1)
        return self._strategy.experimental_distribute_values_from_function(
            lambda context: tf.constant(chunk[rows[context.replica_id_in_sync_group]])
        )

    def _gather(self, statistics: Any, count: int) -> list[np.ndarray]:
        """Concatenates the replicas' results, without the padding."""
        return [devices.gather(self._strategy, x)[:count] for x in statistics]

    def _compiled(self, function: Callable[..., Any], *signature: Any) -> Any:
        # A signature does not accept per-replica values.
        if self._strategy.num_replicas_in_sync > 1:
            return tf.function(function, reduce_retracing=True, autograph=False)
        return tf.function(function, input_signature=signature, autograph=False)

    def _probs_ntc(self, features: Any, samples: Any) -> tf.Tensor:
        return tf.transpose(self._posterior.probs(features, samples), [1, 0, 2])

    def _first_sums(self, features: Any, samples: Any) -> Sums:
        return Sums.from_probs(self._posterior.probs(features, samples))

    def _more_sums(self, sums: Sums, features: Any, samples: Any) -> Sums:
        return sums.plus(self._posterior.probs(features, samples))


def predictive_statistics(
    model: keras.Model,
    images: Images,
    num_samples: int = 100,
    seed: int = 0,
    posterior: str = "mc_dropout",
) -> PredictiveStatistics:
    """Returns the predictive statistics of images, the input of acquisition functions.

    One call serves all acquisition functions. Everything except dropout is in inference
    mode, dropout is active if the posterior uses it, and no variable changes.

    Args:
        model: A Sequential or Functional Keras model with dropout layers that returns
            class probabilities.
        images: Inputs of the model, shape `[n, h, w, k]`: an array, or an object with
            a shape and slices, which need not fit into memory.
        num_samples: Number of posterior samples T, at least 1.
        seed: Seed of the samples; all images see the same samples.
        posterior: `"mc_dropout"`; `"gaussian_dropout"`, which is faster, for heads of
            dropout, dense, dropout, dense; `"deterministic"`; `"laplace"`, after a call
            of `laplace.fit`; `"ensemble"` or `"bayes_by_backprop"`, for networks built
            by `ensemble` or `variational`.

    Returns:
        `PredictiveStatistics` of float32 NumPy arrays.

    Raises:
        InputError: The model, its outputs or the images cannot be used.
        ArithmeticError: The model's outputs are not finite.

    Example:

        stats = dbal.predictive_statistics(model, images, num_samples=100)
        best = dbal.acquisition.top_k(dbal.acquisition.bald(stats), k=10, seed=0)
    """
    if num_samples < 1:
        raise InputError(f"num_samples={num_samples} cannot be used; expected at least 1.")
    predictor = predictor_for(model, posterior)
    images = images if hasattr(images, "shape") else np.asarray(images)
    expected = (None, *model.input_shape[1:])
    if not _fits(images.shape, expected):
        raise InputError(
            f"The images have shape {images.shape}; expected {expected}, as the model takes "
            "them; reshape or resize them."
        )
    return predictor.statistics(images, num_samples, seed)


def predictor_for(network: keras.Model, posterior: str) -> Predictor:
    """Returns the predictor for a network, a posterior and the current strategy.

    Predictors are cached, because tracing takes seconds. A new one is built only if the
    network's layers have changed; new values of its weights do not matter.

    Raises:
        InputError: There is no such posterior, or the network cannot be used.
    """
    if not isinstance(network, keras.Model):
        raise InputError(
            f"The model is a {type(network).__module__}.{type(network).__name__}; expected a "
            "Sequential or Functional model of Keras 3."
        )
    if posterior not in POSTERIORS:
        raise InputError(
            f"posterior={posterior!r} cannot be used; expected one of {', '.join(POSTERIORS)}."
        )
    # Stored in the network, so that both are freed together. Set in __dict__, because Keras
    # would track an attribute as part of the model.
    predictors = network.__dict__.setdefault("_dbal_tf_predictors", {})
    # A predictor is compiled for the replicas of the strategy in which it was built.
    key = posterior, tf.distribute.get_strategy()
    made_of = _Parts.from_network(network)
    if key not in predictors or predictors[key][0] != made_of:
        predictors[key] = made_of, Predictor(network, posterior)
    return predictors[key][1]


@dataclasses.dataclass(frozen=True, eq=False)
class _Parts:
    """The layers, variables and settings that a predictor was traced from.

    Equal if the objects are the same and their settings are equal.
    """

    objects: list[Any]
    settings: list[str]

    @classmethod
    def from_network(cls, network: keras.Model) -> "_Parts":
        layers = [call.layer for call in tracing.trace(network).calls]
        variables = [x for layer in layers for x in getattr(layer, "variables", ())]
        return cls([*layers, *variables], [*map(_settings, layers)])

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, _Parts)
            and self.settings == other.settings
            and [*map(id, self.objects)] == [*map(id, other.objects)]
        )


def _settings(layer: Any) -> str:
    try:
        return repr(layer.get_config())
    except NotImplementedError:  # A custom layer need not have a config.
        return ""


def _specs(compiled: Any) -> Any:
    """Returns the specs of a compiled function's results, with unknown sizes."""
    if compiled.input_signature is None:
        return None
    results = compiled.get_concrete_function().structured_outputs
    return tf.nest.map_structure(lambda x: tf.TensorSpec(x.shape, x.dtype), results)


def _tiles(num_samples: int) -> Iterator[np.ndarray]:
    for start in range(0, num_samples, _SAMPLES):
        yield np.arange(start, min(start + _SAMPLES, num_samples), dtype=np.int64)


def _fits(shape: tuple[int, ...], expected: tuple[int | None, ...]) -> bool:
    pairs = zip(shape, expected, strict=False)
    return len(shape) == len(expected) and all(b in (a, None) for a, b in pairs)


def _check_probs(mean_probs: np.ndarray, tolerance: float) -> None:
    if not np.isfinite(mean_probs).all():
        bad = int((~np.isfinite(mean_probs).all(axis=1)).sum())
        raise ArithmeticError(
            f"{bad} of {len(mean_probs)} images have non-finite probabilities."
        )
    sums = mean_probs.sum(axis=1)
    if abs(sums - 1).max() > tolerance or mean_probs.min() < 0:
        raise InputError(
            f"The model's outputs sum to {sums.min():.4g} .. {sums.max():.4g} per image; "
            "expected class probabilities; end the model with a softmax activation."
        )

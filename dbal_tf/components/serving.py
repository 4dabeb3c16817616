"""The signatures of an exported model: the program inside a SavedModel."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from dbal_tf.acquisition import ACQUISITIONS, acquisition_function
from dbal_tf.bayesian.posteriors import POSTERIORS
from dbal_tf.bayesian.statistics import PredictiveStatistics, Sums

# Samples that an export computes at once, so that memory does not grow with num_samples.
_TILE = 25
_ENDPOINTS = {
    ("serving_default", "scores"): tf.float32,
    ("serving_uint8", "scores_uint8"): tf.uint8,
}

Scoring = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], dict[str, tf.Tensor]]


def serving_archive(
    network: keras.Model,
    posterior: str,
    var_ratios: str,
    num_samples: int,
    seed: int,
    class_names: Sequence[str],
) -> tuple[keras.export.ExportArchive, Scoring]:
    """Returns an archive that is ready to be written, and its `scores`.

    Its signatures take any number of images, `[n, h, w, k]`, with the pixel
    values 0 to 255 that the network was trained on, without preprocessing.

    *   `serving_default(images)`, float32: `probs` `[n, c]`, the mean over
        posterior samples drawn with a fixed seed.
    *   `scores(images, num_samples, seed)`, float32 and int64 scalars: `probs`
        and a score `[n]` for each acquisition function, by its name.
    *   `serving_uint8`, `scores_uint8`: the same for uint8 images, as they come
        from a decoder. A signature takes one type only, and JSON has no uint8.
    *   `class_names()`: `class_names`, strings `[c]`, in the order of `probs`.

    Args:
        network: Trained; maps images to class probabilities.
        posterior: See the flag of the same name.
        var_ratios: See the flag of the same name.
        num_samples: Posterior samples of `serving_default`.
        seed: Seed of the samples of `serving_default`.
        class_names: One name per class.
    """
    scoring = _Scoring(network, posterior, var_ratios)
    archive = keras.export.ExportArchive()
    archive.track(network)
    if (state := scoring.state) is not None:
        archive.track(state)

    def spec(dtype: tf.DType) -> tf.TensorSpec:
        return tf.TensorSpec(network.input_shape, dtype, name="images")

    scalars = [tf.TensorSpec([], tf.int64)] * 2
    serve = _traced(
        lambda images: {"probs": scoring.statistics(images, num_samples, seed).mean_probs},
        [spec(tf.float32)],
    )
    score = _traced(scoring.scores, [spec(tf.float32), *scalars])
    for names, dtype in _ENDPOINTS.items():
        _add_endpoints(archive, names, serve, score, [spec(dtype), *scalars])
    archive.add_endpoint("class_names", _names_endpoint(class_names))
    return archive, score


def _traced(function: Callable[..., Any], inputs: list[tf.TensorSpec]) -> Any:
    """Returns the graph of a function, which all endpoints share.

    Keras traces each endpoint twice, which would take seconds for the whole function.
    """
    return tf.function(function, inputs, autograph=False).get_concrete_function()


def _add_endpoints(
    archive: keras.export.ExportArchive,
    names: tuple[str, str],
    serve: Any,
    score: Any,
    inputs: list[tf.TensorSpec],
) -> None:
    archive.add_endpoint(
        names[0], lambda images: serve(tf.cast(images, tf.float32)), inputs[:1]
    )
    archive.add_endpoint(
        names[1],
        lambda images, num_samples, seed: score(tf.cast(images, tf.float32), num_samples, seed),
        inputs,
    )


def _names_endpoint(class_names: Sequence[str]) -> Any:
    names = tf.function(lambda: {"class_names": tf.constant(class_names)}, input_signature=[])
    names()  # Keras refuses an endpoint without inputs that has not been traced.
    return names


class _Scoring:
    """The statistics and scores of one batch of images, all in one graph."""

    def __init__(self, network: keras.Model, posterior: str, var_ratios: str) -> None:
        self._posterior = POSTERIORS[posterior](network)
        self.state: tf.Module | None = getattr(self._posterior, "covariance", None)
        self._functions = {n: acquisition_function(n, var_ratios) for n in ACQUISITIONS}

    def statistics(
        self, images: tf.Tensor, num_samples: tf.Tensor | int, seed: tf.Tensor | int
    ) -> PredictiveStatistics:
        """Returns the statistics over any number of samples, tile by tile."""
        is_positive = tf.debugging.assert_positive(
            num_samples, "num_samples must be at least 1."
        )
        seed = tf.cast(seed, tf.int64)
        with tf.control_dependencies([is_positive]):
            total = tf.cast(tf.identity(self._posterior.num_samples(num_samples)), tf.int64)
        features = self._posterior.features(images)

        def probs(start: tf.Tensor) -> tf.Tensor:
            tile = tf.range(start, tf.minimum(start + _TILE, total))
            return self._posterior.probs(features, self._posterior.sample(tile, seed))

        def more(start: tf.Tensor, sums: Sums) -> tuple[tf.Tensor, Sums]:
            return start + _TILE, sums.plus(probs(start))

        # The first tile is computed before the loop, which needs the shapes of its state.
        zero = tf.constant(0, tf.int64)
        state = (zero + _TILE, Sums.from_probs(probs(zero)))
        return tf.while_loop(lambda start, _: start < total, more, state)[1].statistics()

    def scores(
        self, images: tf.Tensor, num_samples: tf.Tensor, seed: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Returns the mean probabilities and every acquisition score."""
        statistics = self.statistics(images, num_samples, seed)
        scores = {name: function(statistics) for name, function in self._functions.items()}
        return {"probs": statistics.mean_probs, **scores}

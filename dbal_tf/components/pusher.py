"""Exports a model as a SavedModel that needs nothing of this package."""

import dataclasses
import os
import pathlib
import shutil

import keras
import tensorflow as tf

from dbal_tf.acquisition import ACQUISITIONS, acquisition_function
from dbal_tf.artifacts import Dataset, Model
from dbal_tf.bayesian.posteriors import POSTERIORS
from dbal_tf.bayesian.statistics import PredictiveStatistics, Sums

_TILE = 25  # samples at once in the exported program


@dataclasses.dataclass(frozen=True)
class Pusher:
    """Parameters of the export.

    Attributes:
        folder: Where the versions go: `<folder>/<version>/`.
        posterior: See the flag of the same name.
        num_samples: Posterior samples of `serving_default`.
        var_ratios: See the flag of the same name.
    """

    folder: pathlib.Path
    posterior: str
    num_samples: int
    var_ratios: str

    def run(self, model: Model, dataset: Dataset, version: int, seed: int) -> pathlib.Path:
        """Writes `<folder>/<version>/` in one step; returns it.

        The SavedModel takes images as the network does, float32 pixel values 0
        to 255, `[n, h, w, k]`, and has two signatures:

        *   `serving_default(images)`: `probs` `[n, c]`, the mean over the
            posterior's samples of a fixed seed, dropout on.
        *   `scores(images, num_samples, seed)`: `probs` and a score `[n]` for
            each acquisition function, by its name. int64 scalars.

        Args:
            model: What to export.
            dataset: For the shape of its images.
            version: Number of the export; an older one of that number goes.
            seed: Seed of the samples of `serving_default`.
        """
        images = tf.TensorSpec([None, *dataset.image_shape], tf.float32, name="images")
        scalar = tf.TensorSpec([], tf.int64)
        scoring = _Scoring(model.network, self.posterior, self.var_ratios)

        def serve(images: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"probs": scoring.statistics(images, self.num_samples, seed).mean_probs}

        def scores(
            images: tf.Tensor, num_samples: tf.Tensor, seed: tf.Tensor
        ) -> dict[str, tf.Tensor]:
            return scoring.scores(images, num_samples, seed)

        archive = keras.export.ExportArchive()
        archive.track(model.network)
        archive.add_endpoint("serving_default", serve, [images])
        archive.add_endpoint("scores", scores, [images, scalar, scalar])
        target = self.folder / str(version)
        partial = self.folder / f".{version}.partial"
        shutil.rmtree(partial, ignore_errors=True)
        archive.write_out(str(partial), verbose=False)
        shutil.rmtree(target, ignore_errors=True)
        os.replace(partial, target)
        return target


class _Scoring:
    """The statistics and scores of one batch of images, all in one graph."""

    def __init__(self, network: keras.Model, posterior: str, var_ratios: str) -> None:
        self._posterior = POSTERIORS[posterior](network)
        self._functions = {n: acquisition_function(n, var_ratios) for n in ACQUISITIONS}

    def statistics(
        self, images: tf.Tensor, num_samples: tf.Tensor | int, seed: tf.Tensor | int
    ) -> PredictiveStatistics:
        """Returns the statistics over any number of samples, tile by tile."""
        seed = tf.cast(seed, tf.int64)
        total = tf.cast(self._posterior.num_samples(num_samples), tf.int64)
        features = self._posterior.features(images)

        def probs(start: tf.Tensor) -> tf.Tensor:
            tile = tf.range(start, tf.minimum(start + _TILE, total))
            return self._posterior.probs(features, self._posterior.sample(tile, seed))

        def more(start: tf.Tensor, sums: Sums) -> tuple[tf.Tensor, Sums]:
            return start + _TILE, sums.plus(probs(start))

        zero = tf.constant(0, tf.int64)
        state = (zero + _TILE, Sums.of(probs(zero)))
        return tf.while_loop(lambda start, _: start < total, more, state)[1].statistics()

    def scores(
        self, images: tf.Tensor, num_samples: tf.Tensor, seed: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Returns the mean probabilities and every acquisition score."""
        statistics = self.statistics(images, num_samples, seed)
        scores = {name: function(statistics) for name, function in self._functions.items()}
        return {"probs": statistics.mean_probs, **scores}

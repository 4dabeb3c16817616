"""Features of images by a frozen trunk, computed once per image and kept on disk."""

import dataclasses
import functools
import hashlib
import os
import pathlib
import time
from collections.abc import Callable, Sequence
from typing import Any, Self

import keras
import numpy as np

from dbal_tf.artifacts import Dataset, Examples, Model
from dbal_tf.bayesian import applications
from dbal_tf.bayesian.augmentation import FLIPS, flipped
from dbal_tf.bayesian.chunks import chunk_size
from dbal_tf.bayesian.networks import NetworkFactory, source_digest
from dbal_tf.config import MODELS, Config
from dbal_tf.core import InputError, Say
from dbal_tf.seeds import seed_for
from dbal_tf.store.files import BROKEN_ARRAYS, npz, write_atomically

_BLOCK = 256  # images in a file: the most that a stopped process has to compute again
_SECONDS = 10  # between two lines of progress
_SMALLEST = 1e-12  # fraction of the largest variance below which a feature is constant


@dataclasses.dataclass(frozen=True)
class Features:
    """Replaces images by features if the network has a frozen trunk.

    The network that is trained is then a small head on the features. Exported models
    contain trunk and head, from pixel values to probabilities. For any other network
    this component changes nothing.

    On disk: `<cache>/<trunk>/<block>.npz` with the arrays `images` `[n]`, the SHA-256 of
    each image's pixels, and `features` `[n, d]`, float32, as the trunk gives them. The
    folder is named by the digest of trunk, weights and image shape, so that a data set
    whose labels change, or that grows, shares the features of its images; a block is
    named by the digest of its `images`. Flipped images have a folder for each way of
    flipping.

    Attributes:
        model: See the flag of the same name.
        weights: See the flag of the same name.
        train_trunk: See the flag of the same name.
        seed: Seed of a trunk's random weights; the same for all repetitions.
        cache: Folder for features.
    """

    model: str
    weights: str
    train_trunk: bool
    seed: int
    cache: pathlib.Path

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """Builds the component from the settings."""
        seed = seed_for(config.seed, 0, 0, "trunk")
        cache = pathlib.Path(config.feature_cache or _default_cache())
        return cls(config.model, config.weights, config.train_trunk, seed, cache)

    @property
    def is_frozen(self) -> bool:
        """Whether the network has a trunk that is not trained."""
        return applications.is_application(self.model) and not self.train_trunk

    def check(self, dataset: Dataset) -> None:
        """Checks that the trunk can be built for the images of a data set.

        Raises:
            InputError: It cannot, or its weights cannot be loaded.
        """
        if applications.is_application(self.model):
            self.trunk(dataset)

    def trunk(self, dataset: Dataset) -> tuple[keras.Model, str]:
        """Returns the trunk with its initial weights, and their digest."""
        trunk = applications.Trunk(self.model, self.weights)
        return _built(trunk, dataset.image_shape, self.seed)

    def run(self, dataset: Dataset, say: Say) -> Dataset:
        """Returns the data set with features as images, float32 `[n, 1, 1, d]`.

        Ids, splits and checksum are those of the data set. Each feature has mean 0 and
        variance 1 over all training images, labelled or not. Features of flipped images
        are computed when they are read: they are few, as only labelled ones are flipped.

        Args:
            dataset: Holds the images.
            say: Called with lines about the progress.

        Raises:
            InputError: The trunk cannot be built for such images.
        """
        if not self.is_frozen:
            return dataset
        train, test = self._features(dataset, say)
        moments = mean, deviation = _moments(train)
        ids = dataset.train.ids
        flips = (FlippedFeatures(dataset.train, self._kept(dataset, f), moments) for f in FLIPS)
        return dataclasses.replace(
            dataset,
            train=_examples(ids, (train - mean) / deviation),
            test=_examples(dataset.test.ids, (test - mean) / deviation),
            flips=tuple(Examples(ids, features) for features in flips),
        )

    def whole(self, model: Model, dataset: Dataset) -> Model:
        """Returns the model with its trunk: from pixel values to probabilities.

        Args:
            model: A model trained on the result of `run`.
            dataset: The data set that `run` was given.
        """
        if not self.is_frozen:
            return model
        train, _ = self._features(dataset, lambda line: None)
        mean, deviation = _moments(train)
        trunk, _ = self.trunk(dataset)
        scaled = applications.standardized(trunk, mean, deviation)
        return dataclasses.replace(model, network=applications.joined(scaled, model.network))

    def _features(self, dataset: Dataset, say: Say) -> tuple[np.ndarray, np.ndarray]:
        """Returns the features of training and test items, `[n, d]`, as stored."""
        kept, items = self._kept(dataset), (dataset.train, dataset.test)
        names = [_names_of_set(examples) for examples in items]
        progress = _Progress(len(kept.missing([*names[0], *names[1]])), say)
        train, test = map(kept.of, items, names, (progress.add, progress.add))
        return train, test

    def _kept(self, dataset: Dataset, axes: tuple[int, ...] = ()) -> "_Kept":
        """Returns the stored features of images flipped along some axes."""
        trunk, digest = self.trunk(dataset)
        # The digest of the weights does not cover the preprocessing, which depends on the
        # application.
        text = f"{dataset.image_shape} {self.model} {digest}"
        text += f" flipped {axes}" * bool(axes)
        return _Kept(self.cache / hashlib.sha256(text.encode()).hexdigest(), trunk, axes)


class _Kept:
    """A trunk's features of images flipped in one way, stored on disk."""

    def __init__(self, folder: pathlib.Path, trunk: keras.Model, axes: tuple[int, ...]) -> None:
        self._folder, self._trunk, self._axes = folder, trunk, axes
        self._known: dict[str, np.ndarray] = {}

    def missing(self, names: Sequence[str]) -> list[str]:
        """Returns those of some images, each once, whose features are not stored yet."""
        self._known |= _read(self._folder, set(names) - self._known.keys())
        return [name for name in dict.fromkeys(names) if name not in self._known]

    def of(
        self, examples: Examples, names: Sequence[str], done: Callable[[int], None]
    ) -> np.ndarray:
        """Returns the features of items, `[n, d]`; computes and stores missing ones.

        Args:
            examples: The items, at least one.
            names: The result of `_names` for them.
            done: Called with the number of items whenever some are computed.
        """
        ids = dict(zip(reversed(names), reversed(examples.ids.tolist()), strict=True))
        missing = self.missing(names)
        for start in range(0, len(missing), _BLOCK):
            block = missing[start : start + _BLOCK]
            items = examples.select(np.array([ids[name] for name in block], np.str_))
            features = _computed(self._trunk, items, self._axes)
            _write(self._folder, block, features)
            self._known.update(zip(block, features, strict=True))
            done(len(block))
        return np.stack([self._known[name] for name in names])


class FlippedFeatures:
    """Standardized features of flipped images, `[n, 1, 1, d]`, read when they are used.

    Args:
        examples: The images, not flipped.
        kept: Their features, flipped in one way.
        moments: Mean and deviation of the features of images that are not flipped.
    """

    dtype = np.dtype(np.float32)

    def __init__(
        self, examples: Examples, kept: _Kept, moments: tuple[np.ndarray, np.ndarray]
    ) -> None:
        self._examples, self._kept, self._moments = examples, kept, moments

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of images, 1, 1 and number of features."""
        return len(self), 1, 1, len(self._moments[0])

    def __len__(self) -> int:
        return len(self._examples)

    def __getitem__(self, rows: Any) -> "FlippedFeatures":
        chosen = self._examples.select(self._examples.ids[rows])
        return FlippedFeatures(chosen, self._kept, self._moments)

    def __array__(self, dtype: Any = None, /, *, copy: bool | None = None) -> np.ndarray:
        if not len(self):
            return np.zeros(self.shape, dtype or self.dtype)
        mean, deviation = self._moments
        raw = self._kept.of(self._examples, _names(self._examples), lambda count: None)
        features = (raw - mean) / deviation
        return features[:, np.newaxis, np.newaxis, :].astype(dtype or self.dtype)


def origin(config: Config, dataset: Dataset, network: NetworkFactory) -> dict[str, str]:
    """Returns the provenance of a model that is not from this package, for the lineage.

    Args:
        config: The settings.
        dataset: Holds the images.
        network: Builds the network.

    Returns:
        `model`: its name, and the SHA-256 of its source or of its trunk's initial
        weights. Empty for the models of this package.
    """
    if config.model in MODELS:
        return {}
    if applications.is_application(config.model):
        digest = Features.from_config(config).trunk(dataset)[1]
    else:
        digest = source_digest(network)
    return {"model": f"{config.model} {digest}"}


# Built outside any strategy's scope, because it is not trained. Only one is kept, because it
# may be large.
@functools.lru_cache(maxsize=1)
def _built(
    trunk: applications.Trunk, image_shape: tuple[int, int, int], seed: int
) -> tuple[keras.Model, str]:
    model = trunk.build(image_shape, seed)
    return model, applications.weights_digest(model)


def _default_cache() -> pathlib.Path:
    root = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(root, "dbal_tf", "features")


def _moments(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    # In double precision: in float32, the mean of many equal values may differ from them.
    variance = features.var(axis=0, dtype=np.float64)
    # A unit that no training image activates would become huge for the first image that does.
    variance[variance <= _SMALLEST * variance.max()] = 1
    mean = features.mean(axis=0, dtype=np.float64)
    return mean.astype(np.float32), np.sqrt(variance).astype(np.float32)


def _examples(ids: np.ndarray, features: np.ndarray) -> Examples:
    return Examples(ids, features[:, np.newaxis, np.newaxis, :])


def _computed(trunk: keras.Model, examples: Examples, axes: tuple[int, ...] = ()) -> np.ndarray:
    """Returns the features of images flipped along some axes, float32 `[n, d]`."""
    step, images = chunk_size(examples.images.shape[1:]), examples.images
    # Called directly, because `predict` would run under the run's strategy, once per replica.
    return np.concatenate(
        [
            trunk(
                flipped(images[start : start + step], axes).astype(np.float32), training=False
            )
            for start in range(0, len(examples), step)
        ]
    )


def _names(examples: Examples) -> list[str]:
    """Returns the SHA-256 of each image's pixels, hexadecimal."""
    step, images = chunk_size(examples.images.shape[1:]), examples.images
    return [
        hashlib.sha256(np.ascontiguousarray(image).data).hexdigest()
        for start in range(0, len(examples), step)
        for image in np.asarray(images[start : start + step])
    ]


# Of the training and the test items, whose features are read again at each export.
_names_of_set = functools.lru_cache(maxsize=2)(_names)


def _write(folder: pathlib.Path, names: Sequence[str], features: np.ndarray) -> None:
    block = hashlib.sha256("\n".join(names).encode()).hexdigest()
    arrays = {"images": np.array(names, np.str_), "features": features}
    write_atomically(folder / f"{block}.npz", npz(arrays))


def _read(folder: pathlib.Path, names: set[str]) -> dict[str, np.ndarray]:
    """Returns the stored features of some images, by name."""
    known: dict[str, np.ndarray] = {}
    for path in sorted(folder.glob("*.npz")) if names else ():
        try:
            with np.load(path, allow_pickle=False) as block:
                held = block["images"].tolist()
                # Most blocks may be of other data.
                if not names.isdisjoint(held):
                    known |= dict(zip(held, block["features"], strict=True))
        except (*BROKEN_ARRAYS, KeyError) as error:
            raise InputError(
                f"{path} cannot be read ({error}); expected features as an earlier run wrote "
                "them; remove the file, and they are computed again."
            ) from error
    return known


class _Progress:
    """Says how many features are computed, and how long the rest will take."""

    def __init__(self, total: int, say: Say) -> None:
        self._total, self._say, self._done = total, say, 0
        self._start = self._said = time.monotonic()
        if total:
            say(f"features of {total} images are computed once and kept")

    def add(self, count: int) -> None:
        self._done += count
        now = time.monotonic()
        if self._done == self._total or now - self._said >= _SECONDS:
            self._said = now
            left = (now - self._start) / self._done * (self._total - self._done)
            self._say(f"features: {self._done} of {self._total} images, {left:.0f} s left")

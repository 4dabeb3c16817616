"""Training of the network on the labels, from fresh weights each round."""

import contextlib
import dataclasses
import re
from collections.abc import Callable
from typing import Self

import numpy as np

from dbal_tf.artifacts import Dataset, Labels, Model
from dbal_tf.bayesian import laplace, metrics
from dbal_tf.bayesian.augmentation import FLIPS, flipped
from dbal_tf.bayesian.consistency import Consistency
from dbal_tf.bayesian.early_stopping import EarlyStopping
from dbal_tf.bayesian.ensemble import ensemble
from dbal_tf.bayesian.fitting import Fitter
from dbal_tf.bayesian.inference import predictor_for
from dbal_tf.bayesian.networks import NetworkFactory, network_factory
from dbal_tf.bayesian.posteriors import POSTERIORS
from dbal_tf.bayesian.variational import variational
from dbal_tf.config import Config
from dbal_tf.core import Images, InputError

WEIGHT_DECAYS: tuple[float, ...] = (0.5, 1.0, 2.5, 5.0, 10.0)
# Rarely, because a choice trains one network per candidate.
_CHOOSE_AGAIN = 5  # times as many labels
# In 5000 steps vat draws about five times as many unlabelled images as MNIST has; in 700 steps
# it would draw fewer than MNIST has.
_AUTO_STEPS = {"supervised": 700, "vat": 5000}


def _least_steps(steps: str, trainer: str) -> int:
    return _AUTO_STEPS[trainer] if steps == "auto" else int(steps)


def expected_steps(config: Config, labels: float) -> float:
    """Returns the approximate number of steps of training on a number of labels."""
    return max(
        _least_steps(config.steps, config.trainer), config.epochs * labels / config.batch_size
    )


@dataclasses.dataclass(frozen=True)
class Trainer:
    """Trains the network; see the flags of the same names.

    Attributes:
        network: Builds the network from image shape, number of classes and seed.
    """

    network: NetworkFactory
    epochs: int
    batch_size: int
    learning_rate: float
    remainder: str
    mixed_precision: bool = False
    posterior: str = "mc_dropout"
    num_samples: int = 100
    trainer: str = "supervised"
    unlabelled_batch: int = 64
    vat_epsilon: float = 1.5
    steps: str = "0"
    augment: tuple[str, ...] = ()
    class_weights: str = "none"
    flip_classes: tuple[str, ...] = ()
    learning_rate_schedule: str = "constant"

    @classmethod
    def from_config(cls, config: Config, network: NetworkFactory | None = None) -> Self:
        """Builds the component from the settings.

        Args:
            config: The settings.
            network: Builds the network in place of the one that `--model` names.

        Raises:
            InputError: `--model` names no network.
        """
        factory = network_factory(
            network or config.model,
            config.kernel_size,
            config.initializer,
            config.weights,
            config.train_trunk,
        )
        if config.posterior == "ensemble":
            factory = ensemble(factory, config.ensemble_size)
        elif config.posterior == "bayes_by_backprop":
            factory = variational(factory)
        return config.build(cls, network=factory)

    def check(self, dataset: Dataset) -> None:
        """Checks that the network can be built for the images, and supports the posterior.

        Raises:
            InputError: It cannot be built, as for images that are too small, or does
                not support the posterior.
        """
        shape = dataset.image_shape
        try:
            network = self.network(shape, len(dataset.class_names), 0)
        except InputError:
            raise
        except ValueError as error:
            # Keras puts the reason into the second paragraph, in bold.
            paragraphs = re.sub(r"\x1b\[\d*m", "", str(error)).strip().split("\n\n")
            reason = paragraphs[min(1, len(paragraphs) - 1)].replace("\n", " ")
            raise InputError(
                f"The network cannot be built for images of {shape[0]} x {shape[1]} pixels in "
                f"{shape[2]} channels: {reason} Use other images, --image_size or --model."
            ) from error
        # The Laplace posterior is made by a fit, but its requirements can be checked before.
        if self.posterior == "laplace":
            laplace.check(network)
        else:
            POSTERIORS[self.posterior](network)

    def fitter(self, dataset: Dataset) -> Fitter:
        """Builds and compiles the network and its training loop.

        This takes seconds, so a run does it once and passes the result to every `run`.

        Raises:
            InputError: The data set holds features where images are needed.
        """
        self._check_images(dataset.image_shape)
        consistency = None
        if self.trainer == "vat":
            splits = dataset.splits
            # All images of the initial set and the pool, without their labels.
            ids = np.concatenate([splits.initial_ids, splits.pool_ids])
            images = dataset.train.select(ids).images
            consistency = Consistency(images, self.vat_epsilon, self.unlabelled_batch)
        return Fitter(
            self.network,
            dataset.image_shape,
            len(dataset.class_names),
            self.learning_rate,
            self.batch_size,
            self.remainder == "merge",
            "mixed_bfloat16" if self.mixed_precision else "float32",
            consistency,
            self.augment,
            self._rate_falls,
        )

    @property
    def _rate_falls(self) -> bool:
        return self.learning_rate_schedule == "linear" or self.trainer == "vat"

    def _check_images(self, shape: tuple[int, int, int]) -> None:
        flags = [f"--augment={','.join(self.augment)}"] if self.augment else []
        flags += ["--trainer=vat"] if self.trainer == "vat" else []
        if flags and shape[0] == 1:
            raise InputError(
                f"{flags[0]} got features of shape {shape}; expected images with a height "
                "above 1; leave it out."
            )

    def run(
        self,
        fitter: Fitter,
        dataset: Dataset,
        labels: Labels,
        weight_decay: float,
        seed: int,
        check: Callable[[], None] | None = None,
        validation: Labels | None = None,
    ) -> Model:
        """Returns the network trained on the labels.

        Args:
            fitter: The result of `fitter`.
            dataset: Holds the images.
            labels: The labels to train on.
            weight_decay: The weight-decay constant c of the penalty c/N.
            seed: Seed of initial weights, order and dropout.
            check: Called every few steps; an exception from it ends the training.
            validation: Labels that are not trained on. With `--steps=auto` they decide
                when training ends. Training goes on to the end if there are none, if
                there is a `check`, or if the learning rate falls, as the last weights
                are then the best. For the laplace posterior they choose the prior.
        """
        images, classes = self._with_flips(dataset, labels)
        weights = None
        if self.class_weights == "balanced":
            weights = balanced_weights(classes, len(dataset.class_names))
        # N of the penalty c/N counts the labels: a flip adds no information.
        decay = weight_decay * len(classes) / len(labels)
        held_out, stopping = self._held_out(dataset, validation), None
        may_stop = self.steps == "auto" and not self._rate_falls
        if may_stop and held_out is not None and check is None:
            stopping = check = EarlyStopping.by_likelihood(fitter.network, *held_out)
        steps = _least_steps(self.steps, self.trainer)
        with stopping or contextlib.nullcontext():
            fitter.fit(images, classes, self.epochs, decay, seed, steps, weights, check)
        if self.posterior == "laplace":
            # Without flips, which add no information but would count as more images.
            laplace.fit(fitter.network, dataset.train.select(labels.ids).images, held_out)
        return Model(fitter.network, len(labels), weight_decay, seed)

    def _held_out(
        self, dataset: Dataset, validation: Labels | None
    ) -> tuple[Images, np.ndarray] | None:
        """Returns the validation images and their classes, if the training uses them."""
        is_used = self.steps == "auto" or self.posterior == "laplace"
        if not is_used or validation is None or not len(validation):
            return None
        return dataset.train.select(validation.ids).images, validation.classes

    def _with_flips(self, dataset: Dataset, labels: Labels) -> tuple[Images, np.ndarray]:
        """Returns what is trained on: the labelled images, and flips of some classes."""
        images = dataset.train.select(labels.ids).images
        numbers = [dataset.class_names.index(name) for name in self.flip_classes]
        chosen = np.flatnonzero(np.isin(labels.classes, numbers))
        if not len(chosen):
            return images, labels.classes
        if dataset.flips:
            ids = labels.ids[chosen]
            flips = [np.asarray(one.select(ids).images) for one in dataset.flips]
        else:
            flips = [flipped(images[chosen], axes) for axes in FLIPS]
        classes = np.concatenate([labels.classes, *[labels.classes[chosen]] * len(flips)])
        return np.concatenate([np.asarray(images), *flips]), classes

    def choose_weight_decay(
        self,
        fitter: Fitter,
        dataset: Dataset,
        labels: Labels,
        validation: Labels,
        seed: int,
        before: float | None = None,
    ) -> float:
        """Returns the weight-decay constant c of `WEIGHT_DECAYS` that validates best.

        The best c has the lowest negative log likelihood of the posterior's mean
        probabilities on the validation set. With 100 images, the error is too coarse.

        Args:
            fitter: The result of `fitter`.
            dataset: Holds the images.
            labels: The labels to train on.
            validation: The labels to choose by.
            seed: Seed of each training.
            before: The c that was chosen for fewer labels: only it and its neighbours
                are tried, in at most three trainings; None: all are.

        Raises:
            InputError: There are no validation labels.
        """
        if not len(validation):
            raise InputError(
                "No validation image has a label; expected some for --weight_decay=auto; label "
                "one, or give a number."
            )
        images = dataset.train.select(validation.ids).images

        def validation_nll(weight_decay: float) -> float:
            # One seed for all: the candidates differ in c, not in initial weights and masks.
            model = self.run(fitter, dataset, labels, weight_decay, seed, validation=validation)
            predictor = predictor_for(model.network, self.posterior)
            statistics = predictor.statistics(images, self.num_samples, seed)
            return metrics.nll(statistics.mean_probs, validation.classes)

        candidates = WEIGHT_DECAYS
        if before is not None:
            place = WEIGHT_DECAYS.index(before)
            candidates = WEIGHT_DECAYS[max(0, place - 1) : place + 2]
        return min(candidates, key=validation_nll)


def balanced_weights(classes: np.ndarray, num_classes: int) -> np.ndarray:
    """Returns class weights that make the classes count equally, shape `[c]`.

    n / (c * n_k) for n labels of c classes, n_k of them of class k, as in
    scikit-learn; 0 for a class without labels. The mean over the labels is 1.

    >>> balanced_weights(np.array([0, 0, 0, 2]), 3).tolist()
    [0.6666666666666666, 0.0, 2.0]
    """
    counts = np.bincount(classes, minlength=num_classes)
    present = np.count_nonzero(counts)
    return np.where(counts > 0, len(classes) / (present * np.maximum(counts, 1)), 0.0)


def is_choice_due(num_initial: int, num_before: int | None, num_now: int) -> bool:
    """Returns whether the weight decay is to be chosen (again) in this round.

    It is chosen in the first round and whenever the number of labels has grown
    fivefold: from 20 labels, at 100 and 500.

    Args:
        num_initial: Number of labels in the first round.
        num_before: Number of labels in the round before; None in the first round.
        num_now: Number of labels in this round.
    """
    if num_before is None:
        return True

    def stage(count: int) -> int:
        # 1e-9, because the quotient of logarithms may round to just below a whole number.
        return int(np.floor(np.log(count / num_initial) / np.log(_CHOOSE_AGAIN) + 1e-9))

    return stage(num_now) > stage(num_before)

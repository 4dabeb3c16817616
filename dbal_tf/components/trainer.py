"""Trains the network on the labels, from scratch each round."""

import dataclasses
import functools

import numpy as np

from dbal_tf.artifacts import Dataset, Labels, Model
from dbal_tf.bayesian import metrics
from dbal_tf.bayesian.fitting import Fitter
from dbal_tf.bayesian.inference import predictor_for
from dbal_tf.bayesian.networks import NETWORKS

WEIGHT_DECAYS = (0.5, 1.0, 2.5, 5.0, 10.0)
_CHOOSE_AGAIN = 5  # times as many labels


@dataclasses.dataclass(frozen=True)
class Trainer:
    """Parameters of the training; see the flags of the same names."""

    model: str
    epochs: int
    batch_size: int
    learning_rate: float
    remainder: str
    kernel_size: int = 4
    mixed_precision: bool = False
    initializer: str = "glorot_uniform"
    _fitters: dict[tuple, Fitter] = dataclasses.field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def run(self, dataset: Dataset, labels: Labels, weight_decay: float, seed: int) -> Model:
        """Returns the network trained on the labels.

        Args:
            dataset: Where the images are.
            labels: What to learn from.
            weight_decay: The c of the penalty c/N.
            seed: Seed of initial weights, order and dropout.
        """
        fitter = self._fitter(dataset)
        images = dataset.train.select(labels.ids).images
        fitter.fit(images, labels.classes, self.epochs, weight_decay, seed)
        return Model(fitter.network, len(labels), weight_decay, seed)

    def choose_weight_decay(
        self,
        dataset: Dataset,
        labels: Labels,
        validation: Labels,
        posterior: str,
        num_samples: int,
        seed: int,
    ) -> float:
        """Returns the c of `WEIGHT_DECAYS` that is best on the validation set.

        Best is the least negative log likelihood of the posterior's mean
        probabilities: on 100 images the error is too coarse to choose by.
        """
        images = dataset.train.select(validation.ids).images

        def validation_nll(weight_decay: float) -> float:
            model = self.run(dataset, labels, weight_decay, seed)
            predictor = predictor_for(model.network, posterior)
            statistics = predictor.statistics(images, num_samples, seed)
            return metrics.nll(statistics.mean_probs, validation.classes)

        return min(WEIGHT_DECAYS, key=validation_nll)

    def _fitter(self, dataset: Dataset) -> Fitter:
        shape, classes = dataset.image_shape, len(dataset.class_names)
        if (shape, classes) not in self._fitters:
            self._fitters[shape, classes] = Fitter(
                functools.partial(
                    NETWORKS[self.model],
                    kernel_size=self.kernel_size,
                    initializer=self.initializer,
                ),
                shape,
                classes,
                self.learning_rate,
                self.batch_size,
                self.remainder == "merge",
                "mixed_bfloat16" if self.mixed_precision else "float32",
            )
        return self._fitters[shape, classes]


def is_choice_due(num_initial: int, num_before: int | None, num_now: int) -> bool:
    """Says whether the weight decay is to be chosen (again) this round.

    It is at the first round and whenever the labels have become five times as
    many: at 20, 100 and 500 labels.

    Args:
        num_initial: Labels of the first round.
        num_before: Labels of the round before; None in the first round.
        num_now: Labels of this round.
    """
    if num_before is None:
        return True

    def stage(count: int) -> int:
        return int(np.floor(np.log(count / num_initial) / np.log(_CHOOSE_AGAIN) + 1e-9))

    return stage(num_now) > stage(num_before)

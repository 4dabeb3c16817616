"""The interface of the semi-supervised systems, and their inputs.

    system = Vat.light()
    predictor = system.fit(labelled, unlabelled, validation, seed=0, session=session)
    predictor.predict_probs(images)

A system is a frozen dataclass of its hyper-parameters. It may choose some of them by
the validation images; it never sees test images.
"""

import dataclasses
import math
from typing import Protocol

import numpy as np

from dbal_tf.baselines.semi_supervised.session import Session
from dbal_tf.core import InputError


@dataclasses.dataclass(frozen=True, eq=False)
class LabelledImages:
    """Images with their classes.

    Attributes:
        images: Pixel values 0 to 255, uint8, shape `[n, h, w, k]`.
        classes: Class indices, int64, shape `[n]`.
    """

    images: np.ndarray
    classes: np.ndarray

    def __len__(self) -> int:
        return len(self.classes)


class Predictor(Protocol):
    """A fitted system."""

    def predict_probs(self, images: np.ndarray) -> np.ndarray:
        """Returns class probabilities, float64 `[n, c]`, of uint8 images `[n, h, w, k]`."""


class System(Protocol):
    """A semi-supervised system with its hyper-parameters."""

    def fit(
        self,
        labelled: LabelledImages,
        unlabelled: np.ndarray,
        validation: LabelledImages,
        seed: int,
        session: Session,
    ) -> Predictor:
        """Learns from labelled and unlabelled images.

        Args:
            labelled: At least one image of each class 0 to c - 1.
            unlabelled: Images without labels, uint8 `[u, h, w, k]`, without the images
                of `labelled`.
            validation: Images used only to choose hyper-parameters.
            seed: Seed of all random numbers. The same seed gives the same predictor on
                the same kind of machine.
            session: Stores the state for resuming a stopped fit, and shows progress.

        Raises:
            InputError: A class has no label, or there are too few images.
            ArithmeticError: A loss is not finite.
        """


def check(labelled: LabelledImages, unlabelled: np.ndarray, least_unlabelled: int) -> int:
    """Checks the inputs of a system; returns the number of classes.

    Args:
        labelled: The labelled images.
        unlabelled: The unlabelled images, shape `[u, h, w, k]`.
        least_unlabelled: Minimum number of unlabelled images, such as the batch size.

    Raises:
        InputError: A class has no label, or there are too few unlabelled images.
    """
    counts = np.bincount(labelled.classes)
    if not counts.size or not counts.all():
        missing = int(counts.argmin()) if counts.size else 0
        raise InputError(
            f"Class {missing} has no labelled image; expected at least one of each class; "
            "label one or leave the class out."
        )
    if len(unlabelled) < least_unlabelled:
        raise InputError(
            f"{len(unlabelled)} unlabelled images were given; expected at least "
            f"{least_unlabelled}, a batch; give more or lower the batch size."
        )
    return len(counts)


def pixels(images: np.ndarray) -> np.ndarray:
    """Returns images as rows of values 0 to 1, float32 `[n, h * w * k]`."""
    flat = np.reshape(images, (len(images), math.prod(images.shape[1:])))
    # Not centred, because autoencoders and M1 treat values as probabilities.
    return flat.astype(np.float32) / 255


def error(predictor: Predictor, labelled: LabelledImages) -> float:
    """Returns the share of misclassified images, 0 to 1."""
    predicted = predictor.predict_probs(labelled.images).argmax(axis=1)
    return float(np.mean(predicted != labelled.classes))

"""Transductive support vector machine, one class against the rest."""

import dataclasses
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from dbal_tf.baselines.semi_supervised.cccp import Problem, convex_round, functions, objective
from dbal_tf.baselines.semi_supervised.margins import best_scale, probs_of
from dbal_tf.baselines.semi_supervised.nystrom import (
    NystromFeatures,
    landmarks,
    typical_squared_distance,
)
from dbal_tf.baselines.semi_supervised.session import Session
from dbal_tf.baselines.semi_supervised.system import LabelledImages, check, pixels

_SOME = 5000  # unlabelled images that width and cost are chosen with


@dataclasses.dataclass(frozen=True)
class Tsvm:
    """Pushes unlabelled images out of the margin, on the side where they are.

    The exact method needs the kernel of all images, which is too large for
    tens of thousands. Here Nystrom features stand for it, on landmarks found
    by k-means; objective and minimisation are those of `cccp`.

    Width and C are those with which the machine of the labelled images alone
    has the lowest validation error. From there C* grows in stages, and
    the weights of the stage with the lowest validation error are kept.

    Collobert, Sinz, Weston and Bottou, "Large Scale Transductive SVMs", JMLR
    2006. 5.38 % at 1,000 labels of MNIST: Weston, Ratle, Mobahi and Collobert,
    "Deep Learning via Semi-Supervised Embedding", 2012.

    Attributes:
        num_landmarks: Number of landmarks, and of features at most.
        widths: Candidates for gamma of exp(-gamma |x - y|^2), in units of the
            inverse of the median squared distance of two images.
        costs: Candidates for C.
        path: C* of each stage, as a multiple of C l / u: at 1, all u unlabelled
            images together weigh as much as all l labelled ones.
        ramp: The margin s, above -1 and at most 0, below which an image's loss
            on that side is constant.
        rounds: Rounds of the concave-convex procedure in a stage.
        iterations: Of L-BFGS in a round, at most.
    """

    num_landmarks: int
    widths: tuple[float, ...]
    costs: tuple[float, ...]
    path: tuple[float, ...]
    ramp: float
    rounds: int
    iterations: int

    @classmethod
    def faithful(cls) -> "Tsvm":
        """The most landmarks, and rounds until few images change sides; half an hour."""
        return cls(4000, (0.5, 1, 2, 4), (1, 10, 100), (0.1, 0.3, 1, 3, 10), 0.0, 10, 100)

    @classmethod
    def light(cls) -> "Tsvm":
        """Some minutes for 60,000 images of MNIST."""
        return cls(2000, (1, 2, 4), (1, 10), (0.1, 0.3, 1, 3), 0.0, 4, 40)

    @classmethod
    def tiny(cls) -> "Tsvm":
        """Seconds for a thousand digits."""
        return cls(200, (1, 2), (1, 10), (0.3, 1), 0.0, 3, 30)

    def fit(
        self,
        labelled: LabelledImages,
        unlabelled: np.ndarray,
        validation: LabelledImages,
        seed: int,
        session: Session,
    ) -> "TsvmPredictor":
        """Learns from labelled and unlabelled images; see `System.fit`.

        The balance constraint demands of the unlabelled images the shares of
        the classes among the labelled ones.
        """
        num_classes = check(labelled, unlabelled, 1)
        rows_u = pixels(unlabelled)
        scale = 1 / typical_squared_distance(rows_u)
        found = session.stage(
            "tsvm_landmarks", lambda: {"rows": landmarks(rows_u, self.num_landmarks, seed)}
        )
        some_u = rows_u[:: max(1, len(rows_u) // _SOME)]
        chosen = session.stage(
            "tsvm_choice",
            lambda: self._choose(found["rows"], labelled, some_u, validation, scale),
        )
        features = NystromFeatures.of(found["rows"], float(chosen["gamma"]))
        problem, mean = _problem(
            features, labelled, rows_u, num_classes, float(chosen["cost"]), self.ramp
        )
        kept = self._descend(
            problem, features(pixels(validation.images)) - mean, validation, session
        )
        predictor = TsvmPredictor(features, mean, kept, problem.offsets, 1.0)
        margins = predictor.margins(validation.images)
        return dataclasses.replace(predictor, scale=best_scale(margins, validation.classes))

    def _choose(
        self,
        rows_md: np.ndarray,
        labelled: LabelledImages,
        some_u: np.ndarray,
        validation: LabelledImages,
        scale: float,
    ) -> dict[str, np.ndarray]:
        """Returns gamma and C of the best machine of the labelled images alone."""
        best, least = {"gamma": np.array(0.0), "cost": np.array(0.0)}, np.inf
        num_classes = len(np.unique(labelled.classes))
        for width in self.widths:
            features = NystromFeatures.of(rows_md, width * scale)
            for cost in self.costs:
                problem, mean = _problem(
                    features, labelled, some_u, num_classes, cost, self.ramp
                )
                weights = _supervised(problem, self.iterations)
                held = features(pixels(validation.images)) - mean
                wrong = _error(functions(held, weights, problem.offsets), validation)
                if wrong < least:
                    least = wrong
                    best = {"gamma": np.array(features.gamma), "cost": np.array(float(cost))}
        return best

    def _descend(
        self, problem: Problem, held: np.ndarray, validation: LabelledImages, session: Session
    ) -> np.ndarray:
        """Returns the best weights `[d, c]` of all stages; a step is a round."""
        start = _supervised(problem, self.iterations)
        wrong = _error(functions(held, start, problem.offsets), validation)
        weights, kept = (tf.Variable(start, trainable=False) for _ in range(2))
        least = tf.Variable(wrong, dtype=tf.float64, trainable=False)
        unit = problem.cost * len(problem.labelled) / len(problem.unlabelled)

        def run(first: int, last: int) -> Mapping[str, float]:
            value, wrong = 0.0, 0.0
            for step in range(first, last):
                cost = unit * self.path[step // self.rounds]
                weights.assign(convex_round(problem, weights.numpy(), cost, self.iterations))
                value = objective(problem, weights.numpy(), cost)
                wrong = _error(functions(held, weights.numpy(), problem.offsets), validation)
                if wrong < least.numpy():
                    least.assign(wrong)
                    kept.assign(weights)
            return {"objective": value, "validation_error": wrong}

        state = {"weights": weights, "kept": kept, "least": least}
        session.train("tsvm", len(self.path) * self.rounds, run, state, chunk=1)
        return kept.numpy()


@dataclasses.dataclass(frozen=True, eq=False)
class TsvmPredictor:
    """Functions of the classes on Nystrom features.

    Attributes:
        features: Maps pixels to features.
        mean: Of the unlabelled images' features, shape `[d]`.
        weights: Shape `[d, c]`.
        offsets: Shape `[c]`.
        scale: Factor of the margins in the softmax.
    """

    features: NystromFeatures
    mean: np.ndarray
    weights: np.ndarray
    offsets: np.ndarray
    scale: float

    def margins(self, images: np.ndarray) -> np.ndarray:
        """Returns f, float64 `[n, c]`, of uint8 images `[n, h, w, k]`."""
        return functions(self.features(pixels(images)) - self.mean, self.weights, self.offsets)

    def predict_probs(self, images: np.ndarray) -> np.ndarray:
        """Returns class probabilities, float64 `[n, c]`, of uint8 images `[n, h, w, k]`."""
        return probs_of(self.margins(images), self.scale)


def _problem(
    features: NystromFeatures,
    labelled: LabelledImages,
    rows_u: np.ndarray,
    num_classes: int,
    cost: float,
    ramp: float,
) -> tuple[Problem, np.ndarray]:
    """Returns the problem on centred features, and the mean, `[d]`."""
    phi_u = features(rows_u)
    mean = phi_u.mean(axis=0, dtype=np.float64).astype(phi_u.dtype)
    phi_u -= mean
    is_class = labelled.classes[:, np.newaxis] == np.arange(num_classes)
    signs = np.where(is_class, 1.0, -1.0)
    phi_l = features(pixels(labelled.images)) - mean
    return Problem(phi_l, signs, phi_u, signs.mean(axis=0), cost, ramp), mean


def _supervised(problem: Problem, iterations: int) -> np.ndarray:
    """Returns the weights, `[d, c]`, of the labelled images alone."""
    start = np.zeros((problem.labelled.shape[1], problem.signs.shape[1]))
    return convex_round(problem, start, 0.0, iterations)


def _error(margins_nc: np.ndarray, labelled: LabelledImages) -> float:
    return float(np.mean(margins_nc.argmax(axis=1) != labelled.classes))

"""A transductive support vector machine, one-vs-rest."""

import dataclasses
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from dbal_tf.baselines.semi_supervised.cccp import (
    Costs,
    Problem,
    convex_round,
    functions,
    objective,
)
from dbal_tf.baselines.semi_supervised.margins import best_scale, probs_of
from dbal_tf.baselines.semi_supervised.nystrom import (
    NystromFeatures,
    landmarks,
    typical_squared_distance,
)
from dbal_tf.baselines.semi_supervised.session import Session
from dbal_tf.baselines.semi_supervised.system import LabelledImages, check, pixels

_SOME = 5000  # about this many unlabelled images are used to choose the width


@dataclasses.dataclass(frozen=True)
class Tsvm:
    """A transductive SVM: it pushes unlabelled images out of the margin, on their side.

    The exact method needs the kernel matrix of all images, which is too large for tens
    of thousands of images. Here, Nystrom features on landmarks found by k-means
    approximate it. The objective and its minimisation are in `cccp`.

    First, the width is chosen by the validation error of an SVM trained only on the
    labelled images. Then, for each C, the fit starts from such an SVM, and C* grows in
    stages. The weights with the lowest validation error are kept.

    Collobert, Sinz, Weston and Bottou, "Large Scale Transductive SVMs", JMLR
    2006. 5.38 % at 1,000 labels of MNIST: Weston, Ratle, Mobahi and Collobert,
    "Deep Learning via Semi-Supervised Embedding", 2012.

    Attributes:
        num_landmarks: Number of landmarks, and maximum number of features.
        widths: Candidates for gamma in exp(-gamma |x - y|^2), in units of the inverse
            median squared distance between two images.
        costs: Candidates for C.
        path: C* of each stage, as a multiple of C l / u: at 1, all u unlabelled
            images together weigh as much as all l labelled ones.
        ramp: The margin s, above -1 and at most 0, below which an image's loss
            on that side is constant.
        rounds: Rounds of the concave-convex procedure per stage.
        iterations: Maximum iterations of L-BFGS per round.
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
        """Returns settings with 4,000 landmarks and the most rounds; half an hour."""
        # A ramp with s = 0 is the default of UniverSVM, the authors' program.
        return cls(4000, (0.5, 1, 2, 4), (1, 10, 100), (0.1, 0.3, 1, 3, 10), 0.0, 10, 100)

    @classmethod
    def light(cls) -> "Tsvm":
        """Returns settings that take a few minutes for 60,000 images of MNIST."""
        return cls(2000, (1, 2, 4), (10, 100), (0.1, 0.3, 1, 3), 0.0, 3, 40)

    @classmethod
    def tiny(cls) -> "Tsvm":
        """Returns settings that take seconds for a thousand digits."""
        return cls(100, (1, 2), (10, 100), (0.1, 1), 0.0, 3, 30)

    def fit(
        self,
        labelled: LabelledImages,
        unlabelled: np.ndarray,
        validation: LabelledImages,
        seed: int,
        session: Session,
    ) -> "TsvmPredictor":
        """Learns from labelled and unlabelled images; see `System.fit`.

        The balance constraint requires that the unlabelled images have the same class
        shares as the labelled images.
        """
        num_classes = check(labelled, unlabelled, 1)
        rows_u = pixels(unlabelled)
        # k-means takes longest and does not depend on later choices.
        found = session.stage(
            "tsvm_landmarks", lambda: {"rows": landmarks(rows_u, self.num_landmarks, seed)}
        )
        data = _Data(labelled, rows_u, validation, num_classes, self.ramp)
        chosen = session.stage(
            "tsvm_width", lambda: {"gamma": self._best_width(found["rows"], data)}
        )
        session.choose(gamma=float(chosen["gamma"]))
        # The width is chosen once, with only the labels; a full fit for each width would take
        # ten times as long.
        features = NystromFeatures.of(found["rows"], float(chosen["gamma"]))
        problem, mean = data.problem(features)
        held = features(pixels(validation.images)) - mean
        weights = self._descend(problem, held, validation.classes, session)
        margins = functions(held, weights, problem.offsets)
        # On validation images, because margins of training images are too good.
        scale = best_scale(margins, validation.classes)
        return TsvmPredictor(features, mean, weights, problem.offsets, scale)

    def _best_width(self, rows_md: np.ndarray, data: "_Data") -> np.ndarray:
        """Returns the gamma of the best SVM trained only on the labelled images."""
        unit = 1 / typical_squared_distance(data.rows_u)
        # Only the mean of the unlabelled images is used; a subset is enough for it.
        some = dataclasses.replace(
            data, rows_u=data.rows_u[:: max(1, len(data.rows_u) // _SOME)]
        )
        errors = {}
        for width in self.widths:
            features = NystromFeatures.of(rows_md, width * unit)
            problem, mean = some.problem(features)
            held = features(pixels(data.validation.images)) - mean
            for cost in self.costs:
                weights = _supervised(problem, cost, self.iterations)
                margins = functions(held, weights, problem.offsets)
                errors[features.gamma, cost] = _error(margins, data.validation.classes)
        return np.array(min(errors, key=lambda pair: errors[pair])[0])

    def _descend(
        self, problem: Problem, held: np.ndarray, classes: np.ndarray, session: Session
    ) -> np.ndarray:
        """Returns the best weights `[d, c]` over all costs and stages; a step is one round.

        Args:
            problem: The data.
            held: Centred features of the validation images.
            classes: Classes of the validation images.
            session: Session of the fit.
        """
        zeros = np.zeros((problem.labelled.shape[1], problem.signs.shape[1]))
        # Variables, so that checkpoints contain them.
        weights, kept = (tf.Variable(zeros, trainable=False) for _ in range(2))
        least = tf.Variable(np.inf, dtype=tf.float64, trainable=False)
        per_cost = len(self.path) * self.rounds

        def keep(tried: np.ndarray) -> float:
            wrong = _error(functions(held, tried, problem.offsets), classes)
            # Ties go to later weights, in which the unlabelled images have a larger weight.
            if wrong <= least.numpy():
                least.assign(wrong)
                kept.assign(tried)
            weights.assign(tried)
            return wrong

        def run(first: int, last: int) -> Mapping[str, float]:
            value, wrong = 0.0, 0.0
            for step in range(first, last):
                cost, place = self.costs[step // per_cost], step % per_cost
                # Each C starts from the labels, so their order does not matter.
                if not place:
                    keep(_supervised(problem, cost, self.iterations))
                # Small at first: the objective is not convex, and labels should decide on which
                # side of the margin most unlabelled images start.
                weight = self.path[place // self.rounds]
                costs = Costs.of(problem, cost, weight)
                better = convex_round(problem, costs, weights.numpy(), self.iterations)
                value, wrong = objective(problem, costs, better), keep(better)
            return {"objective": value, "validation_error": wrong}

        state = {"weights": weights, "kept": kept, "least": least}
        # Rounds are long: with one per chunk, a stop loses at most one round.
        session.train("tsvm", len(self.costs) * per_cost, run, state, chunk=1)
        return kept.numpy()


@dataclasses.dataclass(frozen=True, eq=False)
class _Data:
    """The inputs of a fit, with the unlabelled images as rows of pixels."""

    labelled: LabelledImages
    rows_u: np.ndarray
    validation: LabelledImages
    num_classes: int
    ramp: float

    def problem(self, features: NystromFeatures) -> tuple[Problem, np.ndarray]:
        """Returns the problem on centred features, and their mean, `[d]`."""
        phi_u = features(self.rows_u)
        # In float64, because sums of 60,000 float32 values lose precision.
        mean = phi_u.mean(axis=0, dtype=np.float64).astype(phi_u.dtype)
        # Centred on the unlabelled images, so that a fixed offset is the balance constraint.
        phi_u -= mean
        phi_l = features(pixels(self.labelled.images)) - mean
        is_class = self.labelled.classes[:, np.newaxis] == np.arange(self.num_classes)
        # One-vs-rest: one column per class.
        signs = np.where(is_class, 1.0, -1.0)
        # The balance constraint: each class has only a few of the images, so without it, all
        # unlabelled images may drift to the side of the other classes.
        return Problem(phi_l, signs, phi_u, signs.mean(axis=0), self.ramp), mean


@dataclasses.dataclass(frozen=True, eq=False)
class TsvmPredictor:
    """A fitted `Tsvm`: one linear function per class on Nystrom features.

    Attributes:
        features: Maps pixels to features.
        mean: Mean of the unlabelled images' features, shape `[d]`.
        weights: Weights w, shape `[d, c]`.
        offsets: Offsets r, shape `[c]`.
        scale: Factor of the margins in the softmax.
    """

    features: NystromFeatures
    mean: np.ndarray
    weights: np.ndarray
    offsets: np.ndarray
    scale: float

    def margins(self, images: np.ndarray) -> np.ndarray:
        """Returns the margins f, float64 `[n, c]`, of uint8 images `[n, h, w, k]`."""
        return functions(self.features(pixels(images)) - self.mean, self.weights, self.offsets)

    def predict_probs(self, images: np.ndarray) -> np.ndarray:
        """Returns class probabilities, float64 `[n, c]`, of uint8 images `[n, h, w, k]`."""
        return probs_of(self.margins(images), self.scale)


def _supervised(problem: Problem, cost: float, iterations: int) -> np.ndarray:
    """Returns the weights, `[d, c]`, of an SVM trained only on the labelled images."""
    start = np.zeros((problem.labelled.shape[1], problem.signs.shape[1]))
    return convex_round(problem, Costs(cost, 0.0), start, iterations)


def _error(margins_nc: np.ndarray, classes_n: np.ndarray) -> float:
    return float(np.mean(margins_nc.argmax(axis=1) != classes_n))

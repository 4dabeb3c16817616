"""AtlasRBF: a support vector machine whose kernel is learned from unlabelled images.

A reconstruction from a partial description: the authors' code and the settings
of their experiments are not public, so the kernel follows the text of the paper.
"""

import dataclasses
import itertools

import numpy as np
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors
from sklearn.svm import SVC

from dbal_tf.baselines.semi_supervised.atlas import (
    Atlas,
    atlas_kernel,
    chart_weights,
    learn_atlas,
)
from dbal_tf.baselines.semi_supervised.margins import best_scale, probs_of
from dbal_tf.baselines.semi_supervised.nystrom import typical_squared_distance
from dbal_tf.baselines.semi_supervised.session import Session
from dbal_tf.baselines.semi_supervised.system import LabelledImages, check, pixels
from dbal_tf.core import InputError

# The paper's widths are not known; the median distances give only the order of magnitude.
_FACTORS = (0.25, 0.5, 1.0)  # candidates for the widths, as multiples of median distances
_BLOCK = 2000  # images that are predicted at once


@dataclasses.dataclass(frozen=True)
class AtlasRbf:
    """A reconstruction of AtlasRBF from a partial description.

    Labelled and unlabelled images are projected onto principal components, and an atlas of
    affine charts is learned from them. Images are similar if they lie near the same charts
    and near each other within these. The widths of the kernel and the SVM's C are those
    with the lowest validation error.

    Pitelis, Russell and Agapito, "Semi-Supervised Learning Using an Unsupervised
    Atlas", ECML PKDD 2014: 3.68 % at 1,000 labels of MNIST.

    Attributes:
        components: Number of principal components.
        num_charts: Initial number of charts.
        dimension: Dimension of each chart, less than `components`.
        num_neighbors: Number of nearest neighbours whose charts a point joins.
        rounds: Rounds of assigning points and fitting charts.
        costs: Candidates for C.
    """

    components: int
    num_charts: int
    dimension: int
    num_neighbors: int
    rounds: int
    costs: tuple[float, ...]

    @classmethod
    def faithful(cls) -> "AtlasRbf":
        """Returns settings with more charts and rounds; the paper's numbers are not known."""
        return cls(100, 400, 20, 5, 30, (1, 10, 100))

    @classmethod
    def light(cls) -> "AtlasRbf":
        """Returns settings that take about ten minutes for 60,000 images of MNIST."""
        return cls(50, 200, 15, 5, 10, (1, 10, 100))

    @classmethod
    def tiny(cls) -> "AtlasRbf":
        """Returns settings that take seconds for a thousand digits."""
        return cls(30, 12, 8, 5, 5, (1, 10))

    def fit(
        self,
        labelled: LabelledImages,
        unlabelled: np.ndarray,
        validation: LabelledImages,
        seed: int,
        session: Session,
    ) -> "AtlasRbfPredictor":
        """Learns from labelled and unlabelled images; see `System.fit`.

        Raises:
            InputError: A class has no label, there is only one class, or the
                images are too few.
        """
        if check(labelled, unlabelled, 2 * self.components) < 2:
            raise InputError(
                "All labelled images are of class 0; expected two classes at least; "
                "label an image of another class."
            )
        rows = pixels(np.concatenate([labelled.images, unlabelled]))
        if rows.shape[1] < self.components:
            raise InputError(
                f"An image has {rows.shape[1]} values; expected at least {self.components}, "
                "one for each principal component; lower their number or give larger images."
            )
        session.say("AtlasRBF: a reconstruction from a partial description")
        # With fewer dimensions, distances to charts are cheaper.
        pca = PCA(self.components, svd_solver="covariance_eigh").fit(rows)
        points = pca.transform(rows)
        kept = session.stage("atlas_rbf_charts", lambda: self._charts(points, seed))
        atlas = Atlas(kept["centres"], kept["bases"])
        squared = atlas.squared_distances(points[:2000]).min(axis=1)
        # 1e-12, because the width must not be 0 if all points lie in their charts.
        chart_width = float(np.sqrt(np.median(squared) + 1e-12))
        width = float(np.sqrt(typical_squared_distance(atlas.coordinates(points, 0))))
        labelled_points = points[: len(labelled)]
        # The SVM and its scale are placeholders until the widths are chosen.
        start = AtlasRbfPredictor(pca, atlas, labelled_points, chart_width, width, SVC(), 1.0)
        best = self._choose(start, labelled.classes, validation)
        session.choose(cost=best.machine.C, chart_width=best.chart_width, width=best.width)
        return best

    def _charts(self, points: np.ndarray, seed: int) -> dict[str, np.ndarray]:
        # Trees are no faster than brute force in so many dimensions.
        search = NearestNeighbors(n_neighbors=self.num_neighbors, algorithm="brute").fit(points)
        neighbours = search.kneighbors(return_distance=False)
        atlas = learn_atlas(
            points, neighbours, self.num_charts, self.dimension, self.rounds, seed
        )
        return {"centres": atlas.centres, "bases": atlas.bases}

    def _choose(
        self, start: "AtlasRbfPredictor", classes: np.ndarray, validation: LabelledImages
    ) -> "AtlasRbfPredictor":
        """Returns the predictor with the lowest validation error."""
        best, least = start, np.inf
        held = start.pca.transform(pixels(validation.images))
        for near, width in itertools.product(_FACTORS, _FACTORS):
            tried = dataclasses.replace(
                start, chart_width=near * start.chart_width, width=width * start.width
            )
            kernel, held_kernel = tried.kernel(tried.points), tried.kernel(held)
            for cost in self.costs:
                machine = SVC(C=cost, kernel="precomputed").fit(kernel, classes)
                margins = _margins(machine, held_kernel)
                wrong = float(np.mean(margins.argmax(axis=1) != validation.classes))
                if wrong < least:
                    scale = best_scale(margins, validation.classes)
                    least = wrong
                    best = dataclasses.replace(tried, machine=machine, scale=scale)
        return best


@dataclasses.dataclass(frozen=True, eq=False)
class AtlasRbfPredictor:
    """A fitted AtlasRBF: a support vector machine with the atlas's kernel.

    Attributes:
        pca: The projection of the pixels.
        atlas: The charts.
        points: The labelled images, projected, shape `[l, components]`.
        chart_width: Width of the charts' weights.
        width: Width of the kernel within a chart.
        machine: The SVM, fitted to the kernel of the labelled images.
        scale: Factor of the margins in the softmax.
    """

    pca: PCA
    atlas: Atlas
    points: np.ndarray
    chart_width: float
    width: float
    machine: SVC
    scale: float

    def kernel(self, others: np.ndarray) -> np.ndarray:
        """Returns the kernel of projected images `[n, components]` and labelled images."""
        weights = [
            chart_weights(self.atlas.squared_distances(side), self.chart_width)
            for side in (others, self.points)
        ]
        return atlas_kernel(
            self.atlas, (others, self.points), (weights[0], weights[1]), self.width
        )

    def predict_probs(self, images: np.ndarray) -> np.ndarray:
        """Returns class probabilities, float64 `[n, c]`, of uint8 images `[n, h, w, k]`."""
        blocks = [
            _margins(
                self.machine, self.kernel(self.pca.transform(pixels(images[i : i + _BLOCK])))
            )
            for i in range(0, len(images), _BLOCK)
        ]
        return probs_of(np.concatenate(blocks), self.scale)


def _margins(machine: SVC, kernel: np.ndarray) -> np.ndarray:
    """Returns one margin per class, `[n, c]`; scikit-learn returns only one for two classes."""
    margins = machine.decision_function(kernel)
    return margins if margins.ndim == 2 else np.stack([-margins, margins], axis=1)

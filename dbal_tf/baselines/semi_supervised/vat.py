"""Virtual adversarial training: predictions that small changes do not change.

Reference: Miyato, Maeda, Koyama, Nakae and Ishii, "Distributional Smoothing with
Virtual Adversarial Training", ICLR 2016.
"""

import dataclasses
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from dbal_tf.baselines.semi_supervised import batches, loops
from dbal_tf.baselines.semi_supervised.mlp import Mlp, MlpPredictor
from dbal_tf.baselines.semi_supervised.normalisation import by_batch, by_rest
from dbal_tf.baselines.semi_supervised.session import Session
from dbal_tf.baselines.semi_supervised.system import LabelledImages, check, error, pixels
from dbal_tf.bayesian.adversarial import adversarial, divergence
from dbal_tf.seeds import seed_for


@dataclasses.dataclass(frozen=True)
class Vat:
    """Virtual adversarial training of a multilayer perceptron.

    The loss is cross-entropy on labelled images plus the mean over unlabelled
    images of KL(p(y|x) || p(y|x + r)), where r is the change of length epsilon
    that changes the prediction most.

    Attributes:
        epsilons: Lengths of r, L2, for pixels 0 to 1. The validation images
            choose among several: after a short fit with each, and again among
            the finalists, which are fitted to the end.
        units: Of the hidden layers.
        steps: Training steps.
        trial_steps: Those of a short fit.
        finalists: How many epsilons are fitted to the end.
        rate: Learning rate of Adam at first.
        decay: What part of it is left at the end; it falls exponentially.
        labelled_batch: Labelled images per step.
        unlabelled_batch: Unlabelled images per step.
    """

    epsilons: tuple[float, ...]
    units: tuple[int, ...] = (1200, 1200)
    steps: int = 50_000
    trial_steps: int = 2_000
    finalists: int = 2
    rate: float = 0.002
    decay: float = 0.9**100
    labelled_batch: int = 100
    unlabelled_batch: int = 250

    @classmethod
    def faithful(cls) -> "Vat":
        """Returns the authors' settings; epsilon is chosen from a grid."""
        # The authors' epsilon for 1,000 labels is not known; they, too, tuned it.
        return cls(epsilons=(0.3, 0.5, 1.0, 1.5, 2.0, 3.0))

    @classmethod
    def light(cls) -> "Vat":
        """Returns half the width and a third of the steps: a ninth of the work."""
        return cls(
            epsilons=(0.5, 1.0, 1.5, 2.0),
            units=(600, 600),
            steps=16_000,
            trial_steps=500,
            decay=0.01,
        )

    @classmethod
    def tiny(cls) -> "Vat":
        """Returns settings for a few hundred small images."""
        return cls(
            epsilons=(1.0,),
            units=(100,),
            steps=300,
            decay=0.05,
            labelled_batch=50,
            unlabelled_batch=100,
        )

    def fit(
        self,
        labelled: LabelledImages,
        unlabelled: np.ndarray,
        validation: LabelledImages,
        seed: int,
        session: Session,
    ) -> MlpPredictor:
        """Learns from labelled and unlabelled images; see `System.fit`."""
        check(labelled, unlabelled, self.unlabelled_batch)

        def fit(vat: Vat, name: str) -> tuple[float, MlpPredictor]:
            predictor = vat._train(labelled, unlabelled, seed, session, name)
            return error(predictor, validation), predictor

        fits = []
        for epsilon in self._finalists(fit, session):
            name = f"vat_{epsilon:g}"
            found, predictor = fit(dataclasses.replace(self, epsilons=(epsilon,)), name)
            fits.append((found, epsilon, predictor))
            session.say(f"{name}: {found:.2%} error on validation images")
        _, epsilon, best = min(fits, key=lambda fit: fit[0])
        session.choose(epsilon=epsilon)
        return best

    def _finalists(
        self, fit: Callable[["Vat", str], tuple[float, MlpPredictor]], session: Session
    ) -> list[float]:
        """Returns the epsilons to fit to the end, the most promising first."""
        if len(self.epsilons) <= self.finalists:
            return list(self.epsilons)

        def compare() -> dict[str, np.ndarray]:
            short = [fit(self._short(one), f"vat_trial_{one:g}")[0] for one in self.epsilons]
            return {"errors": np.array(short)}

        # A stage, so that a fit that is stopped later does not repeat the comparison.
        errors = session.stage("vat_trials", compare)["errors"]
        found = ", ".join(
            f"{epsilon:g}: {value:.2%}"
            for epsilon, value in zip(self.epsilons, errors, strict=True)
        )
        session.say(f"vat: validation error of short fits by epsilon: {found}")
        # Short fits rank epsilons too roughly to choose one: a change that confuses two
        # classes in the end may do best at first.
        ranks = np.argsort(errors, kind="stable")[: self.finalists]
        return [self.epsilons[rank] for rank in ranks]

    def _short(self, epsilon: float) -> "Vat":
        return dataclasses.replace(self, epsilons=(epsilon,), steps=self.trial_steps)

    def _train(
        self,
        labelled: LabelledImages,
        unlabelled: np.ndarray,
        seed: int,
        session: Session,
        name: str,
    ) -> MlpPredictor:
        """Fits with the only epsilon; `name` is the part's in the session."""
        # The authors' unlabelled images are all images, those with labels too.
        everything = np.concatenate([labelled.images, unlabelled])
        num_classes = int(labelled.classes.max()) + 1
        num_pixels = int(np.prod(labelled.images.shape[1:]))
        mlp = Mlp(num_pixels, [*self.units, num_classes], seed_for(seed, 0, 0, "weights"))
        # The authors' rate falls by a tenth an epoch; a continuous fall needs no epochs.
        schedule = keras.optimizers.schedules.ExponentialDecay(
            self.rate, self.steps, self.decay
        )
        optimizer = keras.optimizers.Adam(schedule)
        # Now: a compiled step may not create variables, and checkpoints restore them.
        optimizer.build(mlp.trainable_variables)
        step = self._step(mlp, optimizer, labelled, everything, seed)
        session.train(
            name, self.steps, loops.compiled(step), {"mlp": mlp, "optimizer": optimizer}
        )
        # Statistics over all images at the end; running means would lag behind the weights.
        mlp.settle(everything)
        return MlpPredictor(mlp)

    def _step(
        self,
        mlp: Mlp,
        optimizer: keras.optimizers.Optimizer,
        labelled: LabelledImages,
        everything: np.ndarray,
        seed: int,
    ) -> loops.Step:
        """Returns the function of a training step."""
        images, classes = tf.constant(pixels(labelled.images)), tf.constant(labelled.classes)
        pool = tf.constant(everything.reshape(len(everything), -1))
        # With fewer labels than a batch, all of them are in every step.
        first = min(self.labelled_batch, len(labelled))
        # Streams of their own: equal seeds would pair the same orders in each epoch.
        seeds = [seed_for(seed, 0, 0, name) for name in ("labelled", "unlabelled", "noise")]

        def step(number: tf.Tensor) -> dict[str, tf.Tensor]:
            rows = batches.rows(seeds[0], number, len(labelled), first)
            others = batches.rows(seeds[1], number, len(everything), self.unlabelled_batch)
            # Kept as bytes: as floats 60,000 images take four times the memory.
            unlabelled = tf.cast(tf.gather(pool, others), tf.float32) / 255
            noise = tf.random.stateless_normal(
                tf.shape(unlabelled), batches.key(seeds[2], number, 0)
            )
            logits, change = adversarial(
                # Unlabelled images are normalised by their own batch, as in the other passes,
                # or else the divergence would measure the change of statistics.
                lambda x: mlp.logits(x, by_batch),
                unlabelled,
                noise,
                self.epsilons[0],
            )
            inputs = tf.concat([tf.gather(images, rows), unlabelled + change], axis=0)
            with tf.GradientTape() as tape:
                # By the statistics of the unlabelled images, about which predictions are made.
                # The authors' labelled batches have their own, which is the same for labels
                # that were drawn at random, and fails for those that were chosen.
                outputs = mlp.logits(inputs, by_rest(first))
                cross_entropy = tf.reduce_mean(
                    tf.nn.sparse_softmax_cross_entropy_with_logits(
                        tf.gather(classes, rows), outputs[:first]
                    )
                )
                smoothness = tf.reduce_mean(divergence(logits, outputs[first:]))
                loss = cross_entropy + smoothness
            variables = mlp.trainable_variables
            optimizer.apply(tape.gradient(loss, variables), variables)
            return {"cross_entropy": cross_entropy, "smoothness": smoothness}

        return step

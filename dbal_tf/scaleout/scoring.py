"""The step of the pipeline that scores blocks with an exported model."""

import dataclasses
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from apache_beam.io.filesystems import FileSystems
from apache_beam.ml.inference.base import ModelHandler

from dbal_tf.acquisition.stochastic import gumbel_noise
from dbal_tf.core import InputError
from dbal_tf.scaleout.blocks import Block, Ranked


@dataclasses.dataclass(frozen=True)
class Ranking:
    """How items are scored and ranked; see the program's flags of the same names.

    Attributes:
        acquisition: Name of a score in the model's signature.
        num_samples: Posterior samples.
        seed: Seed of the samples, ties and noise.
        temperature: Scale of the noise; 0: ranked by score alone.
        kind: What the noise is added to: `power`, log scores; `softmax`, scores.
    """

    acquisition: str
    num_samples: int
    seed: int
    temperature: float = 0.0
    kind: str = "softmax"

    def ranked(self, ids: Sequence[str], scores_n: np.ndarray) -> Ranked:
        """Returns items with their sort keys, which are those of `acquisition.stochastic`.

        Raises:
            ArithmeticError: A score is not finite.
        """
        scores_n = np.asarray(scores_n, np.float64)
        if not np.isfinite(scores_n).all():
            raise ArithmeticError(f"The score of {ids[0]} or an item near it is not finite.")
        noise = gumbel_noise(ids, self.seed)
        with np.errstate(divide="ignore"):
            base = np.log(scores_n) if self.kind == "power" else scores_n
        return Ranked(np.array(ids, object), scores_n, base + self.temperature * noise, noise)


class SavedModelHandler(ModelHandler[Block, Ranked, Any]):
    """Scores blocks with the signature `scores_uint8` of an export, for Beam's RunInference.

    A worker process loads the model once; its threads share it.

    Args:
        folder: The export.
        ranking: How to score.
    """

    def __init__(self, folder: str, ranking: Ranking) -> None:
        super().__init__()
        self._folder, self._ranking = folder, ranking

    def load_model(self) -> Any:
        """Returns the loaded export."""
        return tf.saved_model.load(self._folder)

    def run_inference(
        self, batch: Sequence[Block], model: Any, inference_args: dict[str, Any] | None = None
    ) -> Iterable[Ranked]:
        """Returns the ranked items of each block."""
        del inference_args
        function = model.signatures["scores_uint8"]
        samples, seed = (
            tf.constant(value, tf.int64)
            for value in (self._ranking.num_samples, self._ranking.seed)
        )
        for block in batch:
            answers = function(images=tf.constant(block.images), num_samples=samples, seed=seed)
            yield self._ranking.ranked(block.ids, answers[self._ranking.acquisition].numpy())

    def batch_elements_kwargs(self) -> Mapping[str, Any]:
        """Returns a batch size of 1, because an element is already a block."""
        return {"min_batch_size": 1, "max_batch_size": 1}


def image_shape(folder: str, acquisition: str) -> tuple[int, ...]:
    """Returns height, width and channels that an export takes.

    Raises:
        InputError: The folder holds no export of this program, or one without the score.
    """
    try:
        signature = tf.saved_model.load(folder).signatures["scores_uint8"]
    except (OSError, KeyError) as error:
        raise InputError(
            f"--model={folder} holds no SavedModel with the signature scores_uint8; expected "
            "an export of dbal_tf, RUN_DIR/export/NUMBER; give its folder."
        ) from error
    if acquisition not in signature.structured_outputs:
        known = sorted(set(signature.structured_outputs) - {"probs"})
        raise InputError(
            f"--acquisition={acquisition} is no score of --model={folder}; expected one of "
            f"{', '.join(known)}."
        )
    return tuple(signature.structured_input_signature[1]["images"].shape[1:])


def model_digest(folder: str) -> str:
    """Returns the SHA-256 of an export's graph and weights, hexadecimal."""
    digest = hashlib.sha256()
    parts = ("saved_model.pb", "variables/variables.data-00000-of-00001")
    for name in parts:
        with FileSystems.open(FileSystems.join(folder, name)) as file:
            while chunk := file.read(2**20):
                digest.update(chunk)
    return digest.hexdigest()

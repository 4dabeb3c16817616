"""Exports a model as a SavedModel that needs nothing of this package."""

import dataclasses
import io
import json
import os
import pathlib
import shutil
import subprocess
import sys
from typing import Any, Self

import numpy as np

from dbal_tf.artifacts import Dataset, Evaluation, Model
from dbal_tf.components import export_check
from dbal_tf.components.serving import Scoring, serving_archive
from dbal_tf.config import Config
from dbal_tf.store.files import sync, write_atomically
from dbal_tf.store.layout import EXPORT_DIR, EXPORT_MARKER

_CHECK_IMAGES = 8
_CHECK_SAMPLES = 10
_CHECK_SECONDS = 600


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

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """Takes the parameters from the settings."""
        folder = pathlib.Path(config.run_dir, EXPORT_DIR)
        return cls(folder, config.posterior, config.num_samples, config.var_ratios)

    def run(
        self, model: Model, dataset: Dataset, evaluation: Evaluation, version: int, seed: int
    ) -> pathlib.Path:
        """Writes `<folder>/<version>/` in one step; returns it.

        It is written and checked under another name, and gets its marker
        `complete.json` last: what lies under its number is whole, and what has
        no marker is not.

        Args:
            model: What to export; `serving_archive` says how.
            dataset: For the names of its classes and images to check with.
            evaluation: The model's, for the marker.
            version: Number of the export; an older one of that number goes.
            seed: Seed of the samples of `serving_default`.

        Raises:
            RuntimeError: In a process of its own, the exported model does not
                answer as this one does; nothing is left of it.
        """
        archive, scores = serving_archive(
            model.network,
            self.posterior,
            self.var_ratios,
            self.num_samples,
            seed,
            dataset.class_names,
        )
        partial = self.folder / f".{version}.partial"
        self.clean()
        archive.write_out(str(partial), verbose=False)
        try:
            _check(partial, _expected(dataset, scores))
        except RuntimeError:
            shutil.rmtree(partial)
            raise
        facts = {
            "labels": model.num_labels,
            "error": evaluation.error,
            "blessed": evaluation.blessed,
            "class_names": dataset.class_names,
            "dataset_checksum": dataset.checksum,
        }
        write_atomically(partial / EXPORT_MARKER, json.dumps(facts, indent=2) + "\n")
        sync(*partial.rglob("*"), partial)
        self.discard(version)
        target = self.folder / str(version)
        os.replace(partial, target)
        sync(self.folder)
        return target

    def discard(self, version: int) -> None:
        """Takes an export away, in one step, if there is one of that number."""
        target, old = self.folder / str(version), self.folder / f".{version}.old"
        if target.exists():
            os.replace(target, old)
            shutil.rmtree(old)

    def clean(self) -> None:
        """Takes away what exports that were cut off have left."""
        for kind in ("partial", "old"):
            for left in self.folder.glob(f".*.{kind}"):
                shutil.rmtree(left)


def _expected(dataset: Dataset, scores: Scoring) -> dict[str, np.ndarray]:
    """What the exported model must answer; see `export_check.problems`."""
    images = np.asarray(dataset.test.images[:_CHECK_IMAGES])
    samples = np.int64(_CHECK_SAMPLES)
    answers = (scores(images.astype(np.float32), samples, np.int64(seed)) for seed in (0, 1))
    return {
        "images": images,
        "class_names": np.array(dataset.class_names),
        "probs": np.stack([answer["probs"] for answer in answers]),
        "num_samples": np.asarray(samples),
    }


def _check(folder: pathlib.Path, expected: dict[str, np.ndarray]) -> None:
    content = io.BytesIO()
    arrays: dict[str, Any] = dict(expected)
    np.savez(content, **arrays)
    # This process may hold all of the accelerator's memory.
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [sys.executable, "-P", export_check.__file__, str(folder)],
        input=content.getvalue(),
        capture_output=True,
        env=environment,
        timeout=_CHECK_SECONDS,
    )
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        reason = lines[-1] if lines else f"the check ended with status {done.returncode}"
        raise RuntimeError(
            f"The SavedModel cannot be used ({reason}); expected the answers of the trained "
            "model; nothing was exported."
        )

"""Export of a model as a SavedModel that does not need this package."""

import dataclasses
import json
import math
import os
import pathlib
import shutil
import subprocess
import sys
from typing import Self

import numpy as np

from dbal_tf.artifacts import Dataset, Evaluation, Model
from dbal_tf.components import export_check
from dbal_tf.components.serving import Scoring, serving_archive
from dbal_tf.config import Config
from dbal_tf.store.files import npz, sync, write_atomically
from dbal_tf.store.layout import EXPORT_DIR, EXPORT_MARKER

_CHECK_IMAGES = 8
_CHECK_SAMPLES = 10
_CHECK_SECONDS = 600


@dataclasses.dataclass(frozen=True)
class Pusher:
    """Exports models.

    Attributes:
        folder: Folder of the exports: `<folder>/<version>/`.
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
        """Builds the component from the settings."""
        folder = pathlib.Path(config.run_dir, EXPORT_DIR)
        return cls(folder, config.posterior, config.num_samples, config.var_ratios)

    def run(
        self, model: Model, dataset: Dataset, evaluation: Evaluation, version: int, seed: int
    ) -> pathlib.Path:
        """Writes `<folder>/<version>/`; returns its path.

        The export is written and checked under another name, gets its marker
        `complete.json`, and is then renamed: a reader never sees a partial export.

        Args:
            model: The model; `serving_archive` describes its signatures.
            dataset: Gives the class names, and images for the check.
            evaluation: The model's evaluation, for the marker.
            version: Number of the export; replaces an existing one.
            seed: Seed of the samples of `serving_default`.

        Raises:
            RuntimeError: Loaded in another process, the export answers differently
                from the model; it is then removed.
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
        write_atomically(partial / EXPORT_MARKER, _marker(model, dataset, evaluation))
        return self._put_in_place(partial, version)

    def _put_in_place(self, partial: pathlib.Path, version: int) -> pathlib.Path:
        # Synced before the rename: a power loss could otherwise leave a version without files.
        sync(*partial.rglob("*"), partial)
        self.discard(version)
        target = self.folder / str(version)
        os.replace(partial, target)
        sync(self.folder)
        return target

    def discard(self, version: int) -> None:
        """Removes the export with this number, if there is one."""
        target, old = self.folder / str(version), self.folder / f".{version}.old"
        # Renamed first: nobody should load an export while its files disappear.
        if target.exists():
            os.replace(target, old)
            shutil.rmtree(old)

    def clean(self) -> None:
        """Removes what interrupted exports have left."""
        for kind in ("partial", "old"):
            for left in self.folder.glob(f".*.{kind}"):
                shutil.rmtree(left)


def _expected(dataset: Dataset, scores: Scoring) -> dict[str, np.ndarray]:
    """Returns the answers expected of the export; see `export_check.problems`."""
    images = np.asarray(dataset.test.images[:_CHECK_IMAGES])
    samples = np.int64(_CHECK_SAMPLES)
    answers = (scores(images.astype(np.float32), samples, np.int64(seed)) for seed in (0, 1))
    return {
        "images": images,
        "class_names": np.array(dataset.class_names),
        "probs": np.stack([answer["probs"] for answer in answers]),
        "num_samples": np.asarray(samples),
    }


def _marker(model: Model, dataset: Dataset, evaluation: Evaluation) -> str:
    facts = {
        "labels": model.num_labels,
        # NaN, where no test image has a known class, is not JSON.
        "error": None if math.isnan(evaluation.error) else evaluation.error,
        "blessed": evaluation.blessed,
        "class_names": dataset.class_names,
        "dataset_checksum": dataset.checksum,
    }
    return json.dumps(facts, indent=2) + "\n"


def _check(folder: pathlib.Path, expected: dict[str, np.ndarray]) -> None:
    # On the CPU, because this process may hold all of the accelerator's memory. -P, because
    # Python would otherwise search the script's folder for what TensorFlow imports.
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-P", export_check.__file__, str(folder)]
    try:
        done = subprocess.run(
            command,
            input=npz(expected),
            capture_output=True,
            env=environment,
            timeout=_CHECK_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise RuntimeError(
            f"The SavedModel was not checked within {_CHECK_SECONDS} s; expected a check in "
            "less; nothing was exported; give the same command again."
        ) from error
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        reason = lines[-1] if lines else f"the check ended with status {done.returncode}"
        raise RuntimeError(
            f"The SavedModel cannot be used ({reason}); expected the answers of the trained "
            "model; nothing was exported."
        )

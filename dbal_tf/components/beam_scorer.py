"""Acquisition scores of the unlabelled items, computed on Apache Beam."""

import dataclasses
import pathlib
import shlex
import shutil
from typing import Any, Self

import numpy as np

from dbal_tf.artifacts import Examples, Model, Scores
from dbal_tf.components.pool_scorer import PoolScorer
from dbal_tf.components.serving import serving_archive
from dbal_tf.config import Config
from dbal_tf.core import InputError
from dbal_tf.scaleout.extra import check_installed
from dbal_tf.store.layout import SCALEOUT_DIR

_SHARDS = "train-*.tfrecord"


@dataclasses.dataclass(frozen=True)
class BeamScorer(PoolScorer):
    """Scores the shards of the pool on Beam's workers; see the flags of the same names.

    The round's model is exported, the pipeline of `dbal_tf.scaleout` scores all
    training shards with it, and the scores of the unlabelled items are read back. A
    sample is the same function on every worker, so the scores are those of `PoolScorer`
    up to rounding.

    On disk: `scaleout/last/` in the run's folder, of the last round that was scored:
    `provenance.json`, with the model's digest, versions, flags, and how many images were
    scored and set aside, and `dead_letter-*.jsonl`.
    """

    data_dir: str = ""
    run_dir: str = ""
    beam_options: str = ""

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """Builds the component from the settings.

        Raises:
            InputError: Apache Beam is not installed, does not know one of its flags, or
                would read a folder's name as a pattern.
        """
        check_installed()
        from dbal_tf.scaleout.score import check_options

        try:
            check_options(shlex.split(config.beam_options))
        except ValueError as error:  # Of words, or of Beam's flags.
            raise InputError(
                f"--beam_options={config.beam_options} cannot be used: {error}"
            ) from error
        _check_path("data_dir", pathlib.Path(config.data_dir).expanduser())
        _check_path("run_dir", pathlib.Path(config.run_dir))
        return super().from_config(config)

    def _scores(
        self, model: Model, items: Examples, posterior: str, num_samples: int, seed: int
    ) -> Scores:
        from dbal_tf.scaleout import score
        from dbal_tf.scaleout.pipeline import SCORES, Job, read_scores
        from dbal_tf.scaleout.scoring import Ranking

        folder = pathlib.Path(self.run_dir, SCALEOUT_DIR).absolute()
        shutil.rmtree(folder, ignore_errors=True)
        exported = folder / "model"
        self._export(model, posterior, seed, exported)
        job = Job(
            str(exported),
            (str(pathlib.Path(self.data_dir).expanduser().absolute() / _SHARDS),),
            str(folder),
            # The job's query, of one item, is not used: the run chooses its own.
            1,
            Ranking(self.acquisition, num_samples, seed),
            tuple(model.network.input_shape[1:]),
        )
        score.run(job, shlex.split(self.beam_options))
        found = read_scores(folder)
        for part in (exported, *folder.glob(f"{SCORES}-*")):
            shutil.rmtree(part) if part.is_dir() else part.unlink()
        missing = [item for item in items.ids.tolist() if item not in found]
        if missing:
            raise InputError(
                f"{len(missing)} images were not scored, such as {missing[0]}; "
                f"{folder}/dead_letter-*.jsonl says why; write their shards again."
            )
        return self._checked(items.ids, np.array([found[item] for item in items.ids.tolist()]))

    def _export(self, model: Model, posterior: str, seed: int, folder: pathlib.Path) -> None:
        names = [str(index) for index in range(model.network.output_shape[-1])]
        archive, _ = serving_archive(
            model.network, posterior, self.var_ratios, self.num_samples, seed, names
        )
        archive.write_out(str(folder), verbose=False)


def _check_path(name: str, folder: pathlib.Path) -> None:
    # The characters could be escaped, [ as [[], but then Beam would list all files below the
    # parent folder each time.
    path = str(folder.absolute())
    if found := sorted({*"[*?"} & {*path}):
        raise InputError(
            f"--{name}={folder} has a {found[0]} in its path, {path}, which Apache Beam takes "
            "for a pattern; expected a path without [, * and ?; rename the folder, or make a "
            "link to it."
        )


def scorer_for(config: Config) -> Any:
    """Returns the scorer that `--scorer` names.

    Raises:
        InputError: Apache Beam is needed but not installed.
    """
    return (BeamScorer if config.scorer == "beam" else PoolScorer).from_config(config)

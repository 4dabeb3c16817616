"""The base class of oracles whose answers a person writes into a file."""

import contextlib
import dataclasses
from typing import ClassVar, Self

from dbal_tf.artifacts import Dataset
from dbal_tf.config import Config
from dbal_tf.core import Say
from dbal_tf.labelling.answer_files import check_names


@dataclasses.dataclass(frozen=True, eq=False)
class FileOracle:
    """A person who answers in files between two starts of the program.

    `run` reads the answers, or writes the files and raises `AnswersAwaited`. See the
    flags of the same names.
    """

    annotator: ClassVar[str] = "person"

    run_dir: str
    data_dir: str
    dataset: Dataset

    @classmethod
    def from_config(cls, config: Config, dataset: Dataset) -> Self:
        """Builds the oracle from the settings."""
        return cls(config.run_dir, config.data_dir, dataset)

    def check(self) -> None:
        """Checks the names of the classes.

        Raises:
            InputError: One cannot be told from `skipped` or `unsure`.
        """
        check_names(self.dataset.class_names)

    def told(self) -> None:
        """Does nothing: an export can be read again."""

    def attend(self, say: Say) -> contextlib.AbstractContextManager[None]:
        """Does nothing: a person answers between two starts of the program."""
        del say
        return contextlib.nullcontext()

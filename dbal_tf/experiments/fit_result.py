"""The result of one fit of a semi-supervised system: `result.json` in its folder."""

import dataclasses
import json
import pathlib
from typing import Any

from dbal_tf.core import InputError
from dbal_tf.store.layout import RESULT_FILE


@dataclasses.dataclass(frozen=True)
class FitResult:
    """The errors of a fitted system, and what it was fitted with.

    Attributes:
        system: Its name, one of `config.SEMI_SUPERVISED` or `config.VARIANTS`.
        schedule: One of `config.SCHEDULES`.
        hyper_parameters: All hyper-parameters of the system, by name.
        seed: The seed of all randomness in the fit.
        dataset: The value of `--dataset`.
        dataset_checksum: SHA-256 of the data set.
        labels_sha256: Digest of the labels that it learnt from.
        bought_by: The active learning run that bought the labels; empty: balanced.
        error: Fraction of the test images that are misclassified, 0 to 1.
        validation_error: The same for the validation images.
        seconds: Wall time of fitting, without steps that were lost when it was stopped.
        labels: Number of labelled images.
        unlabelled: Number of images without labels.
        validation: Number of validation images.
        versions: Versions of the code (`commit`), Python and the libraries.
        started: When it began, UTC, ISO 8601.
        ended: When it ended.
        chosen: Hyper-parameters chosen on the validation set; empty if there are none,
            or if the fit is older than this field.
    """

    system: str
    schedule: str
    hyper_parameters: dict[str, Any]
    seed: int
    dataset: str
    dataset_checksum: str
    labels_sha256: str
    bought_by: str
    error: float
    validation_error: float
    seconds: float
    labels: int
    unlabelled: int
    validation: int
    versions: dict[str, str]
    started: str
    ended: str
    chosen: dict[str, float] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("error", "validation_error"):
            # `not <=` and not `>`: a comparison with NaN is always false.
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)}, not from 0 to 1")
        for name in ("seconds", "labels", "unlabelled", "validation"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ValueError(
                    f"{name} is {getattr(self, name)}, not a finite number of at least 0"
                )

    def to_json(self) -> str:
        """Returns the text of `result.json`."""
        return json.dumps(dataclasses.asdict(self), indent=1) + "\n"


def read_result(folder: pathlib.Path) -> FitResult | None:
    """Returns the result of the fit in a folder; None if it has not ended.

    Raises:
        InputError: The file is there but cannot be read.
    """
    path = folder / RESULT_FILE
    if not path.exists():
        return None
    try:
        return FitResult(**json.loads(path.read_text("utf-8")))
    # TypeError: the names in the file are not those of `FitResult`.
    except (OSError, ValueError, TypeError) as error:
        raise InputError(
            f"{path} cannot be read ({str(error).splitlines()[0].rstrip('.')}); put it back "
            "from a copy, or remove it to fit again."
        ) from error

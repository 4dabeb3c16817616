"""Settings: the images, and how they are split."""

import dataclasses
import re

from dbal_tf.config import names as known
from dbal_tf.config.limits import option
from dbal_tf.core import InputError


@dataclasses.dataclass(frozen=True)
class DataSettings:
    """The images, and how they are split. Each field is a flag of the same name."""

    dataset: str = option(
        "mnist",
        "Data set. digits needs no download; tfrecord may be larger than memory. Paper: mnist.",
        choices=known.DATASETS,
    )
    # The place of the data does not identify a run; their checksum does.
    data_dir: str = option(
        "",
        "Folder with the data set's files: for mnist the idx files, gzipped or not, or "
        "mnist.npz (empty: tensorflow-datasets downloads it); for tfrecord the shards; for "
        "image_folder the images, in a sub-folder per class if --labels_csv is not given.",
        identity=False,
    )
    # The labels themselves are compared when a run is resumed.
    labels_csv: str = option(
        "",
        "CSV file with the columns id and label for --dataset=image_folder; an id is a path "
        "relative to --data_dir. Images that it does not name have no label.",
        identity=False,
    )
    class_names: tuple[str, ...] = option(
        (),
        "Classes of --dataset=image_folder, in their order; needed if no image has a label. "
        "Empty: those of the labels, sorted.",
    )
    image_size: str = option(
        "",
        "Height and width of the images of --dataset=image_folder in pixels, such as 64 or "
        "48x64; empty or 0: as they are.",
    )
    resize: str = option(
        "pad",
        "How images of other proportions get --image_size: whole on black (pad), the centre "
        "cut out (crop), or distorted (stretch).",
        choices=known.RESIZES,
    )
    strict: bool = option(
        False,
        "Stop if an image of --dataset=image_folder cannot be read, or a line of --labels_csv "
        "names none, instead of going on without it.",
        identity=False,
    )
    test_size: int = option(
        0,
        "Images of --dataset=image_folder to test on, drawn at random, near copies together, "
        "the same for every --seed; 0: a fifth, at most 1000.",
        at_least=0,
    )
    classes: tuple[str, ...] = option(
        (),
        "Names of the classes to tell apart; images of other classes are left out. Empty: "
        "all. Paper, section 5.3: 2,8.",
    )
    initial_per_class: int = option(
        2, "Images per class in the initial set. Paper: 2, so 20 in all.", at_least=1
    )
    validation_size: int = option(
        100, "Images in the validation set, for hyper-parameters. Paper: 100.", at_least=0
    )
    pool_size: int = option(
        0,
        "Largest size of the pool: a random subset, drawn once for all rounds; 0: no limit. "
        "The authors' code for section 5.3: 5000.",
        at_least=0,
    )


def height_width(text: str) -> tuple[int, int] | None:
    """Returns the height and width that `--image_size` names; None: the images' own.

    Raises:
        InputError: The text is neither a number nor two with an x between them.
    """
    if text in ("", "0"):
        return None
    found = re.fullmatch(r"([1-9]\d{0,4})(?:x([1-9]\d{0,4}))?", text, re.ASCII)
    if not found:
        raise InputError(
            f"--image_size={text} cannot be used; expected a number of pixels from 1 to 99999, "
            "or height x width, such as 48x64."
        )
    return int(found[1]), int(found[2] or found[1])

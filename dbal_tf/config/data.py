"""Settings: the images, and how they are split."""

import dataclasses
import re
from collections.abc import Sequence

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
    # A run is identified by the checksum of its data, not by their location.
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
        "relative to --data_dir. Images that are not listed have no label.",
        identity=False,
    )
    class_names: tuple[str, ...] = option(
        (),
        "Class names of --dataset=image_folder, in order; required if no image has a label. "
        "Empty: the classes of the labels, sorted.",
    )
    image_size: str = option(
        "",
        "Height and width of the images of --dataset=image_folder in pixels, such as 64 or "
        "48x64; empty or 0: the images' own size.",
    )
    resize: str = option(
        "pad",
        "How to fit images with another aspect ratio to --image_size: pad with black (pad), "
        "crop to the centre (crop), or stretch (stretch).",
        choices=known.RESIZES,
    )
    near_copies: str = option(
        "group",
        "What to do with near copies, images of --dataset=image_folder that look alike: keep "
        "them on one side of the test set and of the validation set (group), or do not look "
        "for them (ignore), for drawings that only look alike.",
        choices=known.NEAR_COPIES,
    )
    groups_csv: str = option(
        "",
        "CSV file with the columns id and group (or patient) for --dataset=image_folder; it "
        "may be that of --labels_csv. Images of one group, such as one patient or one scene, "
        "stay together like near copies: in the test set, in the validation set, or outside "
        "both. An image without a group is alone.",
        identity=False,
    )
    strict: bool = option(
        False,
        "Stop if an image of --dataset=image_folder cannot be read, or a line of --labels_csv "
        "or --groups_csv names no image, instead of leaving it out.",
        identity=False,
    )
    test_size: int = option(
        0,
        "Number of test images of --dataset=image_folder. They are drawn at random, near "
        "copies and groups together, and are the same for every --seed. 0: a fifth, at most "
        "1000.",
        at_least=0,
    )
    folds: int = option(
        0,
        "Number of folds of --dataset=image_folder, in place of --test_size: repetition r "
        "tests on fold r modulo --folds, so every image is a test image once in --folds "
        "repetitions. Further repetitions use a new division into folds. Classes are spread "
        "evenly, and near copies and groups stay together. 0: no folds.",
        at_least=0,
        at_most=1000,
    )
    test_counts: tuple[str, ...] = option(
        (),
        "Number of test images of each class, in place of --test_size, such as "
        "cat:100,dog:50; drawn in the same way. Empty: of any class.",
    )
    classes: tuple[str, ...] = option(
        (),
        "Names of the classes to tell apart; images of other classes are left out. Empty: "
        "all. Paper, section 5.3: 2,8.",
    )
    initial_per_class: int = option(
        2, "Images per class in the initial set. Paper: 2, so 20 in all.", at_least=1
    )
    initial_counts: tuple[str, ...] = option(
        (),
        "Number of images of each class in the initial set, if the numbers differ, such as "
        "cat:80,dog:20. Empty: --initial_per_class of each. Paper, section 5.5: 80 benign and "
        "20 malignant.",
    )
    validation_size: int = option(
        100, "Images in the validation set, for hyper-parameters. Paper: 100.", at_least=0
    )
    pool_size: int = option(
        0,
        "Maximum size of the pool: a random subset, drawn once for all rounds; 0: no limit. "
        "The authors' code for section 5.3: 5000.",
        at_least=0,
    )
    pool_counts: tuple[str, ...] = option(
        (),
        "Maximum number of pool images of each class, in place of --pool_size, such as "
        "cat:900,dog:100 to make a class rare; drawn once for all rounds. Empty: no limit.",
    )
    pool_copies: int = option(
        1,
        "Number of copies of each image in the pool; if more than one, each copy has different "
        "noise. Repeated MNIST (Kirsch et al. 2019): 3.",
        at_least=1,
        at_most=1000,
    )
    copy_noise: float = option(
        0.03,
        "Standard deviation of the Gaussian noise of --pool_copies, as a fraction of the range "
        "of pixel values. Kirsch et al. 2019: 0.03, which is 0.1 of standardised MNIST.",
        at_least=0.0,
        at_most=1.0,
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


def class_counts(name: str, values: Sequence[str]) -> dict[str, int]:
    """Returns how many images of each class a setting asks for, by the class's name.

    Args:
        name: The setting, for messages.
        values: Its values, such as `cat:80`.

    Raises:
        InputError: A value is not a class and a number, a class comes twice, or all
            numbers are 0.

    >>> class_counts("initial_counts", ("cat:80", "dog:20"))
    {'cat': 80, 'dog': 20}
    """
    counts: dict[str, int] = {}
    for value in values:
        found = re.fullmatch(r"(.+):(\d{1,9})", value, re.ASCII)
        if not found or found[1] in counts:
            raise InputError(
                f"--{name}={','.join(values)} cannot be used ({value}); expected each class "
                "once, with its number of images, such as cat:80,dog:20."
            )
        counts[found[1]] = int(found[2])
    if values and not any(counts.values()):
        raise InputError(
            f"--{name}={','.join(values)} asks for no image; expected at least one of a class."
        )
    return counts

"""Settings: the images, and how they are split."""

import dataclasses

from dbal_tf.config import names as known
from dbal_tf.config.limits import option


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
        "mnist.npz (empty: tensorflow-datasets downloads it); for tfrecord the shards.",
        identity=False,
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
        100, "Images in the validation set, for hyper-parameters. Paper: 100.", at_least=1
    )
    pool_size: int = option(
        0,
        "Largest size of the pool: a random subset, drawn once for all rounds; 0: no limit. "
        "The authors' code for section 5.3: 5000.",
        at_least=0,
    )

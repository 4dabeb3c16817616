"""Images in TFRecord shards, for pools that do not fit into memory.

    DATA_DIR/train-00000-of-00008.tfrecord ...    training images: labelled and pool
             test-00000-of-00001.tfrecord ...     test images
             classes.txt                          one class name per line; optional

A record is a `tf.train.Example` with the features

    image                     bytes  a PNG, JPEG, BMP or GIF
    image_raw                 bytes  instead of `image`: pixel values, uint8, channels last
    height, width, channels   int64  the shape of `image_raw`
    label                     int64  class index from 0; absent or -1: unknown
    id                        bytes  unique text; absent: shard and record number,
                                     such as train-00000/0000012

All images have the same shape. Loading reads every shard once and checks its CRCs;
it keeps ids, classes and positions in memory, about 200 bytes per image.
"""

import dataclasses
import functools
import os
import pathlib
import re
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from dbal_tf.artifacts import Examples
from dbal_tf.core import InputError
from dbal_tf.datasets.records import Records
from dbal_tf.datasets.source import Source
from dbal_tf.datasets.stored_images import ENCODED, RAW, StoredImages, encoded_shape

_CLASSES_FILE = "classes.txt"
_LONGEST_ID = 200  # characters; NumPy pads all strings in an array to the longest
_BATCH_BYTES, _MOST_AT_ONCE = 2**24, 1000  # bytes and records of a shard parsed at once
SIDES = ("height", "width", "channels")
FEATURES = {
    **{name: tf.io.FixedLenFeature([], tf.string, "") for name in ("id", ENCODED, RAW)},
    **{name: tf.io.FixedLenFeature([], tf.int64, 0) for name in SIDES},
    "label": tf.io.FixedLenFeature([], tf.int64, -1),
}
"""The features of a record."""
_OF = re.compile(r"-of-(\d+)$")


def load(data_dir: str) -> Source:
    """Returns the images in a folder of shards; they are read when they are used.

    Args:
        data_dir: The folder; the module's docstring describes its files.

    Raises:
        InputError: A shard is missing, broken or of another format, or the
            records do not fit together.
    """
    folder = pathlib.Path(os.path.expanduser(data_dir))
    if not data_dir or not folder.is_dir():
        raise InputError(
            f"--data_dir={data_dir} is not a folder; --dataset=tfrecord expects one with the "
            "shards train-*.tfrecord and test-*.tfrecord; give it."
        )
    train, test = _read_split(folder, "train"), _read_split(folder, "test")
    _check_ids(folder, np.concatenate([train.ids, test.ids]))
    names = _class_names(folder, train, test)
    feature = RAW if train.num_bytes[RAW][0] else ENCODED
    shape = _image_shape(train, feature)
    for split in (train, test):
        _check_images(split, feature, shape)
    images = [StoredImages(split.records, feature, shape) for split in (train, test)]
    return Source(
        Examples(train.ids, images[0]),
        train.classes,
        Examples(test.ids, images[1]),
        test.classes,
        names,
    )


@dataclasses.dataclass(frozen=True, eq=False)
class _Split:
    """The records of a split, without their images.

    Attributes:
        records: Positions of the records in the files.
        ids: Item ids, shape `[n]`.
        classes: Class indices, -1 where unknown, int64, shape `[n]`.
        sides: Height, width and channels, 0 where absent, int64, `[n, 3]`.
        num_bytes: Lengths of the features `RAW` and `ENCODED`, 0 where absent,
            shape `[n]` each.
    """

    records: Records
    ids: np.ndarray
    classes: np.ndarray
    sides: np.ndarray
    num_bytes: dict[str, np.ndarray]

    def refuse(self, bad_n: np.ndarray, problem: Callable[[int], str]) -> None:
        """Raises an InputError about the first bad row, if there is any."""
        if bad_n.any():
            row = int(bad_n.argmax())
            raise InputError(f"{self.records.place(row)} {problem(row)}")


def _read_split(folder: pathlib.Path, split: str) -> _Split:
    shards = {path: _read_shard(path) for path in _paths(folder, split)}
    records = Records.from_lengths({path: shard["length"] for path, shard in shards.items()})
    if not len(records):
        raise InputError(f"The shards {folder}/{split}-*.tfrecord are empty; write them again.")

    def joined(name: str) -> np.ndarray:
        return np.concatenate([shard[name] for shard in shards.values()])

    return _Split(
        records,
        np.concatenate([_ids(path, shard["id"]) for path, shard in shards.items()]),
        joined("label"),
        np.stack([joined(side) for side in SIDES], axis=1),
        {feature: joined(feature) for feature in (RAW, ENCODED)},
    )


def _paths(folder: pathlib.Path, split: str) -> list[pathlib.Path]:
    paths = sorted(folder.glob(f"{split}-*.tfrecord"))
    if not paths:
        raise InputError(
            f"--data_dir={folder} holds no {split}-*.tfrecord; expected train and test shards; "
            "docs/tfrecord.md shows how to write them."
        )
    announced = {int(found[1]) for path in paths if (found := _OF.search(path.stem))}
    if announced - {len(paths)}:
        raise InputError(
            f"--data_dir={folder} holds {len(paths)} files {split}-*.tfrecord, whose names "
            f"announce {max(announced)}; add those that are missing or remove the others."
        )
    return paths


def _read_shard(path: pathlib.Path) -> dict[str, np.ndarray]:
    """Reads a shard and checks its CRCs; returns the features of its records.

    For images, only their lengths are kept.
    """
    try:
        # Batches of bounded size, if records are about as large as the first one.
        first = np.fromfile(path, "<u8", 1)  # the length of the first record
        at_once = np.clip(_BATCH_BYTES // np.append(first, 1).max(), 1, _MOST_AT_ONCE)
        batches = tf.data.TFRecordDataset(str(path)).batch(int(at_once))
        parts = [_columns(batch) for batch in batches] or [_columns(tf.constant([], tf.string))]
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); give a file.") from error
    except tf.errors.DataLossError as error:
        found = re.search(r"(truncated|corrupted) record at \d+", error.message)
        raise InputError(
            f"{path} has a {found[0] if found else 'broken record'}; expected whole TFRecords, "
            "not compressed; copy or write it again."
        ) from error
    except tf.errors.InvalidArgumentError as error:
        found = re.search(r"Key: (\w+)", error.message)
        state = f"whose feature '{found[1]}' has another type" if found else "of another kind"
        raise InputError(
            f"{path} has a record {state}; expected a tf.train.Example as docs/tfrecord.md "
            "describes it; write it again."
        ) from error
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


@tf.function(autograph=False, input_signature=[tf.TensorSpec([None], tf.string)])
def _columns(contents: tf.Tensor) -> dict[str, tf.Tensor]:
    found = tf.io.parse_example(contents, FEATURES)
    sizes = {name: tf.strings.length(found[name]) for name in (RAW, ENCODED)}
    return {**found, **sizes, "length": tf.strings.length(contents)}


def record_id(stem: str, number: int) -> str:
    """Returns the id of a record that stores none.

    Args:
        stem: Name of its shard, without `.tfrecord`.
        number: Its number in the shard, from 0.

    >>> record_id("train-00000-of-00008", 12)
    'train-00000/0000012'
    """
    return f"{_OF.sub('', stem)}/{number:07d}"


def _ids(path: pathlib.Path, stored: np.ndarray) -> np.ndarray:
    """Returns the ids of a shard's records, generated where none is stored."""
    try:
        ids = [
            item.decode() if item else record_id(path.stem, number)
            for number, item in enumerate(stored.tolist())
        ]
    except UnicodeDecodeError as error:
        raise InputError(f"{path} has an id that is not UTF-8; write it as text.") from error
    if (longest := max(map(len, ids), default=0)) > _LONGEST_ID:
        raise InputError(
            f"{path} has an id of {longest} characters; expected at most {_LONGEST_ID}; "
            "write shorter ones."
        )
    return np.array(ids, np.str_)


def _check_ids(folder: pathlib.Path, ids: np.ndarray) -> None:
    ids = np.sort(ids, kind="stable")  # fast if they are nearly sorted
    twice = ids[1:][ids[1:] == ids[:-1]]
    if len(twice):
        raise InputError(
            f"--data_dir={folder} holds the id '{twice[0]}' more than once; expected every "
            "item, train or test, to have its own; write other ids."
        )


def _class_names(folder: pathlib.Path, train: _Split, test: _Split) -> tuple[str, ...]:
    """Returns the names of all classes; checks the labels against them."""
    path = folder / _CLASSES_FILE
    if path.is_file():
        try:
            lines = path.read_text("utf-8-sig").splitlines()
        except UnicodeDecodeError as error:
            raise InputError(
                f"{path} is not UTF-8; expected one class per line; save it as UTF-8."
            ) from error
        names = tuple(line.strip() for line in lines if line.strip())
        if twice := [name for name in names if names.count(name) > 1]:
            raise InputError(
                f"{path} names '{twice[0]}' more than once; expected one class per line; name "
                "them apart."
            )
        origin = f"{_CLASSES_FILE} names {len(names)} classes"
    else:
        # Every class needs a labelled item, so a larger index is a mistake.
        labelled = np.count_nonzero(train.classes >= 0)
        largest = max(train.classes.max(), test.classes.max())
        names = tuple(str(index) for index in range(min(labelled, largest + 1)))
        origin = f"{labelled} training images have a label"
    for split, least in ((train, -1), (test, 0)):
        split.refuse(
            (split.classes < least) | (split.classes >= len(names)),
            functools.partial(_label_problem, split.classes, least, len(names), origin),
        )
    return names


def _image_shape(train: _Split, feature: str) -> tuple[int, ...]:
    if feature == RAW:
        return tuple(train.sides[0].tolist())
    shape = encoded_shape(train.records.read(np.array([0]))[0])
    if shape is None:
        raise InputError(
            f"{train.records.place(0)} holds no image that can be decoded; expected '{RAW}' or "
            f"a PNG, JPEG, BMP or GIF as '{ENCODED}'; write it again."
        )
    return shape


def _check_images(split: _Split, feature: str, shape: tuple[int, ...]) -> None:
    """Checks the images as far as possible without decoding them."""
    num_bytes = split.num_bytes[feature]
    split.refuse(
        num_bytes == 0,
        lambda _: f"has no feature '{feature}', which the first record has; write it again.",
    )
    if feature == ENCODED:
        return
    sides = split.sides
    split.refuse(
        (num_bytes != sides.prod(axis=1)) | (sides < 1).any(axis=1),
        lambda row: (
            f"has {num_bytes[row]} bytes in '{RAW}' and the height, width and channels "
            f"{tuple(sides[row].tolist())}; expected as many as these make; write it again."
        ),
    )
    split.refuse(
        (sides != shape).any(axis=1),
        lambda row: (
            f"holds an image of shape {tuple(sides[row].tolist())}; expected {shape}, "
            "as the first record has; write images of one shape."
        ),
    )


def _label_problem(classes: np.ndarray, least: int, count: int, origin: str, row: int) -> str:
    span = f"{least} to {count - 1}"
    return f"has label {classes[row]}; expected {span}, as {origin}; write it again."

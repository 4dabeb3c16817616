"""A folder of images, labelled by sub-folders, by a CSV file, or not at all.

    DATA_DIR/cat/0001.jpg      a sub-folder per class, as Keras reads them
    DATA_DIR/dog/0001.png ...

or any tree of images with `--labels_csv`, with `--class_names` or with both. With
`--class_names` alone, sub-folders with these names are classes and the images in
others have no label.

An image's id is its path relative to the folder, so the folder can be moved or
renamed.
"""

import dataclasses
import os
import pathlib
from typing import Self

import numpy as np

from dbal_tf.artifacts import Examples
from dbal_tf.config import Config
from dbal_tf.config.data import height_width
from dbal_tf.core import Findings, InputError
from dbal_tf.datasets.csv_values import GROUPS, LABELS, CsvColumn, normal
from dbal_tf.datasets.folder_pixels import load_pixels
from dbal_tf.datasets.image_files import SUFFIXES, ImageFile, find_images
from dbal_tf.datasets.near_copies import group_near_copies, merge_groups
from dbal_tf.datasets.pixel_cache import Index, MappedImages
from dbal_tf.datasets.source import Source

_PARTS = {"train", "training", "val", "valid", "validation", "test", "testing"}


@dataclasses.dataclass(frozen=True)
class FolderOptions:
    """How a folder of images is read.

    Attributes:
        labels_csv: CSV file with the columns id and label; empty: sub-folders.
        class_names: Names of the classes in order; empty: those of the labels.
        height_width: Height and width of all images; None: their own.
        resize: How images of other proportions get that size; see `decoding.resize`.
        strict: Whether an image that cannot be read, or a line of a CSV file that names
            no image, is an error.
        near_copies: Whether near copies are looked for and grouped.
        groups_csv: CSV file with the columns id and group; empty: none.
    """

    labels_csv: str = ""
    class_names: tuple[str, ...] = ()
    height_width: tuple[int, int] | None = None
    resize: str = "pad"
    strict: bool = False
    near_copies: bool = True
    groups_csv: str = ""

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """Returns the options in the settings."""
        return config.build(
            cls,
            height_width=height_width(config.image_size),
            near_copies=config.near_copies == "group",
        )


def load(data_dir: str, options: FolderOptions = FolderOptions()) -> Source:
    """Returns the images of a folder, all as training items; there are no test items.

    Args:
        data_dir: The folder; the module's docstring describes it.
        options: How it is read.

    Raises:
        InputError: The folder, the labels or the groups cannot be used; or, with
            `strict`, a file cannot be read or a line names no image.
    """
    folder, files, set_aside = _find(data_dir)
    file_ids = [file.id for file in files]
    labels, label_notes = _labels(file_ids, data_dir, options)
    given, group_notes = _groups(file_ids, data_dir, options)
    class_names = _class_names(labels, options, data_dir)
    index, pixels = load_pixels(folder, files, options.height_width, options.resize)
    unreadable = _unreadable(index, set_aside, data_dir, options.strict)
    rows = np.flatnonzero(index.reasons == "")
    ids, groups = index.ids[rows], np.arange(len(rows))
    if options.near_copies:
        groups = group_near_copies(index.thumbnails[rows])
    found = Findings(
        len(files) + len(set_aside),
        unreadable,
        _listed(ids, groups, labels),
        label_notes + group_notes,
    )
    numbers = {name: number for number, name in enumerate(class_names)}
    classes = np.array([numbers.get(labels.get(item, ""), -1) for item in ids.tolist()])
    images, none = MappedImages(pixels, rows), np.zeros(0, np.int64)
    return Source(
        Examples(ids, images),
        classes.astype(np.int64),
        Examples(ids[:0], images[:0]),
        none,
        class_names,
        merge_groups(groups, [normal(given.get(item, "")) for item in ids.tolist()]),
        found,
    )


def _find(data_dir: str) -> tuple[pathlib.Path, list[ImageFile], dict[str, str]]:
    """Returns the folder, its image files, and path and reason of each file set aside."""
    if not data_dir or not os.path.isdir(os.path.expanduser(data_dir)):
        raise InputError(
            f"--data_dir={data_dir} is not a folder; --dataset=image_folder expects one with "
            "images; give it."
        )
    folder = pathlib.Path(os.path.expanduser(data_dir)).resolve()
    files, set_aside = find_images(folder)
    if not files:
        aside = "".join(
            f", first {item}: {reason}" for item, reason in [*set_aside.items()][:1]
        )
        raise InputError(
            f"--data_dir={data_dir} holds no images that can be used ({len(set_aside)} are set "
            f"aside{aside}); expected files that end in one of {SUFFIXES}; give another folder."
        )
    return folder, files, set_aside


def _unreadable(
    index: Index, set_aside: dict[str, str], data_dir: str, strict: bool
) -> tuple[tuple[str, str], ...]:
    """Returns path and reason of unusable files; an error if `strict` or if all are broken."""
    reasons = zip(index.ids.tolist(), index.reasons.tolist(), strict=True)
    broken = [(item, reason) for item, reason in reasons if reason]
    unreadable = tuple(sorted([*set_aside.items(), *broken]))
    if unreadable and (strict or len(broken) == len(index.ids)):
        advice = "mend or remove them, or drop --strict" if strict else "give another folder"
        raise InputError(
            f"{len(unreadable)} images of --data_dir={data_dir} cannot be read, first "
            f"{unreadable[0][0]}: {unreadable[0][1]}; {advice}."
        )
    return unreadable


def _labels(
    ids: list[str], data_dir: str, options: FolderOptions
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Returns the known labels, and notes about them for the user."""
    if not (path := options.labels_csv):
        folders = {item: item.split("/")[0] for item in ids if "/" in item}
        if not options.class_names:
            _check_parts(ids, data_dir)
        folders, names = _as_named(folders, options.class_names), options.class_names
        return {i: name for i, name in folders.items() if not names or name in names}, ()
    labels, notes = _values(LABELS, path, ids, data_dir, options.strict)
    return _as_named(labels, options.class_names), notes


def _groups(
    ids: list[str], data_dir: str, options: FolderOptions
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Returns the group of each image that has one in a file, and notes on it."""
    if not (path := options.groups_csv):
        return {}, ()
    groups, notes = _values(GROUPS, path, ids, data_dir, options.strict)
    if not groups:
        raise InputError(
            f"--groups_csv={path} names no group of an image of --data_dir={data_dir}; fill "
            "its column group, or leave the flag out."
        )
    count = len({normal(group) for group in groups.values()})
    note = (
        f"{len(groups)} of {len(ids)} images have a group in --groups_csv={path}, of {count} "
        "different ones; each of the others is alone."
    )
    return groups, (*notes, note)


def _values(
    column: CsvColumn, path: str, ids: list[str], data_dir: str, strict: bool
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Returns the value of each image that has one in a CSV file, and notes on it."""
    values, missing = column.of_images(path, ids)
    if not missing:
        return values, ()
    note = (
        f"{len(missing)} ids of --{column.flag}={path} name no image of --data_dir={data_dir}, "
        f"first {missing[0]}"
    )
    if strict or not values:
        raise InputError(f"{note}; expected paths relative to the folder; correct the file.")
    return values, (f"{note}; they are left out.",)


def _check_parts(ids: list[str], data_dir: str) -> None:
    """Raises InputError if the sub-folders seem to be splits, such as train and test."""
    tops = sorted({item.split("/")[0] for item in ids if "/" in item})
    has_folders = any(item.count("/") > 1 for item in ids)
    if tops and has_folders and {name.lower() for name in tops} <= _PARTS:
        inner = next((name for name in tops if name.lower().startswith("train")), tops[0])
        named = f", or --class_names={','.join(tops)} if they are classes"
        raise InputError(
            f"--data_dir={data_dir} has the sub-folders {', '.join(tops)}, which seem to be "
            "parts of a data set; expected one for each class; give "
            f"--data_dir={os.path.join(data_dir, inner)}{named if len(tops) > 1 else ''}."
        )


def _as_named(labels: dict[str, str], names: tuple[str, ...]) -> dict[str, str]:
    """Returns labels spelled as in `names`; others as at their first occurrence."""
    forms = {normal(name): name for name in names}
    return {item: forms.setdefault(normal(label), label) for item, label in labels.items()}


def _class_names(
    labels: dict[str, str], options: FolderOptions, data_dir: str
) -> tuple[str, ...]:
    found = sorted(set(labels.values()))
    names = options.class_names or tuple(found)
    if unknown := [name for name in found if name not in names]:
        raise InputError(
            f"--labels_csv={options.labels_csv} has the label {unknown[0]}, which is none of "
            f"--class_names={','.join(names)}; add it or correct the file."
        )
    if len(names) < 2:
        raise InputError(
            f"--data_dir={data_dir} has {len(names)} classes; expected at least two: a "
            "sub-folder for each, or --labels_csv, or --class_names if nothing is labelled."
        )
    return names


def _listed(
    ids: np.ndarray, groups: np.ndarray, labels: dict[str, str]
) -> tuple[tuple[tuple[str, str], ...], ...]:
    """Returns ids and labels of each group that has more than one item."""
    members: dict[int, list[tuple[str, str]]] = {}
    for item, group in zip(ids.tolist(), groups.tolist(), strict=True):
        members.setdefault(group, []).append((item, labels.get(item, "")))
    return tuple(tuple(group) for group in members.values() if len(group) > 1)

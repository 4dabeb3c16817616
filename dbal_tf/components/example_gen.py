"""Loading and splitting of a data set."""

import dataclasses
import functools
import pathlib
from typing import Self

import numpy as np

from dbal_tf.artifacts import Dataset, Labels, Splits
from dbal_tf.components.features import Features
from dbal_tf.components.graph_choice import ImageGraph
from dbal_tf.components.start import Start
from dbal_tf.config import GRAPH_TECHNIQUES, Config
from dbal_tf.config.data import class_counts
from dbal_tf.core import Findings, InputError
from dbal_tf.datasets import LOADERS, hard_pools
from dbal_tf.datasets.image_folder import FolderOptions
from dbal_tf.datasets.source import ENOUGH, Source
from dbal_tf.datasets.splits import (
    draw_counts,
    make_splits,
    split_around,
    split_unlabelled,
    stratified_folds,
)
from dbal_tf.seeds import seed_for
from dbal_tf.store.layout import STORE_FILE

_FOLDER = "image_folder"
_MOST_TESTS = 1000
# One test set for all seeds and repetitions, as in data sets that come with one.
_TEST_SEED = 2017


@dataclasses.dataclass(frozen=True)
class ExampleGen:
    """Loads a data set and splits it.

    Attributes:
        dataset: The value of `--dataset`.
        data_dir: The value of `--data_dir`; may be empty.
        initial_per_class: Number of items of each class in the initial set.
        validation_size: Number of items in the validation set.
        classes: Names of the classes to keep; empty: all.
        pool_size: Largest size of the pool; 0: no limit.
        pool_counts: Largest number of items of each class in the pool, such as
            `cat:900`; empty: no limit.
        pool_copies: How often each image occurs in the pool.
        copy_noise: Standard deviation of the copies' noise, as a fraction of the
            range of pixel values.
        folder: How a folder of images is read; None for other data sets.
        test_size: Number of test items to hold out from a data set that has none;
            0: a fifth, at most 1000.
        test_counts: Number of test items of each class instead, such as `cat:100`.
        folds: Number of folds, of which one is held out instead; 0: none.
        fold: The fold that is held out.
        fold_seed: Seed of the folds.
        initial_counts: Number of items of each class in the initial set, if not
            `initial_per_class`.
        asks_person: Whether a person labels, so that labels may be unknown.
    """

    dataset: str
    data_dir: str
    initial_per_class: int
    validation_size: int
    classes: tuple[str, ...] = ()
    pool_size: int = 0
    pool_counts: tuple[str, ...] = ()
    pool_copies: int = 1
    copy_noise: float = 0.0
    folder: FolderOptions | None = None
    test_size: int = 0
    test_counts: tuple[str, ...] = ()
    folds: int = 0
    fold: int = 0
    fold_seed: int = 0
    initial_counts: tuple[str, ...] = ()
    asks_person: bool = False

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """Builds the component from the settings."""
        # Repetitions with the same division test on one fold after the other.
        division, fold = divmod(config.repetition, max(1, config.folds))
        return config.build(
            cls,
            folder=FolderOptions.from_config(config) if config.dataset == _FOLDER else None,
            fold=fold,
            fold_seed=seed_for(config.seed, division, 0, "folds") if config.folds else 0,
            asks_person=config.dataset == _FOLDER and config.oracle != "dataset",
        )

    def run(self, seed: int, initial_ids: np.ndarray | None = None) -> Dataset:
        """Returns the data set, split with this seed.

        The files are read once per process; the runs of an experiment share the
        images and differ only in their splits.

        Args:
            seed: Seed of the split.
            initial_ids: The initial set, training items in any order; None:
                a balanced one is drawn.

        Raises:
            InputError: The files cannot be used, or hold too few items.
            KeyError: An initial id is not one of the training items.
        """
        source, checksum = _load(self.dataset, self.data_dir, self.folder)
        if self.classes:
            source = source.of_classes(self.classes, keep_unknown=self.asks_person)
        if self.dataset == _FOLDER:
            source = self._with_test(source)
        splits = self._split(source, seed, initial_ids)
        train, hidden = source.train, Labels(source.train.ids, source.train_classes)
        if self.pool_counts:
            counts = self._counts("pool_counts", source)
            # With the split's own seed, the two choices would depend on each other.
            own_seed = seed_for(seed, 0, 0, "pool_counts")
            splits = hard_pools.of_counts(splits, hidden, counts, own_seed)
        # `train` is the union of the splits, so items that the pool leaves out go too.
        if self.pool_size or self.pool_counts:
            used = (splits.initial_ids, splits.validation_ids, splits.pool_ids)
            ids = train.ids[np.isin(train.ids, np.concatenate(used))]
            train, hidden = train.select(ids), hidden.select(ids)
        if self.pool_copies > 1:
            train, splits, hidden = hard_pools.repeat(
                train, splits, hidden, self.pool_copies, self.copy_noise, seed
            )
        return Dataset(
            name=self.dataset,
            train=train,
            splits=splits,
            hidden=hidden,
            test=source.test,
            test_labels=Labels(source.test.ids, source.test_classes),
            class_names=source.class_names,
            checksum=checksum,
            findings=self._findings(source, splits),
        )

    def _findings(self, source: Source, splits: Splits) -> Findings:
        """Returns the findings, with a note on each set that whole groups did not fill."""
        findings = source.findings
        wanted = sum(self._counts("test_counts", source)) if self.test_counts else 0
        for name, found, size in (
            ("validation", len(splits.validation_ids), self.validation_size),
            ("test", len(source.test), wanted),
        ):
            if found < ENOUGH * size:
                findings = findings.with_note(
                    f"The {name} set has {found} images and not {size}, as near copies and "
                    "groups stay together."
                )
        return findings

    def _with_test(self, source: Source) -> Source:
        count = len(source.train)
        unknown = np.flatnonzero(source.train_classes < 0)
        if len(unknown) and not self.asks_person:
            raise InputError(
                f"{len(unknown)} of the {count} images of --data_dir={self.data_dir} have no "
                f"label, first {source.train.ids[unknown[0]]}; expected one for each, as the "
                "data set is asked for them; label them on a page by --oracle=web, in "
                "sub-folders or by --labels_csv, or leave them out."
            )
        if self.folds or self.test_counts:
            return source.with_test(self._is_test(source))
        size = self.test_size or min(_MOST_TESTS, count // 5)
        if not 0 < size < count:
            given = f"--test_size={self.test_size}" if self.test_size else "A fifth"
            raise InputError(
                f"{given} of {count} images cannot be held out to test on; expected at least "
                "one, and one to train on; give another --test_size or add images."
            )
        return source.hold_out(size, _TEST_SEED)

    def _is_test(self, source: Source) -> np.ndarray:
        """Marks the test items: those of a fold, or those that `test_counts` asks for."""
        classes, count = source.train_classes, len(source.train)
        groups = np.arange(count) if source.groups is None else source.groups
        if self.folds:
            folds = stratified_folds(classes, groups, self.folds, self.fold_seed)
            if len(np.unique(folds)) == self.folds:
                return folds == self.fold
            raise InputError(
                f"--folds={self.folds} of {count} images, near copies and groups together, "
                "leaves some folds empty; expected fewer folds; lower it or add images."
            )
        wanted = self._counts("test_counts", source)
        drawn = draw_counts(classes, groups, wanted, _TEST_SEED)
        found = np.bincount(classes[drawn], minlength=len(wanted))
        there = np.bincount(classes[classes >= 0], minlength=len(wanted))
        # Whole groups rarely add up to what is wanted; half of it can be used.
        is_short = (there < wanted) | (2 * found < wanted)
        if is_short.any():
            name = source.class_names[int(is_short.argmax())]
            raise InputError(
                f"--test_counts={','.join(self.test_counts)} cannot be drawn: {name} has "
                f"{there[is_short.argmax()]} images, near copies "
                "and groups together; lower its number or add images."
            )
        return np.isin(np.arange(count), drawn)

    def _counts(self, name: str, source: Source) -> list[int]:
        """Returns the numbers of a setting in the order of the classes."""
        values = getattr(self, name)
        counts = class_counts(name, values)
        if set(counts) != set(source.class_names):
            raise InputError(
                f"--{name}={','.join(values)} names {', '.join(counts)}; expected each of the "
                f"classes {', '.join(source.class_names)}; correct it."
            )
        return [counts[one] for one in source.class_names]

    def _split(self, source: Source, seed: int, initial_ids: np.ndarray | None) -> Splits:
        ids, classes = source.train.ids, source.train_classes
        sizes = self.validation_size, seed, self.pool_size, source.groups
        if initial_ids is None and self.asks_person:
            return split_unlabelled(ids, classes, *sizes)
        if initial_ids is None:
            count = len(source.class_names)
            per_class: int | list[int] = self.initial_per_class
            if self.initial_counts:
                per_class = self._counts("initial_counts", source)
            names = source.class_names
            if self.dataset == _FOLDER:
                tested = np.bincount(source.test_classes, minlength=count)
                names = tuple(
                    f"{name}, of which {number} images are in the test set,"
                    for name, number in zip(names, tested, strict=True)
                )
            return make_splits(ids, classes, count, per_class, *sizes, class_names=names)
        source.train.rows(initial_ids)
        return split_around(ids, classes, initial_ids, *sizes)


def load(config: Config, initial_ids: np.ndarray | None = None) -> Dataset:
    """Returns the data set, split for the repetition in the settings.

    Args:
        config: The settings.
        initial_ids: The initial set; None: a balanced one is drawn.

    Raises:
        InputError: The files cannot be used, or hold too few items.
        KeyError: An initial id is not one of the training items.
    """
    seed = seed_for(config.seed, config.repetition, 0, "split")
    return ExampleGen.from_config(config).run(seed, initial_ids)


def check_data(config: Config, dataset: Dataset) -> None:
    """Checks that a data set fits a run: its size, and that of its images.

    Raises:
        InputError: The pool is too small, its graph is too large, or the network
            cannot be built for such images.
    """
    _check_pool(config, dataset)
    if unknown := set(config.flip_classes) - set(dataset.class_names):
        raise InputError(
            f"--flip_classes={','.join(config.flip_classes)} names {min(unknown)}, which is "
            f"not a class of the data set; expected some of {', '.join(dataset.class_names)}."
        )
    Features.from_config(config).check(dataset)
    if config.acquisition[0] in GRAPH_TECHNIQUES:
        ImageGraph.from_config(config).check(dataset)


# One data set at a time: an experiment uses only one, and images may take gigabytes.
@functools.lru_cache(maxsize=1)
def _load(dataset: str, data_dir: str, folder: FolderOptions | None) -> tuple[Source, str]:
    source = LOADERS[dataset](data_dir, *([folder or FolderOptions()] * (dataset == _FOLDER)))
    return source, source.checksum()


def _check_pool(config: Config, dataset: Dataset) -> None:
    pool = len(dataset.splits.pool_ids)
    # A run that has begun has already asked for these, whatever the answers were.
    has_begun = pathlib.Path(config.run_dir, STORE_FILE).exists()
    first = 0 if has_begun else Start.from_config(config).from_pool(dataset)
    wanted = first + config.rounds * config.acquisition_size
    if wanted > pool:
        asked = f" and {first} before them" if first else ""
        most = max(0, pool - first) // config.acquisition_size
        ways = [f"at most --rounds={most}"] * (most > 0)
        ways += [
            "a smaller --initial_per_class" if first >= pool else "a smaller --acquisition_size"
        ]
        raise InputError(
            f"--rounds={config.rounds} of {config.acquisition_size} images{asked} need "
            f"{wanted}, the pool holds {pool}; use {', '.join(ways)} or more images."
        )

"""The steps of the pipeline that read images."""

import os
import re
from collections.abc import Iterator
from typing import Any

import apache_beam as beam
import numpy as np
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from dbal_tf.datasets.decoding import decode, resize
from dbal_tf.scaleout.blocks import Bad, Block
from dbal_tf.scaleout.records import parse, records

BAD = "bad"
"""Name of the output for what cannot be scored."""
SHARD = ".tfrecord"
# What varies in a decoder's messages: addresses, numbers, and bytes of the file.
_VARYING = re.compile(r"0x[0-9a-f]+|\d+|b'[^']*'|b\"[^\"]*\"")


class ReadShard(beam.DoFn):
    """Reads a TFRecord shard, block by block.

    Args:
        image_shape: Height, width and channels that the model takes.
        size: Items in a block.
    """

    def __init__(self, image_shape: tuple[int, ...], size: int) -> None:
        self._image_shape, self._size = image_shape, size

    def process(self, path: str, wanted: frozenset[str] | None = None) -> Iterator[Any]:
        """Yields blocks, and `Bad` items to the output `BAD`.

        Args:
            path: Path of the shard.
            wanted: Ids of the items to yield; None: all.
        """
        stem = os.path.basename(path).removesuffix(SHARD)
        contents: list[bytes] = []
        numbers: list[int] = []
        with FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED) as file:
            for number, content in enumerate(records(file)):
                if isinstance(content, str):
                    place = f"{stem}, record {number}"
                    yield from _outputs(Block((), np.empty(0)), [Bad(place, content)], wanted)
                    continue
                contents.append(content)
                numbers.append(number)
                if len(contents) == self._size:
                    yield from _outputs(
                        *parse(contents, numbers, stem, self._image_shape), wanted
                    )
                    contents, numbers = [], []
        if contents:
            yield from _outputs(*parse(contents, numbers, stem, self._image_shape), wanted)


class ReadImages(beam.DoFn):
    """Reads image files; an item's id is the file's path below a folder.

    Args:
        image_shape: Height, width and channels that the model takes.
        how: See `datasets.decoding.resize`.
        folder: The folder; the id of a file that is not below it is its whole path.
    """

    def __init__(self, image_shape: tuple[int, ...], how: str, folder: str) -> None:
        self._image_shape, self._how = image_shape, how
        self._above = folder.rstrip("/") + "/"

    def process(self, paths: list[str], wanted: frozenset[str] | None = None) -> Iterator[Any]:
        """Yields a block of the images, and `Bad` items to the output `BAD`."""
        height, width, channels = self._image_shape
        ids, images, bad = [], [], []
        for path in paths:
            item = path.removeprefix(self._above)
            if wanted is not None and item not in wanted:
                continue
            try:
                with FileSystems.open(
                    path, compression_type=CompressionTypes.UNCOMPRESSED
                ) as file:
                    pixels = resize(decode(file.read()), (height, width), self._how, channels)
            # A file that was removed in the meantime does not end the job.
            except (ValueError, OSError) as error:
                bad.append(Bad(item, _reason(error)))
                continue
            images.append(pixels)
            ids.append(item)
        stacked = np.stack(images) if images else np.empty((0, *self._image_shape), np.uint8)
        yield from _outputs(Block(tuple(ids), stacked), bad, None)


def _reason(error: ValueError | OSError) -> str:
    """Returns the reason without paths and numbers, so that equal causes are counted as one."""
    if isinstance(error, OSError):
        return (
            f"it cannot be read ({error.strerror})" if error.strerror else "it cannot be read"
        )
    text = str(error)
    return _VARYING.sub("N", text) if text.startswith("it is broken") else text


def _outputs(block: Block, bad: list[Bad], wanted: frozenset[str] | None) -> Iterator[Any]:
    if wanted is not None:
        # This is the second reading; the first has reported what is bad.
        block, bad = block.select(wanted), []
    if block.ids:
        yield block
    for one in bad:
        yield beam.pvalue.TaggedOutput(BAD, one)

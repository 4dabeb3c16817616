"""The idx format, in which MNIST is distributed.

Big-endian: two zero bytes, a type code (8: unsigned bytes), the number of
axes, the length of each axis as a uint32, then the values, last axis fastest.
Source: LeCun, Cortes and Burges, "The MNIST database", 1998.
"""

import gzip
import io
import math
import pathlib
import struct
import zlib

import numpy as np

from dbal_tf.core import InputError

MAX_BYTES = 2**30  # a small gzipped file may unpack to any size
_MAX_AXES = 4
_GZIP_MAGIC = b"\x1f\x8b"


def read_idx(path: pathlib.Path) -> np.ndarray:
    """Reads an idx file of unsigned bytes, gzipped or not.

    Gzip is recognized by content, not by name. At most `MAX_BYTES` are read, and no
    more than the header announces.

    Args:
        path: The file.

    Returns:
        Read-only uint8 values of the shape that the header gives.

    Raises:
        InputError: The file cannot be read, is not an idx file of unsigned bytes,
            or holds more or less than its header announces.
    """
    try:
        with open(path, "rb") as file:
            zipped = file.read(2) == _GZIP_MAGIC
        with gzip.open(path) if zipped else open(path, "rb") as file:
            shape = _read_shape(file, path)
            # One byte more, to notice a file that is too long.
            content = file.read(math.prod(shape) + 1)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(
            f"{path} cannot be read ({reason.rstrip('.')}); expected a whole idx file, "
            "gzipped or not; fetch it again."
        ) from error
    if len(content) != math.prod(shape):
        got = "more" if len(content) > math.prod(shape) else f"{len(content)} bytes"
        raise InputError(
            f"{path} holds {got} where its header says {shape}; expected "
            f"{math.prod(shape)} bytes of values; fetch it again."
        )
    return np.frombuffer(content, dtype=np.uint8).reshape(shape)


def _read_shape(file: gzip.GzipFile | io.BufferedReader, path: pathlib.Path) -> tuple[int, ...]:
    magic = file.read(4)
    if magic[:3] != b"\0\0\x08" or not 1 <= (axes := magic[-1]) <= _MAX_AXES:
        raise InputError(
            f"{path} starts with the bytes '{magic.hex(' ')}'; expected '00 00 08' and 1 to "
            f"{_MAX_AXES} axes, an idx file of unsigned bytes; fetch it again."
        )
    lengths = file.read(4 * axes)
    if len(lengths) < 4 * axes:
        raise InputError(
            f"{path} ends within its header; expected the lengths of {axes} axes; "
            "fetch it again."
        )
    shape = struct.unpack(f">{axes}I", lengths)
    if math.prod(shape) > MAX_BYTES:
        raise InputError(
            f"{path} announces {math.prod(shape)} bytes of shape {shape}; expected at most "
            f"{MAX_BYTES}; give a smaller file."
        )
    return shape

"""Images in TFRecord files, read when they are used."""

from typing import Any

import numpy as np
import tensorflow as tf

from dbal_tf.core import InputError
from dbal_tf.datasets.records import Records

ENCODED, RAW = "image", "image_raw"
_BLOCK_BYTES = 2**25  # of pixel values that are read and decoded at once
_MOST_AT_ONCE = 2000  # images
_DECODING = 16  # images decoded in parallel


class StoredImages:
    """An array-like of images in files, of which it holds only the positions.

    Indexing reads nothing and returns another `StoredImages`. `np.asarray` reads
    and decodes the images, without caching them.

    Args:
        records: All records of the files, each a `tf.train.Example`.
        feature: Feature that holds the image: `RAW` for uint8 pixel values,
            `ENCODED` for a PNG, JPEG, BMP or GIF.
        image_shape: Height, width and channels, the same for all images.
        rows: Rows of `records`, int64, shape `[n]`; None: all.
    """

    dtype = np.dtype(np.uint8)

    def __init__(
        self,
        records: Records,
        feature: str,
        image_shape: tuple[int, ...],
        rows: np.ndarray | None = None,
    ) -> None:
        self._records, self._feature, self._image_shape = records, feature, image_shape
        self._rows = np.arange(len(records)) if rows is None else rows

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of images, height, width and channels."""
        return len(self._rows), *self._image_shape

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, rows: Any) -> Any:
        """Returns images that are not read yet; for an int, the pixels of one image."""
        if isinstance(rows, int | np.integer):
            return np.asarray(self[[rows]])[0]
        if not isinstance(rows, slice):
            # An empty list would be an array of floats, which cannot index.
            rows = np.asarray(rows, None if len(rows) else np.int64)
        return StoredImages(self._records, self._feature, self._image_shape, self._rows[rows])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """Reads the images, block by block; see `numpy.asarray`.

        Raises:
            InputError: An image cannot be decoded or has another shape, or a
                file has gone or become shorter.
        """
        if copy is False:
            raise ValueError("copy=False was asked for; stored images are always read anew.")
        images = np.empty(self.shape, dtype or self.dtype)
        step = int(np.clip(_BLOCK_BYTES // np.prod(self._image_shape), 1, _MOST_AT_ONCE))
        for start in range(0, len(self), step):
            images[start : start + step] = self._read(self._rows[start : start + step])
        return images

    def _read(self, rows: np.ndarray) -> np.ndarray:
        contents = self._records.read(rows)
        try:
            return decoded_images(contents, self._feature, self._image_shape)
        except tf.errors.InvalidArgumentError as error:
            raise self._reason(contents, rows) from error

    def _reason(self, contents: list[bytes], rows: np.ndarray) -> InputError:
        """Returns the error that names the first image that cannot be used."""
        for content, row in zip(contents, rows.tolist(), strict=True):
            try:
                decoded_images([content], self._feature, self._image_shape)
            except tf.errors.InvalidArgumentError:
                place, shape = self._records.place(row), encoded_shape(content)
                state = (
                    f"an image of shape {shape}" if shape else "no image that can be decoded"
                )
                break
        return InputError(
            f"{place} holds {state}; expected shape {self._image_shape}, as the first image "
            "has; write it again."
        )


def encoded_shape(content: bytes) -> tuple[int, ...] | None:
    """Returns height, width and channels of a record's encoded image.

    None if it cannot be decoded.
    """
    try:
        with tf.device("CPU:0"):
            return tuple(_decoded(_stored(tf.constant([content]), ENCODED)[0]).shape)
    except tf.errors.InvalidArgumentError:
        return None


def decoded_images(
    contents: list[bytes], feature: str, image_shape: tuple[int, ...]
) -> np.ndarray:
    """Returns the images of records, uint8 `[n, h, w, k]`.

    Args:
        contents: `tf.train.Example`s, serialized.
        feature: Feature that holds the image, `RAW` or `ENCODED`.
        image_shape: Height, width and channels.

    Raises:
        tf.errors.InvalidArgumentError: A record holds no such image.
    """
    # On the CPU, where image files are decoded; a GPU would only hold copies.
    with tf.device("CPU:0"):
        return _decode(tf.constant(contents), feature, image_shape).numpy()


@tf.function(reduce_retracing=True, autograph=False)
def _decode(contents: tf.Tensor, feature: str, image_shape: tuple[int, ...]) -> tf.Tensor:
    """Returns the images of records, uint8 `[n, h, w, k]`."""
    stored = _stored(contents, feature)
    if feature == RAW:
        return tf.reshape(tf.io.decode_raw(stored, tf.uint8), [-1, *image_shape])
    return tf.map_fn(
        lambda one: tf.ensure_shape(_decoded(one), image_shape),
        stored,
        parallel_iterations=_DECODING,
        fn_output_signature=tf.TensorSpec(image_shape, tf.uint8),
    )


def _stored(contents: tf.Tensor, feature: str) -> tf.Tensor:
    return tf.io.parse_example(contents, {feature: tf.io.FixedLenFeature([], tf.string)})[
        feature
    ]


def _decoded(encoded: tf.Tensor) -> tf.Tensor:
    return tf.io.decode_image(encoded, expand_animations=False)

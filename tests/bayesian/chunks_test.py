"""Chunks hold as many images as memory is bounded for."""

import doctest

import pytest

from dbal_tf.bayesian import chunks


@pytest.mark.parametrize(
    ("shape", "size"), [((1, 1, 1), 2000), ((2048, 2048, 1), 1), ((9000, 9000, 3), 1)]
)
def test_a_chunk_has_a_bounded_number_of_pixel_values_and_an_image(shape, size):
    assert chunks.chunk_size(shape) == size


def test_examples_in_docstrings():
    assert doctest.testmod(chunks).failed == 0

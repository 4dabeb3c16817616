"""Means and deviations by hand; two groups by the statistics of one."""

import numpy as np
import tensorflow as tf

from dbal_tf.baselines.semi_supervised import normalisation


def test_moments_by_hand() -> None:
    mean, deviation = normalisation.moments(tf.constant([[0.0, 1.0], [4.0, 1.0]]))
    np.testing.assert_array_equal(mean, [[2, 1]])
    np.testing.assert_allclose(deviation, [[2, 1e-3]], 1e-6)


def test_a_column_of_equal_values_is_0() -> None:
    values = tf.constant([[0.0, 7.0], [4.0, 7.0]])
    np.testing.assert_allclose(normalisation.standardise(values), [[-1, 0], [1, 0]], 1e-6)
    np.testing.assert_array_equal(
        normalisation.by_batch(3, values), normalisation.standardise(values)
    )


def test_by_rest_normalises_all_rows_by_the_second_groups_statistics() -> None:
    values = tf.constant([[100.0], [1.0], [3.0]])
    found = normalisation.by_rest(1)(0, values)
    # The second group has mean 2 and deviation 1.
    np.testing.assert_allclose(found, [[98.0], [-1.0], [1.0]], rtol=1e-4)

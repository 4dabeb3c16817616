import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from dbal_tf.baselines.semi_supervised import embedding
from dbal_tf.baselines.semi_supervised.embedding import Embedding
from dbal_tf.baselines.semi_supervised.session import Session
from dbal_tf.baselines.semi_supervised.system import LabelledImages, error

TINY = Embedding.tiny()


def test_hinge_by_hand():
    # Image 1, class 0: max(0, 1 - 0.5)^2 + max(0, 1 - 2)^2 = 0.25.
    # Image 2, class 1: max(0, 1 + 0)^2 + max(0, 1 - 3)^2 = 1.
    loss = embedding.hinge_loss(tf.constant([[0.5, -2.0], [0.0, 3.0]]), tf.constant([0, 1]))
    assert float(loss) == pytest.approx((0.25 + 1.0) / 2)


def test_near_by_hand():
    # |(3, 4)|^2 = 25 and 0.
    loss = embedding.near_loss(
        tf.constant([[3.0, 4.0], [1.0, 1.0]]), tf.constant([[0.0, 0.0], [1.0, 1.0]])
    )
    assert float(loss) == pytest.approx(12.5)


def test_far_by_hand():
    # Distances 5 and 0.5 against a margin of 2: 0 and 1.5^2.
    first, second = tf.constant([[3.0, 4.0], [0.5, 1.0]]), tf.constant([[0.0, 0.0], [0.0, 1.0]])
    assert float(embedding.far_loss(first, second, 2.0)) == pytest.approx(2.25 / 2)


def test_far_has_a_slope_where_a_pair_is_one_image_twice():
    point = tf.Variable([[1.0, 2.0]])
    with tf.GradientTape() as tape:
        loss = embedding.far_loss(point, point * 1.0, 1.0)
    assert np.isfinite(tape.gradient(loss, point)).all()


def test_nearest_leaves_out_the_point_and_keeps_its_copy():
    points = np.array([[0.0], [0.0], [1.0], [5.0]], np.float32)
    found = embedding.nearest(points, 1)
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found[:, 0], [1, 0, found[2, 0], 2])
    assert found[2, 0] in (0, 1)


def test_unlabelled_images_help(parts):
    *given, test = parts
    alone = dataclasses.replace(TINY, weights=(0.0,))
    own, unlabelled, validation = given
    few = LabelledImages(own.images[::5], own.classes[::5])
    with_embedding = TINY.fit(few, unlabelled, validation, 0, Session())
    without = alone.fit(few, unlabelled, validation, 0, Session())
    assert error(with_embedding, test) < error(without, test)


def test_the_best_choice_on_validation_is_taken(parts):
    *given, test = parts
    # A weight as large as this one leaves nothing of the labels.
    two = dataclasses.replace(TINY, weights=(1e6, 1.0), steps=100)
    one = dataclasses.replace(TINY, weights=(1.0,), steps=100)
    session = Session()
    np.testing.assert_array_equal(
        two.fit(*given, 0, session).predict_probs(test.images),
        one.fit(*given, 0, Session()).predict_probs(test.images),
    )
    assert session.chosen == {"weight": 1.0, "margin": 1.0}

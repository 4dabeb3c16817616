import numpy as np
import pytest
import tensorflow as tf

from dbal_tf.core import InputError
from dbal_tf.scaleout.blocks import Block
from dbal_tf.scaleout.scoring import Ranking, SavedModelHandler, image_shape, model_digest


def test_scores_are_those_of_the_signature(export, images):
    handler = SavedModelHandler(export, Ranking("bald", 6, 4))
    model = handler.load_model()
    ids = tuple(f"item-{row}" for row in range(10))
    (ranked,) = handler.run_inference([Block(ids, images[:10])], model)
    expected = model.signatures["scores"](
        images=tf.constant(images[:10], tf.float32),
        num_samples=tf.constant(6, tf.int64),
        seed=tf.constant(4, tf.int64),
    )["bald"]
    np.testing.assert_allclose(ranked.scores, expected, atol=1e-6)
    assert tuple(ranked.ids) == ids


def test_scores_of_0_have_the_lowest_rank_under_power():
    ranked = Ranking("bald", 1, 0, 1.0, "power").ranked(["a", "b"], np.array([0.0, 0.1]))
    assert ranked.best(2).ids.tolist() == ["b", "a"]


def test_a_score_that_is_not_finite_is_an_error():
    with pytest.raises(ArithmeticError, match="The score of a or an item near it"):
        Ranking("bald", 1, 0).ranked(["a"], np.array([np.nan]))


def test_what_an_export_takes(export, images):
    assert image_shape(export, "var_ratios") == images.shape[1:]
    with pytest.raises(InputError, match=r"--acquisition=epig is no score .* one of bald, "):
        image_shape(export, "epig")
    assert len(model_digest(export)) == 64


def test_a_folder_without_a_model(tmp_path):
    with pytest.raises(InputError, match="holds no SavedModel with the signature"):
        image_shape(str(tmp_path), "bald")

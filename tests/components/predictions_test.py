import numpy as np

from dbal_tf.artifacts import Labels, Model
from dbal_tf.bayesian.inference import predictor_for
from dbal_tf.bayesian.networks import bayesian_cnn
from dbal_tf.components.predictions import Predictions


def test_mean_probabilities_of_training_and_test_items_are_written(toy, tmp_path):
    model = Model(bayesian_cnn((8, 8, 1), 3, 0, kernel_size=2), 6, 2.5, 0)
    ids = np.array([toy.test.ids[3], toy.train.ids[5], toy.train.ids[1]])
    labels = Labels(toy.train.ids[:3], np.arange(3))
    component = Predictions(str(tmp_path), "mc_dropout", 4)
    written = component.run(model, toy, ids, labels, 7, seed=1)
    assert written == {"predictions": "rounds/0007/predictions.npz"}
    with np.load(tmp_path / written["predictions"], allow_pickle=False) as file:
        shown = dict(zip(file["ids"].tolist(), file["probs"], strict=True))
        assert file["probs"].dtype == np.float32
        trained = dict(zip(file["ids"].tolist(), file["trained"].tolist(), strict=True))
    assert trained == {ids[0]: False, ids[1]: False, ids[2]: True}
    assert shown.keys() == set(ids.tolist())
    predictor = predictor_for(model.network, "mc_dropout")
    expected = predictor.statistics(toy.test.select(ids[:1]).images, 4, 1).mean_probs
    np.testing.assert_allclose(shown[ids[0]], expected[0], rtol=1e-5)

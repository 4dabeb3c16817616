import numpy as np
import pytest

from dbal_tf.labelling.predictions import Predictions, as_json
from dbal_tf.store.layout import out_of_fold_file, predictions_file


def test_the_last_rounds_are_read(made):
    made.predict(0, {"a": [0.25, 0.75]})
    made.predict(1, {"a": [0.5, 0.5], "b": [0.0, 1.0]})
    predictions = Predictions(made.folder)
    assert predictions.of_model(0)["a"].tolist() == [0.25, 0.75]
    assert predictions.of_model(1)["b"].tolist() == [0.0, 1.0]
    assert "c" not in predictions.of_model(1) and not predictions.of_model(None)


def test_networks_that_were_not_trained_on_an_item_count_more(made):
    predictions = Predictions(made.folder)
    assert not predictions.out_of_sample(None) and not predictions.out_of_sample(1)
    made.predict(1, {"a": [0.5, 0.5], "b": [0.0, 1.0]})
    assert predictions.out_of_sample(1)["a"].tolist() == [0.5, 0.5]
    made.predict(0, {"a": [0.25, 0.75]}, out_of_fold_file)
    joined = predictions.out_of_sample(1)
    assert joined["a"].tolist() == [0.25, 0.75] and joined["b"].tolist() == [0.0, 1.0]
    assert predictions.out_of_sample(1) is joined, "nothing has changed"
    made.predict(1, {"a": [1.0, 0.0]}, out_of_fold_file)
    assert predictions.out_of_sample(1)["a"].tolist() == [1.0, 0.0]
    # The next fold of the same round.
    made.predict(1, {"a": [1.0, 0.0], "b": [0.75, 0.25]}, out_of_fold_file)
    assert predictions.out_of_sample(1)["b"].tolist() == [0.75, 0.25]
    assert predictions.of_model(1)["b"].tolist() == [0.0, 1.0]


@pytest.mark.parametrize("content", [b"", b"PK\3\4", b"no zip", None])
def test_without_a_usable_file_there_are_none(made, content):
    path = made.folder / predictions_file(0)
    path.parent.mkdir(parents=True)
    if content is not None:
        path.write_bytes(content)
    assert not Predictions(made.folder).out_of_sample(0)


def test_pickles_are_not_read(made):
    path = made.folder / predictions_file(0)
    path.parent.mkdir(parents=True)
    np.savez(path, ids=np.array([{"a": 1}], object), probs=np.zeros((1, 2)))
    assert not Predictions(made.folder).of_model(0)


def test_json_has_the_likeliest_class():
    assert as_json(np.float32([0.2, 0.7, 0.1])) == {"class": 1, "probs": [0.2, 0.7, 0.1]}
    assert as_json(None) is None

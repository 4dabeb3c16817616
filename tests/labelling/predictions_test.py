import numpy as np
import pytest

from dbal_tf.labelling.predictions import Predictions, as_json
from dbal_tf.store.layout import predictions_file


def test_the_last_rounds_are_read(made):
    made.predict(0, {"a": [0.25, 0.75]})
    made.predict(1, {"a": [0.5, 0.5], "b": [0.0, 1.0]})
    predictions = Predictions(made.folder)
    assert predictions.probs("a", 0).tolist() == [0.25, 0.75]
    assert predictions.probs("b", 1).tolist() == [0.0, 1.0]
    assert predictions.probs("c", 1) is None and predictions.probs("a", None) is None


@pytest.mark.parametrize("content", [b"", b"PK\3\4", b"no zip", None])
def test_without_a_usable_file_there_are_none(made, content):
    path = made.folder / predictions_file(0)
    path.parent.mkdir(parents=True)
    if content is not None:
        path.write_bytes(content)
    assert Predictions(made.folder).probs("a", 0) is None


def test_pickles_are_not_read(made):
    path = made.folder / predictions_file(0)
    path.parent.mkdir(parents=True)
    np.savez(path, ids=np.array([{"a": 1}], object), probs=np.zeros((1, 2)))
    assert Predictions(made.folder).probs("a", 0) is None


def test_json_has_the_likeliest_class():
    assert as_json(np.float32([0.2, 0.7, 0.1])) == {"class": 1, "probs": [0.2, 0.7, 0.1]}
    assert as_json(None) is None

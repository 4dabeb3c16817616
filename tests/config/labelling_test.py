import pytest

from dbal_tf.config import Config
from dbal_tf.config.labelling import LabellingSettings
from dbal_tf.core import InputError


def test_the_data_set_answers_and_the_page_is_closed_unless_a_flag_says_otherwise():
    settings = LabellingSettings()
    assert (settings.oracle, settings.expose, settings.port) == ("dataset", False, 0)
    assert settings.show_predictions == "after", "shown before, they bias the answer"


@pytest.mark.parametrize(
    ("others", "says"),
    [
        ({"repetitions": 2}, "several runs"),
        ({"acquisition": ("bald", "random")}, "several runs"),
        ({"experiment": "figure1"}, "several runs"),
        ({"acquisition": ("mbr",)}, "--acquisition=mbr, whose graph needs the labels of all"),
        ({"strategy": "multi_worker"}, "--strategy=multi_worker, whose workers the answers"),
        ({"dataset": "tfrecord", "data_dir": "pool"}, "--dataset=tfrecord, as the page reads"),
        ({"dataset": "mnist"}, "--dataset=mnist, as the page reads"),
    ],
)
def test_a_person_labels_for_one_run_of_a_network(others, says):
    others = {"dataset": "digits"} | others
    with pytest.raises(InputError, match=f"--oracle=web cannot be used with {says}"):
        Config(oracle="web", **others)


def test_one_fold_leaves_nothing_to_learn_from():
    assert Config(disagreement_folds=0).disagreement_folds == 0
    with pytest.raises(InputError, match="expected 0 for none, or at least 2"):
        Config(disagreement_folds=1)

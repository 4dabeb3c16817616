import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from dbal_tf.artifacts import CurvePoint, Evaluation, Examples, Labels, Query, Scores
from dbal_tf.reporting import picks
from dbal_tf.reporting.tensorboard import TensorBoardLog

_NAMES = ("cat", "dog", "owl")
_SECONDS = {"train": 4.0, "score": 2.0, "evaluate": 1.0, "label": 0.5}
_EXAMPLES = Examples(
    np.array(["a", "b", "c", "d"]),
    np.random.default_rng(0).integers(0, 256, (4, 8, 8, 1)).astype(np.uint8),
)
_QUERY = Query(np.array(["c", "a"]), np.array([0.75, 0.5]))
_LABELS = Labels(np.array(["a", "c"]), np.array([2, 1]))
_SCORES = Scores(np.array(["a", "b", "c", "d"]), np.array([0.5, 0.0, 0.75, 0.0]))


def _point(labels, error):
    evaluation = Evaluation(error, 0.3, 0.2, 0.02, 0.4, 0.6)
    return CurvePoint(labels // 10, labels, evaluation, 2.5, _SECONDS)


def _read(folder):
    events = EventAccumulator(str(folder), size_guidance={"tensors": 0})
    events.Reload()
    return {
        tag: [
            (event.step, tf.make_ndarray(event.tensor_proto)) for event in events.Tensors(tag)
        ]
        for tag in events.Tags()["tensors"]
    }


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "tensorboard"
    with TensorBoardLog(folder) as log:
        log.write_flags("--seed=3\n--dataset=digits\n")
        log.write_round(_point(20, 0.5), _QUERY, _LABELS, _EXAMPLES, _SCORES, _NAMES)
        log.write_round(_point(30, 0.25), None, None, None, None, _NAMES)
    return _read(folder)


@pytest.mark.parametrize(
    ("tag", "values"),
    [
        ("error", [0.5, 0.25]),
        ("nll", [0.3, 0.3]),
        ("brier", [0.2, 0.2]),
        ("ece", [0.02, 0.02]),
        ("deterministic_error", [0.4, 0.4]),
        ("seconds/train", [4.0, 4.0]),
        ("seconds/label", [0.5, 0.5]),
    ],
)
def test_scalars_stand_at_their_number_of_labels(written, tag, values):
    assert [step for step, _ in written[tag]] == [20, 30]
    np.testing.assert_allclose([value for _, value in written[tag]], values, rtol=1e-6)


def _picture(written, tag):
    [(step, (_, _, png))] = written[tag]
    assert step == 20
    return tf.io.decode_png(png).numpy()


def test_bought_images_carry_class_and_score(written):
    expected = picks.picked_images(_EXAMPLES.images[[2, 0]], ["dog  0.7500", "owl  0.5000"])
    np.testing.assert_array_equal(_picture(written, "bought"), expected)


def test_bought_classes_are_counted(written):
    expected = picks.class_bars({"cat": 0, "dog": 1, "owl": 1})
    np.testing.assert_array_equal(_picture(written, "bought_per_class"), expected)


def test_histogram_counts_every_score(written):
    [(step, buckets)] = written["scores"]
    left, right, count = buckets.T
    assert step == 20
    assert count.sum() == 4
    assert count[0] == 2 and (left[0], right[-1]) == (0.0, 0.75)


def test_flags_are_shown_as_they_are(written):
    [(step, text)] = written["flags"]
    assert step == 0
    assert text.item() == b"    --seed=3\n    --dataset=digits\n"


def test_no_other_tags(written):
    assert set(written) == {
        *("error", "nll", "brier", "ece", "deterministic_error", "flags", "scores"),
        *("bought", "bought_per_class", *(f"seconds/{phase}" for phase in _SECONDS)),
    }


def test_a_round_can_be_read_before_the_log_is_closed(tmp_path):
    with TensorBoardLog(tmp_path) as log:
        log.write_round(_point(20, 0.5), None, None, None, None, _NAMES)
        assert [step for step, _ in _read(tmp_path)["error"]] == [20]


def test_a_run_that_goes_on_adds_to_its_log(tmp_path):
    for labels in (20, 30):
        with TensorBoardLog(tmp_path) as log:
            log.write_round(_point(labels, 0.5), None, None, None, None, _NAMES)
    assert [step for step, _ in _read(tmp_path)["error"]] == [20, 30]


def test_a_query_without_labels_yet_shows_its_scores(tmp_path):
    with TensorBoardLog(tmp_path) as log:
        log.write_round(_point(20, 0.5), _QUERY, None, _EXAMPLES, None, _NAMES)
    written = _read(tmp_path)
    expected = picks.picked_images(_EXAMPLES.images[[2, 0]], ["0.7500", "0.5000"])
    np.testing.assert_array_equal(_picture(written, "bought"), expected)
    assert "bought_per_class" not in written


def test_an_empty_query_draws_nothing(tmp_path):
    nothing = Query(np.array([], dtype="U1"), np.array([]))
    with TensorBoardLog(tmp_path) as log:
        log.write_round(_point(20, 0.5), nothing, _LABELS, _EXAMPLES, None, _NAMES)
    assert not {"bought", "bought_per_class"} & set(_read(tmp_path))

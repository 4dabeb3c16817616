import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import api_pb2, plugin_data_pb2

from dbal_tf.artifacts import CurvePoint, Evaluation, Examples, Labels, Query, Scores
from dbal_tf.config import Config
from dbal_tf.reporting import picks
from dbal_tf.reporting.reliability import reliability_diagram
from dbal_tf.reporting.tensorboard import TensorBoardLog

_NAMES = ("cat", "dog", "owl")
_SECONDS = {"train": 4.0, "score": 2.0, "evaluate": 1.0, "label": 0.5}
_EXAMPLES = Examples(
    np.array(["a", "b", "c", "d"]),
    np.random.default_rng(0).integers(0, 256, (4, 8, 8, 1)).astype(np.uint8),
)
_QUERY = Query(np.array(["c", "a"]), np.array([0.75, 0.5]))
_LABELS = Labels(np.array(["a", "c"]), np.array([2, 1]))
_BINS = ((0, 0.0, 0.0), (3, 0.7, 0.5))
_CONFIG = Config(dataset="digits", acquisition=("bald",), seed=3, keep_scores=True)
_SCORES = Scores(np.array(["a", "b", "c", "d"]), np.array([0.5, 0.0, 0.75, 0.0]))


def _point(labels, error):
    evaluation = Evaluation(error, 0.3, 0.2, 0.02, 0.4, 0.6, 0.9, _BINS)
    return CurvePoint(labels // 10, labels, evaluation, 2.5, _SECONDS)


def _events(folder):
    events = EventAccumulator(str(folder), size_guidance={"tensors": 0})
    return events.Reload()


def _read(folder):
    events = _events(folder)
    return {
        tag: [
            (event.step, tf.make_ndarray(event.tensor_proto)) for event in events.Tensors(tag)
        ]
        for tag in events.Tags()["tensors"]
        if not tag.startswith("_hparams_/")
    }


def _hparams(folder, tag):
    metadata = _events(folder).SummaryMetadata(f"_hparams_/{tag}")
    return plugin_data_pb2.HParamsPluginData.FromString(metadata.plugin_data.content)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "tensorboard"
    with TensorBoardLog(folder) as log:
        log.write_run(_CONFIG, {"data": "c0ffee", "keras": "3.15"})
        log.write_point(_point(20, 0.5), _SCORES)
        log.write_query(_point(20, 0.5), _QUERY, _LABELS, _EXAMPLES, _NAMES)
        log.write_point(_point(30, 0.25), None)
    return folder


@pytest.fixture(scope="module")
def written(folder):
    return _read(folder)


@pytest.mark.parametrize(
    ("tag", "values"),
    [
        ("error", [0.5, 0.25]),
        ("nll", [0.3, 0.3]),
        ("brier", [0.2, 0.2]),
        ("ece", [0.02, 0.02]),
        ("auc", [0.9, 0.9]),
        ("deterministic_error", [0.4, 0.4]),
        ("seconds/train", [4.0, 4.0]),
    ],
)
def test_scalars_stand_at_their_number_of_labels(written, tag, values):
    assert [step for step, _ in written[tag]] == [20, 30]
    np.testing.assert_allclose([value for _, value in written[tag]], values, rtol=1e-6)


def _picture(written, tag):
    step, (_, _, png) = written[tag][0]
    assert step == 20
    return tf.io.decode_png(png).numpy()


def test_bought_images_carry_class_and_score(written):
    expected = picks.picked_images(_EXAMPLES.images[[2, 0]], ["dog  0.7500", "owl  0.5000"])
    np.testing.assert_array_equal(_picture(written, "bought"), expected)


def test_bought_classes_are_counted(written):
    expected = picks.class_bars({"cat": 0, "dog": 1, "owl": 1})
    np.testing.assert_array_equal(_picture(written, "bought_per_class"), expected)


@pytest.mark.parametrize(
    ("tag", "number", "lowest", "highest", "at_lowest"),
    [
        ("scores", 4, 0.0, 0.75, 2),
        ("bought_scores", 2, 0.5, 0.75, 1),
        ("bought_classes", 2, 1, 2, 1),
    ],
)
def test_histograms_count_every_value(written, tag, number, lowest, highest, at_lowest):
    [(step, buckets)] = written[tag]
    left, right, count = buckets.T
    assert step == 20
    assert count.sum() == number
    assert (left[0], right[-1], count[0]) == (lowest, highest, at_lowest)


def test_every_round_has_its_reliability_diagram(written):
    assert [step for step, _ in written["reliability"]] == [20, 30]
    np.testing.assert_array_equal(_picture(written, "reliability"), reliability_diagram(_BINS))


def test_flags_are_shown_as_they_are(written):
    [(step, text)] = written["flags"]
    assert step == 0
    lines = text.item().decode().splitlines()
    assert lines == [f"    {line}" for line in _CONFIG.to_flags().splitlines()]


def test_lineage_is_a_table(written):
    [(step, text)] = written["lineage"]
    assert step == 0
    assert text.item() == b"| what | which |\n|---|---|\n| data | c0ffee |\n| keras | 3.15 |\n"


def test_hparams_are_what_makes_the_run(folder):
    found = _hparams(folder, "session_start_info").session_start_info.hparams
    assert set(found) == set(_CONFIG.identity_values())
    assert found["acquisition"].string_value == "bald"
    assert (found["seed"].number_value, found["learning_rate"].number_value) == (3, 0.001)


def test_hparams_of_equal_runs_are_of_one_group_and_of_others_not(tmp_path):
    groups = []
    for seed, name in ((3, "a"), (3, "b"), (4, "c")):
        with TensorBoardLog(tmp_path / name) as log:
            log.write_run(_CONFIG.replace(seed=seed, run_dir=name), {})
        info = _hparams(tmp_path / name, "session_start_info").session_start_info
        groups.append(info.group_name)
    assert groups[0] == groups[1] != groups[2]


def test_hparams_say_that_a_run_has_ended_if_it_has(folder, tmp_path):
    end = _hparams(folder, "session_end_info").session_end_info
    assert end.status == api_pb2.STATUS_SUCCESS
    with pytest.raises(KeyboardInterrupt), TensorBoardLog(tmp_path) as log:
        log.write_run(_CONFIG, {})
        raise KeyboardInterrupt
    with pytest.raises(KeyError):
        _hparams(tmp_path, "session_end_info")


def test_no_other_tags(written):
    assert set(written) == {
        *("error", "nll", "brier", "ece", "auc", "deterministic_error"),
        *("flags", "lineage", "scores", "bought_scores", "bought_classes"),
        *("bought", "bought_per_class", "reliability"),
        *(f"seconds/{phase}" for phase in _SECONDS),
    }


def test_what_was_not_measured_is_not_shown(tmp_path):
    evaluation = Evaluation(0.1, 0.3, 0.2, 0.02, 0.4, 0.6)
    with TensorBoardLog(tmp_path) as log:
        log.write_point(CurvePoint(0, 20, evaluation, 2.5, {}), None)
    assert set(_read(tmp_path)) == {"error", "nll", "brier", "ece", "deterministic_error"}


def test_a_round_can_be_read_before_the_log_is_closed(tmp_path):
    with TensorBoardLog(tmp_path) as log:
        log.write_point(_point(20, 0.5), None)
        assert [step for step, _ in _read(tmp_path)["error"]] == [20]
        log.write_query(_point(20, 0.5), _QUERY, _LABELS, _EXAMPLES, _NAMES)
        assert [step for step, _ in _read(tmp_path)["bought"]] == [20]


def test_a_run_that_goes_on_adds_to_its_log(tmp_path):
    for labels in (20, 30):
        with TensorBoardLog(tmp_path) as log:
            log.write_point(_point(labels, 0.5), None)
    assert [step for step, _ in _read(tmp_path)["error"]] == [20, 30]


def test_a_large_query_draws_its_first_hundred(tmp_path):
    ids = np.array([f"item-{row:03d}" for row in range(130)])
    images = np.random.default_rng(1).integers(0, 256, (130, 2, 2, 1)).astype(np.uint8)
    labels = Labels(ids, np.arange(130) % 3)
    query = Query(ids[::-1], np.linspace(1, 0, 130))
    with TensorBoardLog(tmp_path) as log:
        log.write_query(_point(20, 0.5), query, labels, Examples(ids, images), _NAMES)
    written = _read(tmp_path)
    names = [_NAMES[label] for label in labels.classes[::-1][:100]]
    captions = [f"{n}  {s:.4f}" for n, s in zip(names, query.scores[:100], strict=True)]
    expected = picks.picked_images(images[::-1][:100], captions, 5)
    np.testing.assert_array_equal(_picture(written, "bought"), expected)
    assert written["bought_classes"][0][1][:, 2].sum() == 130


def test_an_empty_query_draws_nothing(tmp_path):
    nothing = Query(np.array([], dtype="U1"), np.array([]))
    with TensorBoardLog(tmp_path) as log:
        log.write_query(_point(20, 0.5), nothing, _LABELS, _EXAMPLES, _NAMES)
    assert _read(tmp_path) == {"seconds/label": [(20, 0.5)]}


def test_measures_of_a_training_step(tmp_path):
    with TensorBoardLog(tmp_path) as log:
        log.write_measures("fit", {"loss": 0.5, "error": 0.25}, 500)
        log.write_measures("fit", {"loss": 0.25}, 1000)
    assert _read(tmp_path) == {
        "fit/loss": [(500, 0.5), (1000, 0.25)],
        "fit/error": [(500, 0.25)],
    }

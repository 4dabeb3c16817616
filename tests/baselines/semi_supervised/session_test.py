"""A fit that is stopped goes on from its checkpoint and ends as one that was not."""

import types

import numpy as np
import pytest
import tensorflow as tf

from dbal_tf.baselines.semi_supervised import session as session_module
from dbal_tf.baselines.semi_supervised.session import Session


class Part:
    """Writes the number of each step behind the others: 1, then 10, 101, 1012.

    `stop_at` is the first step of the chunk that is done and then lost; `clock` is
    moved on by 60 seconds each chunk.
    """

    def __init__(self, stop_at=-1, clock=None):
        self.total = tf.Variable(1, dtype=tf.int64)
        self.chunks, self.stop_at, self.clock = [], stop_at, clock

    def run(self, first, last):
        self.chunks.append((first, last))
        for step in range(first, last):
            self.total.assign(10 * self.total + step)
        if self.clock is not None:
            self.clock.seconds += 60
        if first == self.stop_at:
            raise KeyboardInterrupt
        return {"loss": tf.constant(first + 0.5)}

    def train(self, session, steps=8, chunk=3, name="part"):
        session.train(name, steps, self.run, {"total": self.total}, chunk)
        return int(self.total)


@pytest.fixture
def clock(monkeypatch):
    clock = types.SimpleNamespace(seconds=1000.0)
    time = types.SimpleNamespace(monotonic=lambda: clock.seconds)
    monkeypatch.setattr(session_module, "time", time)
    return clock


def test_each_step_is_done_once_in_chunks():
    part = Part()
    assert part.train(Session()) == 101234567
    assert part.chunks == [(0, 3), (3, 6), (6, 8)]


def test_what_was_chosen_is_kept():
    session = Session()
    session.choose(weight=1.0, margin=3.0)
    session.choose(margin=1.0)
    assert session.chosen == {"weight": 1.0, "margin": 1.0}
    assert Session().chosen == {}


def test_no_steps_do_nothing(tmp_path):
    part = Part()
    assert part.train(Session(tmp_path), steps=0) == 1
    assert not part.chunks


@pytest.mark.parametrize(("stop_at", "chunks"), [(0, 3), (3, 2), (6, 1)])
def test_stopped_part_ends_as_one_that_was_not(tmp_path, stop_at, chunks):
    stopped = Part(stop_at)
    with pytest.raises(KeyboardInterrupt):
        stopped.train(Session(tmp_path, every=0))
    resumed = Part()
    assert resumed.train(Session(tmp_path, every=0)) == 101234567
    assert resumed.chunks == [(0, 3), (3, 6), (6, 8)][-chunks:]


def test_part_may_be_stopped_twice(tmp_path):
    for stop_at in (3, 6):
        with pytest.raises(KeyboardInterrupt):
            Part(stop_at).train(Session(tmp_path, every=0))
    last = Part()
    assert last.train(Session(tmp_path, every=0)) == 101234567
    assert last.chunks == [(6, 8)]


def test_without_a_folder_it_begins_anew():
    session = Session(every=0)
    with pytest.raises(KeyboardInterrupt):
        Part(stop_at=3).train(session)
    again = Part()
    assert again.train(session) == 101234567
    assert again.chunks[0] == (0, 3)


def test_finished_part_is_not_done_again(tmp_path):
    Part().train(Session(tmp_path))
    said, again = [], Part()
    assert again.train(Session(tmp_path, say=said.append)) == 101234567
    assert not again.chunks and not said


def test_finished_part_goes_on_to_more_steps(tmp_path):
    Part().train(Session(tmp_path), steps=6)
    more = Part()
    assert more.train(Session(tmp_path), steps=8) == 101234567
    assert more.chunks == [(6, 8)]


def test_parts_do_not_share_checkpoints(tmp_path):
    session = Session(tmp_path)
    Part().train(session, steps=2, name="first")
    assert Part().train(session, name="second") == 101234567
    assert Part().train(session, steps=2, name="first") == 101


def test_one_checkpoint_is_kept(tmp_path):
    Part().train(Session(tmp_path, every=0))
    assert [path.name for path in (tmp_path / "part").glob("*.index")] == ["ckpt-8.index"]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_measure_that_is_not_finite_is_an_error(tmp_path, bad):
    logged, part = [], Part()

    def run(first, last):
        part.run(first, last)
        return {"cost": 1.0, "loss": tf.constant(bad if first == 3 else 2.0)}

    session = Session(tmp_path, log=lambda *entry: logged.append(entry), every=0)
    with pytest.raises(ArithmeticError, match=r"part: .*loss.* at step 6; .*not finite"):
        session.train("part", 8, run, {"total": part.total}, 3)
    assert [step for _, _, step in logged] == [3]
    # The bad chunk is not kept.
    resumed = Part()
    assert resumed.train(Session(tmp_path)) == 101234567
    assert resumed.chunks[0] == (3, 6)


def test_lines_have_steps_measures_and_the_time_left(clock):
    said = []
    Part(clock=clock).train(Session(say=said.append, every=0), steps=10, chunk=4)
    assert said == [
        "part: 4 of 10 steps, loss 0.5, 90 s left",
        "part: 8 of 10 steps, loss 4.5, 30 s left",
        "part: 10 of 10 steps, loss 8.5, 0 s left",
    ]


def test_time_left_counts_own_steps_alone(tmp_path, clock):
    """What was done before the stop took no time of this session's."""
    with pytest.raises(KeyboardInterrupt):
        Part(stop_at=4, clock=clock).train(Session(tmp_path, every=0), steps=10, chunk=2)
    said = []
    session = Session(tmp_path, say=said.append, every=0)
    Part(clock=clock).train(session, steps=10, chunk=2)
    assert said[0] == "part: 6 of 10 steps, loss 4.5, 2 min left"


def test_lines_and_checkpoints_are_seconds_apart(tmp_path, clock):
    said = []
    session = Session(tmp_path, say=said.append, every=120)
    with pytest.raises(KeyboardInterrupt):
        Part(stop_at=5, clock=clock).train(session, steps=10, chunk=1)
    assert [line.split(",")[0] for line in said] == [
        "part: 2 of 10 steps",
        "part: 4 of 10 steps",
    ]
    resumed = Part()
    assert resumed.train(session, steps=10, chunk=6) == 10123456789
    assert resumed.chunks == [(4, 10)]


def test_every_chunk_is_logged():
    logged = []
    Part().train(Session(log=lambda *entry: logged.append(entry)))
    assert logged == [
        ("part", {"loss": 0.5}, 3),
        ("part", {"loss": 3.5}, 6),
        ("part", {"loss": 6.5}, 8),
    ]


def test_say_shows_a_line():
    said = []
    Session(say=said.append).say("A line.")
    assert said == ["A line."]


class Stage:
    """Counts how often its arrays are computed."""

    arrays = types.MappingProxyType(
        {"near": np.arange(6).reshape(2, 3), "width": np.array(0.25, np.float32)}
    )

    def __init__(self):
        self.times = 0

    def compute(self):
        self.times += 1
        return dict(self.arrays)

    def check(self, arrays):
        assert sorted(arrays) == sorted(self.arrays)
        for name, expected in self.arrays.items():
            np.testing.assert_array_equal(arrays[name], expected, strict=True)


def test_stage_is_computed_once_with_a_folder(tmp_path):
    said, stage = [], Stage()
    for _ in range(2):
        folder = tmp_path / "not there yet"
        stage.check(Session(folder, say=said.append).stage("charts", stage.compute))
    assert stage.times == 1
    assert said == ["charts: 0 s"]


def test_stage_is_computed_again_without_a_folder():
    session, stage = Session(), Stage()
    for _ in range(2):
        stage.check(session.stage("charts", stage.compute))
    assert stage.times == 2


def test_stage_that_is_stopped_is_not_kept(tmp_path):
    def stop():
        raise KeyboardInterrupt

    stage = Stage()
    with pytest.raises(KeyboardInterrupt):
        Session(tmp_path).stage("charts", stop)
    stage.check(Session(tmp_path).stage("charts", stage.compute))
    assert stage.times == 1


def test_stage_is_read_without_pickle(tmp_path):
    stage = Stage()
    Session(tmp_path).stage("charts", stage.compute)
    with np.load(tmp_path / "charts.npz", allow_pickle=False) as kept:
        stage.check(dict(kept))


def test_stage_with_pickled_objects_is_refused(tmp_path):
    np.savez(tmp_path / "charts.npz", near=np.array([{}], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle"):
        Session(tmp_path).stage("charts", Stage().compute)

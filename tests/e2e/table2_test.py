"""Table 2 from the command line, on digits, with quick systems in the places of the real."""

import json
import pathlib
import shlex
import shutil

import pytest

from dbal_tf.components.oracle import DatasetOracle
from dbal_tf.config import SEMI_SUPERVISED, Config
from dbal_tf.loop import Run
from dbal_tf.store.bought import read_bought

pytestmark = pytest.mark.usefixtures("shared_fitters")

_ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture
def table2(program, tmp_path, monkeypatch, fake_systems):
    """Runs `--flagfile=configs/table2_light.cfg` with further flags, in a folder `table`."""
    monkeypatch.chdir(tmp_path)
    flagfile = _ROOT / "configs" / "table2_light.cfg"
    return lambda flags="": program(
        f"--flagfile={flagfile}", "--run_dir=table", *shlex.split(flags)
    )


def _result(path):
    return json.loads(pathlib.Path("table", path, "result.json").read_text())


def test_interrupted_resumed_and_reported(table2, fake_systems):
    fake_systems.stop = ("mtc", "second", 4)
    status, out, err = table2()
    assert status == 130
    assert "tsvm/0: second: 6 of 6 steps, loss " in out
    assert "Paused (stopped by SIGINT); nothing is lost." in err
    assert "--flagfile=table/flags.cfg" in err

    status, out, _ = table2("--report_only")
    assert (status, "2 of 8 fits have ended." in out) == (0, True)

    fake_systems.done.clear()
    status, out, err = table2()
    assert (status, err) == (0, "")
    assert fake_systems.done[0] == ("mtc", "second", 0)
    assert out.count("finished before") == 2
    assert "8 of 8 fits have ended." in out
    assert [_result(f"{name}/0")["labels"] for name in SEMI_SUPERVISED] == [100] * 8
    report = pathlib.Path("table", "report.md").read_text()
    assert report.count("| 100 | 900 |") == 8


def test_one_fit_alone_and_by_the_flags_that_it_left(table2, program, fake_systems):
    status, out, _ = table2("--only=vat/0 --repetitions=2")
    assert (status, "1 of 16 fits have ended." in out) == (0, True)
    assert {name for name, *_ in fake_systems.done} == {"vat"}
    before = _result("vat/0")
    pathlib.Path("table/vat/0/result.json").unlink()
    status, out, err = program("--flagfile=table/vat/0/flags.cfg")
    assert (status, err) == (0, "")
    assert _result("vat/0")["error"] == before["error"]


def test_variants_are_rows_of_their_own(table2):
    status, out, err = table2("--systems=full_ladder,ladder")
    assert (status, err) == (0, "")
    assert "2 of 2 fits have ended." in out
    assert _result("full_ladder/0")["system"] == "full_ladder"
    report = pathlib.Path("table", "report.md").read_text()
    assert "| Ladder network, all layers (Rasmus et al., 2015) | 1 |" in report
    assert "published is what their authors report" in report
    status, out, _ = table2("--systems=ladder")
    assert "1 of 1 fits have ended." in out


@pytest.fixture(scope="module")
def run_of_bald(tmp_path_factory):
    """The folder of a run of active learning on digits, to 60 labels."""
    folder = tmp_path_factory.mktemp("runs") / "bald"
    config = Config(
        dataset="digits",
        acquisition=("bald",),
        rounds=2,
        acquisition_size=20,
        epochs=2,
        num_samples=3,
        pool_subset=60,
        run_dir=str(folder),
    )
    # Without its last round, which buys nothing, and exports.
    with Run.open(config) as active:
        for _ in range(2):
            active.tell(DatasetOracle(active.dataset).run(active.ask()))
    return folder


@pytest.fixture
def bought(table2, run_of_bald, tmp_path):
    """The same beside the table."""
    shutil.copytree(run_of_bald, tmp_path / "bald")
    return "bald"


def test_the_labels_that_active_learning_bought(table2, bought, fake_systems):
    status, _, err = table2(f"--systems=vat --repetitions=2 --labels_from={bought}")
    assert (status, err) == (0, "")
    one, other = _result("vat/0"), _result("vat/1")
    assert one["labels_sha256"] == other["labels_sha256"]
    assert (one["labels"], one["unlabelled"], one["validation"]) == (60, 940, 200)
    labels = read_bought(pathlib.Path(bought)).labels
    given = fake_systems.given[0]
    assert given.classes.tolist() == labels.classes.tolist()
    assert one["bought_by"] == "bald, repetition 0, seed 0"

    status, _, err = table2("--systems=vat")
    assert status == 2
    assert "table/vat/0 holds a fit with other labels_sha256; give it the same" in err


@pytest.mark.parametrize(
    ("flags", "names"),
    [
        ("--labels_from=nowhere", "--labels_from=nowhere holds no run; expected a folder with"),
        ("--labels_from=bald --labels=61", "--labels=61 is above the 60 labels that"),
        ("--labels_from=bald --labels=9", "have none of class"),
        ("--labels_from=bald --classes=2,8", "is a run of other data than --dataset=digits"),
        ("--labels=9", "--labels=9 was given without --labels_from"),
        ("--labels_from=bald --experiment=figure1", "which buys its labels"),
        ("--systems=", "--systems is empty; expected one of embedding, tsvm,"),
        ("--systems=gan", "--systems=gan cannot be used; expected one of embedding, tsvm,"),
        ("--systems=vat,vat", "names a system twice"),
        ("--schedule=slow", "--schedule=slow cannot be used; expected one of faithful, light"),
        ("--only=gan/0", "--only=gan/0 names no run of the experiment; expected one of"),
        (
            "--initial_per_class=300",
            "labelled training images; expected at least --initial_per",
        ),
        ("--validation_size=1100", "the initial and validation sets take all 1200 training"),
        ("--report_only", "holds no fit that has ended; run some"),
        ("--run_dir=bald", "holds a single run"),
    ],
)
def test_bad_input_is_one_sentence_and_writes_nothing(table2, bought, flags, names):
    status, out, err = table2(flags)
    assert (status, out) == (2, "")
    assert names in err
    assert len(err.splitlines()) == 1
    assert err.endswith(".\n")
    assert not pathlib.Path("table").exists()

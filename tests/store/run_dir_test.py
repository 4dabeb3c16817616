import pathlib

import pytest

from dbal_tf.config.flagfile import from_flagfile
from dbal_tf.core import InputError
from dbal_tf.store import run_dir


def test_a_folder_with_what_a_kill_left_of_the_first_write(tiny):
    folder = pathlib.Path(tiny.run_dir)
    folder.mkdir()
    (folder / ".flags.cfg.partial").write_text("--see")
    run_dir.check_run_dir(tiny)


def test_a_folder_that_cannot_serve(tiny, tmp_path):
    (tmp_path / "file").touch()
    for name in ("file", "file/below"):
        with pytest.raises(InputError, match=r"cannot be written: .*file is not a writable"):
            run_dir.check_run_dir(tiny.replace(run_dir=str(tmp_path / name)))
    with pytest.raises(InputError, match="holds files but no run"):
        run_dir.check_run_dir(tiny.replace(run_dir=str(tmp_path)))
    (tmp_path / "flags.cfg").write_text(tiny.to_flags())
    with pytest.raises(InputError, match=r"--seed=9 \(the run has --seed=4\); give"):
        run_dir.check_run_dir(tiny.replace(run_dir=str(tmp_path), seed=9))
    run_dir.check_run_dir(tiny.replace(run_dir=str(tmp_path), rounds=9))


def test_a_folder_for_a_new_run_is_not_made_by_the_check(tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in (tiny.run_dir, "relative/new", "."):
        run_dir.check_run_dir(tiny.replace(run_dir=name))
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_is_gone_is_not_begun_anew(tiny, tmp_path):
    folder = pathlib.Path(tiny.run_dir)
    folder.mkdir()
    (folder / "flags.cfg").write_text(tiny.to_flags())
    (folder / "metadata.db").touch()
    (folder / "curve.csv").write_text("round,labels\n")
    run_dir.check_run_dir(tiny)
    (folder / "curve.csv").write_text("round,labels\n0,20\n")
    with pytest.raises(InputError) as error:
        run_dir.check_run_dir(tiny)
    assert str(error.value) == (
        f"{folder}/metadata.db is missing or empty, though {folder}/curve.csv shows committed "
        "rounds; put it back from a copy or choose another --run_dir."
    )


def test_a_folder_of_several_runs_may_hold_theirs_and_vary_their_flags(tiny, tmp_path):
    config = tiny.replace(run_dir=str(tmp_path))
    (tmp_path / "bald").mkdir()
    run_dir.check_run_dir(config, beside=("bald", "random"))
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(InputError, match="holds files but no run"):
        run_dir.check_run_dir(config, beside=("bald", "random"))
    (tmp_path / "flags.cfg").write_text(config.replace(repetition=3, seed=9).to_flags())
    run_dir.check_run_dir(config, free=("repetition", "seed"))
    with pytest.raises(InputError, match=r"flags: --seed=4 \(the run has --seed=9\); give"):
        run_dir.check_run_dir(config, free=("repetition",))


def test_the_flags_of_a_grid_are_of_the_whole_and_a_report_leaves_them(tiny):
    flags = pathlib.Path(tiny.run_dir, "flags.cfg")
    flags.parent.mkdir()
    grid = tiny.replace(experiment="figure1", only=("bald/0",))
    run_dir.keep_grid_flags(grid)
    kept = flags.read_text()
    assert from_flagfile(kept) == grid.replace(only=())
    run_dir.keep_grid_flags(grid.replace(report_only=True, repetitions=7))
    assert flags.read_text() == kept
    run_dir.keep_grid_flags(grid.replace(repetitions=7))
    assert from_flagfile(flags.read_text()).repetitions == 7

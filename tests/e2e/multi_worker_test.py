"""Two processes on the loopback device that work as one, stopped and gone on."""

import pathlib
import subprocess
import sys

from dbal_tf.store.writer import Store

_TOOL = pathlib.Path(__file__).parents[2] / "tools" / "multi_worker.py"
_FLAGS = (
    *("--dataset=digits", "--epochs=2", "--num_samples=3", "--pool_subset=50"),
    *("--weight_decay=2.5", "--export_every=-1"),
)


def _run(folder: pathlib.Path, rounds: int) -> tuple[list[str], list]:
    flags = [*_FLAGS, f"--rounds={rounds}", f"--run_dir={folder}"]
    done = subprocess.run(
        [sys.executable, _TOOL, "--workers=2", "--", *flags],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    with Store(folder) as store:
        return store.reader.labels().ids.tolist(), [p.evaluation for p in store.reader.curve()]


def test_a_run_of_two_workers_goes_on(tmp_path):
    bought, curve = _run(tmp_path / "run", rounds=1)
    assert (len(bought), len(curve)) == (30, 2)
    grown, longer = _run(tmp_path / "run", rounds=2)
    assert grown[:30] == bought
    assert len(set(grown)) == 40
    assert longer[:2] == curve
    assert (tmp_path / "run" / "rounds" / "0001" / "query.csv").is_file()

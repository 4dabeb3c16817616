"""The program, whose labels a person fills into a file between two starts."""

import csv
import subprocess
import sys


def _start(folder, *more):
    return subprocess.run(
        [
            *(sys.executable, "-m", "dbal_tf.main", "--dataset=digits", "--oracle=csv"),
            *("--rounds=1", "--epochs=1", "--num_samples=2", "--pool_subset=50"),
            *("--acquisition_size=2", f"--run_dir={folder}", "--kernel_size=2", *more),
        ],
        capture_output=True,
        text=True,
    )


def test_it_ends_with_status_3_while_a_file_waits(tmp_path):
    done = _start(tmp_path / "run")
    path = tmp_path / "run" / "to_label.csv"
    assert done.returncode == 3, done.stderr
    assert done.stderr == (
        f"dbal_tf: 2 images wait in {path}; label them and give the same command.\n"
    )
    first, second = csv.DictReader(path.open(encoding="utf-8-sig"))
    path.write_text(f"id,label\n{first['id']},7\n{second['id']},seven\n")
    wrong = _start(tmp_path / "run", "--verbosity=0")
    assert wrong.returncode == 2
    assert f"{path}, line 3: {second['id']} is labelled seven, which is no" in wrong.stderr

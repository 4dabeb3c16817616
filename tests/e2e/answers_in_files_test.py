"""The program, whose labels a person fills into a file between two starts."""

import csv
import subprocess
import sys


def test_it_ends_with_status_3_while_a_file_waits_and_2_if_it_is_wrong(tmp_path, program):
    path = tmp_path / "run" / "to_label.csv"
    flags = [
        *("--dataset=digits", "--oracle=csv", "--rounds=1", "--epochs=1", "--num_samples=2"),
        *("--pool_subset=50", "--acquisition_size=2", "--kernel_size=2"),
        f"--run_dir={path.parent}",
    ]
    command = [sys.executable, "-m", "dbal_tf.main", *flags]
    done = subprocess.run(command, capture_output=True, text=True)
    said = f"dbal_tf: 2 images wait in {path}; label them and give the same command.\n"
    assert (done.returncode, done.stderr) == (3, said)
    first, second = csv.DictReader(path.open(encoding="utf-8-sig"))
    text = f"id,label\n{first['id']},7\n{second['id']},seven\n"
    path.write_text(text)
    status, _, err = program(*flags)
    assert (status, path.read_text()) == (2, text)
    assert f"{path}, line 3: {second['id']} is labelled seven, which is not a class" in err

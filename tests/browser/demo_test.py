"""The demo folder, labelled by keyboard alone, from the one command to the SavedModel.

Needs Chromium, its driver and selenium (`tools/browser.sh`).
"""

import pathlib
import runpy
import subprocess
import sys
import time

import numpy as np
import pytest

from dbal_tf.datasets import digits
from dbal_tf.store.writer import Store

_ROOT = pathlib.Path(__file__).parents[2]
_FLAGS = (
    *("--test_size=20", "--rounds=2", "--steps=60"),
    "--class_names=0,1,2,3,4,5,6,7,8,9",
)


@pytest.fixture
def truth(tmp_path):
    """Writes the demo folder; returns the key of each image's class."""
    runpy.run_path(str(_ROOT / "tools" / "demo_folder.py"))["write"](
        tmp_path / "demo", 300, labelled=False
    )
    classes = digits.load("").train_classes
    order = np.random.Generator(np.random.PCG64(0)).permutation(len(classes))[:300]
    return {f"{n:04d}.png": str(classes[row]) for n, row in enumerate(order)}


@pytest.fixture
def program(tmp_path):
    """The program as docs/own_images.md starts it."""
    command = [sys.executable, "-m", "dbal_tf.main", "--flagfile=configs/own_images.cfg"]
    command += [f"--data_dir={tmp_path / 'demo'}", f"--run_dir={tmp_path / 'run'}", *_FLAGS]
    process = subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.communicate()


def test_sixty_labels_by_keyboard(tmp_path, truth, program, person):
    address = next(line for line in program.stdout if "Label at" in line).split()[-1]
    printed = time.monotonic()
    person.open(address)
    # From the address to the first image, with a name typed between.
    shown, given = time.monotonic() - printed, []
    while program.poll() is None:
        if person.script("return document.querySelector('#answers.waiting') === null"):
            given.append(person.label(truth.__getitem__))
        else:
            time.sleep(0.1)  # The training needs the processor.
    assert program.returncode == 0, program.stdout.read()
    assert shown < 3
    assert len(set(given)) == len(given) >= 60
    with Store(tmp_path / "run") as store:
        saved = store.reader.answers_after(0)
    assert {row.item: str(row.label) for row in saved} == {item: truth[item] for item in given}
    assert (tmp_path / "run" / "curve.png").stat().st_size > 0
    assert list((tmp_path / "run" / "export").glob("*/saved_model.pb"))

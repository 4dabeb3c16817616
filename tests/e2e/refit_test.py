"""tools/refit.py fits what a run bought with its settings, and with others."""

import pathlib
import runpy
import sys

from dbal_tf.components.example_gen import load
from dbal_tf.config import Config
from dbal_tf.store.csv_files import curve_csv
from dbal_tf.store.published import picks_csv
from dbal_tf.store.rows import LabelRecord

_TOOL = runpy.run_path(str(pathlib.Path(__file__).parents[2] / "tools" / "refit.py"))


def test_the_same_labels_with_other_settings(tmp_path, monkeypatch, capsys):
    config = Config(dataset="digits", kernel_size=2, epochs=25, run_dir=str(tmp_path))
    dataset = load(config)
    flags = config.to_flags().splitlines(keepends=True)
    flags = [line for line in flags if not line.startswith(("--run_dir", "--data_dir"))]
    (tmp_path / "flags.cfg").write_text("".join(flags))
    bought = dataset.hidden.select(dataset.splits.pool_ids[:40])
    rows = [LabelRecord(item, c, 0, 0, None, None, state) for item, c, state in bought.rows()]
    (tmp_path / "picks.csv").write_text(picks_csv(rows))
    (tmp_path / "versions.json").write_text("{}")
    (tmp_path / "curve.csv").write_text(curve_csv([]))
    settings = ("--settings=", "--settings=augment=shift,rotate,learning_rate=1e-12")
    monkeypatch.setattr(
        sys,
        "argv",
        ["refit.py", "--data_dir=", "--labels=10,40", "--seeds=2", *settings, str(tmp_path)],
    )
    _TOOL["main"]()
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in capsys.readouterr().out.splitlines()[2:]
    ]
    assert [row[:2] for row in cells] == [
        *(["", "10"], ["", "40"]),
        *(
            ["augment=shift,rotate,learning_rate=1e-12", "10"],
            ["augment=shift,rotate,learning_rate=1e-12", "40"],
        ),
    ]
    # Forty labels teach more than ten, and steps of no length nothing.
    assert float(cells[1][2]) < float(cells[0][2]) < 90
    assert cells[2][3] == cells[3][3]
    ((first, second),) = _TOOL["test_errors"](config, dataset, [bought], range(2))
    assert cells[1][3] == f"{first:.2f} {second:.2f}"


def test_held_out_images_are_of_the_pool_and_were_not_bought(tmp_path):
    dataset = load(Config(dataset="digits", run_dir=str(tmp_path)))
    bought = dataset.hidden.select(dataset.splits.pool_ids[:900])
    held_out = _TOOL["with_held_out"](dataset, bought, 50)
    ids = set(held_out.test.ids)
    assert len(ids) == 50
    assert ids <= set(dataset.splits.pool_ids) - set(bought.ids)
    assert held_out.test_labels.ids.tolist() == held_out.test.ids.tolist()
    assert held_out.train is dataset.train
    # Nothing learns from them, not even without their labels.
    assert not ids & set(held_out.splits.pool_ids)
    assert len(held_out.splits.pool_ids) == len(dataset.splits.pool_ids) - 50

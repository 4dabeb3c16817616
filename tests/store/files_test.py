import io
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from dbal_tf.store.files import digest, npz, sync, write_atomically


def test_text_is_utf8_and_bytes_are_bytes(tmp_path):
    write_atomically(tmp_path / "a" / "b" / "text", "5 µm\n")
    write_atomically(tmp_path / "bytes", b"\x00\xff")
    assert (tmp_path / "a" / "b" / "text").read_bytes() == b"5 \xc2\xb5m\n"
    assert (tmp_path / "bytes").read_bytes() == b"\x00\xff"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "bytes"]


def test_arrays_are_read_by_their_names_and_may_be_compressed():
    arrays = {"zeros": np.zeros(10_000), "ids": np.array(["a", "bc"]), "name": "x.npy"}
    plain, compressed = npz(arrays), npz(arrays, compressed=True)
    for content in (plain, compressed):
        with np.load(io.BytesIO(content), allow_pickle=False) as read:
            assert {name: read[name].tolist() for name in read.files} == {
                "zeros": [0.0] * 10_000,
                "ids": ["a", "bc"],
                "name": "x.npy",
            }
    assert len(compressed) < 2000 < 80_000 < len(plain)


def test_a_file_is_replaced_as_a_whole(tmp_path):
    path = tmp_path / "curve.csv"
    write_atomically(path, "long old content")
    with open(path) as reader:
        write_atomically(path, "new")
        assert reader.read() == "long old content"
    assert path.read_text() == "new"


def test_two_processes_may_write_the_same_file(tmp_path):
    code = (
        "import pathlib, sys; from dbal_tf.store.files import write_atomically\n"
        "for _ in range(200): write_atomically(pathlib.Path(sys.argv[1]), sys.argv[2] * 9)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "same")]
    writers = [subprocess.Popen([*command, text]) for text in "ab"]
    assert [writer.wait() for writer in writers] == [0, 0]
    assert (tmp_path / "same").read_text() in ("a" * 9, "b" * 9)
    assert len([*tmp_path.iterdir()]) == 1


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_an_error_while_writing_leaves_the_old_file(tmp_path, monkeypatch, step):
    def fail(*_):
        raise OSError("disk full")

    path = tmp_path / "curve.csv"
    write_atomically(path, "old")
    monkeypatch.setattr(os, step, fail)
    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path], "a half file keeps its room"


def test_it_is_on_disk_before_it_gets_its_name(tmp_path, monkeypatch):
    seen = []
    replace = os.replace

    def record(source, target):
        seen.append(pathlib.Path(source).read_text())
        replace(source, target)

    monkeypatch.setattr(os, "fsync", lambda _: seen.append("synced"))
    monkeypatch.setattr(os, "replace", record)
    write_atomically(tmp_path / "curve.csv", "new")
    assert seen == ["synced", "new"]


def test_the_digest_of_a_file_is_its_sha256(tmp_path):
    (tmp_path / "abc").write_text("abc")
    assert digest(tmp_path / "abc") == (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )
    with pytest.raises(FileNotFoundError):
        digest(tmp_path / "absent")


def test_the_digest_of_a_folder_is_that_of_its_files_and_names(tmp_path):
    def fill(name, **files):
        for path, text in files.items():
            write_atomically(tmp_path / name / path.replace("_", "/"), text)
        return digest(tmp_path / name)

    first = fill("first", b_c="2", a="1")
    assert fill("same", a="1", b_c="2") == first
    others = [fill("moved", a="1", c="2"), fill("edited", a="1", b_c="3"), fill("less", a="1")]
    assert len({first, *others}) == 4


def test_files_and_folders_are_synced(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("content")
    synced = []
    monkeypatch.setattr(os, "fsync", lambda number: synced.append(os.fstat(number).st_ino))
    sync(tmp_path / "file", tmp_path)
    assert synced == [(tmp_path / "file").stat().st_ino, tmp_path.stat().st_ino]

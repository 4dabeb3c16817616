import os
import pathlib

from dbal_tf.datasets.image_files import find_images


def _write(folder: pathlib.Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def test_images_sorted_and_others_passed_over(tmp_path) -> None:
    _write(tmp_path, "b.JPG", "a/c d.png", "ä.webp", "notes.txt", ".hidden.png", ".git/a.png")
    _write(tmp_path, "Thumbs.db", "a/raw.heic")
    files, set_aside = find_images(tmp_path)
    assert [file.id for file in files] == ["a/c d.png", "b.JPG", "ä.webp"]
    assert files[0].size == 1
    state = (tmp_path / "a/c d.png").stat()
    assert files[0][2:] == (state.st_mtime_ns, state.st_ctime_ns, state.st_ino)
    assert set_aside == {"a/raw.heic": "it is not a JPEG, PNG, BMP, GIF, WebP or TIFF"}


def test_runs_are_passed_over(tmp_path) -> None:
    _write(tmp_path, "a.png", "run/flags.cfg", "run/metadata.db", "run/curve.png")
    _write(tmp_path, "runs/grid/flags.cfg", "runs/grid/figure1.png", "runs/grid/bald/bald.png")
    _write(tmp_path, "runs/grid/bald/0/metadata.db", "runs/b.png", "notes/flags.cfg")
    _write(tmp_path, "table2/flags.cfg", "table2/vat/0/begun.json", "table2/table2.png")
    _write(tmp_path, "notes/c.png")
    files, set_aside = find_images(tmp_path)
    assert [file.id for file in files] == ["a.png", "notes/c.png", "runs/b.png"]
    assert set_aside == {}


def test_links(tmp_path) -> None:
    inside = tmp_path / "in"
    _write(tmp_path, "out/secret.png", "in/a.png")
    (inside / "b.png").symlink_to(inside / "a.png")
    (inside / "evil.png").symlink_to(tmp_path / "out/secret.png")
    (inside / "far").symlink_to(tmp_path / "out")
    (inside / "loop.png").symlink_to(inside / "loop.png")
    (inside / "gone.png").symlink_to(inside / "nothing.png")
    files, set_aside = find_images(inside)
    assert [file.id for file in files] == ["a.png", "b.png"]
    assert sorted(set_aside) == ["evil.png", "far", "gone.png", "loop.png"]
    assert set_aside["evil.png"] == "it is a link out of the folder"


def test_names_that_no_text_file_can_hold(tmp_path) -> None:
    for name in (b"new\nline.png", b"\xff.png", b"good.png"):
        pathlib.Path(os.fsdecode(os.path.join(os.fsencode(tmp_path), name))).touch()
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "folder.png").mkdir()
    files, set_aside = find_images(tmp_path)
    assert [file.id for file in files] == ["good.png"]
    assert sorted(set_aside) == ["\\udcff.png", "new\nline.png", "pipe.png"]
    assert "".join(set_aside).encode()


def test_a_folder_that_cannot_be_listed(tmp_path, monkeypatch) -> None:
    _write(tmp_path, "a.png", "shut/b.png")
    real = os.scandir

    def scandir(path: str) -> object:
        if os.fspath(path).endswith("shut"):
            raise PermissionError(13, "Permission denied", os.fspath(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    files, set_aside = find_images(tmp_path)
    assert [file.id for file in files] == ["a.png"]
    assert set_aside == {"shut": "it cannot be read (Permission denied)"}

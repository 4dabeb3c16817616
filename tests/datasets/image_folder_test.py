import dataclasses
import pathlib
import runpy
import shutil

import numpy as np
import pytest
from PIL import Image

from dbal_tf.config import Config
from dbal_tf.core import InputError
from dbal_tf.datasets.decoding import decode
from dbal_tf.datasets.image_folder import FolderOptions, load


@pytest.fixture
def folder(tmp_path, monkeypatch) -> pathlib.Path:
    """Two classes of three images, all different."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    rng = np.random.default_rng(0)
    for name in ("dog", "cat"):
        (tmp_path / "images" / name).mkdir(parents=True)
        for number in range(3):
            pixels = rng.integers(0, 256, (8, 8), np.uint8)
            Image.fromarray(pixels).save(tmp_path / "images" / name / f"{number}.png")
    return tmp_path / "images"


def _options(folder: pathlib.Path, text: str, **options) -> FolderOptions:
    (folder.parent / "labels.csv").write_text(text)
    return FolderOptions(str(folder.parent / "labels.csv"), **options)


def test_sub_folders_are_classes(folder) -> None:
    source = load(str(folder))
    assert source.class_names == ("cat", "dog")
    assert source.train.ids.tolist()[:3] == ["cat/0.png", "cat/1.png", "cat/2.png"]
    assert source.train_classes.tolist() == [0, 0, 0, 1, 1, 1]
    assert source.train.images.shape == (6, 8, 8, 1)
    assert (len(source.test), source.groups.tolist()) == (0, [0, 1, 2, 3, 4, 5])


def test_a_renamed_folder_is_the_same(folder) -> None:
    before = load(str(folder))
    folder.rename(folder.with_name("other"))
    after = load(f"{folder.with_name('other')}/")
    assert after.train.ids.tolist() == before.train.ids.tolist()
    assert after.checksum() == before.checksum()


def test_labels_from_a_file(folder) -> None:
    source = load(str(folder), _options(folder, "label;id\nb;dog/1\na;cat/2.png\n"))
    assert source.class_names == ("a", "b")
    assert source.train_classes.tolist() == [-1, -1, 0, -1, 1, -1]
    options = _options(folder, "id,label\ndog/1,b\nno,a\n", class_names=("b", "a"))
    source = load(str(folder), options)
    assert source.train_classes.tolist() == [-1, -1, -1, -1, 0, -1]
    assert "1 ids of --labels_csv" in source.findings.notes[0]


def test_accents_in_two_ways(folder) -> None:
    whole, apart = "caf\u00e9", "cafe\u0301"
    (folder / "dog").rename(folder / apart)
    source = load(str(folder), FolderOptions(class_names=("cat", whole)))
    assert source.train_classes.tolist() == [1, 1, 1, 0, 0, 0]
    assert load(str(folder)).class_names == (apart, "cat")
    lines = f"id,label\n{whole}/0.png,{apart}\n{apart}/1.png,{whole}\n"
    source = load(str(folder), _options(folder, lines, class_names=("cat", whole)))
    assert source.train_classes.tolist() == [1, 1, -1, -1, -1, -1]
    source = load(str(folder), _options(folder, f"{lines}cat/0,cat\n"))
    assert source.train_classes[:4].tolist() == [0, 0, -1, 1], "one class, written in two ways"


def test_parts_of_a_data_set_are_no_classes(folder) -> None:
    for part in ("train", "Test"):
        shutil.copytree(folder, folder.parent / "parts" / part)
    with pytest.raises(InputError) as error:
        load(str(folder.parent / "parts"))
    assert str(error.value) == (
        f"--data_dir={folder.parent}/parts has the sub-folders Test, train, which seem to be "
        "parts of a data set; expected one for each class; give "
        f"--data_dir={folder.parent}/parts/train, or --class_names=Test,train if they are "
        "classes."
    )
    with pytest.raises(InputError, match=r"give --data_dir=\S*/alone/train\.$"):
        shutil.copytree(folder, folder.parent / "alone/train")
        load(str(folder.parent / "alone"))
    options = FolderOptions(class_names=("train", "Test"))
    assert load(str(folder.parent / "parts"), options).class_names == ("train", "Test")
    assert load(str(folder.parent / "parts/train")).class_names == ("cat", "dog")
    shutil.copytree(folder, folder.parent / "parts/bus")
    assert len(load(str(folder.parent / "parts")).class_names) == 3


def test_a_number_of_the_row_is_no_id(folder) -> None:
    text = "id,filename,label\n0,cat/2.png,b\n1,dog/1.png,a\n"
    source = load(str(folder), _options(folder, text))
    assert source.train_classes.tolist() == [-1, -1, 1, -1, 0, -1]


def test_class_names_alone(folder) -> None:
    Image.new("L", (8, 8)).save(folder / "loose.png")
    source = load(str(folder), FolderOptions(class_names=("dog", "horse")))
    assert source.train_classes.tolist() == [-1, -1, -1, 0, 0, 0, -1]
    assert source.class_names == ("dog", "horse")


def test_what_cannot_be_read_is_set_aside(folder) -> None:
    (folder / "cat/1.png").write_bytes(b"no")
    (folder / "dog/x.heic").write_bytes(b"no")
    source = load(str(folder))
    assert source.train.ids.tolist()[:2] == ["cat/0.png", "cat/2.png"]
    assert [path for path, _ in source.findings.unreadable] == ["cat/1.png", "dog/x.heic"]
    assert source.findings.files == 7
    with pytest.raises(InputError, match=r"2 images .* first cat/1.png: it is not a JPEG"):
        load(str(folder), FolderOptions(strict=True))


def test_near_copies_are_grouped_and_listed(folder) -> None:
    shutil.copy(folder / "cat/0.png", folder / "dog/copy.png")
    source = load(str(folder))
    assert source.findings.near_copies == ((("cat/0.png", "cat"), ("dog/copy.png", "dog")),)
    assert source.groups.tolist() == [0, 1, 2, 3, 4, 5, 0]
    assert len(source.train) == 7
    source = load(str(folder), FolderOptions(near_copies=False))
    assert (source.groups.tolist(), source.findings.near_copies) == ([*range(7)], ())


def test_groups_of_a_file_join_near_copies(folder, tmp_path) -> None:
    shutil.copy(folder / "cat/0.png", folder / "dog/copy.png")
    table = tmp_path / "groups.csv"
    # The same name, written in two ways.
    table.write_text("id,group\ncat/1,M\u00fcller\ndog/copy,Mu\u0308ller\ngone,p\n")
    options = FolderOptions(groups_csv=str(table))
    source = load(str(folder), options)
    first, second, copy = (
        source.groups[source.train.rows(np.array([item]))[0]]
        for item in ("cat/0.png", "cat/1.png", "dog/copy.png")
    )
    assert first == second == copy
    assert len(set(source.groups.tolist())) == 5
    assert len(source.findings.near_copies) == 1, "the others are not copies"
    lost, count = source.findings.notes
    assert lost.startswith("1 ids of --groups_csv")
    assert count == (
        f"2 of 7 images have a group in --groups_csv={table}, of 1 different ones; each of the "
        "others is alone."
    )
    with pytest.raises(InputError, match="1 ids of --groups_csv"):
        load(str(folder), dataclasses.replace(options, strict=True))
    table.write_text("id,group\ncat/1,\n")
    with pytest.raises(InputError, match="names no group of an image"):
        load(str(folder), options)


def test_one_file_for_labels_and_groups(folder) -> None:
    names = [f"{name}/{number}.png" for name in ("cat", "dog") for number in range(3)]
    rows = [f"{name},{name[:3]},{name[4]}\n" for name in names]
    options = _options(folder, "id,label,patient_id\n" + "".join(rows))
    source = load(str(folder), dataclasses.replace(options, groups_csv=options.labels_csv))
    assert source.train_classes.tolist() == [0, 0, 0, 1, 1, 1]
    assert source.groups.tolist() == [0, 1, 2, 0, 1, 2]


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("id,label\ncat/0,a\n", {}, "has 1 classes; expected at least two"),
        ("id,label\ncat/0,a\n", {"class_names": ("b", "c")}, "label a, which is none of"),
        ("id,label\nx,a\ny,b\n", {}, "2 ids .* name no image .* first x"),
        ("id,label\nx,a\ncat/0,b\n", {"strict": True}, "1 ids .* name no image"),
    ],
)
def test_labels_that_cannot_be_used(folder, text: str, options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load(str(folder), _options(folder, text, **options))


def test_folders_that_cannot_be_used(folder, tmp_path) -> None:
    for wrong in ("", str(tmp_path / "none"), str(folder / "cat/0.png")):
        with pytest.raises(InputError, match="is not a folder"):
            load(wrong)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"holds no images that can be used \(0 are set"):
        load(str(tmp_path / "empty"))
    (tmp_path / "empty/x.heic").touch()
    aside = r"\(1 are set aside, first x.heic: it is not a JPEG"
    with pytest.raises(InputError, match=aside):
        load(str(tmp_path / "empty"))
    with pytest.raises(InputError, match="has 0 classes"):
        load(str(folder / "cat"))
    for path in folder.rglob("*.png"):
        path.write_bytes(b"no")
    with pytest.raises(InputError, match="None of the 6 image files can be read"):
        load(str(folder))


def test_options_of_the_settings() -> None:
    config = Config(dataset="image_folder", image_size="4x6", resize="crop", strict=True)
    assert FolderOptions.from_config(config) == FolderOptions("", (), (4, 6), "crop", True)
    config = config.replace(near_copies="ignore")
    assert not FolderOptions.from_config(config).near_copies


def test_the_networks_pixels_are_those_of_the_decoder(folder) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    turned, deep = folder / "cat/turned.jpg", folder / "dog/deep.png"
    gradient = np.arange(64, dtype=np.uint8).reshape(8, 8) * 4
    Image.fromarray(gradient).save(turned, exif=exif)
    Image.fromarray(gradient.astype(np.uint16) * 257).save(deep)
    images = load(str(folder)).train.select(np.array(["cat/turned.jpg", "dog/deep.png"])).images
    np.testing.assert_array_equal(images[0], decode(turned.read_bytes()))
    np.testing.assert_array_equal(images[1], decode(deep.read_bytes()))
    np.testing.assert_array_equal(images[1][..., 0], gradient)
    assert images[0][0, 0, 0] > images[0][0, -1, 0], "turned clockwise: what was left is on top"


def test_the_demo_folders_flags(tmp_path, monkeypatch, capsys) -> None:
    tool = pathlib.Path(__file__).parents[2] / "tools/demo_folder.py"
    main = runpy.run_path(str(tool))["main"]

    def run(*flags: str) -> None:
        monkeypatch.setattr("sys.argv", ["demo_folder.py", *flags])
        main()

    (tmp_path / "file").touch()
    for flags, message in (
        ([f"--out={tmp_path / 'file'}"], "is a file; expected a new or empty folder"),
        ([f"--out={tmp_path}"], "is not empty; expected a new or empty folder"),
        ([f"--out={tmp_path / 'a'}", "--images=0"], "--images=0 asks for no image"),
        ([f"--out={tmp_path / 'a'}", "--images=-3"], "--images=-3 asks for no image"),
    ):
        with pytest.raises(SystemExit, match=message):
            run(*flags)
    run(f"--out={tmp_path / 'a b'}", "--images=2", "--labelled")
    assert capsys.readouterr().out.endswith(f"--data_dir='{tmp_path}/a b'\n")


def test_the_demo_folder(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    tool = pathlib.Path(__file__).parents[2] / "tools/demo_folder.py"
    write = runpy.run_path(str(tool))["write"]
    assert write(tmp_path / "some", 30, labelled=False) == 30
    source = load(str(tmp_path / "some"), FolderOptions(class_names=tuple("0123456789")))
    assert source.train.images.shape == (30, 28, 28, 1)
    assert (source.train_classes == -1).all()
    write(tmp_path / "all", 100, labelled=True)
    source = load(str(tmp_path / "all"))
    assert source.class_names == tuple("0123456789")
    assert {item.split("/")[1] for item in source.train.ids[:1].tolist()} <= {
        f"{number:04d}.png" for number in range(100)
    }

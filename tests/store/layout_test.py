import shlex

from dbal_tf.store import layout


def test_the_files_of_a_round_have_its_number():
    assert layout.query_file(7) == "rounds/0007/query.csv"
    assert layout.scores_file(12345) == "rounds/12345/scores.npz"


def test_every_name_is_told_once():
    names = [value for name, value in vars(layout).items() if name.isupper()]
    assert len(names) == len(set(names))
    told = [name for one in names for name in ([one] if isinstance(one, str) else one)]
    told += ["rounds/0007/", "query.csv", "scores.npz", "predictions.npz", "out_of_fold.npz"]
    hidden = [layout.LOCK_FILE, layout.PAGE_FILE, layout.PAGE_LOCK_FILE]
    assert [name for name in told if name not in layout.__doc__] == hidden


def test_how_to_go_on_names_the_flags_if_they_are_there(tmp_path):
    folder = tmp_path / "my run; rm"
    folder.mkdir()
    assert layout.how_to_go_on(str(folder)) == "To go on, give the same command."
    (folder / "flags.cfg").touch()
    first, command = layout.how_to_go_on(str(folder)).splitlines()
    assert first == "To go on, give the same command, or:"
    assert shlex.split(command) == [
        *("python", "-m", "dbal_tf.main", f"--flagfile={folder}/flags.cfg")
    ]

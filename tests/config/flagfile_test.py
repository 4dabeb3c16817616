import doctest
import pathlib

import pytest

from dbal_tf import main
from dbal_tf.config import Config, flagfile
from dbal_tf.config.flagfile import (
    _comparable,
    differing_flags,
    from_flagfile,
    identity_lines,
)
from dbal_tf.core import InputError

_ROOT = pathlib.Path(__file__).parents[2]
_PUBLISHED = sorted((_ROOT / "docs" / "results").rglob("flags.cfg"))


def test_a_flagfile_reads_back_to_its_settings():
    config = Config(
        acquisition=("bald", "random"), keep_scores=True, learning_rate=0.02, rounds=7
    )
    assert from_flagfile(config.to_flags()) == config
    assert from_flagfile("--rounds=7\n") == Config(rounds=7)


def test_a_line_ends_at_a_newline_alone():
    text = "--run_dir=a\x0b--seed=5\n"
    with pytest.raises(InputError, match=r"--run_dir='a.x0b--seed=5' cannot be used"):
        from_flagfile(text)
    assert identity_lines(text) == ""
    assert differing_flags(Config(run_dir="a"), text) == []


@pytest.mark.parametrize("character", ["\x85", "\u2028", "\u2029", "\x1e"])
def test_what_a_reader_may_take_for_the_end_of_a_line_is_refused(character):
    with pytest.raises(InputError, match="expected UTF-8 text without control characters"):
        Config(run_dir=f"a{character}--seed=5")


@pytest.mark.parametrize(
    "line",
    [
        *("--roundz=7", "--rounds=many", "--keep_scores=maybe", "--=1", "rounds 7"),
        *("rounds=7", "--rounds", "--rounds 7", "--flagfile=other.cfg"),
    ],
)
def test_a_flagfile_that_no_run_wrote(line):
    with pytest.raises(InputError, match=f"The flagfile reads {line}"):
        from_flagfile(f"{line}\n")


def test_comments_blank_lines_and_spaces_count_for_nothing():
    text = "# a comment\n\n  --rounds=7  \r\n//--seed=9\n \n--rounds=8"
    assert from_flagfile(text) == Config(rounds=8)
    assert from_flagfile(text) == Config(rounds=8)
    assert identity_lines(f"{text}\n--seed=9\n") == "--seed=9\n"


_READ_LIKE_ABSL = """
# A comment, then what a run writes and what a user may make of it.
--acquisition=bald, random
//--seed=4

--seed=3
--seed=5
--keep_scores=true
--mixed_precision=F
--learning_rate=2e-2
  --classes=2,8
--run_dir=a = b#c
--weight_decay=2.50
"""


def test_it_is_read_as_absl_reads_it(program, monkeypatch, tmp_path):
    seen = []
    monkeypatch.setattr(main, "_run", lambda config: seen.append(config) or 0)
    (tmp_path / "flags.cfg").write_text(_READ_LIKE_ABSL)
    assert program(f"--flagfile={tmp_path}/flags.cfg") == (0, "", "")
    assert seen == [from_flagfile(_READ_LIKE_ABSL)]
    assert (seen[0].seed, seen[0].run_dir) == (5, "a = b#c")


@pytest.mark.parametrize("path", _PUBLISHED, ids=lambda path: str(path.parent.name))
def test_the_flagfiles_of_the_published_results_can_be_read(path):
    config = from_flagfile(path.read_text())
    assert differing_flags(config, path.read_text()) == []


def test_examples_in_docstrings():
    assert doctest.testmod(flagfile) == (0, 1)


def test_flags_of_vat_differ_where_it_is_used_alone():
    ours = Config(vat_epsilon=3.0, unlabelled_batch=9)
    assert differing_flags(ours, "") == []
    vat = ours.replace(trainer="vat", steps="9", unlabelled_batch=64)
    assert differing_flags(vat, "--trainer=vat\n--steps=9\n--vat_epsilon=2") == [
        "--vat_epsilon=3.0 (the run has --vat_epsilon=2)"
    ]
    assert len(differing_flags(ours, "--trainer=vat")) == 3


def test_comparable_values():
    assert _comparable("weight_decay", "2.50") == _comparable("weight_decay", "2.5") == 2.5
    assert _comparable("weight_decay", "auto") == "auto"
    assert _comparable("keep_scores", "True") is _comparable("keep_scores", "t") is True
    assert _comparable("acquisition", "bald, random") == ("bald", "random")
    assert _comparable("seed", "many") == "many"
    assert _comparable("momentum", "0.90") == "0.90"
    assert _comparable("momentum", None) is None


def test_identity_lines_are_those_that_may_not_change():
    lines = identity_lines(Config().to_flags()).splitlines()
    assert "--seed=0" in lines and "--acquisition=var_ratios" in lines
    assert not any(line.startswith(("--run_dir", "--rounds", "--data_dir")) for line in lines)
    longer = Config(rounds=7, run_dir="x").to_flags()
    assert identity_lines(longer).splitlines() == lines

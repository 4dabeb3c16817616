import pytest

from dbal_tf.config import Config
from dbal_tf.config.flagfile import from_flagfile, identity_lines
from dbal_tf.core import InputError


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
    assert Config(run_dir="a").differing(text) == []


@pytest.mark.parametrize("character", ["\x85", "\u2028", "\u2029", "\x1e"])
def test_what_a_reader_may_take_for_the_end_of_a_line_is_refused(character):
    with pytest.raises(InputError, match="expected UTF-8 text without control characters"):
        Config(run_dir=f"a{character}--seed=5")


@pytest.mark.parametrize(
    "line", ["--roundz=7", "--rounds=many", "--keep_scores=maybe", "--=1", "rounds 7"]
)
def test_a_flagfile_that_no_run_wrote(line):
    with pytest.raises(InputError, match=f"The flagfile reads {line}"):
        from_flagfile(f"{line}\n")


def test_identity_lines_are_those_that_may_not_change():
    lines = identity_lines(Config().to_flags()).splitlines()
    assert "--seed=0" in lines and "--acquisition=var_ratios" in lines
    assert not any(line.startswith(("--run_dir", "--rounds", "--data_dir")) for line in lines)
    longer = Config(rounds=7, run_dir="x").to_flags()
    assert identity_lines(longer).splitlines() == lines

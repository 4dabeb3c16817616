from dbal_tf import config
from dbal_tf.config import Config
from dbal_tf.experiments import engine
from dbal_tf.experiments.programs import PROGRAMS, run


def test_every_name_of_the_flag_has_a_program():
    assert tuple(PROGRAMS) == config.EXPERIMENTS
    assert {name for name, does in PROGRAMS.items() if does is engine.run} == set(config.GRIDS)


def test_the_settings_choose_the_program(monkeypatch):
    done = []
    for name in PROGRAMS:
        monkeypatch.setitem(PROGRAMS, name, lambda config, say, name=name: done.append(name))
    run(Config(experiment="table2"), print)
    run(Config(), print)
    assert done == ["table2", "run"]

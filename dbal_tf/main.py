"""Deep Bayesian active learning on images (Gal, Islam and Ghahramani, 2017).

Trains a Bayesian CNN on a few labels, finds the images whose labels would teach it
most, gets them labelled, and repeats. To resume a run, give the same command again.

  python -m dbal_tf.main --dataset=digits --rounds=18       no download
  python -m dbal_tf.main --acquisition=var_ratios           the paper's MNIST run
  python -m dbal_tf.main --flagfile=configs/quickstart.cfg  two techniques
"""

import functools
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from absl import app, flags, logging

from dbal_tf import config as settings
from dbal_tf.config import messages
from dbal_tf.core import AnswersAwaited, InputError
from dbal_tf.runtime import faults, interrupts, startup
from dbal_tf.store.layout import how_to_go_on

FLAGS = flags.FLAGS
_DEFINE: dict[type, Callable[..., Any]] = {
    str: flags.DEFINE_string,
    int: flags.DEFINE_integer,
    float: flags.DEFINE_float,
    bool: flags.DEFINE_boolean,
    tuple: flags.DEFINE_list,
}


def _define(kind: type, name: str, default: Any, help: str) -> None:
    # absl groups --help by module; these are the program's own flags.
    value = list(default) if kind is tuple else default
    _DEFINE[kind](name, value, help, module_name=sys.argv[0])


settings.define_flags({kind: functools.partial(_define, kind) for kind in _DEFINE})


def _parse(argv: list[str]) -> list[str]:
    """Parses the command line; exits with one sentence if it is wrong."""
    try:
        rest = FLAGS(argv)
    except SystemExit:  # absl ends with status 1 after --help.
        sys.exit(0)
    except (flags.Error, UnicodeDecodeError) as error:
        _fail(f"{messages.plain(error)}; see --help for all flags.")
    if FLAGS["verbosity"].using_default_value:
        # FLAGS["verbosity"] would stay marked as a default, which absl turns into INFO.
        FLAGS.verbosity = logging.WARNING  # type: ignore[assignment]
    if len(rest) > 1:
        _fail(f"'{rest[1]}' is not a flag; expected --name=value; see --help for all flags.")
    return rest


def _main(_: list[str]) -> int:
    try:
        config = settings.from_flags(FLAGS.flag_values_dict())
        with interrupts.raising():
            return _run(config)
    except interrupts.Interrupted as stop:
        print(f"\n{stop} {how_to_go_on(config.run_dir)}", file=sys.stderr)
        return stop.status
    except AnswersAwaited as awaited:
        _fail(str(awaited), status=3)
    except Exception as error:
        if FLAGS.verbosity >= logging.DEBUG:
            raise
        if isinstance(error, InputError):
            _fail(str(error))
        _fail(faults.sentence(error, config.run_dir), status=1)


def _run(config: settings.Config) -> int:
    # TensorFlow is imported late, so that a wrong flag is reported at once.
    startup.import_tensorflow(FLAGS.verbosity < logging.DEBUG, config.jit_compile)
    from dbal_tf.experiments import engine, table2

    run = table2.run if config.experiment == "table2" else engine.run
    run(config, lambda line: print(line, flush=True))
    return 0


def _fail(sentence: str, status: int = 2) -> NoReturn:
    print(f"dbal_tf: {sentence}", file=sys.stderr)
    sys.exit(status)


def cli() -> None:
    """Runs the program with the flags of the command line."""
    app.run(_main, flags_parser=_parse)


if __name__ == "__main__":
    cli()

"""Serves the page where a person labels the images of a run.

  python -m dbal_tf.label RUN_DIR

Prints the page's address. Answers go to the run's store. The run is another process,
which goes on with these answers: start it by `python -m dbal_tf.main --oracle=web`,
which also serves the page. Both can be stopped and started at any time.
"""

import argparse
import pathlib
import shlex
import sqlite3
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

from dbal_tf.core import InputError
from dbal_tf.labelling.turn import Wait, signals_held, turn, wait_for_turn
from dbal_tf.runtime import interrupts
from dbal_tf.store.layout import how_to_go_on

if TYPE_CHECKING:
    from dbal_tf.labelling.server import Options

_EXPOSED = (
    "Other machines can reach this page. Whoever has the address can see the images and "
    "answer; the connection is unencrypted."
)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"dbal_tf: {message}; see --help.\n")


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = _Parser(
        "dbal_tf.label",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("run_dir", metavar="RUN_DIR", type=pathlib.Path)
    parser.add_argument("--port", type=_port, default=0, help="0: any free port")
    parser.add_argument(
        "--expose", action="store_true", help="let other machines reach the page"
    )
    parser.add_argument(
        "--annotator", default="", help="name for all answers; without it, the page asks"
    )
    parser.add_argument(
        "--show_predictions",
        choices=("never", "after", "before"),
        default="after",
        help="when to show the model's predictions; before the answer, they bias it",
    )
    parser.add_argument("--data_dir", default="", help="where the images are, if they moved")
    return parser.parse_args(arguments)


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 6 and int(text) < 65536):
        raise argparse.ArgumentTypeError(f"got {text!r}; expected a number from 0 to 65535")
    return int(text)


def _serve(run_dir: pathlib.Path, options: "Options", arguments: Sequence[str]) -> int:
    """Serves the page until a signal comes; returns the exit status."""
    from dbal_tf.labelling.offers import DONE, written_state
    from dbal_tf.labelling.server import check_run_dir

    check_run_dir(run_dir)
    with signals_held() as wait:
        number = None
        while number is None:
            number = wait_for_turn(run_dir, lambda: _say_who_serves(run_dir), wait)
            if number is not None:
                return number and 128 + number
            with turn(run_dir) as is_ours:
                if is_ours:  # Another process may have been quicker.
                    number = _show(run_dir, options, wait)
    again = shlex.join(["python", "-m", "dbal_tf.label", *arguments])
    print(f"The page is no longer served; all answers are kept. To serve it again:\n  {again}")
    if written_state(run_dir) != DONE:
        print(how_to_go_on(str(run_dir)))
    return 128 + number


def _say_who_serves(run_dir: pathlib.Path) -> None:
    from dbal_tf.labelling.security import read_address

    address = read_address(run_dir)
    where = f" at {address.url()}" if address.port else ""  # It has no port yet.
    told = f"Another process serves this page{where}; this one waits until it ends."
    print(told, flush=True)


def _show(run_dir: pathlib.Path, options: "Options", wait: Wait) -> int:
    from dbal_tf.labelling.server import serving

    with serving(run_dir, options) as address:
        print(f"Label at {address}", flush=True)
        if options.expose:
            print(_EXPOSED, flush=True)
        return wait(None) or 0


def main(arguments: Sequence[str]) -> int:
    """Runs the program; returns its exit status."""
    given = _options(arguments)
    # Imported late: this takes a moment, and signals are handled by now.
    from dbal_tf.labelling.server import Options
    from dbal_tf.labelling.wire import Refused, annotator

    run_dir = given.run_dir
    options = Options(
        given.port, given.expose, given.annotator, given.show_predictions, given.data_dir
    )
    try:
        if given.annotator:
            annotator(given.annotator)
        return _serve(run_dir, options, arguments)
    except Refused as error:
        print(f"dbal_tf: --annotator={given.annotator}: {error}", file=sys.stderr)
        return 2
    except (InputError, sqlite3.DatabaseError, OSError) as error:
        print(f"dbal_tf: {error}", file=sys.stderr)
        return 2


def cli() -> None:
    """Runs the program with the command line's arguments."""
    try:
        with interrupts.raising():
            status = main(sys.argv[1:])
    except interrupts.Interrupted as stop:
        status = stop.status
    sys.exit(status)


if __name__ == "__main__":
    cli()

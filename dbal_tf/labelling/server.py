"""The page's HTTP server."""

import contextlib
import dataclasses
import pathlib
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from absl import logging
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from dbal_tf.core import InputError
from dbal_tf.labelling.app import App
from dbal_tf.labelling.desk import Desk
from dbal_tf.labelling.security import (
    LOOPBACK,
    Address,
    Door,
    own_names,
    read_address,
    write_address,
)
from dbal_tf.labelling.sources import open_source
from dbal_tf.store.layout import STORE_FILE
from dbal_tf.store.writer import Store


@dataclasses.dataclass(frozen=True)
class Options:
    """How a page is served.

    Attributes:
        port: The port; 0: that of the last start if it is free, else any.
        expose: Whether other machines may reach the page.
        annotator: The name for all answers; empty: each page asks for a name.
        show_predictions: `never`, `after` or `before`.
        data_dir: Folder of the images; empty: that of the run.
    """

    port: int = 0
    expose: bool = False
    annotator: str = ""
    show_predictions: str = "never"
    data_dir: str = ""


class _Handler(WSGIRequestHandler):
    """A handler that ends idle connections and logs to absl."""

    timeout = 30  # seconds for a browser to send its request

    def log(self, type: str, message: str, *args: Any) -> None:
        logging.debug("%s", message % args)

    def version_string(self) -> str:
        return "dbal_tf"


def check_run_dir(run_dir: pathlib.Path) -> None:
    """Checks that a folder has a store, before anything is written to it.

    Raises:
        InputError: It has none.
    """
    if not (run_dir / STORE_FILE).is_file():
        raise InputError(
            f"{run_dir} has no {STORE_FILE}; expected the folder of a run; start the run first."
        )


@contextlib.contextmanager
def serving(run_dir: pathlib.Path, options: Options) -> Iterator[str]:
    """Serves the page of a run in threads while the block runs; yields its address.

    Raises:
        InputError: The run has not begun, its images cannot be shown, or the port
            is taken.
    """
    with contextlib.ExitStack() as stack:
        thread = stack.enter_context(ThreadPoolExecutor(1, "desk"))
        # SQLite requires that a connection is used by the thread that opened it.
        store = thread.submit(Store, run_dir).result()
        stack.callback(lambda: thread.submit(store.__exit__).result())
        show = options.show_predictions
        desk = thread.submit(Desk, run_dir, store, show_predictions=show).result()
        config = desk.ledger.config
        source = open_source(config.replace(data_dir=options.data_dir or config.data_dir))
        kept = read_address(run_dir)
        listener = stack.enter_context(_listen(options, kept))
        port = listener.getsockname()[1]
        hosts = own_names() if options.expose else LOOPBACK
        door = Door(kept.token, f"dbal_tf_{port}", hosts, any_address=options.expose)
        app = App(desk, thread, source, door, options.annotator)
        stack.callback(app.close)
        host, port = listener.getsockname()
        server = make_server(
            host, port, app, threaded=True, request_handler=_Handler, fd=listener.fileno()
        )
        address = Address(port, kept.token)
        write_address(run_dir, address)
        stack.enter_context(_running(server))
        name = socket.gethostname() if options.expose else host
        yield address.url(name)


def _listen(options: Options, kept: Address) -> socket.socket:
    """Returns a socket at the given port, at that of the last start, or at any."""
    host = "0.0.0.0" if options.expose else "127.0.0.1"  # noqa: S104 only with --expose
    for port in [options.port] if options.port else [kept.port, 0]:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen(128)
            return listener
        except OSError as error:
            listener.close()
            problem = error
    raise InputError(
        f"--port={options.port} cannot be used ({problem.strerror}); choose another, or 0 for "
        "any free port."
    )


@contextlib.contextmanager
def _running(server: BaseWSGIServer) -> Iterator[None]:
    worker = threading.Thread(target=server.serve_forever, name="server", daemon=True)
    worker.start()
    try:
        yield
    finally:
        server.shutdown()
        worker.join()
        server.server_close()

"""The page's WSGI application: routes and replies."""

import functools
import json
import pathlib
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from absl import logging
from werkzeug.wrappers import Request, Response

from dbal_tf.labelling import wire
from dbal_tf.labelling.alike import Alike
from dbal_tf.labelling.desk import Desk
from dbal_tf.labelling.lists import LISTS
from dbal_tf.labelling.pictures import SIZES, Pictures
from dbal_tf.labelling.security import HEADERS, Door
from dbal_tf.labelling.sources import PixelSource, Unavailable
from dbal_tf.labelling.wire import Refused

PAGE = pathlib.Path(__file__).parent / "page"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_MAX_NEXT, _MAX_LIST, _MAX_ALIKE = 32, 100, 100


class App:
    """Serves the page of one run.

    Args:
        desk: Built and used only in the thread of `thread`.
        thread: A pool of one thread. It owns the store's connection, so requests change
            leases and answers one at a time.
        source: Gives the pixels.
        door: Decides which requests are let in.
        annotator: The name for all answers; empty: each page asks for a name.
    """

    def __init__(
        self,
        desk: Desk,
        thread: ThreadPoolExecutor,
        source: PixelSource,
        door: Door,
        annotator: str = "",
    ) -> None:
        self._desk, self._thread, self._door, self._annotator = desk, thread, door, annotator
        self._items, self._num_classes = desk.ledger.items, len(desk.ledger.class_names)
        self._pictures, self._alike_ones = Pictures(source), Alike(source)
        self._files = {f"/{p.name}": p for p in PAGE.iterdir() if p.suffix in _TYPES}
        self._files["/"] = PAGE / "index.html"
        self._gets: dict[str, Callable[[Request], Any]] = {
            "/api/run": self._run,
            "/api/next": self._next,
            "/api/list": self._list,
            "/api/alike": self._alike,
            "/api/curve": lambda request: self._at_desk(self._desk.curve),
        }
        self._posts: dict[str, Callable[[dict[str, Any]], Any]] = {
            "/api/answer": self._answer,
            "/api/answers": self._answer,
            "/api/undo": self._undo,
            "/api/renew": self._renew,
        }

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        """Handles a request, as a WSGI application."""
        response = self._respond(Request(environ))
        response.headers.extend(HEADERS)
        return response(environ, start_response)

    def close(self) -> None:
        """Ends the threads that make pictures."""
        self._pictures.close()
        self._alike_ones.close()

    def _respond(self, request: Request) -> Response:
        try:
            self._door.check_sender(
                request.headers.get("Host", ""), request.headers.get("Origin")
            )
            return self._route(request)
        except Refused as refusal:
            return _json({"error": str(refusal)}, refusal.status)
        except sqlite3.Error as error:
            # The disk is full, or the store is locked: the page tries again.
            logging.warning("The store: %s", error)
            return _json({"error": f"The answers cannot be stored now ({error})."}, 503)

    def _route(self, request: Request) -> Response:
        path = request.path
        is_get = path in self._gets or path in self._files or path.startswith("/image/")
        is_post = path in self._posts or path == "/api/login"
        if not is_get and not is_post:
            raise Refused(404, "There is no such page.")
        method = "GET" if is_get else "POST"
        if request.method != method:
            refused = _json({"error": f"Only {method} is served here."}, 405)
            refused.headers["Allow"] = method
            return refused
        if path in self._files:
            return _file(self._files[path])
        if path == "/api/login":
            return self._log_in(_body(request))
        self._door.check_cookie(request.cookies)
        if path.startswith("/image/"):
            return self._image(request)
        if is_get:
            return _json(self._gets[path](request))
        return _json(self._posts[path](_body(request)))

    def _at_desk(self, call: Callable[[], Any]) -> Any:
        return self._thread.submit(call).result()

    def _log_in(self, body: dict[str, Any]) -> Response:
        response = _json({"signed_in": True})
        session = self._door.log_in(body.get("token"))
        response.set_cookie(
            self._door.cookie, session, path="/", httponly=True, samesite="Strict"
        )
        return response

    def _run(self, request: Request) -> dict[str, Any]:
        del request
        run = self._at_desk(self._desk.run)
        keys = default_keys(run["classes"])
        fixed = {"annotator": self._annotator} if self._annotator else {}
        return {**run, "keys": keys, "annotators": not self._annotator, **fixed}

    def _next(self, request: Request) -> dict[str, Any]:
        annotator = wire.annotator(request.args.get("annotator"), self._annotator)
        count = wire.whole_number(request.args, "count", 4, _MAX_NEXT)
        reply = self._at_desk(functools.partial(self._desk.next, annotator, count))
        self._pictures.prepare(one["item"] for one in reply["items"])
        return reply

    def _list(self, request: Request) -> dict[str, Any]:
        which = request.args.get("which", "")
        if which not in LISTS:
            raise Refused(400, f"'which' must be one of {', '.join(LISTS)}.")
        offset = wire.whole_number(request.args, "offset", 0, 10**8)
        count = wire.whole_number(request.args, "count", 50, _MAX_LIST)
        return self._at_desk(functools.partial(self._desk.list, which, offset, count))

    def _alike(self, request: Request) -> dict[str, Any]:
        item = self._known(request.args.get("item"))
        count = wire.whole_number(request.args, "count", 23, _MAX_ALIKE)
        # Thumbnails are compared in this thread, so that answers do not have to wait.
        items = self._at_desk(functools.partial(self._desk.answerable_with, item))
        items = self._alike_ones.nearest(item, items, count)
        leased = self._at_desk(functools.partial(self._desk.lease_with, item, items))
        return {"items": leased}

    def _answer(self, body: dict[str, Any]) -> dict[str, Any]:
        told = wire.told(body, self._num_classes, self._annotator)
        return self._at_desk(functools.partial(self._desk.answer, told))

    def _undo(self, body: dict[str, Any]) -> dict[str, Any]:
        annotator = wire.annotator(body.get("annotator"), self._annotator)
        request, meant = wire.request_id(body.get("id")), body.get("items", [])
        items = wire.item_names(meant) if meant else ()
        return self._at_desk(functools.partial(self._desk.undo, annotator, request, items))

    def _renew(self, body: dict[str, Any]) -> dict[str, Any]:
        annotator = wire.annotator(body.get("annotator"), self._annotator)
        items = [self._known(item) for item in wire.item_names(body.get("items"))]
        return self._at_desk(functools.partial(self._desk.renew, annotator, items))

    def _image(self, request: Request) -> Response:
        size = request.args.get("size", "full")
        if size not in SIZES:
            raise Refused(400, f"'size' must be {' or '.join(SIZES)}.")
        item = self._known(request.path.removeprefix("/image/"))
        try:
            content, kind = self._pictures.get(item, size)
        except Unavailable as problem:
            raise Refused(404, str(problem)) from problem
        return Response(content, content_type=kind)

    def _known(self, item: str | None) -> str:
        # Only the run's own items are looked up, so no other file can be requested.
        if item is None or item not in self._items:
            raise Refused(404, "There is no such image in this run.")
        return item


def _body(request: Request) -> dict[str, Any]:
    """Returns the JSON object that was posted."""
    if request.mimetype != "application/json":
        raise Refused(415, "Expected a body of the type application/json.")
    length = request.content_length
    if length is None:
        raise Refused(411, "Expected a body of a known length.")
    if length > wire.MAX_BODY:
        raise Refused(413, f"The body is too large; expected at most {wire.MAX_BODY} bytes.")
    return wire.parse(request.stream.read(length))


def default_keys(class_names: Sequence[str]) -> list[str]:
    """Returns the keys that the page proposes, at least for the first classes.

    >>> default_keys(["cat", "dog"]), default_keys(["2", "8"])
    (['1', '2'], ['2', '8'])
    """
    # A class that is named by a digit gets that key, because people would press it.
    if all(name in set("0123456789") for name in class_names):
        return list(class_names)
    return [str(number + 1) for number in range(min(9, len(class_names)))]


def _json(value: Any, status: int = 200) -> Response:
    return Response(json.dumps(value, allow_nan=False), status, content_type="application/json")


def _file(path: pathlib.Path) -> Response:
    return Response(path.read_bytes(), content_type=_TYPES[path.suffix])

"""A stand-in for the labelling program.

It checks what the page sends it, keeps its answers in memory, and can be
told to fail: `down`, `lose`, `delay`, `refuse`.
"""

import io
import itertools
import json
import mimetypes
import pathlib
import socket
import threading
import time
import uuid

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits
from werkzeug.exceptions import HTTPException, abort
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

import dbal_tf

PAGE = pathlib.Path(dbal_tf.__file__).parent / "labelling" / "page"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
)
STATES = ("skipped", "unsure")


class FakeLabelServer:
    """Serves the page and the images of digits.

    Attributes:
        rows: Every answer, in order: id of the client, items, answer, annotator.
        down: Whether connections are cut before anything is done.
        lose: How many replies get lost after their answer was saved.
        refuse: The sentence that the next answer is refused with.
    """

    def __init__(self, count=200, classes=tuple("0123456789"), show="never"):
        images, self.truth = load_digits(return_X_y=True)
        self.images = images.reshape(-1, 8, 8)[:count]
        self.items = [f"digits/{row:03d}.png" for row in range(count)]
        self.classes, self.show, self.annotators = list(classes), show, True
        self.rows, self.leases, self.state = [], {}, "asking"
        self.down, self.lose, self.delay, self.refuse = False, 0, 0.0, ""
        self.keys = [*"1234567890", *"qwerty"]
        self.query = list(self.items)
        self.curve = {"labels": [], "error": [], "low": [], "high": []}
        self.advice = None
        self.token, self._cookie = "t" * 32, uuid.uuid4().hex
        self._lock = threading.Lock()
        self._server = make_server(
            "127.0.0.1", 0, self._application, threaded=True, request_handler=Quiet
        )
        self.port = self._server.port
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/#token={self.token}"

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def sign_all_out(self):
        self._cookie = uuid.uuid4().hex

    @property
    def answers(self):
        """The answer that stands for each item, undone ones left out."""
        standing = [row for row in self.rows if not row["undone"]]
        return {item: row["answer"] for row in standing for item in row["items"]}

    def _application(self, environ, start_response):
        request = Request(environ)
        request.get_data()
        time.sleep(self.delay)
        if self.down and request.path.startswith(("/api/", "/image/")):
            abort_connection(environ)
        try:
            response = self._respond(request)
        except HTTPException as error:
            response = error.get_response(environ)
            if error.code != 404:
                body = f'{{"error": "{error.description}"}}'
                response = Response(body, error.code, mimetype="application/json")
        if self.lose and request.method == "POST" and request.path != "/api/login":
            self.lose -= 1
            abort_connection(environ)
        response.headers["Content-Security-Policy"] = POLICY
        return response(environ, start_response)

    def _respond(self, request):
        path = request.path
        if path.startswith("/image/"):
            self._check_cookie(request)
            return self._image(path.removeprefix("/image/"), request.args["size"])
        if not path.startswith("/api/"):
            file = PAGE / (path.strip("/") or "index.html")
            if file.parent != PAGE or not file.is_file():
                abort(404)
            return Response(file.read_bytes(), mimetype=mimetypes.guess_type(file.name)[0])
        if request.method == "POST":
            assert request.content_length <= 2**16
            assert request.mimetype == "application/json"
            assert request.headers["Origin"] == f"http://127.0.0.1:{self.port}"
        if path == "/api/login":
            return self._login(request.json)
        self._check_cookie(request)
        with self._lock:
            names = ("run", "next", "answer", "answers", "undo", "list", "alike", "curve")
            names += ("renew",)
            name = path.removeprefix("/api/")
            if name not in names:
                abort(404)
            what = getattr(self, f"_{name}")
            reply = what(**(request.json if request.method == "POST" else request.args))
        return json_response(reply)

    def _check_cookie(self, request):
        if request.cookies.get("dbal_tf") != self._cookie:
            abort(401, "no cookie; open the address that was printed")

    def _login(self, body):
        if body != {"token": self.token}:
            abort(401, "the token is wrong")
        response = json_response({})
        response.set_cookie("dbal_tf", self._cookie, httponly=True, samesite="Strict", path="/")
        return response

    def _image(self, item, size):
        assert size in ("full", "thumb")
        if item not in self.items:
            abort(404)
        pixels = 255 - self.images[self.items.index(item)] / 16 * 255
        image = Image.fromarray(pixels.astype(np.uint8)).resize(
            (32, 32), Image.Resampling.BICUBIC
        )
        file = io.BytesIO()
        image.save(file, "PNG")
        headers = {"Cache-Control": "private, no-store"}
        return Response(file.getvalue(), mimetype="image/png", headers=headers)

    def _run(self):
        answers = list(self.answers.values())
        spent = sum(answer not in STATES for answer in answers)
        budget = {"spent": spent, "left": len(self.query) - spent, "start": 20, "test": 10}
        budget |= {"of_test": 50, "corrections": 1, "validation": 0, "of_validation": 0}
        budget |= {state: answers.count(state) for state in STATES}
        return {
            "id": f"fake-{self.port}",
            "name": "digits",
            "classes": self.classes,
            "keys": self.keys[: len(self.classes)],
            "show_predictions": self.show,
            "annotators": self.annotators,
            "budget": budget,
            "labels_per_hour": 1412.0 if spent else None,
            "round": 3,
            "rounds": 10,
            "state": self.state,
            "go_on": "To go on:\n  python -m dbal_tf.main --flagfile=runs/a/flags.cfg",
            "advice": self.advice,
        }

    def _next(self, annotator, count):
        assert annotator and 1 <= int(count) <= 32
        now, answers = time.monotonic(), self.answers
        free = [
            item
            for item in self.query
            if item not in answers
            and (
                self.leases.get(item, (annotator, 0))[0] == annotator
                or self.leases[item][1] < now
            )
        ]
        chosen = free[: int(count)]
        self.leases |= {item: (annotator, now + 120) for item in chosen}
        entries = [self._entry(item) for item in chosen]
        return {"items": entries, "left": len(free), "state": self.state}

    def _renew(self, annotator, items):
        answers, leases = self.answers, self.leases
        free = [item for item in items if item not in answers]
        own = [item for item in free if leases.get(item, (annotator,))[0] == annotator]
        self.leases |= {item: (annotator, time.monotonic() + 120) for item in own}
        return {"items": own}

    def _curve(self):
        return self.curve

    def _entry(self, item):
        number = self.items.index(item)
        use = "test" if number % 7 == 3 else "query"
        shown = self._prediction(item) if self.show == "before" else None
        return {"item": item, "use": use, "rank": number, "prediction": shown, "previous": None}

    def _prediction(self, item):
        count, likely = (
            len(self.classes),
            self.truth[self.items.index(item)] % len(self.classes),
        )
        probs = np.full(count, 0.3 / (count - 1))
        probs[likely] = 0.7
        return {"class": int(likely), "probs": probs.tolist()}

    def _answer(self, item, **body):
        reply = self._save([item], **body)
        return reply | ({"prediction": self._prediction(item)} if self.show == "after" else {})

    def _answers(self, items, **body):
        assert len(items) > 1
        return self._save(items, **body)

    def _save(self, items, answer, annotator, seconds, id):
        uuid.UUID(id)
        assert annotator and seconds >= 0
        assert set(items) <= set(self.items) and len(set(items)) == len(items)
        assert answer in STATES or self.classes[answer]
        if self.refuse:
            sentence, self.refuse = self.refuse, ""
            abort(409, sentence)
        known = [row for row in self.rows if row["id"] == id]
        if not known:
            row = {"id": id, "items": items, "answer": answer, "annotator": annotator}
            self.rows.append(row | {"undone": False, "undo": None})
        return {"saved": True, "answer_id": len(self.rows)}

    def _undo(self, annotator, id, items):
        done = [row for row in self.rows if row["undo"] == id]
        own = [r for r in self.rows if r["annotator"] == annotator and not r["undone"]]
        if items:
            own = [row for row in own if set(row["items"]) <= set(items)]
        row = (done or own[-1:] or [None])[0]
        if row is None:
            return {"item": None}
        row |= {"undone": True, "undo": id}
        entry = self._entry(row["items"][0])
        return {"item": entry["item"], "use": entry["use"], "previous": row["answer"]}

    def _list(self, which, offset, count):
        rows = [r for r in self.rows if not r["undone"]]
        answers = {item: row for row in rows for item in row["items"]}
        found = [
            {"item": item, "answer": row["answer"], "annotator": row["annotator"]}
            | {"prediction": self._prediction(item) if row["answer"] not in STATES else None}
            for item, row in answers.items()
            if self._belongs(which, item, row["answer"])
        ]
        if which == "conflicts":
            pairs = itertools.islice(answers.items(), 3)
            found = [
                {
                    "item": item,
                    "answer": (row["answer"] + shift) % 10,
                    "annotator": who,
                    "prediction": None,
                }
                for item, row in pairs
                for shift, who in enumerate(("Ann", "Ben"))
                if row["answer"] not in STATES
            ]
        first = int(offset)
        return {"items": found[first : first + int(count)], "total": len(found)}

    def _belongs(self, which, item, answer):
        if which in STATES:
            return answer == which
        if which == "disagreements":
            return answer not in STATES and answer != self._prediction(item)["class"]
        return which == "answered" and answer not in STATES

    def _alike(self, item, count):
        answers, number = self.answers, self.items.index(item)
        distances = ((self.images - self.images[number]) ** 2).sum((1, 2))
        near = [self.items[row] for row in np.argsort(distances) if row != number]
        return {"items": [item for item in near if item not in answers][: int(count)]}


class Quiet(WSGIRequestHandler):
    """Keeps no log; a connection that is cut on purpose is no error."""

    def log(self, *_):
        pass

    def run_wsgi(self):
        try:
            super().run_wsgi()
        except ConnectionAbortedError:
            self.close_connection = True


def json_response(value):
    return Response(json.dumps(value), mimetype="application/json")


def abort_connection(environ):
    """As if the program had been killed at this moment."""
    environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
    raise ConnectionAbortedError


@pytest.fixture
def label_server():
    """Makes stand-ins for the labelling program."""
    servers = []

    def start(*arguments, **options):
        servers.append(FakeLabelServer(*arguments, **options))
        return servers[-1]

    yield start
    for server in servers:
        server.close()

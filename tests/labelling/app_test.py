import json
import urllib.parse
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from werkzeug.test import Client

from dbal_tf.artifacts import Examples
from dbal_tf.labelling import app as app_module
from dbal_tf.labelling.app import App, default_keys
from dbal_tf.labelling.desk import Desk
from dbal_tf.labelling.security import Door
from dbal_tf.labelling.sources import DatasetSource
from dbal_tf.store.writer import Store

TOKEN = "t" * 43
HOST = "127.0.0.1:8000"
ANSWER = {"item": "pool-10", "answer": 1, "annotator": "ann", "seconds": 1.0, "id": "u"}


@pytest.fixture
def page(tmp_path, monkeypatch):
    """A folder with the page's files, as small as can be."""
    folder = tmp_path / "page"
    folder.mkdir()
    for name in ("index.html", "page.css", "page.js", "icon.svg", "notes.txt"):
        (folder / name).write_text(name)
    monkeypatch.setattr(app_module, "PAGE", folder)


@pytest.fixture
def outside(asked, page):
    """A browser that has not signed in."""
    ids = np.array([f"pool-{n:02d}" for n in range(30)] + [f"test-{n}" for n in range(6)])
    images = np.arange(36, dtype=np.uint8)[:, None, None, None] * np.ones((12, 10, 1), np.uint8)
    with ThreadPoolExecutor(1) as thread:
        store = thread.submit(Store, asked.folder).result()
        desk = thread.submit(Desk, asked.folder, store).result()
        source = DatasetSource(Examples(ids, images))
        app = App(desk, thread, source, Door(TOKEN, "dbal_tf_8000"))
        yield Client(app)
        app.close()
        thread.submit(store.__exit__).result()


@pytest.fixture
def inside(outside):
    """A browser that has signed in."""
    assert post(outside, "/api/login", {"token": TOKEN}).status_code == 200
    return outside


def get(client, path, **more):
    return client.get(path, headers={"Host": HOST} | more.pop("headers", {}), **more)


def post(client, path, value, **headers):
    return client.post(path, json=value, headers={"Host": HOST} | headers)


def test_the_page_and_its_files_need_no_cookie(outside):
    for path, kind in {"/": "html", "/page.js": "javascript", "/icon.svg": "svg"}.items():
        reply = get(outside, path)
        assert reply.status_code == 200 and kind in reply.content_type
    assert get(outside, "/notes.txt").status_code == 404


def test_every_reply_has_the_headers(outside):
    for path in ("/", "/api/run", "/nothing"):
        headers = get(outside, path).headers
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert "no-store" in headers["Cache-Control"]


def test_the_cookie_is_not_for_scripts_or_other_sites(outside):
    cookie = post(outside, "/api/login", {"token": TOKEN}).headers["Set-Cookie"]
    assert cookie.startswith("dbal_tf_8000=")
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and "Path=/" in cookie
    assert TOKEN not in cookie


def test_an_answer_goes_in_and_the_run_shows_it(inside, asked):
    run = get(inside, "/api/run").json
    assert run["classes"] == ["cat", "dog", "owl"] and run["keys"] == ["1", "2", "3"]
    assert run["annotators"] and run["budget"]["spent"] == 2
    items = get(inside, "/api/next?annotator=ann&count=2").json["items"]
    assert [one["item"] for one in items] == ["pool-10", "pool-11"]
    reply = post(inside, "/api/answer", ANSWER)
    assert reply.json["saved"] and asked.answers()[-1] == ("pool-10", 1, "labelled", "ann")
    assert get(inside, "/api/run").json["budget"]["spent"] == 3
    many = {**ANSWER, "items": ["pool-11", "test-2"], "id": "v"}
    assert post(inside, "/api/answers", many).json["saved"]
    assert post(inside, "/api/undo", {"annotator": "ann"}).json["items"] == [
        "pool-11",
        "test-2",
    ]
    assert get(inside, "/api/list?which=answered").json["total"] == 4 + 5


def test_images_are_encoded_anew(inside):
    reply = get(inside, "/image/pool-07?size=thumb")
    assert reply.content_type == "image/png" and reply.data.startswith(b"\x89PNG")
    assert get(inside, "/image/known-0").status_code == 404  # It has no pixels.


def test_alike_images_are_open_ones_of_near_brightness(inside):
    get(inside, "/api/next?annotator=ann&count=2")
    items = get(inside, "/api/alike?item=pool-11&count=2").json["items"]
    assert items == ["pool-10", "pool-12"]
    others = get(inside, "/api/next?annotator=bob&count=4").json["items"]
    assert [one["item"] for one in others] == ["pool-13"]


def test_leases_are_renewed(inside):
    get(inside, "/api/next?annotator=ann&count=1")
    request = {"annotator": "bob", "items": ["pool-10", "pool-11"]}
    assert post(inside, "/api/renew", request).json == {"items": ["pool-11"]}
    assert post(inside, "/api/renew", request | {"items": ["../x"]}).status_code == 404
    assert post(inside, "/api/renew", request | {"items": 7}).status_code == 400


def test_the_curve_has_intervals(inside):
    curve = get(inside, "/api/curve").json
    assert curve["labels"] == [4] and curve["low"][0] < curve["error"][0] < curve["high"][0]


QUOTED = urllib.parse.quote("../../etc/passwd", safe="")
HOSTILE_GETS = {
    "/image/../../etc/passwd": 404,
    f"/image/{QUOTED}": 404,
    f"/image/{urllib.parse.quote(QUOTED, safe='')}": 404,
    "/image//etc/passwd": 404,
    "/image/%2Fetc%2Fpasswd": 404,
    "/image/pool-01%00.png": 404,
    "/image/pool-01?size=huge": 400,
    "/image/": 404,
    "/image/%ff%fe": 404,
    "/../desk.py": 404,
    "/page.js/../../app.py": 404,
    "/%3Cscript%3Ealert(1)%3C/script%3E": 404,
    "/api/next": 400,
    "/api/next?annotator=ann&count=-1": 400,
    "/api/next?annotator=ann&count=9999999999999999999999": 400,
    "/api/next?annotator=dataset": 400,
    "/api/next?annotator=%0A": 400,
    "/api/list?which=__class__": 400,
    "/api/list?which=answered&offset=%D9%A3": 400,
    "/api/alike?item=../x": 404,
    "/api/answer": 405,
}


@pytest.mark.parametrize("path, status", HOSTILE_GETS.items())
def test_a_hostile_get_is_refused_in_a_sentence(inside, path, status):
    reply = get(inside, path)
    assert reply.status_code == status
    assert reply.content_type == "application/json" and reply.json["error"].endswith(".")
    assert "passwd" not in reply.text and "script" not in reply.text


JSON = "application/json"
HOSTILE_BODIES = {
    "not JSON": (b"item=pool-10", JSON, 400),
    "a form": (b"item=pool-10", "application/x-www-form-urlencoded", 415),
    "text": (json.dumps(ANSWER).encode(), "text/plain", 415),
    "no type": (json.dumps(ANSWER).encode(), None, 415),
    "a large body": (b" " * 65_537, JSON, 413),
    "deep": (b"[" * 60_000, JSON, 400),
    "deep and whole": (b'{"a":' * 9_000 + b"1" + b"}" * 9_000, JSON, 400),
    "a list": (b"[]", JSON, 400),
    "not UTF-8": (b'{"item": "\xff"}', JSON, 400),
    "NaN": (json.dumps(ANSWER | {"seconds": float("nan")}).encode(), JSON, 400),
    "a long number": (b'{"answer": ' + b"1" * 5_000 + b"}", JSON, 400),
    "empty": (b"", JSON, 411),
}


@pytest.mark.parametrize("body, kind, status", HOSTILE_BODIES.values(), ids=HOSTILE_BODIES)
def test_a_hostile_body_is_refused(inside, asked, body, kind, status):
    before = asked.answers()
    reply = inside.post("/api/answer", data=body, content_type=kind, headers={"Host": HOST})
    assert reply.status_code == status and reply.json["error"]
    assert asked.answers() == before


BAD_ANSWERS = {
    "an unknown item": ({"item": "pool-99"}, 404),
    "an item that was not asked for": ({"item": "pool-29"}, 409),
    "a path as item": ({"item": "../../etc/passwd"}, 404),
    "a null byte": ({"item": "pool-10\0"}, 404),
    "half a character": ({"item": "\ud800"}, 404),
    "a script as item": ({"item": "<script>alert(1)</script>"}, 404),
    "a number as item": ({"item": 10}, 400),
    "no item": ({"item": None}, 400),
    "a class too high": ({"answer": 3}, 400),
    "a class below 0": ({"answer": -1}, 400),
    "a bool as class": ({"answer": True}, 400),
    "a float as class": ({"answer": 1.0}, 400),
    "a state that is not the person's": ({"answer": "withdrawn"}, 400),
    "labelled as state": ({"answer": "labelled"}, 400),
    "a list as answer": ({"answer": [1]}, 400),
    "no name": ({"annotator": ""}, 400),
    "a long name": ({"annotator": "n" * 81}, 400),
    "half a character as name": ({"annotator": "\ud800"}, 400),
    "seconds below 0": ({"seconds": -1}, 400),
    "a bool as seconds": ({"seconds": True}, 400),
    "infinitely many seconds": ({"seconds": 1e999}, 400),
    "a number as id": ({"id": 7}, 400),
    "an item twice": ({"items": ["pool-10", "pool-10"]}, 400),
    "no items": ({"items": []}, 400),
    "one bad item of two": ({"items": ["pool-10", "pool-29"]}, 409),
}


@pytest.mark.parametrize("change, status", BAD_ANSWERS.values(), ids=BAD_ANSWERS)
def test_a_bad_answer_is_refused_and_nothing_is_saved(inside, asked, change, status):
    before = asked.answers()
    reply = post(inside, "/api/answer", ANSWER | change)
    assert reply.status_code == status and reply.json["error"]
    assert asked.answers() == before


@pytest.mark.parametrize(
    "method", ["HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "FOO"]
)
@pytest.mark.parametrize("path", ["/", "/api/run", "/api/answer", "/image/pool-01"])
def test_other_methods_are_refused(inside, method, path):
    reply = inside.open(path, method=method, headers={"Host": HOST})
    assert reply.status_code == 405 and reply.headers["Allow"] in ("GET", "POST")


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:8000"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": "10.0.0.1:8000"},
        {"Host": ""},
        {"Origin": "http://evil.example"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Origin": "null"},
    ],
    ids=str,
)
def test_foreign_hosts_and_origins_are_refused_everywhere(inside, asked, headers):
    before = asked.answers()
    for path in ("/", "/api/run", "/image/pool-01"):
        assert get(inside, path, headers=headers).status_code == 403
    assert post(inside, "/api/answer", ANSWER, **headers).status_code == 403
    assert post(inside, "/api/login", {"token": TOKEN}, **headers).status_code == 403
    assert asked.answers() == before


def test_ones_own_origin_is_let_in(inside):
    reply = post(inside, "/api/answer", ANSWER, Origin=f"http://{HOST}")
    assert reply.status_code == 200


@pytest.mark.parametrize("cookie", [None, "", "x", TOKEN, "ü"])
def test_without_the_cookie_nothing_is_served(outside, asked, cookie):
    if cookie is not None:
        outside.set_cookie("dbal_tf_8000", cookie, domain="127.0.0.1")
    for path in ("/api/run", "/api/next?annotator=a", "/api/curve", "/image/pool-01"):
        assert get(outside, path).status_code == 401
    assert post(outside, "/api/answer", ANSWER).status_code == 401
    assert post(outside, "/api/undo", {"annotator": "ann"}).status_code == 401
    assert len(asked.answers()) == 4


@pytest.mark.parametrize(
    "token", ["", "x", TOKEN[:-1], TOKEN + "t", None, 3, [TOKEN], "\ud800"]
)
def test_a_wrong_token_is_refused(outside, token):
    reply = post(outside, "/api/login", {"token": token})
    assert reply.status_code == 401 and "Set-Cookie" not in reply.headers


def test_a_full_disk_is_a_503_that_the_page_tries_again(inside, monkeypatch):
    import sqlite3

    def full(*_):
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(Store, "tell", full)
    assert post(inside, "/api/answer", ANSWER).status_code == 503
    monkeypatch.undo()
    assert post(inside, "/api/answer", ANSWER).json["saved"]


def test_a_class_that_is_named_by_a_digit_has_its_key():
    assert default_keys(["0", "1", "9"]) == ["0", "1", "9"]
    assert default_keys(["cat", "1"]) == ["1", "2"]
    assert default_keys([f"class {number}" for number in range(12)]) == list("123456789")

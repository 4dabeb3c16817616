"""A person who knows the classes buys what the data set's own labels buy."""

import contextlib
import http.cookiejar
import json
import threading
import time
import urllib.request
import uuid

import pytest

from dbal_tf import loop
from dbal_tf.components import page
from dbal_tf.components.example_gen import load
from dbal_tf.config import Config
from dbal_tf.store.reader import RunReader

pytestmark = pytest.mark.usefixtures("shared_fitters")


class Person:
    """Answers in a thread, over HTTP, the last of what is asked first.

    Args:
        run_dir: The folder of the run, of which the page is that.
        truth: The class of each item.
    """

    def __init__(self, run_dir, truth):
        self._run_dir, self._truth, self._is_over = run_dir, truth, threading.Event()
        cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self._opener = urllib.request.build_opener(cookies)
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self):
        self._thread.start()

    def __exit__(self, *_):
        self._is_over.set()
        self._thread.join()

    def _work(self):
        file = self._run_dir / ".page.json"
        while not file.exists() or not self._log_in(json.loads(file.read_text())):
            time.sleep(0.05)
        while not self._is_over.wait(0.02):
            # The page ends with the run.
            with contextlib.suppress(OSError):
                asked = self._ask("/api/next?annotator=Ann&count=10")["items"]
                for one in reversed([each for each in asked if each["use"] == "query"]):
                    self._answer(one["item"])

    def _log_in(self, kept):
        self._address = f"http://127.0.0.1:{kept['port']}"
        with contextlib.suppress(OSError):
            return self._ask("/api/login", {"token": kept["token"]})
        return None

    def _answer(self, item):
        body = {"item": item, "answer": self._truth[item], "annotator": "Ann", "seconds": 1.0}
        assert self._ask("/api/answer", body | {"id": str(uuid.uuid4())})["saved"]

    def _ask(self, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        url = self._address + path
        request = urllib.request.Request(url, data, headers)  # noqa: S310 of this machine
        with self._opener.open(request, timeout=20) as reply:
            return json.load(reply)


def _facts(run_dir):
    """Returns all that must not depend on who answers."""
    reader = RunReader.open(run_dir)
    bought = {}
    for row in reader.label_rows():
        bought.setdefault(row.round, set()).add((row.item, row.label))
    rounds = [row.point for row in reader.rounds()]
    measures = [(point.round, point.labels, point.evaluation) for point in rounds]
    return bought, reader.asked(), measures


def test_a_person_buys_what_the_data_set_buys(tmp_path, monkeypatch):
    monkeypatch.setattr(page, "_SHOW_END", 0)
    config = Config(
        dataset="digits",
        acquisition=("bald",),
        rounds=2,
        acquisition_size=5,
        epochs=2,
        num_samples=3,
        pool_subset=40,
        weight_decay="2.5",
        export_every=-1,
        seed=11,
        run_dir=str(tmp_path / "dataset"),
    )
    dataset = load(config)
    loop.run(config, dataset, lambda _: None)
    run_dir = tmp_path / "person"
    truth = dict(zip(dataset.hidden.ids.tolist(), dataset.hidden.classes.tolist(), strict=True))
    with Person(run_dir, truth):
        loop.run(config.replace(oracle="web", run_dir=str(run_dir)), dataset, lambda _: None)
    assert _facts(run_dir) == _facts(tmp_path / "dataset")
    rows = [row for row in RunReader.open(run_dir).answers() if row.annotator == "Ann"]
    assert len(rows) == 10
    assert [row.rank for row in rows] != sorted(row.rank for row in rows)
    assert {row.rank for row in rows} == set(range(5)), "none of the reserve"

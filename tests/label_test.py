"""The labelling program as a process."""

import http.client
import json
import os
import pathlib
import runpy
import signal
import subprocess
import sys

import pytest

from dbal_tf import label
from dbal_tf.store.layout import STATE_FILE
from dbal_tf.store.writer import Store

MADE = runpy.run_path(str(pathlib.Path(__file__).parent / "labelling" / "conftest.py"))


@pytest.fixture
def folder(tmp_path):
    made = MADE["make_run"](tmp_path / "run")
    return made.folder


class Page:
    """A started program, and a browser that has signed in."""

    def __init__(self, folder, *options):
        command = [sys.executable, "-m", "dbal_tf.label", str(folder), *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.address = self.process.stdout.readline().split()[-1]
        self.cookie = ""
        token = self.address.rpartition("=")[2]
        self.cookie = self.post("/api/login", {"token": token})[1].split(";")[0]

    def post(self, path, body):
        """Returns what was replied, and the cookie that was set."""
        connection = http.client.HTTPConnection(self.address.split("/")[2], timeout=10)
        headers = {"Content-Type": "application/json", "Cookie": self.cookie}
        connection.request("POST", path, json.dumps(body), headers)
        reply = connection.getresponse()
        return json.loads(reply.read()), reply.getheader("Set-Cookie")

    def answer(self, item, answer, request=""):
        body = {"item": item, "answer": answer, "annotator": "ann", "id": request}
        return self.post("/api/answer", body)[0]

    def end(self, number):
        self.process.send_signal(number)
        output = self.process.communicate(timeout=10)[0]
        return self.process.returncode, output


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_advice(folder, number):
    page = Page(folder, "--show_predictions=never")
    page.answer("pool-00", 1)
    status, output = page.end(number)
    assert status == 128 + number
    assert f"python -m dbal_tf.label {folder} --show_predictions=never\n" in output
    assert "python -m dbal_tf.main --flagfile=" in output


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_it_starts_ends_it_quietly(folder, tmp_path, number):
    slow = "import time; print('importing', flush=True); time.sleep(60)"
    (tmp_path / "werkzeug.py").write_text(slow)
    root = pathlib.Path(__file__).parent.parent
    path = os.pathsep.join([str(tmp_path), str(root)])
    process = subprocess.Popen(
        [sys.executable, "-m", "dbal_tf.label", str(folder)],
        env=os.environ | {"PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "importing\n"
    process.send_signal(number)
    assert process.communicate(timeout=10) == ("", "")
    assert process.returncode == 128 + number


def test_a_run_that_has_ended_does_not_go_on(folder):
    (folder / STATE_FILE).write_text('{"state": "done", "round": 3, "time": ""}')
    _, output = Page(folder).end(signal.SIGTERM)
    assert f"python -m dbal_tf.label {folder}" in output and "To go on" not in output


def test_after_a_kill_every_acknowledged_answer_is_there(folder):
    page = Page(folder)
    acknowledged = []
    items = ["pool-00", "pool-01", *[f"test-{n}" for n in range(6)]]
    for number in range(50):
        if number == 33:
            page.process.kill()
        try:
            item, answer = items[number % 8], number % 3
            acknowledged.append((page.answer(item, answer)["answer_id"], item, answer))
        except (OSError, http.client.HTTPException):
            break
    page.process.wait()
    assert 20 < len(acknowledged) < 50
    with Store(folder) as store:
        kept = {row.id: (row.item, row.label) for row in store.reader.answers_after(0)}
    assert all(kept[id] == (item, answer) for id, item, answer in acknowledged)
    # What was sent but not acknowledged may be there, once.
    assert len(kept) - 4 - len(acknowledged) in (0, 1)


def test_the_second_page_of_a_run_waits_for_the_first(folder):
    first = Page(folder)
    command = [sys.executable, "-m", "dbal_tf.label", str(folder)]
    second = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    said = f"Another process serves this page at {first.address}; this one waits until it ends."
    assert second.stdout.readline() == f"{said}\n"
    with pytest.raises(subprocess.TimeoutExpired):
        second.wait(1.0)
    first.end(signal.SIGTERM)
    assert second.stdout.readline().split()[-1] == first.address
    second.terminate()
    second.communicate(timeout=10)


def test_exposing_it_is_said(folder):
    page = Page(folder, "--expose")
    assert "unencrypted" in page.process.stdout.readline()
    page.end(signal.SIGTERM)


@pytest.mark.parametrize(
    "option", ["--port=x", "--port=70000", "--show_predictions=maybe", "--no"]
)
def test_a_wrong_option_is_a_sentence(folder, option, capsys):
    with pytest.raises(SystemExit) as stop:
        label.main([str(folder), option])
    assert stop.value.code == 2 and capsys.readouterr().err.startswith("dbal_tf: ")


@pytest.mark.parametrize("port", ["x", "-1", "65536", "\u0663"])
def test_a_wrong_port_is_told_what_is_expected(folder, port, capsys):
    with pytest.raises(SystemExit):
        label.main([str(folder), f"--port={port}"])
    expected = f"argument --port: got {port!r}; expected a number from 0 to 65535; see --help."
    assert capsys.readouterr().err == f"dbal_tf: {expected}\n"


@pytest.mark.parametrize("name", ["dataset", " ", "a\tb"])
def test_a_name_that_cannot_be_used_is_a_sentence(folder, name, capsys):
    assert label.main([str(folder), f"--annotator={name}"]) == 2
    assert capsys.readouterr().err.startswith(f"dbal_tf: --annotator={name}: ")


@pytest.mark.parametrize("there", [False, True])
def test_a_folder_without_a_run_is_a_sentence(tmp_path, capsys, there):
    folder = tmp_path if there else tmp_path / "no"
    assert label.main([str(folder)]) == 2
    assert "expected the folder of a run" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []

import contextlib
import http.client
import json
import socket

import pytest

from dbal_tf.core import InputError
from dbal_tf.labelling.server import Options, check_run_dir, serving
from dbal_tf.store.writer import Store


def ask(address, method, path, body=None, cookie=""):
    """Sends one request as a browser does; returns status, JSON and cookie."""
    host = address.split("/")[2]
    connection = http.client.HTTPConnection(host, timeout=10)
    headers = {"Content-Type": "application/json", "Cookie": cookie}
    connection.request(method, path, None if body is None else json.dumps(body), headers)
    reply = connection.getresponse()
    content = json.loads(reply.read())
    connection.close()
    return reply.status, content, (reply.getheader("Set-Cookie") or "").split(";")[0]


def sign_in(address):
    token = address.rpartition("=")[2]
    return ask(address, "POST", "/api/login", {"token": token})[2]


def port_of(address):
    return int(address.split("/")[2].rpartition(":")[2])


def test_a_label_goes_over_the_wire_into_the_store(asked):
    with serving(asked.folder, Options(annotator="ann")) as address:
        cookie = sign_in(address)
        _, reply, _ = ask(address, "GET", "/api/next", cookie=cookie)
        item = reply["items"][0]["item"]
        body = {"item": item, "answer": 2}
        assert ask(address, "POST", "/api/answer", body, cookie)[0] == 200
        run = ask(address, "GET", "/api/run", cookie=cookie)[1]
        assert (run["annotators"], run["annotator"]) == (False, "ann")
    assert asked.answers()[-1] == (item, 2, "labelled", "ann")


def test_a_restart_keeps_address_and_session(asked):
    with serving(asked.folder, Options()) as address:
        cookie = sign_in(address)
    with serving(asked.folder, Options()) as again:
        assert again == address
        assert ask(again, "GET", "/api/run", cookie=cookie)[0] == 200


def test_if_the_port_is_taken_meanwhile_another_is_used(asked):
    with serving(asked.folder, Options()) as address:
        pass
    with contextlib.closing(socket.socket()) as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port_of(address)))
        other.listen()
        with serving(asked.folder, Options()) as again:
            assert port_of(again) != port_of(address)
        with pytest.raises(InputError, match="cannot be used"):
            with serving(asked.folder, Options(port=port_of(address))):
                pass


def test_only_an_exposed_page_listens_on_all_addresses(asked):
    # All of 127.0.0.0/8 leads to this machine, but only 127.0.0.1 is listened on.
    for options, reached in ((Options(), False), (Options(expose=True), True)):
        with serving(asked.folder, options) as address:
            with contextlib.closing(socket.socket()) as client:
                is_open = client.connect_ex(("127.0.0.2", port_of(address))) == 0
            assert is_open == reached


def test_the_trainer_may_write_while_the_page_is_served(asked):
    with serving(asked.folder, Options(annotator="ann")) as address:
        cookie = sign_in(address)
        for number in range(10, 14):
            body = {"item": f"pool-{number}", "answer": 0}
            assert ask(address, "POST", "/api/answer", body, cookie)[0] == 200
        asked.ask(1, ["pool-20"])
        reply = ask(address, "GET", "/api/next", cookie=cookie)[1]
        assert [one["item"] for one in reply["items"]] == ["pool-20"]


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(InputError, match="expected the folder of a run"):
        check_run_dir(tmp_path)
    with Store(tmp_path), pytest.raises(InputError, match="start the run first"):
        with serving(tmp_path, Options()):
            pass

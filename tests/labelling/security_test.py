import json
import stat

import pytest

from dbal_tf.labelling.security import (
    LOOPBACK,
    Address,
    Door,
    own_names,
    read_address,
    write_address,
)
from dbal_tf.labelling.wire import Refused

DOOR = Door("token" * 8, "dbal_tf_8000")
EXPOSED = Door("token" * 8, "dbal_tf_8000", own_names(), any_address=True)


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost", "LOCALHOST:1", "[::1]:8000"])
def test_loopback_is_served(host):
    DOOR.check_sender(host, None)
    DOOR.check_sender(host, f"http://{host}")


@pytest.mark.parametrize(
    "host", ["", ":8000", "a.example", "192.168.0.7", "127.0.0.1:x", "[::1"]
)
def test_other_hosts_are_not(host):
    with pytest.raises(Refused):
        DOOR.check_sender(host, None)


@pytest.mark.parametrize("host", ["192.168.0.7:8000", "[fe80::1]:8000", "localhost:8000"])
def test_an_exposed_page_is_served_under_numbers(host):
    EXPOSED.check_sender(host, None)


@pytest.mark.parametrize("host", ["a.example:8000", "192.168.0.7.a.example"])
def test_an_exposed_page_is_not_served_under_foreign_names(host):
    with pytest.raises(Refused):
        EXPOSED.check_sender(host, None)


@pytest.mark.parametrize("origin", ["null", "", "https://localhost", "http://localhost:1"])
def test_foreign_origins_are_refused(origin):
    with pytest.raises(Refused):
        DOOR.check_sender("localhost", origin)


def test_the_token_buys_the_cookie():
    session = DOOR.log_in(DOOR.token)
    DOOR.check_cookie({"dbal_tf_8000": session})
    assert DOOR.token not in session and LOOPBACK <= own_names()


@pytest.mark.parametrize("cookies", [{}, {"dbal_tf_8000": ""}, {"dbal_tf_8000": "token" * 8}])
def test_nothing_else_does(cookies):
    with pytest.raises(Refused):
        DOOR.check_cookie(cookies)


def test_an_address_is_kept_for_its_owner_alone(tmp_path):
    write_address(tmp_path, Address(8000, "t" * 43))
    write_address(tmp_path, Address(8001, "t" * 43))
    (path,) = tmp_path.iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_address(tmp_path) == Address(8001, "t" * 43)


@pytest.mark.parametrize(
    "value",
    ["", [], {"port": 8000}, {"port": -1, "token": "t" * 43}, {"port": 8, "token": "t"}],
)
def test_a_file_that_cannot_be_used_gives_a_new_token(tmp_path, value):
    (tmp_path / ".page.json").write_text(json.dumps(value))
    first, second = read_address(tmp_path), read_address(tmp_path)
    assert first.port == 0 and len(first.token) >= 32 and first.token != second.token

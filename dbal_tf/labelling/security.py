"""Who may use the page: token, cookie, hosts and origins, and the headers of replies."""

import dataclasses
import hashlib
import hmac
import ipaddress
import json
import os
import pathlib
import secrets
import socket
from collections.abc import Collection, Mapping

from dbal_tf.labelling.wire import Refused
from dbal_tf.store.layout import PAGE_FILE

LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "private, no-store",
}
"""The headers of every reply."""


@dataclasses.dataclass(frozen=True)
class Door:
    """Lets in whoever knows the token.

    Attributes:
        token: In the fragment of the printed address, which browsers do not send.
        cookie: Name of the cookie that the token is exchanged for. It contains the port,
            because all ports of a host share their cookies.
        hosts: The names that the page is served under.
        any_address: Whether numeric addresses are also allowed.
    """

    token: str
    cookie: str
    hosts: Collection[str] = LOOPBACK
    any_address: bool = False

    @property
    def session(self) -> str:
        """The cookie's value; it stays valid after a restart, and does not reveal the token."""
        return hmac.new(self.token.encode(), b"session", hashlib.sha256).hexdigest()

    def check_sender(self, host: str, origin: str | None) -> None:
        """Checks where a request comes from, by its headers Host and Origin.

        Raises:
            Refused: Its host is not ours, because a foreign name was made to lead here
                (DNS rebinding), or it was sent by another site's page.
        """
        name, _, port = host.rpartition(":")
        name = name if port.isdigit() else host
        if not self._is_ours(name.lower()):
            raise Refused(403, "This host is not served; open the address that was printed.")
        # Compared with the request's own port: a tunnel may lead here from another one.
        if origin not in (None, f"http://{host}"):
            raise Refused(403, "Requests from other sites are refused.")

    def _is_ours(self, name: str) -> bool:
        if name in self.hosts:
            return True
        if not self.any_address:
            return False
        # Unlike a name, a number cannot be made to lead here by somebody else.
        try:
            ipaddress.ip_address(name.strip("[]"))
        except ValueError:
            return False
        return True

    def log_in(self, token: object) -> str:
        """Returns the cookie's value in exchange for the token.

        Raises:
            Refused: It is not the token.
        """
        if not isinstance(token, str) or not _equal(token, self.token):
            raise Refused(401, "The token is wrong; open the address that was printed.")
        return self.session

    def check_cookie(self, cookies: Mapping[str, str]) -> None:
        """Checks the cookie of a request.

        Raises:
            Refused: It has none, or a wrong one.
        """
        if not _equal(cookies.get(self.cookie, ""), self.session):
            raise Refused(401, "Not signed in; open the address that was printed.")


def _equal(given: str, expected: str) -> bool:
    # In constant time, so that the time does not reveal how much of it is right.
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())


def own_names() -> frozenset[str]:
    """Returns the names of this machine, for a page that others may reach."""
    name = socket.gethostname().lower()
    return LOOPBACK | {name, f"{name}.local", socket.getfqdn().lower()}


@dataclasses.dataclass(frozen=True)
class Address:
    """Port and token of a run's page, kept so that an open page survives a restart."""

    port: int
    token: str

    def url(self, host: str = "127.0.0.1") -> str:
        """Returns what to open in a browser."""
        return f"http://{host}:{self.port}/#token={self.token}"


def read_address(run_dir: pathlib.Path) -> Address:
    """Returns the address of the last start; port 0 and a new token if there was none."""
    try:
        value = json.loads((run_dir / PAGE_FILE).read_bytes())
        port, token = value["port"], value["token"]
        if isinstance(port, int) and 0 < port < 65536 and len(token) >= 32 and token.isascii():
            return Address(port, token)
    # Whatever is wrong with the file, a new token replaces it.
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    return Address(0, secrets.token_urlsafe(32))


def write_address(run_dir: pathlib.Path, address: Address) -> None:
    """Keeps an address in the run's folder, readable by its owner alone."""
    partial = run_dir / f"{PAGE_FILE}.{os.getpid()}"
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        json.dump(dataclasses.asdict(address), file)
    os.replace(partial, run_dir / PAGE_FILE)

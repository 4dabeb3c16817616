"""A simulated person who labels on the page of a run, over HTTP."""

import contextlib
import dataclasses
import http.client
import http.cookiejar
import json
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections import Counter
from collections.abc import Callable

_PATIENCE = 120.0  # seconds without a reply before giving up


@dataclasses.dataclass
class Person:
    """A client that answers, and repeats unacknowledged answers as the page's script does.

    Attributes:
        address: Returns the address of the page and its token.
        mend: Called whenever the page does not reply.
        truth: The class of each image.
        sent: The class that was sent for each item.
        saved: The class that was acknowledged for each item.
        uses: Number of acknowledged answers by the use that the page gave for the item.
        is_sending: Whether an answer is being sent.
        repeated: Number of answers that were sent more than once.
    """

    address: Callable[[], tuple[str, str]]
    mend: Callable[[], None]
    truth: dict[str, int]
    sent: dict[str, int] = dataclasses.field(default_factory=dict)
    saved: dict[str, int] = dataclasses.field(default_factory=dict)
    uses: Counter = dataclasses.field(default_factory=Counter)
    is_sending: bool = False
    repeated: int = 0

    def __post_init__(self) -> None:
        cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self._opener = urllib.request.build_opener(cookies)

    def work(self) -> None:
        """Answers the next item, if any, and repeats the answer until it is acknowledged."""
        reply = self._ask("/api/next?annotator=Ann&count=4")
        for one in reply["items"][:1]:
            item = one["item"]
            label = self.sent[item] = self.truth[item]
            body = {"item": item, "answer": label, "annotator": "Ann", "seconds": 1.0}
            self.is_sending = True
            if self._ask("/api/answer", body | {"id": str(uuid.uuid4())})["saved"]:
                self.saved[item] = label
                self.uses[one["use"]] += 1
            self.is_sending = False

    def _ask(self, path: str, body: dict | None = None) -> dict:
        """Repeats a request until there is a reply."""
        until, tries = time.monotonic() + _PATIENCE, 0
        while time.monotonic() < until:
            tries += 1
            with contextlib.suppress(OSError, http.client.HTTPException):
                reply = self._once(path, body)
                self.repeated += body is not None and tries > 1
                return reply
            self.mend()
            time.sleep(0.05)
        sys.exit("The page does not reply, or it refuses an answer.")

    def _once(self, path: str, body: dict | None) -> dict:
        address, token = self.address()
        try:
            return self._request(address + path, body)
        except urllib.error.HTTPError as error:
            if error.code not in (401, 403):
                raise
            return self._request(f"{address}/api/login", {"token": token}) and self._request(
                address + path, body
            )

    def _request(self, url: str, body: dict | None) -> dict:
        if not url.startswith("http://127.0.0.1:"):
            raise ConnectionError(url)
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(url, data, headers)  # noqa: S310 checked above
        with self._opener.open(request, timeout=20) as reply:
            return json.load(reply)

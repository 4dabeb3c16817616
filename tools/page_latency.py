#!/usr/bin/env python3
"""Measures how fast the labelling page responds while a network is being trained.

    python tools/page_latency.py --answers=200

A script labels a run on a folder of digits over HTTP, as in tools/page_chaos.py but
without kills. Prints the median, the 95th percentile and the maximum of the
milliseconds of each kind of request, separately for each state of the trainer.
"""

import argparse
import dataclasses
import pathlib
import tempfile
import time
import urllib.parse
from collections import defaultdict

import demo_folder
import numpy as np
from page_chaos import Over, Service, truth
from person import Person


@dataclasses.dataclass
class TimedPerson(Person):
    """A person who records the milliseconds of requests, by kind and state of the trainer."""

    milliseconds: defaultdict = dataclasses.field(default_factory=lambda: defaultdict(list))
    service: Service | None = None

    def _once(self, path: str, body: dict | None) -> dict:
        state, start = self.service.state(), time.perf_counter()
        reply = super()._once(path, body)
        kind = "answer" if body is not None else "next"
        self._add(kind, state, start)
        if kind == "next":
            for one in reply["items"][:1]:
                self._image(one["item"])
        return reply

    def _image(self, item: str) -> None:
        """Fetches an image, as the page shows it."""
        state, start = self.service.state(), time.perf_counter()
        address, _ = self.address()
        path = f"/image/{urllib.parse.quote(item, safe='')}?size=full"
        with self._opener.open(address + path, timeout=20) as reply:
            reply.read()
        self._add("image", state, start)

    def _add(self, kind: str, state: str, start: float) -> None:
        self.milliseconds[kind, state].append(1000 * (time.perf_counter() - start))


def main() -> None:
    """Labels one run and prints what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--answers", type=int, default=200)
    parser.add_argument("--images", type=int, default=600, help="in the folder")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        images = pathlib.Path(folder, "images")
        demo_folder.write(images, options.images, labelled=False)
        names = ",".join(map(str, range(10)))
        flags = ["--flagfile=configs/own_images.cfg", f"--data_dir={images}"]
        flags += [f"--class_names={names}", "--rounds=40", "--steps=1000"]
        service = Service(pathlib.Path(folder), flags, warm=False)
        person = TimedPerson(service.address, service.mend, truth(options.images))
        person.service = service
        try:
            while len(person.saved) < options.answers:
                person.work()
                time.sleep(0.2)  # as a quick person does
        except Over:
            pass
        finally:
            service.end()
    print(f"{'request':<8}{'trainer':>10}{'number':>8}  median   p95  most (ms)")
    for (kind, state), values in sorted(person.milliseconds.items()):
        median, high = np.percentile(values, [50, 95])
        print(f"{kind:<8}{state:>10}{len(values):8d}{median:8.1f}{high:6.1f}{max(values):6.1f}")


if __name__ == "__main__":
    main()

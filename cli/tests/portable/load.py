"""Steady load on a local run, from several connections, with every answer counted."""

import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from tests.portable.local_run import LocalRun


class Load:
    """`statuses` counts the answers by status, 0 for none; `bodies` those that are JSON texts."""

    def __init__(self, run: LocalRun, path: str, threads: int, pause: float) -> None:
        self.run = run
        self.path = path
        self.pause = pause
        self.statuses: Counter[int] = Counter()
        self.bodies: Counter[str] = Counter()
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self._ask) for _ in range(threads)]

    @property
    def sent(self) -> int:
        """Requests so far."""
        return self.statuses.total()

    @property
    def lost(self) -> int:
        """Requests so far that had no answer, or a 5xx."""
        return sum(count for status, count in self.statuses.items() if not 0 < status < 500)

    def complaint(self) -> str:
        """Return what the access log says of the lost ones."""
        lines = [line for line in self.run.out if re.search(r" 5\d\d (lambda|fargate) ", line)]
        return "\n".join([str(self.statuses), *lines[-20:]])

    def _ask(self) -> None:
        with self.run.client() as client:
            while not self.stopping.wait(self.pause):
                status, body = 0, ""
                try:
                    response = client.get(self.path)
                    status = response.status_code
                    body = str(response.json()) if status == 200 else ""
                except httpx.TransportError:
                    pass
                with self.lock:
                    self.statuses[status] += 1
                    self.bodies[body] += 1


@contextmanager
def load(run: LocalRun, path: str = "/", threads: int = 4, pause: float = 0.01) -> Iterator[Load]:
    """Ask for `path` for the length of the block, each of the threads with a pause in between."""
    running = Load(run, path, threads, pause)
    for thread in running.threads:
        thread.start()
    try:
        yield running
    finally:
        running.stopping.set()
        for thread in running.threads:
            thread.join(60)


def wait_until(condition: object, seconds: float = 60) -> None:
    """Wait until `condition()` is true, fail after `seconds`."""
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)

"""Starts `portable run` as a user does, and looks after the processes that it starts."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[3]
PORTABLE = Path(sys.executable).with_name("portable")


class LocalRun:
    """A running `portable run`; `out` and `err` are the lines written so far."""

    def __init__(self, *options: str, cwd: Path = ROOT, before: Sequence[str] = ()) -> None:
        self.out: list[str] = []
        self.err: list[str] = []
        self.url = ""
        self.listening = threading.Event()
        self.process = subprocess.Popen(
            [*before, PORTABLE, "run", "--port", "0", *options],
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.readers = [
            threading.Thread(target=self._read, args=(self.process.stdout, self.out)),
            threading.Thread(target=self._read, args=(self.process.stderr, self.err)),
        ]
        for reader in self.readers:
            reader.start()

    def wait_until_up(self) -> None:
        assert self.listening.wait(90), self.err
        assert self.url, "\n".join(self.err)

    def client(self) -> httpx.Client:
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
        return httpx.Client(base_url=self.url, timeout=60, limits=limits, trust_env=False)

    def shift(self, side: str) -> None:
        """Send all requests to one side from now on, as `portable shift` does."""
        port = self.url.rpartition(":")[2]
        words = ["--local", "--port", port, "--to", side, "--steps", "100", "--bake", "0s"]
        command = [PORTABLE, "shift", *words]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=60)

    def descendants(self) -> set[int]:
        return descendants(self.process.pid)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and return the exit status; fail if a process stays."""
        started = self.descendants()
        if self.process.poll() is None:
            self.process.send_signal(number)
        status = self.process.wait(60)
        for reader in self.readers:
            reader.join(10)
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()
        left = running_still(started)
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        assert not left, f"still running after the end: {sorted(left)}"
        return status

    def _read(self, stream: Iterator[str], lines: list[str]) -> None:
        for line in stream:
            lines.append(line.rstrip("\n"))
            if found := re.match(r"Listening on (\S+)", line):
                self.url = found[1]
                self.listening.set()
        self.listening.set()  # it ended: nobody needs to wait any longer


@contextmanager
def local_run(*options: str, cwd: Path = ROOT) -> Iterator[LocalRun]:
    """Run it for the length of the block; ends cleanly or fails."""
    run = LocalRun(*options, cwd=cwd)
    try:
        run.wait_until_up()
        yield run
    finally:
        status = run.stop()
    assert status == 0, "\n".join(run.err)


def all_processes() -> dict[int, int]:
    """Return the parent of every process that has not ended."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if fields[0] != "Z":
            parents[int(stat.parent.name)] = int(fields[1])
    return parents


def running_still(pids: set[int], seconds: float = 5) -> set[int]:
    """Return those of `pids` that have not ended within `seconds`."""
    deadline = time.monotonic() + seconds
    while (left := pids & set(all_processes())) and time.monotonic() < deadline:
        time.sleep(0.02)
    return left


def descendants(pid: int) -> set[int]:
    parents = all_processes()
    found: set[int] = set()
    level = {pid}
    while level:
        level = {child for child, parent in parents.items() if parent in level} - found
        found |= level
    return found

"""Ends what a run has started when the run itself is killed, which then cannot do it.

This file is also a program, which `Reaper` starts: it reads what there is to end from its standard
input, and ends it when that is closed, as it is by the death of its parent, whatever kills it.
It needs nothing but the standard library, so that it starts at once.
"""

import atexit
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Sequence


class Reaper:
    """Started with the first session that it is told of; ends with this process."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self.lock = threading.Lock()

    def watch(self, session: int, cleanup: Sequence[str] = ()) -> None:
        """Have the processes of `session` killed if this process dies, and `cleanup` run then."""
        self._tell({"session": session, "cleanup": list(cleanup)})

    def forget(self, session: int) -> None:
        """`session` has ended."""
        self._tell({"session": session, "cleanup": None})

    def close(self) -> None:
        """Have whatever is left ended now, and wait for it."""
        with self.lock:
            process, self.process = self.process, None
        if process is not None and process.stdin is not None:
            process.stdin.close()
            process.wait()

    def _tell(self, message: object) -> None:
        with self.lock:
            if self.process is None:
                # Without a terminal of its own: what ends this process there leaves it alone.
                self.process = subprocess.Popen(
                    [sys.executable, "-I", "-S", __file__],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                )
                atexit.register(self.close)
            assert self.process.stdin is not None
            with contextlib.suppress(BrokenPipeError):  # somebody has killed it
                self.process.stdin.write(json.dumps(message).encode() + b"\n")
                self.process.stdin.flush()


def members(leader: int) -> list[int]:
    """Return the processes of the session that `leader` leads, or led.

    The Lambda emulator puts what it starts into a process group of its own, so it is the session
    that tells what belongs together.
    """
    try:
        numbers = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    except FileNotFoundError:
        numbers = [leader]  # macOS: there it is Docker that holds the processes
    found = []
    for number in numbers:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getsid(number) == leader:
                found.append(number)
    return found


def end(left: dict[int, list[str]]) -> None:
    """Kill the processes of each session in `left`, then run its cleanup."""
    for session in left:
        for process in members(session):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
    for cleanup in filter(None, left.values()):
        with contextlib.suppress(OSError):
            subprocess.run(cleanup, stdin=subprocess.DEVNULL)


def main(lines: Iterable[bytes]) -> None:
    """Read sessions to watch and to forget, one a line, and end the rest."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)  # the end of the input is the one thing that counts
    left: dict[int, list[str]] = {}
    for line in lines:
        message = json.loads(line)
        left.pop(message["session"], None)
        if message["cleanup"] is not None:
            left[message["session"]] = message["cleanup"]
    end(left)


if __name__ == "__main__":
    main(sys.stdin.buffer)

"""Processes that a measure starts, and the ports that they listen on."""

import os
import signal
import socket
import subprocess
import time
from contextlib import suppress

START_TIMEOUT = 30.0  # seconds until a process listens


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """Return when something listens on `port`; raise `OSError` if `process` never does."""
    deadline = time.monotonic() + START_TIMEOUT
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def end_session(process: subprocess.Popen[bytes]) -> None:
    """Kill `process`, which leads a session of its own, and all that it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()

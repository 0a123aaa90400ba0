"""The server in a process of its own, as its image starts it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from portable.local.processes import free_port

ROOT = Path(__file__).parents[3]


@contextmanager
def serving(
    app: str, *folders: Path, **variables: str
) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A server of `app`, which is found from `folders`, ready for requests; and its port."""
    port = free_port()
    environment = {
        "EXECUTION_ENVIRONMENT": "ecs",
        "ASGI_APP": app,
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "PYTHONPATH": os.pathsep.join(str(folder) for folder in folders),
        "PYTHONUNBUFFERED": "1",
        **variables,
    }
    with subprocess.Popen(
        [sys.executable, "-m", "portable_runtime.server"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as server:
        try:
            until(server, "Uvicorn running on")
            yield server, port
        finally:
            server.kill()


def until(server: subprocess.Popen[str], text: str) -> str:
    """Return the next line of the server's that has `text` in it."""
    for line in server.stdout:
        if text in line:
            return line
    raise AssertionError(f"the server ended before it wrote {text!r}")

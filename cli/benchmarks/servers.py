"""The servers that are compared, each as a command that listens on a port of 127.0.0.1."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

from benchmarks.lambda_forms import FOLDERS, IMAGE_ENVIRONMENT, PYTHON, ROOT
from benchmarks.processes import end_session, free_port, wait_for

STOP_TIMEOUT = 40.0  # seconds from SIGTERM to SIGKILL


@dataclass(frozen=True)
class Server:
    """A server: its name in the tables; for a port its command line and its own variables.

    It runs in `folder`.
    """

    name: str
    command: Callable[[int], list[str]]
    variables: Callable[[int], dict[str, str]] = lambda port: {}
    folder: Path = FOLDERS[0]


@dataclass(frozen=True)
class Serving:
    """A server that listens."""

    port: int
    process: subprocess.Popen[bytes]

    def url(self, path: str) -> str:
        """Return where `path` is."""
        return f"http://127.0.0.1:{self.port}{path}"


def ours(name: str, app: str, **variables: str) -> Server:
    """Return the app at `app` as this project serves it on Fargate."""
    own = {"EXECUTION_ENVIRONMENT": "ecs", "ASGI_APP": app, "HOST": "127.0.0.1"}
    own |= IMAGE_ENVIRONMENT | variables
    return Server(
        name,
        lambda port: [PYTHON, "-m", "portable_runtime.server"],
        lambda port: own | {"PORT": str(port)},
    )


def tutorial(file: str) -> Server:
    """Return the command of the tutorial form for the app in `file`."""
    fastapi = str(Path(sys.executable).with_name("fastapi"))
    path = next(folder / file for folder in FOLDERS if (folder / file).exists())
    options = ("--host", "127.0.0.1", "--port")
    return Server("fastapi run", lambda port: [fastapi, "run", str(path), *options, str(port)])


def listener(app: str, folder: Path) -> Server:
    """Return `portable run` with the app at `app` in `folder`, all requests to the Fargate side."""
    portable = str(ROOT / ".venv/bin/portable")
    options = ("--quiet", "--lambda-weight", "0", "--fargate-weight", "1", "--app", app, "--port")
    return Server(
        "through the listener",
        lambda port: [portable, "run", *options, str(port)],
        folder=folder,
    )


@contextmanager
def serving(servers: Sequence[Server]) -> Iterator[dict[str, Serving]]:
    """Start `servers`, all at once, and end them when the context is left.

    What they write goes to files, as that of a container goes to the engine: never to a terminal,
    and never to where writing costs nothing.
    """
    with ExitStack() as stack:
        started = {}
        for server in servers:
            port = free_port()
            process = subprocess.Popen(
                server.command(port),
                cwd=server.folder,
                env={
                    **{name: os.environ[name] for name in ("HOME", "PATH") if name in os.environ},
                    "PYTHONPATH": os.pathsep.join(map(str, FOLDERS)),
                    "PYTHONUNBUFFERED": "1",  # as in the image
                    **server.variables(port),
                },
                stdout=stack.enter_context(TemporaryFile()),
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            stack.callback(end, process)
            started[server.name] = Serving(port, process)
        for serving in started.values():
            wait_for(serving.port, serving.process)
        yield started


def end(process: subprocess.Popen[bytes]) -> None:
    """End `process` as a stopped task ends, so that it can end what it started itself."""
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP_TIMEOUT)
    end_session(process)

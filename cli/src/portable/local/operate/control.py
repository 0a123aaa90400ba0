"""How other commands talk to a running local run: JSON lines over a Unix socket of this user."""

import asyncio
import contextlib
import errno
import json
import os
import socket
import stat
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from portable.errors import PortableError

Answer = dict[str, Any]
Command = Callable[..., Awaitable[Answer]]
MAX_LINE = 1024 * 1024  # bytes


class NoLocalRun(PortableError):
    """No local run listens on the port."""


def ask(port: int, command: str, timeout: float | None = 10.0, **arguments: Any) -> Answer:
    """Send `command` to the local run whose listener has `port`; return its answer.

    Raises `NoLocalRun`, or `PortableError` with what the local run says against it, or where it
    does not answer in `timeout` seconds.
    """
    path = _path(port)
    try:
        _check_owner(path.parent)
        with socket.socket(socket.AF_UNIX) as client, client.makefile("rwb") as stream:
            client.settimeout(timeout)
            client.connect(str(path))
            stream.write(json.dumps({"command": command, **arguments}).encode() + b"\n")
            stream.flush()
            line = stream.readline()
    except TimeoutError:
        raise PortableError(f"the local run on port {port} does not answer.") from None
    except PermissionError as error:
        message = f"cannot ask the local run on port {port} in {path.parent}"
        raise PortableError(f"{message}: {error.strerror}.") from None
    except OSError:
        line = b""
    if not line:
        message = f"no local run listens on port {port}"
        raise NoLocalRun(f"{message}: start one with `portable run --port {port}`.")
    answer: Answer = json.loads(line)
    if "error" in answer:
        raise PortableError(answer["error"])
    return answer


class Control:
    """Answers the commands of `ask`; a `PortableError` in a command is the answer to it."""

    def __init__(self, commands: Mapping[str, Command]) -> None:
        self.commands = commands
        self.server: asyncio.Server | None = None
        self.path: Path | None = None
        self.connections: set[asyncio.Task[None]] = set()

    async def start(self, port: int) -> None:
        """Take commands for the local run whose listener has `port`; raise `PortableError`."""
        self.path = _path(port)
        try:
            self.path.parent.mkdir(mode=0o700, exist_ok=True)
            _check_owner(self.path.parent)
            self.path.unlink(missing_ok=True)  # of a run that was killed: the port is ours now
            self.server = await asyncio.start_unix_server(self._serve, self.path, limit=MAX_LINE)
        except OSError as error:
            reason = error.strerror or error
            raise PortableError(f"cannot take commands in {self.path.parent}: {reason}.") from None

    async def aclose(self) -> None:
        """Take no more commands, and leave those under way."""
        if self.server is None or self.path is None:
            return
        self.server.close()
        for connection in self.connections:
            connection.cancel()
        await asyncio.gather(*self.connections, return_exceptions=True)
        self.path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.connections.add(task)
        try:
            request = json.loads(await reader.readline() or b"{}")
            answer = await self._answer(request)
            writer.write(json.dumps(answer).encode() + b"\n")
            await writer.drain()
        except (OSError, ValueError, asyncio.CancelledError):
            pass  # whoever asked is gone, or this run is ending
        finally:
            self.connections.discard(task)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _answer(self, request: Answer) -> Answer:
        name = request.pop("command", None)
        if name not in self.commands:
            known = ", ".join(self.commands)
            return {"error": f"the local run knows no command {name!r}, only {known}."}
        try:
            return await self.commands[name](**request)
        except PortableError as error:
            return {"error": error.message}
        except TypeError as error:  # from another version of this program
            return {"error": f"the local run cannot {name}: {error}."}


def _path(port: int) -> Path:
    """Return where the socket is: below the user's own folder, where the system has one."""
    if own := os.environ.get("XDG_RUNTIME_DIR"):
        return Path(own, "portable", f"{port}.sock")
    return Path(tempfile.gettempdir(), f"portable-{os.getuid()}", f"{port}.sock")


def _check_owner(folder: Path) -> None:
    """Raise `PermissionError` for a folder in which somebody else may have put a socket.

    Raises `OSError` where there is no folder.
    """
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise PermissionError(errno.EACCES, "it is open to other users")

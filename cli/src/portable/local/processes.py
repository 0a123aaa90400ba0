"""Child processes: started in a session of their own, ended with everything they started."""

import asyncio
import contextlib
import os
import signal
import socket
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping, Sequence
from pathlib import Path

from portable.errors import PortableError
from portable.local.failure import Failure, failure
from portable.local.ports import listening
from portable.local.reaper import Reaper, members

reaper = Reaper()  # of this process, whatever it starts
Output = Callable[[str, str], None]  # name of the process, one line that it wrote


class Process:
    """A running child process; `output` gets every line that it writes.

    `cleanup` is a command that removes what outlives the process: a container, say.
    """

    KEPT_LINES = 200

    def __init__(
        self,
        name: str,
        child: asyncio.subprocess.Process,
        output: Output,
        cleanup: Sequence[str] = (),
    ) -> None:
        self.name = name
        self.child = child
        self.output = output
        self.cleanup = cleanup
        self.last_lines: deque[str] = deque(maxlen=self.KEPT_LINES)
        self.reading = asyncio.create_task(self._read())
        self.ended = False

    @classmethod
    async def start(
        cls,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        output: Output,
        cleanup: Sequence[str] = (),
        folder: Path | None = None,
        foreground: bool = False,
        descriptors: Sequence[int] = (),
    ) -> "Process":
        """Start `command` in `folder` with nothing but `environment`; raise `PortableError`.

        In the `foreground` it has this process's terminal, and `output` gets nothing. It gets
        `descriptors` under the same numbers.
        """
        pipe = None if foreground else asyncio.subprocess.PIPE
        try:
            child = await asyncio.create_subprocess_exec(
                *command,
                env=environment,
                cwd=folder,
                stdin=None if foreground else asyncio.subprocess.DEVNULL,
                stdout=pipe,
                stderr=None if foreground else asyncio.subprocess.STDOUT,
                start_new_session=not foreground,
                pass_fds=descriptors,
            )
        except OSError as error:
            raise PortableError(f"cannot start {command[0]!r}: {error.strerror}.") from None
        reaper.watch(child.pid, cleanup)
        return cls(name, child, output, cleanup)

    @property
    def running(self) -> bool:
        """Whether the process has not ended yet."""
        return self.child.returncode is None

    async def wait(self) -> int:
        """Wait for the end of the process and of its output; return its exit status."""
        status = await self._exited()
        await self._end_group()
        return status

    async def terminate(self, grace: float) -> None:
        """End the process: SIGTERM, and after `grace` seconds SIGKILL."""
        with contextlib.suppress(ProcessLookupError):
            self.child.terminate()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await self._exited()
        await self._end_group()
        await self._exited()

    async def kill(self) -> None:
        """End the process and all that it started, now."""
        self.output = lambda name, line: None  # what a killed process complains of is no news
        await self._end_group()
        await self._exited()

    def failure(self) -> Failure:
        """Return what the process died of: what Python names as the error, or its last words."""
        return failure(self.last_lines)

    def ports(self) -> list[int]:
        """Return the TCP ports on which it, or what it started, listens."""
        return listening(self.child.pid)

    async def _exited(self) -> int:
        # child.wait() also waits for whoever else holds the pipe, such as its own children.
        while self.child.returncode is None:
            await asyncio.sleep(0.02)
        return self.child.returncode

    async def _end_group(self) -> None:
        if self.ended:
            return  # by now the number may be another process's
        self.ended = True
        self.signal_group(signal.SIGKILL)
        if self.cleanup:
            quiet = asyncio.subprocess.DEVNULL
            child = await asyncio.create_subprocess_exec(*self.cleanup, stdout=quiet, stderr=quiet)
            await child.wait()
        reaper.forget(self.child.pid)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):  # whoever holds the pipe is dead or not ours
                await self.reading

    def signal_group(self, number: int) -> None:
        """Send signal `number` to the process and all that it started."""
        own = [self.child.pid] if self.running else []  # of this session, if in the foreground
        for process in {*own, *members(self.child.pid)}:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, number)

    async def _read(self) -> None:
        if self.child.stdout is None:
            return
        with contextlib.suppress(ConnectionError):
            async for line in _lines(self.child.stdout):
                self.last_lines.append(line)
                self.output(self.name, line)


async def _lines(stream: asyncio.StreamReader) -> AsyncIterator[str]:
    """Yield the lines of `stream`, however long they are."""
    parts: list[bytes] = []  # of the line that has not ended: joined once, whatever its length
    while data := await stream.read(65_536):
        *ends, rest = data.split(b"\n")
        for end in ends:
            yield b"".join((*parts, end)).decode("utf-8", "replace").rstrip("\r")
            parts.clear()
        if rest:
            parts.append(rest)
    if parts:
        yield b"".join(parts).decode("utf-8", "replace")


async def all_or_first_error(coroutines: Iterable[Coroutine[object, object, None]]) -> None:
    """Run `coroutines` side by side; when one fails, cancel the others and raise its error."""
    try:
        async with asyncio.TaskGroup() as tasks:
            for coroutine in coroutines:
                tasks.create_task(coroutine)
    except ExceptionGroup as group:
        raise group.exceptions[0] from None


def free_port() -> int:
    """Return a port of 127.0.0.1 that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

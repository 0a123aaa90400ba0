"""A task on this machine that runs one command and ends, as the local run's tasks run theirs."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from portable.errors import PortableError
from portable.local.data.shared import with_data
from portable.local.launch.host_image import HostImage
from portable.local.operate.control import NoLocalRun, ask
from portable.local.processes import Process
from portable.manifests import secrets
from portable.manifests.data import DATA
from portable.manifests.system import load
from portable.shift.durations import written
from portable.task import INTERRUPTED


@dataclass(frozen=True)
class LocalTask:
    """What is run: `command` below `root`, for `environment`, with `variables` besides its own.

    It gets the data of the local run whose listener has `port`, or else data of its own. After
    `timeout` seconds it is stopped, with 0 never.
    """

    root: Path
    environment: str
    port: int
    command: Sequence[str]
    variables: Mapping[str, str]
    timeout: int

    async def run(self, show: Callable[[str, str], None], say: Callable[[str], None]) -> int:
        """Return the exit status of the command, 130 where a signal ended it.

        `show` gets its lines, `say` sentences about it. Raises `PortableError` where it cannot
        run, or does not end in time.
        """
        async with self._variables(say) as (variables, app, grace):
            image = HostImage(self.root, app, say)
            environment = {**image.environment, **variables, **self.variables}
            process = await Process.start(
                "task", image.line(self.command), environment, show, folder=image.folder
            )
            return await self._end(process, grace, say)

    async def _end(self, process: Process, grace: int, say: Callable[[str], None]) -> int:
        interrupted = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, _interrupt, interrupted, process)
        ending = asyncio.create_task(process.wait())
        signalled = asyncio.create_task(interrupted.wait())
        try:
            await asyncio.wait(
                (ending, signalled),
                timeout=self.timeout or None,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if ending.done():
                return _status(ending.result())
            if interrupted.is_set():
                say("The task gets SIGTERM, as portable task was interrupted.")
            await process.terminate(grace)
            ended = f", and its command ended with exit status {_status(await ending)}"
            if interrupted.is_set():
                say(f"Interrupted: the task is stopped{ended}.")
                return INTERRUPTED
            text = f"the task was stopped after {written(self.timeout)} (--timeout){ended}"
            raise PortableError(f"{text}.")
        finally:
            signalled.cancel()
            ending.cancel()
            await asyncio.gather(signalled, ending, return_exceptions=True)
            await process.kill()

    @contextlib.asynccontextmanager
    async def _variables(
        self, say: Callable[[str], None]
    ) -> AsyncIterator[tuple[dict[str, str], str | None, int]]:
        """Yield the variables of a task, its app if that is another one, its stop timeout."""
        try:
            run = ask(self.port, "task")
        except NoLocalRun:
            system = load(self.root, self.environment, {})
            system = secrets.filled(system, self.root, self.variables)
            where = (self.root, self.environment, lambda name, line: None, say)
            async with with_data(system, *where) as system:
                if (self.root / DATA).exists():
                    say(f"No local run listens on port {self.port}: the task has data of its own.")
                yield system.service.variables, None, system.service.stop_timeout
            return
        asked = (str(self.root), self.environment)
        found = (run["root"], run["environment"])
        if found != asked:
            text = f"the local run on port {self.port} is {found[1]} of {found[0]}"
            raise PortableError(f"{text}, expected {asked[1]} of {asked[0]}.")
        yield run["variables"], run["app"], run["stop_timeout"]


def _interrupt(interrupted: asyncio.Event, process: Process) -> None:
    """React to a signal: the first one ends the process in peace, the second one at once."""
    if interrupted.is_set():
        process.signal_group(signal.SIGKILL)
    interrupted.set()


def _status(returned: int) -> int:
    """Return an exit status as a shell and ECS have it: 128 and the signal that ended it."""
    return 128 - returned if returned < 0 else returned

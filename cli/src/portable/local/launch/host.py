"""Targets as processes of this machine."""

import sys
from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path

from portable.errors import PortableError
from portable.local.fargate_side.tasks import Task
from portable.local.lambda_side.sandboxes import Sandbox
from portable.local.launch.emulator import emulator, without_invocation_lines
from portable.local.launch.host_image import HostImage, is_python
from portable.local.launch.launcher import function_environment, new_task
from portable.local.processes import Output, Process, free_port
from portable.manifests.system import System

# The listener connects to tasks from this address, so that they trust X-Forwarded-For from the
# listener and not from every client of this machine.
LISTENER_ADDRESS = "127.0.0.2"


class HostLauncher:
    """Starts processes of this machine: uvicorn, and the runtime emulator (Linux only).

    They see what the image has: `src`, and the packages of requirements.txt. `app` is a path
    `module:attribute` to run instead of the project's own; it is looked for in the folder of this
    process, too, and sees the packages of its environment instead. `variables` are environment
    variables for both sides.
    """

    def __init__(
        self,
        system: System,
        root: Path,
        app: str | None,
        variables: Mapping[str, str],
        output: Output,
        notify: Callable[[str], None],
    ) -> None:
        if sys.platform != "linux":
            message = "the Lambda runtime emulator runs on Linux only: use --docker here"
            raise PortableError(f"{message}, after `sam build`.")
        self.system = system
        self.output = output
        self.image = HostImage(root, app, notify)
        self.folder, self.hint = self.image.folder, self.image.hint
        self.emulator = emulator()
        self.numbers = count(1)
        self.processes: list[Process] = []
        self.environment = self.image.environment
        self.variables = {**variables, **({"ASGI_APP": app} if app else {})}

    async def task(self, number: int) -> Task:
        """Start task `number` of the service; raise `PortableError`."""
        port = free_port()
        environment = self.environment | self.task_environment(port)
        command = self._here(self.system.service.command)
        process = await Process.start(
            f"task-{number}", command, environment, self.output, folder=self.folder
        )
        self.processes.append(process)
        return new_task(self.system, process, "127.0.0.1", port, LISTENER_ADDRESS)

    def task_environment(self, port: int) -> dict[str, str]:
        """Return the variables of a task that has to listen on `port`."""
        return {
            **self.system.service.variables,
            **self.variables,
            "HOST": "127.0.0.1",
            "PORT": str(port),
            "FORWARDED_ALLOW_IPS": LISTENER_ADDRESS,
        }

    async def sandbox(self) -> Sandbox:
        """Start another sandbox of the function; raise `PortableError`."""
        function = self.system.function
        port = free_port()
        command = [
            self.emulator,
            "--log-level",
            "error",
            "--runtime-interface-emulator-address",
            f"127.0.0.1:{port}",
            "--runtime-api-address",
            f"127.0.0.1:{free_port()}",
            *self._here(function.entry_point),
            function.handler,
        ]
        environment = self.environment | function_environment(self.system) | self.variables
        name = f"sandbox-{next(self.numbers)}"
        output = without_invocation_lines(self.output)
        process = await Process.start(name, command, environment, output, folder=self.folder)
        self.processes.append(process)
        return Sandbox(process, "127.0.0.1", port, function.timeout)

    def _here(self, command: tuple[str, ...]) -> list[str]:
        """Return `command` with the interpreter of this machine in the place of the image's."""
        if not is_python(command[0]):
            message = f"the local run can start Python commands only, and {command[0]!r} is none"
            raise PortableError(f"{message}: use --docker.")
        return self.image.line(command)

"""Targets in one process that has the terminal, so that a debugger can be used."""

import json
import os
from dataclasses import replace
from pathlib import Path

from portable.local.fargate_side.tasks import Task
from portable.local.lambda_side.sandboxes import Sandbox
from portable.local.launch import debugged
from portable.local.launch.host import LISTENER_ADDRESS, HostLauncher
from portable.local.launch.launcher import function_environment, new_task
from portable.local.processes import Process, free_port
from portable.manifests.system import System

# OpenTelemetry has one provider of spans in a process, which would be that of the first side.
UNTRACED = {"TRACING": "false"}
# What debuggers read; an editor's one follows a child process with them.
DEBUGGER = ("PYTHONBREAKPOINT", "TERM", "PYDEVD_", "DEBUGPY_")


class DebugLauncher(HostLauncher):
    """Starts one process for both sides, in the foreground; starts it again where it has ended."""

    process: Process | None = None
    ports = (0, 0)  # of the Lambda side, of the Fargate side

    async def task(self, number: int) -> Task:
        """Return the Fargate side of the process; raise `PortableError`."""
        process = await self._both()
        return new_task(self.system, process, "127.0.0.1", self.ports[1], LISTENER_ADDRESS)

    async def sandbox(self) -> Sandbox:
        """Return the Lambda side of the process; raise `PortableError`."""
        process = await self._both()
        sandbox = Sandbox(process, "127.0.0.1", self.ports[0], self.system.function.timeout)
        sandbox.START_TIMEOUT = debugged.DAY
        return sandbox

    async def _both(self) -> Process:
        if self.process is not None and self.process.running:
            return self.process
        self.ports = (free_port(), free_port())
        function, service = self.system.function, self.system.service
        _, *command = self._here(service.command)
        given = {
            "code": str(self.folder),
            "lambda": {
                "environment": function_environment(self.system) | self.variables | UNTRACED,
                "handler": function.handler,
                "port": self.ports[0],
            },
            "fargate": {
                "environment": self.task_environment(self.ports[1]) | UNTRACED,
                "command": command,
            },
        }
        environment = self.environment | {
            name: value for name, value in os.environ.items() if name.startswith(DEBUGGER)
        }
        line = [self.image.python, str(Path(debugged.__file__)), json.dumps(given)]
        self.process = await Process.start(
            "debug", line, environment, self.output, folder=self.folder, foreground=True
        )
        self.processes.append(self.process)
        return self.process


def patient(system: System) -> System:
    """Return `system` with one target a side, and times that let it stand at a breakpoint."""
    balancer = system.load_balancer
    groups = tuple(
        replace(group, check=replace(group.check, enabled=False, interval=debugged.DAY))
        for group in balancer.groups
    )
    return replace(
        system,
        function=replace(system.function, timeout=debugged.DAY),
        service=replace(system.service, count=1),
        load_balancer=replace(balancer, groups=groups, idle_timeout=debugged.DAY),
    )

"""What starts the targets, and what its two kinds share.

Both give the targets what their manifest says. What has to differ locally is in this folder and
nowhere else: the address and port to listen on, and which peer is the load balancer.
"""

import asyncio
from pathlib import Path
from typing import Protocol

from portable.local.fargate_side.ip_target import IPTarget
from portable.local.fargate_side.tasks import Task
from portable.local.lambda_side.sandboxes import Sandbox
from portable.local.processes import Process
from portable.manifests.system import System


class Launcher(Protocol):
    """What starts the targets."""

    processes: list[Process]
    folder: Path  # where the targets start
    hint: str  # where a module has to be, to be found by the targets

    async def task(self, number: int) -> Task:
        """Start task `number` of the service; raise `PortableError`."""

    async def sandbox(self) -> Sandbox:
        """Start another sandbox of the function; raise `PortableError`."""


def function_environment(system: System) -> dict[str, str]:
    """Return the variables that a sandbox gets: the manifest's and Lambda's own.

    https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
    """
    function = system.function
    return {
        **function.environment,
        "AWS_LAMBDA_FUNCTION_NAME": function.logical_id,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
        "AWS_LAMBDA_FUNCTION_TIMEOUT": str(function.timeout),
        "AWS_LAMBDA_LOG_FORMAT": "JSON",
    }


def new_task(system: System, process: Process, host: str, port: int, source: str | None) -> Task:
    balancer = system.load_balancer
    target = IPTarget(host, port, balancer.idle_timeout, source)
    target.name = process.name
    return Task(process, target, balancer.group("ip").check)


async def stop(processes: list[Process]) -> None:
    """End whatever is still running of `processes`."""
    await asyncio.gather(*(process.kill() for process in processes if process.running))

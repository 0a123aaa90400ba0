"""Targets as containers of the image."""

import json
import os
import subprocess
from collections.abc import Mapping
from ipaddress import ip_network
from itertools import count
from pathlib import Path

from portable.errors import PortableError
from portable.local.fargate_side.tasks import Task
from portable.local.lambda_side.sandboxes import Sandbox
from portable.local.launch.emulator import emulator, without_invocation_lines
from portable.local.launch.launcher import function_environment, new_task
from portable.local.processes import Output, Process, free_port
from portable.manifests.system import System

CONTAINER_PORT = 8080  # where the emulator listens in a container


class DockerLauncher:
    """Starts containers of the image that `sam build` made, as Lambda and Fargate run it."""

    def __init__(self, system: System, variables: Mapping[str, str], output: Output) -> None:
        self.system = system
        self.variables = variables
        self.output = output
        self.emulator = emulator()
        self.folder = Path("src")
        self.hint = "It is missing in the image."
        self.numbers = count(1)
        self.processes: list[Process] = []
        # The name that `sam build` gives to the function's image.
        self.image = f"{system.function.logical_id.lower()}:latest"
        # Containers see the listener, and whatever else comes from this machine, as this address.
        self.gateway = gateway()
        _docker(
            *("image", "inspect", self.image),
            missing=f"there is no image {self.image!r}: make it with `sam build`",
        )

    async def task(self, number: int) -> Task:
        """Start task `number` of the service; raise `PortableError`."""
        service = self.system.service
        environment = {
            **service.variables,
            **self.variables,
            "FORWARDED_ALLOW_IPS": self.gateway,
        }
        options = ["--read-only"] if service.read_only else []
        for folder in sorted(service.writable):
            options += ["--volume", folder]
        process, port = await self._run(
            f"task-{number}", service.port, environment, options, service.command
        )
        return new_task(self.system, process, "127.0.0.1", port, None)

    async def sandbox(self) -> Sandbox:
        """Start another sandbox of the function; raise `PortableError`."""
        function = self.system.function
        options = [
            *("--read-only", "--tmpfs", "/tmp"),  # noqa: S108 - the one place a function may write
            *("--memory", f"{function.memory}m"),
            *("--volume", f"{self.emulator}:/opt/aws-lambda-rie:ro"),
            *("--entrypoint", "/opt/aws-lambda-rie"),
        ]
        command = ("--log-level", "error", *function.entry_point, function.handler)
        environment = {**function_environment(self.system), **self.variables}
        name = f"sandbox-{next(self.numbers)}"
        process, port = await self._run(name, CONTAINER_PORT, environment, options, command)
        return Sandbox(process, "127.0.0.1", port, function.timeout)

    async def _run(
        self,
        name: str,
        container_port: int,
        environment: Mapping[str, str],
        options: list[str],
        command: tuple[str, ...],
    ) -> tuple[Process, int]:
        port = free_port()
        container = f"portable-{os.getpid()}-{name}-{port}"
        # Values are on no command line, which everybody can read, and in no file that may stay: the
        # command reads them from a pipe, one a line. Those of several lines it gets as its own.
        inherited = {name: value for name, value in environment.items() if "\n" in value}
        lines = [f"{name}={value}\n" for name, value in environment.items() if "\n" not in value]
        reader, writer = os.pipe()
        os.write(writer, "".join(lines).encode())
        os.close(writer)
        line = [
            *("docker", "run", "--rm", "--name", container),
            *("--publish", f"127.0.0.1:{port}:{container_port}"),
            *("--env-file", f"/dev/fd/{reader}"),
            *(part for name in inherited for part in ("--env", name)),
            *options,
            self.image,
            *command,
        ]
        try:
            process = await Process.start(
                name,
                line,
                {**os.environ, **inherited},
                without_invocation_lines(self.output),
                cleanup=("docker", "rm", "--force", "--volumes", container),
                descriptors=(reader,),
            )
        finally:
            os.close(reader)
        self.processes.append(process)
        return process, port


def gateway() -> str:
    """Return the address of this machine in the network of containers; raise `PortableError`."""
    _docker("version", missing="the Docker engine does not answer: start it, or leave --docker out")
    network = _docker(
        *("network", "inspect", "bridge", "--format", "{{json .IPAM.Config}}"),
        missing="Docker has no network named 'bridge'",
    )
    config = json.loads(network)[0]
    # Where the engine does not name it, it is the first address of the network.
    return config.get("Gateway") or str(next(ip_network(config["Subnet"]).hosts()))


def _docker(*arguments: str, missing: str) -> str:
    try:
        done = subprocess.run(["docker", *arguments], capture_output=True, text=True)
    except OSError:
        raise PortableError("the docker command is missing: install Docker first.") from None
    if done.returncode:
        raise PortableError(f"{missing}.")
    return done.stdout.strip()

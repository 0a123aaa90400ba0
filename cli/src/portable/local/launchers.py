"""Starts tasks and sandboxes, either as processes of this machine or as containers.

Both get what their manifest says. What has to differ locally is here and nowhere else: the
address and port to listen on, and which peer is the load balancer.
"""

import asyncio
import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from ipaddress import ip_network
from itertools import count
from pathlib import Path
from typing import Protocol

from portable.errors import PortableError
from portable.local.fargate_side.ip_target import IPTarget
from portable.local.fargate_side.tasks import Task
from portable.local.lambda_side.sandboxes import Sandbox
from portable.local.processes import Output, Process, free_port
from portable.manifests.system import System

# The listener connects to tasks from this address, so that they trust X-Forwarded-For from the
# listener and not from every client of this machine.
LISTENER_ADDRESS = "127.0.0.2"
PASSED_ON = ("HOME", "LANG", "PATH", "SSL_CERT_FILE", "TMPDIR", "TZ")
CONTAINER_PORT = 8080  # where the emulator listens in a container


class Launcher(Protocol):
    """What starts the targets."""

    processes: list[Process]

    async def task(self, number: int) -> Task:
        """Start task `number` of the service; raise `PortableError`."""

    async def sandbox(self) -> Sandbox:
        """Start another sandbox of the function; raise `PortableError`."""


class HostLauncher:
    """Starts processes of this machine: uvicorn, and the runtime emulator (Linux only).

    `app` is a path `module:attribute` to run instead of the project's own, `variables` are
    environment variables for both sides.
    """

    def __init__(
        self,
        system: System,
        root: Path,
        app: str | None,
        variables: Mapping[str, str],
        output: Output,
    ) -> None:
        if sys.platform != "linux":
            message = "the Lambda runtime emulator runs on Linux only: use --docker here"
            raise PortableError(f"{message}, after `sam build`.")
        self.system = system
        self.output = output
        self.emulator = emulator()
        self.numbers = count(1)
        self.processes: list[Process] = []
        # The project's sources, and for the user's own app the folder that it was named in.
        python_path = [str(root / "src"), *([os.getcwd(), str(root)] if app else [])]
        self.environment = {
            **{name: os.environ[name] for name in PASSED_ON if name in os.environ},
            "PYTHONPATH": os.pathsep.join(python_path),
            "PYTHONUNBUFFERED": "1",
        }
        self.variables = {**variables, **({"ASGI_APP": app} if app else {})}

    async def task(self, number: int) -> Task:
        """Start task `number` of the service; raise `PortableError`."""
        port = free_port()
        environment = {
            **self.environment,
            **self.system.service.variables,
            **self.variables,
            "HOST": "127.0.0.1",
            "PORT": str(port),
            "FORWARDED_ALLOW_IPS": LISTENER_ADDRESS,
        }
        command = _here(self.system.service.command)
        process = await Process.start(f"task-{number}", command, environment, self.output)
        self.processes.append(process)
        return _task(self.system, process, "127.0.0.1", port, LISTENER_ADDRESS)

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
            *_here(function.entry_point),
            function.handler,
        ]
        environment = self.environment | function_environment(self.system) | self.variables
        name = f"sandbox-{next(self.numbers)}"
        output = _without_invocation_lines(self.output)
        process = await Process.start(name, command, environment, output)
        self.processes.append(process)
        return Sandbox(process, "127.0.0.1", port, function.timeout)


class DockerLauncher:
    """Starts containers of the image that `sam build` made, as Lambda and Fargate run it."""

    def __init__(self, system: System, variables: Mapping[str, str], output: Output) -> None:
        self.system = system
        self.variables = variables
        self.output = output
        self.emulator = emulator()
        self.numbers = count(1)
        self.processes: list[Process] = []
        # The name that `sam build` gives to the function's image.
        self.image = f"{system.function.logical_id.lower()}:latest"
        _docker(
            "version", missing="the Docker engine does not answer: start it, or leave --docker out"
        )
        _docker(
            *("image", "inspect", self.image),
            missing=f"there is no image {self.image!r}: make it with `sam build`",
        )
        # Containers see the listener, and whatever else comes from this machine, as this address.
        self.gateway = _gateway()

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
        return _task(self.system, process, "127.0.0.1", port, None)

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
        # A secret is named only: docker takes its value from its own environment, where no `ps` and
        # no log of commands shows it, and where it may have several lines.
        secrets = {name: environment[name] for name in environment if name in self.system.secrets}
        variables = [
            part
            for name, value in environment.items()
            for part in ("--env", name if name in secrets else f"{name}={value}")
        ]
        line = [
            *("docker", "run", "--rm", "--name", container),
            *("--publish", f"127.0.0.1:{port}:{container_port}"),
            *variables,
            *options,
            self.image,
            *command,
        ]
        cleanup = ("docker", "rm", "--force", "--volumes", container)
        output = _without_invocation_lines(self.output)
        process = await Process.start(name, line, {**os.environ, **secrets}, output, cleanup)
        self.processes.append(process)
        return process, port


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


def emulator() -> str:
    """Return the path of the Lambda Runtime Interface Emulator, which aws-sam-cli brings.

    Raises `PortableError` where aws-sam-cli is not installed.
    """
    machine = "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"
    package = find_spec("samcli")
    for folder in package.submodule_search_locations or () if package else ():
        path = Path(folder, "local", "rapid", f"aws-lambda-rie-{machine}")
        if path.exists():
            return str(path)
    message = "the Lambda runtime emulator is missing, which is part of aws-sam-cli"
    raise PortableError(f"{message}: install it with `make install`.")


def _task(system: System, process: Process, host: str, port: int, source: str | None) -> Task:
    balancer = system.load_balancer
    target = IPTarget(host, port, balancer.idle_timeout, source)
    target.name = process.name
    return Task(process, target, balancer.group("ip").check)


def _here(command: tuple[str, ...]) -> list[str]:
    """Return `command` with this interpreter in the place of the image's."""
    if not Path(command[0]).name.startswith("python"):
        message = f"the local run can start Python commands only, and {command[0]!r} is none"
        raise PortableError(f"{message}: use --docker.")
    return [sys.executable, *command[1:]]


def _without_invocation_lines(output: Output) -> Output:
    """Leave out the emulator's own lines on each invocation: the access log has them all."""

    def filtered(name: str, line: str) -> None:
        if not line.startswith(("START RequestId", "END RequestId", "REPORT RequestId")):
            output(name, line)

    return filtered


def _gateway() -> str:
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


async def stop(processes: list[Process]) -> None:
    """End whatever is still running of `processes`."""
    await asyncio.gather(*(process.kill() for process in processes if process.running))

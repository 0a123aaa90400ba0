"""Where the three manifests speak of the same thing, they have to say the same."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path

from portable.errors import PortableError
from portable.manifests.problem import Problem
from portable.manifests.system import ALB, SAM, Service, System
from portable.manifests.variables import different_app

# Seconds: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html#container_definition_timeouts
MOST_STOP_TIMEOUT = 120
TEMPORARY = "/tmp"  # noqa: S108 - a path in the image
MACHINES = {"x86_64": ("linux/x86_64", "linux/amd64"), "arm64": ("linux/arm64",)}


def check(system: System, root: Path) -> None:
    """Raise `PortableError`, naming files, keys and both values, for the first disagreement."""
    for problem in disagreements(system, root):
        raise PortableError(str(problem))


def disagreements(system: System, root: Path) -> Iterator[Problem]:
    """Yield what the manifests disagree about, each with files, keys and both values."""
    function, service, balancer = system.function, system.service, system.load_balancer
    fargate, function_group = balancer.group("ip"), balancer.group("lambda")

    yield from _same(
        f"{ALB}: TaskPort",
        balancer.task_port,
        f"{service.path}: image.port",
        service.port,
    )
    yield from _same(
        f"{service.path}: variables.PORT",
        service.variables.get("PORT", "8080"),
        f"{service.path}: image.port",
        str(service.port),
    )
    yield from _same(
        f"{ALB}: {fargate.logical_id}.Properties.HealthCheckPath",
        fargate.check.path,
        f"{ALB}: {function_group.logical_id}.Properties.HealthCheckPath",
        function_group.check.path,
    )
    if f"{fargate.check.path}'" not in service.health_command:
        yield _disagree(
            f"{ALB}: {fargate.logical_id}.Properties.HealthCheckPath",
            fargate.check.path,
            f"{service.path}: image.healthcheck.command",
            service.health_command,
        )
    if service.platform not in MACHINES.get(function.architecture, ()):
        yield _disagree(
            f"{SAM}: {function.logical_id}.Properties.Architectures",
            function.architecture,
            f"{service.path}: platform",
            service.platform,
        )
    for where, variables, expected in (
        (f"{SAM}: Environment.Variables", function.environment, "lambda"),
        (f"{service.path}: variables", service.variables, "ecs"),
    ):
        given = variables.get("EXECUTION_ENVIRONMENT")
        if given != expected:
            message = f"{where}.EXECUTION_ENVIRONMENT is {given!r}, expected {expected!r}"
            yield Problem(f"{message}.")
    yield from different_app(system)
    yield from _temporary_folder(service)
    yield from _times(system)
    yield from _handler(function.handler, function.logical_id, root)


def _temporary_folder(service: Service) -> Iterator[Problem]:
    """Yield a read-only root with no place for temporary files, which a function always has."""
    if service.read_only and TEMPORARY not in service.writable:
        text = f"{service.path}: storage.readonly_fs is true, and no volume can be written to at"
        yield Problem(
            f"{text} {TEMPORARY}: an upload over 1 MB would fail on Fargate alone.",
            f"Add to storage.volumes one with path: {TEMPORARY} and read_only: false.",
        )


def _times(system: System) -> Iterator[Problem]:
    """Yield where a request could be lost while a task ends, or a side is slow.

    Timeout < idle timeout < KEEP_ALIVE_SECONDS; GRACEFUL_SHUTDOWN_SECONDS < StopTimeout <= 120;
    deregistration delay >= idle timeout, which is how long a task may take to answer.
    """
    function, service, balancer = system.function, system.service, system.load_balancer
    fargate = balancer.group("ip")
    idle_timeout = f"{ALB}: idle_timeout.timeout_seconds"
    stop_timeout = f"{service.patches}: StopTimeout"
    yield from _order(
        f"{SAM}: {function.logical_id}.Properties.Timeout",
        function.timeout,
        idle_timeout,
        balancer.idle_timeout,
    )
    yield from _order(
        idle_timeout,
        balancer.idle_timeout,
        f"{service.path}: variables.KEEP_ALIVE_SECONDS",
        _seconds(service.path, "KEEP_ALIVE_SECONDS", service.variables, 75),
    )
    yield from _order(
        f"{service.path}: variables.GRACEFUL_SHUTDOWN_SECONDS",
        _seconds(service.path, "GRACEFUL_SHUTDOWN_SECONDS", service.variables, 25),
        stop_timeout,
        service.stop_timeout,
    )
    if service.stop_timeout > MOST_STOP_TIMEOUT:
        message = f"{stop_timeout} is {service.stop_timeout}"
        yield Problem(f"{message}, but Fargate allows {MOST_STOP_TIMEOUT} at most.")
    if fargate.deregistration_delay < balancer.idle_timeout:
        delay = f"{ALB}: {fargate.logical_id}: deregistration_delay.timeout_seconds"
        message = f"{delay} is {fargate.deregistration_delay}, but {idle_timeout}"
        message += f" is {balancer.idle_timeout:g}: the first may not be the smaller one"
        yield Problem(f"{message}, or a deployment cuts off a request that still has time.")


def _seconds(path: str, name: str, variables: dict[str, str], default: float) -> float:
    try:
        return float(variables.get(name, default))
    except ValueError:
        message = f"{path}: variables.{name} is {variables[name]!r}"
        raise PortableError(f"{message}, expected a number of seconds.") from None


def _same(left: str, left_value: object, right: str, right_value: object) -> Iterator[Problem]:
    if left_value != right_value:
        yield _disagree(left, left_value, right, right_value)


def _order(left: str, left_value: float, right: str, right_value: float) -> Iterator[Problem]:
    if left_value >= right_value:
        message = f"{left} is {left_value:g}, but {right} is {right_value:g}"
        yield Problem(f"{message}: the first has to be the smaller one.")


def _disagree(left: str, left_value: object, right: str, right_value: object) -> Problem:
    return Problem(f"{left} is {left_value!r}, but {right} is {right_value!r}.", "Make them agree.")


def _handler(handler: str, logical_id: str, root: Path) -> Iterator[Problem]:
    module, _, name = handler.rpartition(".")
    path = root / "src" / Path(*module.split("."))
    if not name or not (path.with_suffix(".py").exists() or (path / "__init__.py").exists()):
        if module and importlib.util.find_spec(module.partition(".")[0]) and "." not in module:
            return
        key = f"{logical_id}.Properties.ImageConfig.Command"
        expected = path.with_suffix(".py").relative_to(root)
        yield Problem(f"{SAM}: {key} is {handler!r}, but there is no {expected}.")

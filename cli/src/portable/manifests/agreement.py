"""Where the three manifests speak of the same thing, they have to say the same."""

import importlib.util
from pathlib import Path

from portable.errors import PortableError
from portable.manifests.system import ALB, SAM, System

# Seconds: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html#container_definition_timeouts
MOST_STOP_TIMEOUT = 120
MACHINES = {"x86_64": ("linux/x86_64", "linux/amd64"), "arm64": ("linux/arm64",)}


def check(system: System, root: Path) -> None:
    """Raise `PortableError`, naming files, keys and both values, for the first disagreement."""
    function, service, balancer = system.function, system.service, system.load_balancer
    fargate, function_group = balancer.group("ip"), balancer.group("lambda")

    _same(
        f"{ALB}: {fargate.logical_id}.Properties.Port",
        fargate.port,
        f"{service.path}: image.port",
        service.port,
    )
    _same(
        f"{service.path}: variables.PORT",
        service.variables.get("PORT", "8080"),
        f"{service.path}: image.port",
        str(service.port),
    )
    _same(
        f"{ALB}: {fargate.logical_id}.Properties.HealthCheckPath",
        fargate.check.path,
        f"{ALB}: {function_group.logical_id}.Properties.HealthCheckPath",
        function_group.check.path,
    )
    if f"{fargate.check.path}'" not in service.health_command:
        _disagree(
            f"{ALB}: {fargate.logical_id}.Properties.HealthCheckPath",
            fargate.check.path,
            f"{service.path}: image.healthcheck.command",
            service.health_command,
        )
    if service.platform not in MACHINES.get(function.architecture, ()):
        _disagree(
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
            raise PortableError(f"{message}.")
    _times(system)
    _handler(function.handler, function.logical_id, root)


def _times(system: System) -> None:
    """Raise `PortableError` where a request could be lost while a task ends, or a side is slow.

    Timeout < idle timeout < KEEP_ALIVE_SECONDS; GRACEFUL_SHUTDOWN_SECONDS < StopTimeout <= 120;
    deregistration delay >= idle timeout, which is how long a task may take to answer.
    """
    function, service, balancer = system.function, system.service, system.load_balancer
    fargate = balancer.group("ip")
    idle_timeout = f"{ALB}: idle_timeout.timeout_seconds"
    stop_timeout = f"{service.patches}: StopTimeout"
    _order(
        f"{SAM}: {function.logical_id}.Properties.Timeout",
        function.timeout,
        idle_timeout,
        balancer.idle_timeout,
    )
    _order(
        idle_timeout,
        balancer.idle_timeout,
        f"{service.path}: variables.KEEP_ALIVE_SECONDS",
        _seconds(service.path, "KEEP_ALIVE_SECONDS", service.variables, 75),
    )
    _order(
        f"{service.path}: variables.GRACEFUL_SHUTDOWN_SECONDS",
        _seconds(service.path, "GRACEFUL_SHUTDOWN_SECONDS", service.variables, 25),
        stop_timeout,
        service.stop_timeout,
    )
    if service.stop_timeout > MOST_STOP_TIMEOUT:
        message = f"{stop_timeout} is {service.stop_timeout}"
        raise PortableError(f"{message}, but Fargate allows {MOST_STOP_TIMEOUT} at most.")
    if fargate.deregistration_delay < balancer.idle_timeout:
        delay = f"{ALB}: {fargate.logical_id}: deregistration_delay.timeout_seconds"
        message = f"{delay} is {fargate.deregistration_delay}, but {idle_timeout}"
        message += f" is {balancer.idle_timeout:g}: the first may not be the smaller one"
        raise PortableError(f"{message}, or a deployment cuts off a request that still has time.")


def _seconds(path: str, name: str, variables: dict[str, str], default: float) -> float:
    try:
        return float(variables.get(name, default))
    except ValueError:
        message = f"{path}: variables.{name} is {variables[name]!r}"
        raise PortableError(f"{message}, expected a number of seconds.") from None


def _same(left: str, left_value: object, right: str, right_value: object) -> None:
    if left_value != right_value:
        _disagree(left, left_value, right, right_value)


def _order(left: str, left_value: float, right: str, right_value: float) -> None:
    if left_value >= right_value:
        message = f"{left} is {left_value:g}, but {right} is {right_value:g}"
        raise PortableError(f"{message}: the first has to be the smaller one.")


def _disagree(left: str, left_value: object, right: str, right_value: object) -> None:
    raise PortableError(f"{left} is {left_value!r}, but {right} is {right_value!r}.")


def _handler(handler: str, logical_id: str, root: Path) -> None:
    module, _, name = handler.rpartition(".")
    path = root / "src" / Path(*module.split("."))
    if not name or not (path.with_suffix(".py").exists() or (path / "__init__.py").exists()):
        if module and importlib.util.find_spec(module.partition(".")[0]) and "." not in module:
            return
        key = f"{logical_id}.Properties.ImageConfig.Command"
        expected = path.with_suffix(".py").relative_to(root)
        raise PortableError(f"{SAM}: {key} is {handler!r}, but there is no {expected}.")

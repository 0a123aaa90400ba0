"""One process per task: how many there are is the service's count."""

from collections.abc import Iterator

from portable.manifests.problem import Problem, Severity
from portable.manifests.system import System

OPTIONS = ("--workers", "-w")
VARIABLE = "WEB_CONCURRENCY"  # uvicorn and gunicorn read it


def several_workers(system: System) -> Iterator[Problem]:
    """Yield a warning where the service asks for several processes in a task."""
    service = system.service
    remedy = "Leave it out, and let `count` say how many tasks there are."
    reason = (
        "a task has the vCPU of one process, its health check asks one of them, and the server "
        "has to listen on the port in PORT"
    )
    for word in service.command:
        if word.partition("=")[0] in OPTIONS:
            text = f"{service.path}: command has {word}: {reason}."
            yield Problem(text, remedy, Severity.WARNING)
    if service.variables.get(VARIABLE, "1") != "1":
        text = f"{service.path}: variables has {VARIABLE}: {reason}."
        yield Problem(text, remedy, Severity.WARNING)

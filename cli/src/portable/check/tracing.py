"""Tracing: an image that is to make spans has what they are made with."""

from collections.abc import Iterator

from portable.check.project import Project
from portable.local.launch.image_environment import LOCK
from portable.manifests.problem import Problem

NEEDED = "opentelemetry-sdk=="


def tracing(project: Project) -> Iterator[Problem]:
    """Yield each environment that is traced while the lock of the image lacks the SDK."""
    for environment in project.environments:
        system = project.system(environment)
        sides = (system.function.environment, system.service.variables)
        traced = any(variables.get("TRACING") == "true" for variables in sides)
        if traced and NEEDED not in (project.root / LOCK).read_text():
            text = f"TRACING is true in {environment}, but {LOCK} has no opentelemetry-sdk: "
            fix = "Write fastapi[opentelemetry] for fastapi in pyproject.toml, and `make lock`."
            yield Problem(f"{text}neither side would start.", fix)

"""The checks in their order, each with its outcome."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum

from portable.check.docker import docker
from portable.check.lint import cfn_lint, sam_validate
from portable.check.manifests import manifests, variables
from portable.check.names import names
from portable.check.project import Project
from portable.check.rendering import copilot_package
from portable.check.samconfig import samconfig, topics
from portable.check.stacks import unknown_imports
from portable.errors import PortableError
from portable.manifests.problem import Problem, Severity


class Status(Enum):
    """How a check ended, the best first."""

    PASSED = "passed"
    WARNED = "warned"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Outcome:
    """What one check found; `what` says what it looked at."""

    check: str
    what: str
    problems: tuple[Problem, ...] = ()
    skipped: bool = False  # as an earlier check failed

    @property
    def status(self) -> Status:
        """The worst of its problems."""
        if self.skipped:
            return Status.SKIPPED
        if any(problem.severity is Severity.FAULT for problem in self.problems):
            return Status.FAILED
        return Status.WARNED if self.problems else Status.PASSED


def static(project: Project) -> list[Outcome]:
    """Run every check that needs no account. The slow ones run beside the others."""
    with ThreadPoolExecutor(2) as pool:
        validated = pool.submit(_outcome, "sam validate", "template.yaml", sam_validate, project)
        rendered = pool.submit(_rendered, project)
        # These read one after the other what the project holds, and take no second together.
        quick = [
            _outcome("names", _names(project), names, project),
            _outcome("samconfig.toml", "sections, parameters, options", samconfig, project),
            _outcome("manifests", "ports, paths, time limits", manifests, project),
            _outcome("variables", "both sides have the same", variables, project),
            _outcome("alarms", "somebody is told", topics, project),
            _outcome("docker", "engine, buildx", lambda _: docker(Severity.WARNING), project),
        ]
        return [*quick, validated.result(), *rendered.result()]


def _names(project: Project) -> str:
    return f"environments {', '.join(project.environments)}"


def _rendered(project: Project) -> list[Outcome]:
    """Render with Copilot, and look at what it made."""
    package = _outcome("copilot package", "manifests, patches", copilot_package, project)
    lint = _outcome("cfn-lint", "our templates and the rendered ones", cfn_lint, project)
    imports = Outcome("imports", "", skipped=True)
    if package.status is Status.PASSED:
        imports = _outcome("imports", "each is exported by a stack", unknown_imports, project)
    return [package, lint, imports]


def _outcome(
    name: str, what: str, check: Callable[[Project], Iterable[Problem]], project: Project
) -> Outcome:
    """Run one check; what it cannot read is its fault."""
    problems: list[Problem] = []
    try:
        problems.extend(check(project))
    except PortableError as error:
        problems.append(Problem(error.message))
    return Outcome(name, what, tuple(problems))

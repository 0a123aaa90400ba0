"""What one check found."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum

from portable.check.project import Project
from portable.errors import PortableError
from portable.manifests.problem import Problem, Severity

Check = Callable[[Project], Iterable[Problem]]


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


def outcome(name: str, what: str, check: Check, project: Project) -> Outcome:
    """Run one check; what it cannot read is its fault."""
    problems: list[Problem] = []
    try:
        problems.extend(check(project))
    except PortableError as error:
        problems.append(Problem(error.message))
    return Outcome(name, what, tuple(problems))


def skipped(name: str) -> Outcome:
    """Return the outcome of a check that an earlier one made pointless."""
    return Outcome(name, "", skipped=True)

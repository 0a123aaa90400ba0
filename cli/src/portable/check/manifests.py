"""What `portable run` looks at before it starts: the manifests agree, and so do the variables."""

from collections.abc import Iterator

from portable.check.project import Project
from portable.manifests import agreement, different
from portable.manifests import secrets as declared_secrets
from portable.manifests import variables as environment_variables
from portable.manifests.problem import Problem


def manifests(project: Project) -> Iterator[Problem]:
    """Yield each disagreement of the manifests, of every environment once."""
    seen = set()
    for environment in project.environments:
        system = project.system(environment)
        for problem in agreement.disagreements(system, project.root):
            if problem not in seen:
                seen.add(problem)
                yield problem


def variables(project: Project) -> Iterator[Problem]:
    """Yield each variable that one side lacks or has with another value."""
    marked = different.marked(project.root)
    seen: set[Problem] = set()
    names: set[str] = set()
    for environment in project.environments:
        system = project.system(environment)
        names |= system.function.environment.keys() | system.service.variables.keys()
        names |= system.secrets
        for problem in environment_variables.differences(system, marked):
            if problem not in seen:
                seen.add(problem)
                yield problem
    yield from different.idle(different.of_variables(marked) - names, "a variable")


def secrets(project: Project) -> Iterator[Problem]:
    """Yield each secret that one side lacks, or that a new clone is not told of."""
    marked = different.marked(project.root)
    seen = set()
    for environment in project.environments:
        system = project.system(environment)
        found = (
            *declared_secrets.differences(system, marked),
            *declared_secrets.not_in_example(system, project.root),
        )
        for problem in found:
            if problem not in seen:
                seen.add(problem)
                yield problem

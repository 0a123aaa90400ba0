"""What `portable run` looks at before it starts: the manifests agree, and so do the variables."""

from collections.abc import Iterator

from portable.check.project import Project
from portable.manifests import agreement
from portable.manifests import variables as environment_variables
from portable.manifests.problem import Problem
from portable.manifests.system import load


def manifests(project: Project) -> Iterator[Problem]:
    """Yield each disagreement of the manifests, of every environment once."""
    seen = set()
    for environment in project.environments:
        system = load(project.root, environment, {})
        for problem in agreement.disagreements(system, project.root):
            if problem not in seen:
                seen.add(problem)
                yield problem


def variables(project: Project) -> Iterator[Problem]:
    """Yield each variable that one side lacks or has with another value."""
    marked = environment_variables.marked(project.root)
    seen, names = set(), set()
    for environment in project.environments:
        system = load(project.root, environment, {})
        names |= system.function.environment.keys() | system.service.variables.keys()
        for problem in environment_variables.differences(system, marked):
            if problem not in seen:
                seen.add(problem)
                yield problem
    yield from environment_variables.idle_marks(marked, names)

"""Rights: what the app may do on one side, it may do on the other.

It is the rendered roles that are compared, not what the manifests mean to say. What an action is
allowed for, its resources and conditions, is not compared.
"""

from collections.abc import Collection, Iterator

from portable.check.project import Project
from portable.check.roles import Role, addon_policies, attached, function_role, task_role
from portable.manifests import different
from portable.manifests.problem import Problem

BOTH = "AppPolicy in data/template.yaml is such a policy"


def rights(project: Project) -> Iterator[Problem]:
    """Yield each policy that only one role has, and each action that only one role allows.

    What Copilot renders has to be in the project's folder for it.
    """
    marks = different.marked(project.root)
    marks -= different.of_variables(marks)
    seen: set[Problem] = set()
    known: set[str] = set()
    (service,) = project.services
    for environment in project.environments:
        function = function_role(project, environment)
        tasks = task_role(project, service, environment)
        known |= function.policies | function.actions | tasks.policies | tasks.actions
        found = (
            *_only(function, tasks, marks),
            *_only(tasks, function, marks),
            *_dropped(project, service, environment),
        )
        for problem in found:
            if problem not in seen:
                seen.add(problem)
                yield problem
    used = {mark for mark in marks if any(different.covers([mark], right) for right in known)}
    yield from different.idle(marks - used, "an action or a policy")


def _only(one: Role, other: Role, marks: Collection[str]) -> Iterator[Problem]:
    """Yield what `one` has and `other` has not, on no purpose."""
    expected = {*different.RIGHTS, *marks}
    for policy in sorted(one.policies - other.policies):
        if not different.covers(expected, policy):
            key = "ManagedPolicyArns"
            text = f"{one.place}.{key} has {policy}, but {other.place}.{key} has not."
            yield Problem(text, f"Give it to both roles{different.mark(policy)}")
    for action in sorted(one.actions - other.actions):
        if not different.covers(expected, action):
            does, what = ("denies", action[5:]) if action[:5] == "Deny " else ("allows", action)
            text = f"{one.place}.Policies {does} {what}, but {other.place}.Policies does not."
            rest = f" ({BOTH}){different.mark(action)}"
            yield Problem(text, f"Say it in a policy that both roles have{rest}")


def _dropped(project: Project, service: str, environment: str) -> Iterator[Problem]:
    """Yield each policy of the addons that a patch has taken from Copilot's list."""
    for policy in sorted(
        addon_policies(project, service).keys() - attached(project, service, environment)
    ):
        name = policy.rpartition(".")[2]
        text = f"copilot/{service}/addons puts out the policy {name}, which the tasks do not have:"
        text = f"{text} a patch replaces the list of /Resources/TaskRole/Properties."
        yield Problem(text, "End the path of the patch with ManagedPolicyArns/-, to add to it.")

"""The stacks as they are: in a state that takes an update, with the exports that are imported."""

from collections.abc import Iterator

from portable.check.account.session import Account
from portable.check.project import Project
from portable.check.stacks import Stack, stacks
from portable.manifests.problem import Problem, Severity

# A stack whose creation failed, or whose deletion did: nothing updates it.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
DEAD = {"CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED"}
# Reviewed is a stack of which only a change set is there: a deployment makes it.
MADE_ANEW = {"REVIEW_IN_PROGRESS"}


def states(account: Account, project: Project) -> Iterator[Problem]:
    """Yield the stacks that take no update."""
    found = _states(account)
    for stack in _ours(project):
        state = found.get(stack.name, "")
        text = f"The stack {stack.name} is in {state}"
        if state in DEAD:
            yield Problem(f"{text}: it takes no update.", f"Delete it first: `{stack.delete}`.")
        elif state == "UPDATE_ROLLBACK_FAILED":
            fix = "Continue its rollback, in the console or with the API's ContinueUpdateRollback."
            yield Problem(f"{text}: it takes no update.", fix)
        elif state.endswith("_IN_PROGRESS") and state not in MADE_ANEW:
            yield Problem(f"{text}: it takes no other update.", "Wait until it is done.")


def exports(account: Account, project: Project) -> Iterator[Problem]:
    """Yield what is imported and not exported yet, with the command that makes it."""
    ours = _ours(project)
    exported = {
        item["Name"]: item["ExportingStackId"].split("/")[1]
        for item in account.pages("cloudformation", "list_exports", "Exports")
    }
    for stack in ours:
        users = [other for other in ours if other.imports & stack.exports]
        wanted = stack.exports & frozenset().union(*(other.imports for other in users))
        missing = sorted(wanted - exported.keys())
        if missing:
            text = f"{' and '.join(user.name for user in users)} cannot be deployed yet: "
            text += f"{', '.join(missing)} {'are' if len(missing) > 1 else 'is'} missing."
            yield Problem(text, f"`{stack.command}` makes it first.", Severity.WARNING)
        for name in sorted(stack.exports & exported.keys()):
            if exported[name] != stack.name:
                text = f"{name} is an export of {exported[name]} already, and {stack.name} "
                yield Problem(f"{text}makes it, too.", "Delete that stack, or name it otherwise.")


def _states(account: Account) -> dict[str, str]:
    return {
        stack["StackName"]: stack["StackStatus"]
        for stack in account.pages("cloudformation", "describe_stacks", "Stacks")
    }


def _ours(project: Project) -> list[Stack]:
    return [stack for name in project.environments for stack in stacks(project, name)]

"""The calls for change sets."""

import uuid
from collections.abc import Iterator
from typing import Any

from tests.aws.errors import AwsError, invalid
from tests.aws.operations import Operations
from tests.aws.parameters import shown
from tests.aws.region import Region, not_found
from tests.aws.requests import plan, prepare
from tests.aws.stack import UPDATABLE, ChangeSet, Stack, pairs

NO_CHANGES = (
    "The submitted information didn't contain changes. Submit different information to "
    "create a change set."
)


class ChangeSets:
    """Each public method answers the call of its name."""

    def __init__(self, region: Region, operations: Operations) -> None:
        self._region, self._operations = region, operations

    def create_change_set(self, request: dict[str, Any]) -> dict[str, Any]:
        name, kind = request["ChangeSetName"], request.get("ChangeSetType", "UPDATE")
        found = self._region.find(request["StackName"])
        if kind not in ("CREATE", "UPDATE"):
            raise invalid(f"ChangeSetType {kind} is not emulated.")
        if kind == "CREATE" and found and found.status != "REVIEW_IN_PROGRESS":
            raise invalid(
                f"Stack [{found.name}] already exists and cannot be created again with the "
                f"changeSet [{name}]."
            )
        if kind == "UPDATE":
            if found is None:
                raise invalid(f"Stack [{request['StackName']}] does not exist")
            self._region.check_idle(found, UPDATABLE)
        prepare(self._region, request, found)
        stack = found or self._region.add_stack(request["StackName"])
        if name in stack.change_sets:
            raise AwsError(
                "AlreadyExistsException", f"ChangeSet {name} cannot be created as it already exists"
            )
        if not found:
            self._region.set_status(stack, "REVIEW_IN_PROGRESS", "User Initiated")
        identity = self._region.arn("cloudformation", f"changeSet/{name}/{uuid.uuid4()}")
        made = ChangeSet(
            identity,
            name,
            request.get("Description", ""),
            kind,
            self._region.schedule.time(),
            request=request,
        )
        stack.change_sets[name] = made
        self._region.schedule.start(made.id, self._make(stack, made))
        return {"Id": made.id, "StackId": stack.id}

    def describe_change_set(self, request: dict[str, Any]) -> dict[str, Any]:
        stack, found = self._find(request)
        start = int(request.get("NextToken") or 0)
        answer = found.summary | {
            "StackId": stack.id,
            "StackName": stack.name,
            "Changes": found.changes[start : start + self._region.page],
            "RollbackConfiguration": found.request.get("RollbackConfiguration", {}),
            "Capabilities": found.request.get("Capabilities", []),
            "NotificationARNs": found.request.get("NotificationARNs", []),
            "IncludeNestedStacks": False,
        }
        if found.plan is not None:
            declared = found.plan.template.get("Parameters", {})
            answer["Parameters"] = shown(declared, found.plan.parameters)
            answer["Tags"] = pairs(found.plan.tags)
        if start + self._region.page < len(found.changes):
            answer["NextToken"] = str(start + self._region.page)
        return answer

    def execute_change_set(self, request: dict[str, Any]) -> dict[str, Any]:
        stack, found = self._find(request)
        token = request.get("ClientRequestToken")
        if found.execution == "EXECUTE_IN_PROGRESS" and token and token == stack.token:
            return {}  # the same request once more
        if found.status != "CREATE_COMPLETE" or found.execution != "AVAILABLE":
            text = f"ChangeSet [{found.id}] cannot be executed in its current status of"
            raise AwsError("InvalidChangeSetStatus", f"{text} [{found.status}]")
        if stack.status != "REVIEW_IN_PROGRESS":
            self._region.check_idle(stack, UPDATABLE)
        if found.plan is None:
            raise not_found(found.name)
        for name in [name for name, other in stack.change_sets.items() if other is not found]:
            del stack.change_sets[name]  # they belong to what the stack was
        found.execution = "EXECUTE_IN_PROGRESS"
        stack.token = token or f"Console-{uuid.uuid4()}"
        stack.then = lambda: _executed(stack, found)
        made = found.plan
        if request.get("DisableRollback"):
            made = type(made)(**{**made.__dict__, "disable_rollback": True})
        self._region.schedule.start(stack.id, self._operations.deploy(stack, made))
        return {}

    def delete_change_set(self, request: dict[str, Any]) -> dict[str, Any]:
        try:
            stack, found = self._find(request)
        except AwsError:
            if request["ChangeSetName"].startswith("arn:"):
                return {}
            raise
        del stack.change_sets[found.name]
        return {}

    def list_change_sets(self, request: dict[str, Any]) -> dict[str, Any]:
        stack = self._region.stack(request["StackName"])
        common = {"StackId": stack.id, "StackName": stack.name}
        return {"Summaries": [common | item.summary for item in stack.change_sets.values()]}

    def _make(self, stack: Stack, made: ChangeSet) -> Iterator[float]:
        yield self._region.times.change_set
        try:
            made.plan = plan(self._region, made.request, stack)
            made.changes, differs = self._operations.preview(stack, made.plan)
        except AwsError as error:
            made.status, made.reason = "FAILED", error.message
            return
        if not differs:
            made.status, made.reason = "FAILED", NO_CHANGES
            return
        made.status, made.execution = "CREATE_COMPLETE", "AVAILABLE"

    def _find(self, request: dict[str, Any]) -> tuple[Stack, ChangeSet]:
        name = request["ChangeSetName"]
        if request.get("StackName"):
            stacks = [self._region.stack(request["StackName"])]
        else:
            stacks = list(self._region.stacks.values())
        for stack in stacks:
            for found in stack.change_sets.values():
                if name in (found.name, found.id):
                    return stack, found
        raise not_found(name)


def _executed(stack: Stack, found: ChangeSet) -> None:
    is_done = stack.status in ("CREATE_COMPLETE", "UPDATE_COMPLETE")
    found.execution = "EXECUTE_COMPLETE" if is_done else "EXECUTE_FAILED"
    stack.then = lambda: None

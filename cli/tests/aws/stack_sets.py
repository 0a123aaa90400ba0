"""Stack sets with instances in this account and region, as Copilot uses them."""

import uuid
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from tests.aws.errors import AwsError, invalid
from tests.aws.operations import Operations
from tests.aws.region import Region
from tests.aws.requests import plan, prepare, template_text
from tests.aws.stack import Stack, StackSet

KEPT = (
    "Parameters",
    "Tags",
    "Capabilities",
    "Description",
    "AdministrationRoleARN",
    "ExecutionRoleName",
    "PermissionModel",
)


class StackSets:
    """Each public method answers the call of its name."""

    def __init__(self, region: Region, operations: Operations) -> None:
        self._region, self._operations = region, operations
        self._sets = region.stack_sets

    def create_stack_set(self, request: dict[str, Any]) -> dict[str, Any]:
        name = request["StackSetName"]
        if name in self._sets:
            raise AwsError("NameAlreadyExistsException", f"StackSet {name} already exists", 409)
        prepare(self._region, request, None)
        text = template_text(self._region, request, None)
        identity = f"{name}:{uuid.uuid4()}"
        kept = {key: request[key] for key in KEPT if key in request}
        self._sets[name] = StackSet(identity, name, kept | {"TemplateBody": text})
        return {"StackSetId": identity}

    def update_stack_set(self, request: dict[str, Any]) -> dict[str, Any]:
        found = self._find(request)
        self._check_idle(found)
        if not request.get("UsePreviousTemplate"):
            found.request["TemplateBody"] = template_text(self._region, request, None)
        previous = {item["ParameterKey"]: item for item in found.request.get("Parameters", [])}
        found.request |= {key: request[key] for key in KEPT if key in request}
        found.request["Parameters"] = [
            previous[item["ParameterKey"]] if item.get("UsePreviousValue") else item
            for item in found.request.get("Parameters", [])
        ]
        prepare(self._region, found.request, None)
        return self._start(found, request, "UPDATE", list(found.stacks))

    def delete_stack_set(self, request: dict[str, Any]) -> None:
        found = self._find(request)
        self._check_idle(found)
        if found.stacks:
            raise AwsError("StackSetNotEmptyException", f"StackSet {found.name} is not empty", 409)
        del self._sets[found.name]

    def describe_stack_set(self, request: dict[str, Any]) -> dict[str, Any]:
        found = self._find(request)
        answer = {key: found.request[key] for key in KEPT if key in found.request} | {
            "StackSetName": found.name,
            "StackSetId": found.id,
            "Status": "ACTIVE",
            "TemplateBody": found.request["TemplateBody"],
            "StackSetARN": self._region.arn("cloudformation", f"stackset/{found.id}"),
        }
        return {"StackSet": answer}

    def list_stack_sets(self, request: dict[str, Any]) -> dict[str, Any]:
        found = [
            {"StackSetName": item.name, "StackSetId": item.id, "Status": "ACTIVE"}
            for item in self._sets.values()
        ]
        return self._region.page_of(found, request, "Summaries")

    def create_stack_instances(self, request: dict[str, Any]) -> dict[str, Any]:
        found = self._find(request)
        self._check_idle(found)
        self._check_place(request)
        stacks = list(found.stacks)
        if not stacks:
            stacks = [self._region.add_stack(f"StackSet-{found.name}-{uuid.uuid4()}")]
            found.stacks = stacks
        return self._start(found, request, "CREATE", stacks)

    def update_stack_instances(self, request: dict[str, Any]) -> dict[str, Any]:
        found = self._find(request)
        self._check_idle(found)
        self._check_place(request)
        return self._start(found, request, "UPDATE", list(found.stacks))

    def delete_stack_instances(self, request: dict[str, Any]) -> dict[str, Any]:
        found = self._find(request)
        self._check_idle(found)
        self._check_place(request)
        return self._start(found, request, "DELETE", list(found.stacks))

    def list_stack_instances(self, request: dict[str, Any]) -> dict[str, Any]:
        found = self._find(request)
        wanted_account = request.get("StackInstanceAccount", self._region.account)
        wanted_region = request.get("StackInstanceRegion", self._region.name)
        is_here = (wanted_account, wanted_region) == (self._region.account, self._region.name)
        stacks = found.stacks if is_here else []
        return self._region.page_of(
            [self._instance(found, stack) for stack in stacks], request, "Summaries"
        )

    def describe_stack_instance(self, request: dict[str, Any]) -> dict[str, Any]:
        found = self._find(request)
        here = (self._region.account, self._region.name)
        place = (request["StackInstanceAccount"], request["StackInstanceRegion"])
        if place != here or not found.stacks:
            raise AwsError("StackInstanceNotFoundException", "StackInstance not found", 404)
        return {"StackInstance": self._instance(found, found.stacks[0])}

    def describe_stack_set_operation(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"StackSetOperation": self._operation(request)}

    def list_stack_set_operations(self, request: dict[str, Any]) -> dict[str, Any]:
        found = self._find(request)
        keys = ("OperationId", "Action", "Status", "CreationTimestamp", "EndTimestamp")
        items = [
            {key: item[key] for key in keys if key in item}
            for item in reversed(found.operations.values())
        ]
        return self._region.page_of(items, request, "Summaries")

    def list_stack_set_operation_results(self, request: dict[str, Any]) -> dict[str, Any]:
        item = self._operation(request)
        found = {
            "Account": self._region.account,
            "Region": self._region.name,
            "Status": item["Status"],
            "StatusReason": item.get("StatusReason", ""),
        }
        return self._region.page_of([found], request, "Summaries")

    def _operation(self, request: dict[str, Any]) -> dict[str, Any]:
        found = self._find(request)
        if request["OperationId"] not in found.operations:
            text = f"Operation {request['OperationId']} not found"
            raise AwsError("OperationNotFoundException", text, 404)
        return found.operations[request["OperationId"]]

    def _instance(self, found: StackSet, stack: Stack) -> dict[str, Any]:
        is_current = stack.status in ("CREATE_COMPLETE", "UPDATE_COMPLETE")
        detailed = "SUCCEEDED" if is_current else "RUNNING" if stack.is_busy else "FAILED"
        return {
            "StackSetId": found.id,
            "Region": self._region.name,
            "Account": self._region.account,
            "StackId": stack.id,
            "Status": "CURRENT" if is_current else "OUTDATED",
            "StackInstanceStatus": {"DetailedStatus": detailed},
            "DriftStatus": "NOT_CHECKED",
        }

    def _find(self, request: dict[str, Any]) -> StackSet:
        return self._region.stack_set(request["StackSetName"])

    def _check_idle(self, found: StackSet) -> None:
        if found.is_busy:
            text = "Another Operation on StackSet {} is in progress"
            raise AwsError("OperationInProgressException", text.format(found.id), 409)

    def _check_place(self, request: dict[str, Any]) -> None:
        accounts = request.get("Accounts") or request.get("DeploymentTargets", {}).get("Accounts")
        here = ([self._region.account], [self._region.name])
        if (accounts, request.get("Regions")) != here:
            raise invalid(
                f"Only account and region {here} are emulated, not {accounts} and "
                f"{request.get('Regions')}."
            )

    def _start(
        self, found: StackSet, request: dict[str, Any], action: str, stacks: list[Stack]
    ) -> dict[str, Any]:
        identity = request.get("OperationId") or str(uuid.uuid4())
        if identity in found.operations:
            text = f"Operation {identity} already exists"
            raise AwsError("OperationIdAlreadyExistsException", text, 409)
        found.operations[identity] = {
            "OperationId": identity,
            "StackSetId": found.id,
            "Action": action,
            "Status": "RUNNING",
            "CreationTimestamp": self._region.schedule.time(),
        }
        keep = bool(request.get("RetainStacks"))
        steps = self._run(found, found.operations[identity], stacks, keep)
        self._region.schedule.start(identity, steps)
        return {"OperationId": identity}

    def _run(
        self, found: StackSet, operation: dict[str, Any], stacks: list[Stack], keep: bool
    ) -> Iterator[float]:
        yield self._region.times.change_set
        reason = ""
        for stack in stacks:
            try:
                self._begin(found, operation["Action"], stack, keep)
            except AwsError as error:
                reason = error.message
                continue
            while stack.is_busy:
                yield self._region.times.poll
            if operation["Action"] == "DELETE":
                if keep or stack.is_gone:
                    found.stacks.remove(stack)
                else:
                    reason = stack.reason
            elif stack.status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
                reason = f"ResourceLogicalId: {stack.reason}"
        time: datetime = self._region.schedule.time()
        operation |= {"Status": "FAILED" if reason else "SUCCEEDED", "EndTimestamp": time}
        if reason:
            operation["StatusReason"] = reason

    def _begin(self, found: StackSet, action: str, stack: Stack, keep: bool) -> None:
        if action == "DELETE":
            if not keep:
                self._region.schedule.start(stack.id, self._operations.delete(stack, []))
            return
        made = plan(self._region, found.request, stack)
        if self._operations.preview(stack, made)[1]:
            self._region.schedule.start(stack.id, self._operations.deploy(stack, made))

"""The calls that only look."""

import json
from typing import Any

from tests.aws.errors import AwsError, invalid
from tests.aws.region import Region
from tests.aws.requests import summary, template_text
from tests.aws.stack import Member, Stack
from tests.aws.template import parse


class Descriptions:
    """Each public method answers the call of its name."""

    def __init__(self, region: Region) -> None:
        self._region = region

    def describe_stacks(self, request: dict[str, Any]) -> dict[str, Any]:
        if name := request.get("StackName"):
            return {"Stacks": [self._region.stack(name).description()]}
        stacks = [stack for stack in self._newest() if not stack.is_gone]
        return self._region.page_of([stack.description() for stack in stacks], request, "Stacks")

    def list_stacks(self, request: dict[str, Any]) -> dict[str, Any]:
        wanted = request.get("StackStatusFilter") or []
        found = []
        for stack in self._newest():
            if wanted and stack.status not in wanted:
                continue
            whole = stack.description()
            keys = (
                "StackId",
                "StackName",
                "CreationTime",
                "LastUpdatedTime",
                "DeletionTime",
                "StackStatus",
                "StackStatusReason",
                "DriftInformation",
            )
            item = {key: whole[key] for key in keys if key in whole}
            if stack.plan and (text := stack.plan.template.get("Description")):
                item["TemplateDescription"] = text
            found.append(item)
        return self._region.page_of(found, request, "StackSummaries")

    def describe_stack_events(self, request: dict[str, Any]) -> dict[str, Any]:
        stack = self._region.stack(request["StackName"])
        return self._region.page_of([*reversed(stack.events)], request, "StackEvents")

    def describe_stack_resources(self, request: dict[str, Any]) -> dict[str, Any]:
        if name := request.get("StackName"):
            stack = self._region.stack(name)
        else:
            stack = self._owner(request["PhysicalResourceId"])
        logical = request.get("LogicalResourceId")
        found = [
            _detail(stack, member) | {"Timestamp": member.time}
            for member in stack.members.values()
            if logical in (None, member.logical_id)
        ]
        return {"StackResources": found}

    def describe_stack_resource(self, request: dict[str, Any]) -> dict[str, Any]:
        stack = self._region.stack(request["StackName"])
        member = stack.members.get(request["LogicalResourceId"])
        if member is None:
            raise invalid(
                f"Resource {request['LogicalResourceId']} does not exist for stack {stack.name}"
            )
        detail = _detail(stack, member) | {"LastUpdatedTimestamp": member.time}
        detail["Metadata"] = json.dumps(member.definition.get("Metadata", {}))
        return {"StackResourceDetail": detail}

    def list_stack_resources(self, request: dict[str, Any]) -> dict[str, Any]:
        stack = self._region.stack(request["StackName"])
        found = [
            _resource(member) | {"LastUpdatedTimestamp": member.time}
            for member in stack.members.values()
        ]
        return self._region.page_of(found, request, "StackResourceSummaries")

    def get_template(self, request: dict[str, Any]) -> dict[str, Any]:
        plan = None
        if name := request.get("ChangeSetName"):
            for stack in self._region.stacks.values():
                for found in stack.change_sets.values():
                    if name in (found.name, found.id):
                        plan = found.plan
        else:
            plan = self._region.stack(request["StackName"]).plan
        if plan is None:
            raise invalid(f"Template for {request} does not exist")
        is_processed = request.get("TemplateStage") == "Processed" and plan.transformed
        body = json.dumps(plan.template) if is_processed else plan.text
        return {"TemplateBody": body, "StagesAvailable": ["Original", "Processed"]}

    def get_template_summary(self, request: dict[str, Any]) -> dict[str, Any]:
        if name := request.get("StackName"):
            stack = self._region.stack(name)
            if stack.plan is None:
                raise invalid(f"Stack {name} has no template")
            text = stack.plan.text
        elif name := request.get("StackSetName"):
            text = self._region.stack_set(name).request["TemplateBody"]
        else:
            text = template_text(self._region, request, None)
        template = parse(text)
        kinds = sorted({item["Type"] for item in template["Resources"].values()})
        answer = summary(template) | {"ResourceTypes": kinds}
        if "Metadata" in template:
            answer["Metadata"] = json.dumps(template["Metadata"])
        return answer

    def validate_template(self, request: dict[str, Any]) -> dict[str, Any]:
        answer = summary(parse(template_text(self._region, request, None)))
        answer["Parameters"] = [
            {key: value for key, value in item.items() if key != "ParameterType"}
            for item in answer["Parameters"]
        ]
        return answer

    def list_exports(self, request: dict[str, Any]) -> dict[str, Any]:
        found = [
            {"ExportingStackId": stack.id, "Name": name, "Value": stack.exports[name]}
            for name, stack in sorted(self._region.exports().items())
        ]
        return self._region.page_of(found, request, "Exports")

    def list_imports(self, request: dict[str, Any]) -> dict[str, Any]:
        name = request["ExportName"]
        if name not in self._region.exports():
            raise invalid(f"Export '{name}' does not exist.")
        if not (users := self._region.importers(name)):
            raise invalid(f"Export '{name}' is not imported by any stack.")
        return self._region.page_of(users, request, "Imports")

    def get_stack_policy(self, request: dict[str, Any]) -> dict[str, Any]:
        self._region.stack(request["StackName"])
        return {}

    def describe_account_limits(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"AccountLimits": [{"Name": "StackLimit", "Value": 2000}]}

    def _newest(self) -> list[Stack]:
        return [*reversed(self._region.stacks.values())]

    def _owner(self, physical: str) -> Stack:
        for stack in self._region.stacks.values():
            if not stack.is_gone and any(m.physical_id == physical for m in stack.members.values()):
                return stack
        raise AwsError("ValidationError", f"Stack for {physical} does not exist")


def _resource(member: Member) -> dict[str, Any]:
    found = {
        "LogicalResourceId": member.logical_id,
        "ResourceType": member.kind.name,
        "ResourceStatus": member.status,
        "DriftInformation": {"StackResourceDriftStatus": "NOT_CHECKED"},
    }
    for key, value in (
        ("PhysicalResourceId", member.physical_id),
        ("ResourceStatusReason", member.reason),
    ):
        if value:
            found[key] = value
    return found


def _detail(stack: Stack, member: Member) -> dict[str, Any]:
    return _resource(member) | {"StackName": stack.name, "StackId": stack.id}

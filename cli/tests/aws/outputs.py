"""Outputs and exports of a stack, and the lock on an export that another stack imports."""

from typing import Any

from tests.aws.intrinsics import Evaluator
from tests.aws.parameters import text
from tests.aws.region import Region
from tests.aws.stack import Plan, Stack


def outputs(plan: Plan, evaluator: Evaluator) -> list[dict[str, Any]]:
    """Return the outputs that are there, as DescribeStacks shows them; raises AwsError."""
    found = []
    for name, item in plan.template.get("Outputs", {}).items():
        if not evaluator.holds(item):
            continue
        output = {"OutputKey": name, "OutputValue": text(evaluator.value(item["Value"]))}
        if "Description" in item:
            output["Description"] = item["Description"]
        if "Export" in item:
            output["ExportName"] = text(evaluator.value(item["Export"]["Name"]))
        found.append(output)
    return found


def exports(found: list[dict[str, Any]]) -> dict[str, str]:
    """Return the value of each name that outputs export."""
    return {item["ExportName"]: item["OutputValue"] for item in found if "ExportName" in item}


def conflict(region: Region, stack: Stack, names: dict[str, str]) -> str | None:
    """Return why a stack cannot export these values under these names instead of its own."""
    for name, before in stack.exports.items():
        users = region.importers(name)
        if users and names.get(name) != before:
            done = "updated" if name in names else "deleted"
            return f"Export {name} cannot be {done} as it is in use by {_and(users)}"
    for name in names:
        owner = region.exports().get(name)
        if owner is not None and owner is not stack:
            return (
                f"Export with name {name} is already exported by stack {owner.name}. "
                "Rollback requested by user."
            )
    return None


def _and(names: list[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last

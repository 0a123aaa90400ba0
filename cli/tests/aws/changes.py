"""What a plan would change in a stack, as a change set tells it.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceChange.html
"""

from graphlib import CycleError, TopologicalSorter
from typing import Any

from tests.aws.errors import invalid
from tests.aws.intrinsics import UNKNOWN, Evaluator
from tests.aws.stack import Member, Plan, Stack
from tests.aws.template import attribute, depends_on, variables, walk

ATTRIBUTES = ("Metadata", "CreationPolicy", "UpdatePolicy", "DeletionPolicy", "UpdateReplacePolicy")


def order(template: dict[str, Any], evaluator: Evaluator) -> list[str]:
    """Return the resources that are there, each after what it depends on, else as written."""
    there = {name: item for name, item in template["Resources"].items() if evaluator.holds(item)}
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for name, item in there.items():
        needed = {*depends_on(item), *references(_taken(item, evaluator))}
        sorter.add(name, *(other for other in there if other in needed))
    try:
        sorter.prepare()
    except CycleError as error:
        cycle = ", ".join(dict.fromkeys(error.args[1]))
        raise invalid(f"Circular dependency between resources: [{cycle}]") from error
    found: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready(), key=list(there).index)
        found += ready
        sorter.done(*ready)
    return found


def references(node: Any) -> dict[str, str | None]:
    """Return what a part of a template refers to, with the attribute of a GetAtt."""
    found: dict[str, str | None] = {}
    for item in walk(node):
        if isinstance(item.get("Ref"), str) and len(item) == 1:
            found.setdefault(item["Ref"], None)
        if "Fn::GetAtt" in item:
            name, leaf = attribute(item)
            found[name] = leaf
        if "Fn::Sub" in item:
            for variable in variables(item):
                name, _, leaf = variable.partition(".")
                found[name] = leaf or found.get(name)
    return found


def changes(stack: Stack, plan: Plan, evaluator: Evaluator, unknown: set[str]) -> list[Any]:
    """Return the changes; `evaluator` answers UNKNOWN for the resources in `unknown`, which grows.

    Raises ValidationError for what only evaluation shows.
    """
    found = []
    names = order(plan.template, evaluator)
    for name in names:
        definition = plan.template["Resources"][name]
        member = stack.members.get(name)
        if member is None:
            unknown.add(name)
            evaluator.value(definition.get("Properties", {}))
            found.append(_change("Add", name, definition["Type"]))
        elif change := _modification(stack, plan, evaluator, unknown, member):
            found.append(change)
            if change["ResourceChange"]["Replacement"] != "False":
                unknown.add(name)
    for name, member in reversed(stack.members.items()):
        if name not in names:
            extra = {"PolicyAction": "Retain" if member.keeps("DeletionPolicy") else "Delete"}
            found.append(_change("Remove", name, member.kind.name, member.physical_id, extra))
    return found


def _modification(
    stack: Stack, plan: Plan, evaluator: Evaluator, unknown: set[str], member: Member
) -> dict[str, Any] | None:
    definition = plan.template["Resources"][member.logical_id]
    after = member.kind.coerced(evaluator.value(definition.get("Properties", {})))
    names = [
        key
        for key in {**member.properties, **after}
        if member.properties.get(key) != after.get(key)
    ]
    details, scope, replacement = [], [], "False"
    for name in names:
        again = member.kind.needs_replacement(name, member.properties.get(name), after.get(name))
        is_sure = UNKNOWN not in str(after.get(name))
        if again == "Always" and is_sure:
            replacement = "True"
        elif again != "Never" and replacement == "False":
            replacement = "Conditional"
        target = {"Attribute": "Properties", "Name": name, "RequiresRecreation": again}
        node = definition.get("Properties", {}).get(name)
        old = member.definition.get("Properties", {}).get(name)
        causes = _causes(node, old, stack, plan, unknown)
        details += [{"Target": target} | cause for cause in causes]
    if names:
        scope.append("Properties")
    if plan.tags != member.tags and member.kind.is_taggable:
        scope.append("Tags")
        target = {"Attribute": "Tags", "RequiresRecreation": "Never"}
        details.append({"Target": target, **_direct("Static")})
    for name in ATTRIBUTES:
        if definition.get(name) != member.definition.get(name):
            scope.append(name)
            target = {"Attribute": name, "RequiresRecreation": "Never"}
            details.append({"Target": target, **_direct("Static")})
    if definition["Type"] != member.kind.name:
        replacement = "True"
        scope = scope or ["Properties"]
    if not scope:
        return None
    extra: dict[str, Any] = {"Replacement": replacement, "Scope": scope, "Details": details}
    if replacement == "True":
        keeps = member.keeps("UpdateReplacePolicy")
        extra["PolicyAction"] = "ReplaceAndRetain" if keeps else "ReplaceAndDelete"
    return _change("Modify", member.logical_id, definition["Type"], member.physical_id, extra)


def _causes(node: Any, old: Any, stack: Stack, plan: Plan, unknown: set[str]) -> list[Any]:
    """Return why a property changes.

    Beside a parameter's value, the template could have changed the same property; CloudFormation
    lists that as a dynamic modification.
    """
    before = stack.deployed.values if stack.deployed else {}
    causes: list[dict[str, Any]] = []
    for name, leaf in references(node).items():
        if name in plan.values and plan.values[name] != before.get(name):
            causes.append(_cause("Static", "ParameterReference", name))
        elif name in unknown:
            causes.append(
                _cause("Dynamic", "ResourceAttribute", f"{name}.{leaf}")
                if leaf
                else _cause("Dynamic", "ResourceReference", name)
            )
    if node != old:
        causes.append(_direct("Static"))
    elif causes or not references(node):
        causes.append(_direct("Dynamic"))
    return causes or [_direct("Dynamic")]


def _cause(evaluation: str, source: str, entity: str) -> dict[str, str]:
    return {"Evaluation": evaluation, "ChangeSource": source, "CausingEntity": entity}


def _direct(evaluation: str) -> dict[str, str]:
    return {"Evaluation": evaluation, "ChangeSource": "DirectModification"}


def _change(
    action: str, name: str, kind: str, physical: str = "", extra: dict[str, Any] | None = None
) -> dict[str, Any]:
    change: dict[str, Any] = {
        "Action": action,
        "LogicalResourceId": name,
        "ResourceType": kind,
        "Scope": [],
        "Details": [],
    }
    if physical:
        change["PhysicalResourceId"] = physical
    return {"Type": "Resource", "ResourceChange": change | (extra or {})}


def _taken(node: Any, evaluator: Evaluator) -> Any:
    """Return a part of a template without the branches that its conditions leave out."""
    if isinstance(node, list):
        return [_taken(item, evaluator) for item in node]
    if not isinstance(node, dict):
        return node
    if "Fn::If" in node and len(node) == 1:
        condition, yes, no = node["Fn::If"]
        return _taken(yes if evaluator.condition(condition) else no, evaluator)
    return {key: _taken(item, evaluator) for key, item in node.items()}

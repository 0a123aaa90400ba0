"""The role of the app on each side, as SAM and Copilot render it."""

import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from portable.check.project import Project
from portable.check.stacks import resolved
from portable.errors import PortableError
from portable.manifests.cloudformation import render
from portable.manifests.system import SAM
from portable.manifests.template import read_template

MANAGED = "AWS::IAM::ManagedPolicy"
ATTACHED = (MANAGED, "AWS::IAM::Policy", "AWS::IAM::RolePolicy")
ADDONS = "AddonsStack"  # Copilot's name for the stack of copilot/SERVICE/addons

Resources = Mapping[str, Any]


@dataclass(frozen=True)
class Role:
    """A role at `place`, which is a file and a key.

    `policies` are the managed ones that another stack has, each by its export or its ARN. `actions`
    are those of the policies that its own stack has, a denied one with "Deny " before it.
    """

    place: str
    policies: frozenset[str]
    actions: frozenset[str]


def function_role(project: Project, environment: str) -> Role:
    """Return the role of the function, after SAM's transform."""
    section = project.section(SAM, environment)
    given = dict(section.parameters) if section else {"EnvName": environment}
    rendered = render(project.root / SAM, given)
    name = _name_of_function_role(project)
    return _role(f"{SAM}: {name}.Properties", name, transformed(rendered), {}, {})


def task_role(project: Project, service: str, environment: str) -> Role:
    """Return the role of the tasks; what Copilot renders has to be in the project's folder."""
    template = read_template(project.rendered, f"{service}-{environment}.stack.yml")
    parameters = (project.rendered / f"{service}-{environment}.params.json").read_text()
    declared = template.get("Parameters", {})
    values = {key: str(item["Default"]) for key, item in declared.items() if "Default" in item}
    values |= json.loads(parameters)["Parameters"]
    place = f"copilot/{service}/overrides/cfn.patches.yml: /Resources/TaskRole/Properties"
    found = addon_policies(project, service)
    return _role(place, "TaskRole", template["Resources"], values, found)


def addon_policies(project: Project, service: str) -> dict[str, Any]:
    """Return the managed policies that the addons of a service put out, by their outputs."""
    path = f"{service}.addons.stack.yml"
    addons = read_template(project.rendered, path) if (project.rendered / path).exists() else {}
    resources = addons.get("Resources", {})
    names = {key: _logical_id(item.get("Value")) for key, item in addons.get("Outputs", {}).items()}
    return {
        f"{ADDONS}.Outputs.{output}": resources[name]
        for output, name in names.items()
        if resources.get(name, {}).get("Type") == MANAGED
    }


def attached(project: Project, service: str, environment: str) -> set[str]:
    """Return what the list of managed policies of the tasks' role names in its own stack."""
    template = read_template(project.rendered, f"{service}-{environment}.stack.yml")
    arns = template["Resources"]["TaskRole"]["Properties"].get("ManagedPolicyArns", [])
    return {_logical_id(arn) for arn in arns}


def _role(
    place: str, name: str, resources: Resources, values: Mapping[str, str], addons: Resources
) -> Role:
    properties = resources[name].get("Properties", {})
    own = [item["PolicyDocument"] for item in properties.get("Policies", [])]
    policies = set()
    for arn in properties.get("ManagedPolicyArns", []):
        policy = addons.get(_logical_id(arn)) or resources.get(_logical_id(arn))
        if policy:
            own.append(policy["Properties"]["PolicyDocument"])
        else:
            policies.add(_export_or_arn(arn, values))
    for resource in resources.values():
        given = resource.get("Properties", {})
        roles = [*given.get("Roles", []), given.get("RoleName")]
        if resource.get("Type") in ATTACHED and name in map(_logical_id, roles):
            own.append(given["PolicyDocument"])
    actions = {action for document in own for action in _actions(document)}
    return Role(place, frozenset(policies), frozenset(actions))


def _actions(document: Any) -> Iterator[str]:
    for statement in _list(document.get("Statement", [])):
        deny = "" if statement.get("Effect") == "Allow" else "Deny "
        for action in _list(statement.get("Action", [])):
            yield f"{deny}{action}"
        for action in _list(statement.get("NotAction", [])):
            yield f"{deny}all but {action}"


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _logical_id(value: Any) -> str:
    """Return which resource a value is of: a `Ref`, an attribute, or a name that was rendered."""
    if isinstance(value, dict) and "Ref" in value:
        return str(value["Ref"])
    if isinstance(value, dict) and "Fn::GetAtt" in value:
        parts = value["Fn::GetAtt"]
        if parts[0] == ADDONS:
            return ".".join(parts)
        return str(parts[0])
    return value.removesuffix(".PolicyArn") if isinstance(value, str) else ""


def _export_or_arn(arn: Any, values: Mapping[str, str]) -> str:
    if isinstance(arn, dict) and arn.keys() == {"Fn::ImportValue"}:
        arn = arn["Fn::ImportValue"]
    return resolved(arn, {"AWS::Partition": "aws", **values}) or json.dumps(arn)


def _name_of_function_role(project: Project) -> str:
    """Return the logical id of the function's role, which SAM names where the template does not."""
    resources = project.template(SAM)["Resources"]
    ((name, function),) = (
        item for item in resources.items() if item[1].get("Type") == "AWS::Serverless::Function"
    )
    role = function["Properties"].get("Role")
    if role is None:
        return f"{name}Role"
    if _logical_id(role) not in resources:
        raise PortableError(f"{SAM}: {name}.Properties.Role is {role!r}, expected a role of it.")
    return _logical_id(role)


def transformed(rendered: dict[str, Any]) -> Resources:
    """Return the resources of a rendered template after SAM's transform."""
    # They take half a second, which only this check has to pay.
    import boto3
    from samtranslator.model.exceptions import InvalidDocumentException
    from samtranslator.parser.parser import Parser
    from samtranslator.translator.translator import Translator

    logging.getLogger("samtranslator").setLevel(logging.ERROR)  # it warns of switches of its own
    template = json.loads(json.dumps({"Resources": rendered["Resources"]}, default=str))
    for resource in template["Resources"].values():
        resource.pop("Condition", None)  # those that are left out are not rendered
        properties = resource.get("Properties", {})
        if properties.get("PackageType") == "Image":  # `sam deploy` says which
            properties.setdefault("ImageUri", "123456789012.dkr.ecr.us-east-1.amazonaws.com/app:1")
    session = boto3.Session("none", "none", region_name="us-east-1")  # it is asked for the region
    try:
        made = Translator({}, Parser(), boto_session=session).translate(template, {})
    except InvalidDocumentException as error:
        causes = " ".join(cause.message for cause in error.causes)
        raise PortableError(f"{SAM}: {causes or error.message}") from None
    resources: Resources = made["Resources"]
    return resources

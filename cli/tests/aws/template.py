"""A template: its text read, transformed and checked, before anything is done."""

import json
import logging
import re
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Any

import boto3
from cfnlint.decode import cfn_yaml
from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

from tests.aws.errors import AwsError, invalid

SECTIONS = {
    "AWSTemplateFormatVersion",
    "Description",
    "Metadata",
    "Parameters",
    "Rules",
    "Mappings",
    "Conditions",
    "Transform",
    "Resources",
    "Outputs",
    "Hooks",
    "Globals",
}
SERVERLESS = "AWS::Serverless-2016-10-31"
NAMED = {
    "AWS::IAM::Role": "RoleName",
    "AWS::IAM::User": "UserName",
    "AWS::IAM::Group": "GroupName",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::IAM::InstanceProfile": "InstanceProfileName",
}
IAM = {*NAMED, "AWS::IAM::AccessKey", "AWS::IAM::Policy", "AWS::IAM::UserToGroupAddition"}
PSEUDO = {
    "AWS::AccountId",
    "AWS::Region",
    "AWS::StackId",
    "AWS::StackName",
    "AWS::Partition",
    "AWS::URLSuffix",
    "AWS::NoValue",
    "AWS::NotificationARNs",
}
VARIABLE = re.compile(r"\$\{([^!{}][^{}]*)\}")  # in Fn::Sub

logging.getLogger("samtranslator").setLevel(logging.ERROR)


def parse(text: str) -> dict[str, Any]:
    """Read JSON, or YAML with CloudFormation's short tags; raises ValidationError."""
    try:
        template = json.loads(_plain(text))
    except Exception as error:  # what cfn-lint and PyYAML raise has no common class
        raise invalid(f"Template format error: YAML not well-formed. {error}") from error
    if not isinstance(template, dict):
        raise invalid("Template format error: unsupported structure.")
    if unknown := [name for name in template if name not in SECTIONS]:
        raise invalid(f"Invalid template property or properties {_list(unknown)}")
    if not isinstance(template.get("Resources"), dict) or not template["Resources"]:
        raise invalid("Template format error: At least one Resources member must be defined.")
    for name, resource in template["Resources"].items():
        if not isinstance(resource, dict) or not isinstance(resource.get("Type"), str):
            raise invalid(
                f"Template format error: [/Resources/{name}] Every Resources object "
                "must contain a Type member."
            )
    return template


@lru_cache(maxsize=64)  # it is read again for every request
def _plain(text: str) -> str:
    """Return a template as JSON: dates and cfn-lint's nodes become plain values."""
    return json.dumps(cfn_yaml.loads(text), default=str)


def transforms(template: dict[str, Any]) -> list[str]:
    """Return the names of the macros of a template."""
    found = template.get("Transform", [])
    return found if isinstance(found, list) else [found]


def transform(template: dict[str, Any], values: dict[str, Any], region: str) -> dict[str, Any]:
    """Return the template that AWS::Serverless makes; raises AwsError."""
    for name in transforms(template):
        if name != SERVERLESS:
            raise invalid(f"No transform named {name} found.")
    if not transforms(template):
        return template
    copy = json.loads(json.dumps(template))  # the translator works in place
    try:
        translator = Translator({}, Parser(), boto_session=_session(region))
        made = translator.translate(copy, dict(values) | {"AWS::Region": region})
    except InvalidDocumentException as error:
        causes = " ".join(cause.message for cause in error.causes)
        raise invalid(f"Transform {SERVERLESS} failed with: {error.message} {causes}") from error
    return json.loads(json.dumps(made))


@cache
def _session(region: str) -> boto3.Session:
    return boto3.Session("none", "none", region_name=region)


def check(template: dict[str, Any]) -> None:
    """Raise ValidationError for names that lead nowhere, in resources, outputs and conditions."""
    declared = {*template.get("Parameters", {}), *template["Resources"]}
    conditions = template.get("Conditions", {})
    for section in ("Conditions", "Resources", "Outputs"):
        missing = {
            name
            for name in _references(template.get(section, {}))
            if name not in declared and name not in PSEUDO
        }
        if missing:
            raise invalid(
                "Template format error: Unresolved resource dependencies "
                f"{_list(sorted(missing))} in the {section} block of the template"
            )
    for section in ("Resources", "Outputs"):
        for item in template.get(section, {}).values():
            if (condition := item.get("Condition")) is not None and condition not in conditions:
                raise invalid(
                    f"Template format error: Unresolved condition dependency {condition} "
                    f"in the {section} block of the template"
                )
            for node in walk(item):
                used = node.get("Fn::If")
                if used and used[0] not in conditions:
                    raise invalid(
                        "Template format error: Unresolved dependencies "
                        f"{_list([used[0]])}. Cannot reference resources in the "
                        "Conditions block of the template"
                    )
            for other in depends_on(item):
                if other not in template["Resources"]:
                    raise invalid(
                        "Template format error: Unresolved resource dependencies "
                        f"{_list([other])} in the Resources block of the template"
                    )


def check_capabilities(template: dict[str, Any], given: list[str]) -> None:
    """Raise InsufficientCapabilitiesException for IAM resources that were not agreed to.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-iam-template.html
    """
    resources = [item for item in template["Resources"].values() if item["Type"] in IAM]
    named = any(NAMED.get(item["Type"]) in item.get("Properties", {}) for item in resources)
    if "CAPABILITY_NAMED_IAM" in given or not resources:
        return
    if named or "CAPABILITY_IAM" not in given:
        needed = "CAPABILITY_NAMED_IAM" if named else "CAPABILITY_IAM"
        raise AwsError("InsufficientCapabilitiesException", f"Requires capabilities : [{needed}]")


def depends_on(definition: dict[str, Any]) -> list[str]:
    """Return what a resource names in DependsOn."""
    found = definition.get("DependsOn", [])
    return [found] if isinstance(found, str) else found


def attribute(node: dict[str, Any]) -> tuple[str, str]:
    """Return logical id and attribute of a GetAtt in either form."""
    value = node["Fn::GetAtt"]
    if isinstance(value, str):
        value = value.split(".", 1)
    return value[0], value[1]


def variables(node: dict[str, Any]) -> list[str]:
    """Return the names between `${` and `}` of a Fn::Sub that it does not define itself."""
    value = node["Fn::Sub"]
    text, own = (value, {}) if isinstance(value, str) else value
    return [name.strip() for name in VARIABLE.findall(text) if name.strip() not in own]


def attributes(node: Any) -> Iterator[tuple[str, str]]:
    """Yield resource and attribute of each Fn::GetAtt, and of those in a Fn::Sub."""
    for item in walk(node):
        if "Fn::GetAtt" in item:
            yield attribute(item)
        if "Fn::Sub" in item:
            for name in variables(item):
                if "." in name:
                    resource, _, leaf = name.partition(".")
                    yield resource, leaf


def walk(node: Any) -> Iterator[dict[str, Any]]:
    """Yield every mapping in a part of a template, the outer ones first."""
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from walk(value)
    elif isinstance(node, list):
        for value in node:
            yield from walk(value)


def _references(section: dict[str, Any]) -> Iterator[str]:
    for node in walk(section):
        if isinstance(node.get("Ref"), str) and len(node) == 1:
            yield node["Ref"]
        if "Fn::GetAtt" in node:
            yield attribute(node)[0]
        if "Fn::Sub" in node:
            yield from (name.split(".")[0] for name in variables(node))


def _list(names: list[str]) -> str:
    return f"[{', '.join(names)}]"

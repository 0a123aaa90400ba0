"""What both sides share, from data/template.yaml; a project without that file shares nothing."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from portable.manifests.cloudformation import render
from portable.manifests.samconfig import SAMCONFIG, deploy_parameters
from portable.manifests.template import read_template

DATA = "data/template.yaml"
TABLE, SECRET = "AWS::DynamoDB::Table", "AWS::SecretsManager::Secret"
QUEUE = "AWS::SQS::Queue"
RIGHTS = "AWS::IAM::ManagedPolicy"


@dataclass(frozen=True)
class Resource:
    """One resource of the stack; `export` is the name under which it is exported, or empty."""

    logical_id: str
    kind: str
    properties: dict[str, Any]
    export: str


def resources(root: Path, environment: str) -> list[Resource]:
    """Return what the stack of `environment` has, none where there is no data/template.yaml.

    Raises `PortableError` as a reader of the template or of samconfig.toml does.
    """
    if not (root / DATA).exists():
        return []
    parameters = deploy_parameters(root / SAMCONFIG, DATA, environment)
    rendered = render(root / DATA, parameters)
    known = rendered.get("Parameters", {})
    values = {name: str(item.get("Value", "")) for name, item in known.items()} | parameters
    exports = {}
    for output in read_template(root, DATA).get("Outputs", {}).values():
        name = output.get("Export", {}).get("Name")
        if isinstance(name, dict):
            name = re.sub(r"\$\{(\w+)\}", lambda m: values.get(m[1], m[0]), name.get("Fn::Sub", ""))
        resource, value = _resource(output["Value"]), output["Value"]
        if "Ref" in value or resource not in exports:  # an ARN may be exported, too
            exports[resource] = str(name or "")
    return [
        Resource(key, item["Type"], item.get("Properties", {}), exports.get(key, ""))
        for key, item in rendered["Resources"].items()
    ]


def _resource(value: Any) -> str:
    """Return the logical id that the value of an output is of, or nothing."""
    if isinstance(value, dict) and "Ref" in value:
        return str(value["Ref"])
    found = value.get("Fn::GetAtt") if isinstance(value, dict) else None
    return str(found[0]) if found else ""

"""What the process with the data is told: which tables and secrets, under which names.

A variable of either side is the name of an export, so that is what a table is called here.
"""

import json
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from portable.manifests.data import DATA, QUEUE, RIGHTS, SECRET, TABLE, Resource

# What CreateTable and AWS::DynamoDB::Table call the same. Backups and the like are not imitated.
PROPERTIES = (
    "AttributeDefinitions",
    "BillingMode",
    "GlobalSecondaryIndexes",
    "KeySchema",
    "LocalSecondaryIndexes",
    "ProvisionedThroughput",
)


@dataclass(frozen=True)
class Plan:
    """`tables` are arguments of CreateTable by name, `secrets` values by name, `queues` names."""

    host: str
    port: int
    endpoint: str | None = None
    tables: dict[str, dict[str, Any]] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    queues: list[str] = field(default_factory=list)


def tables(resources: Iterable[Resource]) -> dict[str, dict[str, Any]]:
    """Return the tables, by the names of their exports."""
    return {
        resource.export: {
            name: resource.properties[name] for name in PROPERTIES if name in resource.properties
        }
        for resource in resources
        if resource.kind == TABLE and resource.export
    }


def values(resources: Iterable[Resource]) -> dict[str, str]:
    """Return the values of the secrets, made up as Secrets Manager would, by their exports."""
    return {
        resource.export: _value(resource.properties)
        for resource in resources
        if resource.kind == SECRET and resource.export
    }


def queues(resources: Iterable[Resource]) -> list[str]:
    """Return the queues, by their exports; a name does where AWS has a URL."""
    return [each.export for each in resources if each.kind == QUEUE and each.export]


def omitted(resources: Iterable[Resource]) -> Iterator[str]:
    """Yield a sentence for each resource that the local run has nothing for."""
    for resource in resources:
        place = f"{DATA}: {resource.logical_id} is {resource.kind}"
        if resource.kind not in (TABLE, SECRET, QUEUE, RIGHTS):
            yield f"{place}, which the local run does not make."
        elif resource.kind != RIGHTS and not resource.export:
            yield f"{place} that no output exports: the local run does not make it."


def _value(properties: dict[str, Any]) -> str:
    made = properties.get("GenerateSecretString")
    if made is None:
        return str(properties.get("SecretString", ""))
    value = secrets.token_hex(int(made.get("PasswordLength", 32)) // 2 or 1)
    if "GenerateStringKey" not in made:
        return value
    template = json.loads(made.get("SecretStringTemplate", "{}"))
    return json.dumps(template | {made["GenerateStringKey"]: value})

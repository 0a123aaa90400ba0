"""What a resource may be: the provider schemas of AWS, which cfn-lint carries.

Every type is treated alike: nothing here knows one by its name.
"""

import copy
import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from cfnlint.jsonschema import StandardValidator
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER, ResourceNotFoundError, Schema

from tests.aws.parameters import text

CUSTOM = re.compile(r"Custom::.+|AWS::CloudFormation::CustomResource")
PREFIX = "/properties/"


@dataclass(frozen=True)
class ResourceType:
    """The schema of one type in one region."""

    name: str
    schema: Schema

    @property
    def is_custom(self) -> bool:
        """Whether a function of the user's makes it: any property and attribute is accepted."""
        return CUSTOM.fullmatch(self.name) is not None

    @property
    def identifiers(self) -> list[str]:
        """The properties that make its identity, in the order of the schema."""
        return self._names("primaryIdentifier")

    @property
    def read_only(self) -> list[str]:
        """The properties that only AWS sets."""
        return self._names("readOnlyProperties")

    @property
    def create_only(self) -> list[str]:
        """The properties that an update cannot change without a replacement, as `A/B`."""
        return self._names("createOnlyProperties")

    @property
    def maybe_create_only(self) -> list[str]:
        """The properties whose change is a replacement in some cases."""
        return self._names("conditionalCreateOnlyProperties")

    @property
    def is_taggable(self) -> bool:
        """Whether it takes the tags of its stack."""
        return bool(self.schema.schema.get("tagging", {}).get("taggable"))

    @property
    def reference(self) -> str | None:
        """The property that Ref answers: of several the one that AWS sets, else the last one."""
        parts = self.identifiers
        if not parts:
            return None
        return next((part for part in parts if part in self.read_only), parts[-1])

    def has_attribute(self, name: str) -> bool:
        """Whether GetAtt knows `name`."""
        return self.schema.get_atts.get(name) is not None or self.is_custom

    def kind(self, name: str) -> str:
        """Return the JSON type of a property or attribute, 'string' where it does not say."""
        node: Any = {"properties": self.schema.schema.get("properties", {})}
        for part in re.split(r"[./]", name):
            node = self._follow(node).get("properties", {}).get(part, {})
        found = self._follow(node).get("type", "string")
        return found if isinstance(found, str) else found[0]

    def coerced(self, properties: dict[str, Any]) -> dict[str, Any]:
        """Return `properties` with scalars of the schema's types, as CloudFormation reads them."""
        found: dict[str, Any] = self._coerce(properties, self.schema.schema, 0)
        return found

    def faults(self, properties: dict[str, Any]) -> list[str]:
        """Return what the schema refuses in coerced properties, each with its place."""
        faults = [
            f"#/{'/'.join(str(part) for part in error.path)}: {error.message}".replace("#/:", "#:")
            for error in StandardValidator(self.schema.schema).iter_errors(properties)
        ]
        only_read = [name for name in self.read_only if name in properties]
        return faults + [
            f"#: extraneous key [{name}] is not permitted, it is read-only"
            for name in only_read
            if name not in self.identifiers and not self.is_custom
        ]

    def needs_replacement(self, changed: str, before: Any, after: Any) -> str:
        """Return 'Always', 'Conditionally' or 'Never' for a top property that changed."""
        for names, answer in (
            (self.create_only, "Always"),
            (self.maybe_create_only, "Conditionally"),
        ):
            for name in names:
                top, *rest = name.split("/")
                if top == changed and (not rest or _at(before, rest) != _at(after, rest)):
                    return answer
        return "Never"

    def _names(self, key: str) -> list[str]:
        found = self.schema.schema.get(key) or []
        return [pointer.removeprefix(PREFIX) for pointer in found]

    def _follow(self, node: Any) -> dict[str, Any]:
        while isinstance(node, dict) and "$ref" in node:
            pointer = node["$ref"].removeprefix("#/").split("/")
            node = self.schema.schema
            for part in pointer:
                node = node.get(part, {})
        return node if isinstance(node, dict) else {}

    def _coerce(self, value: Any, node: Any, depth: int) -> Any:
        node = self._follow(node)
        kinds = node.get("type", [])
        kinds = [kinds] if isinstance(kinds, str) else kinds
        if isinstance(value, dict):
            known, other = node.get("properties", {}), node.get("patternProperties", {})
            every = next(iter(other.values()), {})
            for choice in ("allOf", "anyOf", "oneOf"):
                for option in node.get(choice, []):
                    known = self._follow(option).get("properties", {}) | known
            return {k: self._coerce(v, known.get(k, every), depth + 1) for k, v in value.items()}
        if isinstance(value, list):
            return [self._coerce(item, node.get("items", {}), depth + 1) for item in value]
        return _scalar(value, kinds)


@cache
def resource_type(name: str, region: str) -> ResourceType | None:
    """Return the type called `name`, None if there is none in that region."""
    if name.startswith(("AWS::Serverless::", "Module")):
        return None  # cfn-lint knows them, CloudFormation does not
    try:
        schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(region, name)
    except ResourceNotFoundError:
        return None
    if CUSTOM.fullmatch(name):
        schema = Schema(copy.deepcopy(schema.schema))
    return ResourceType(name, schema)


def _scalar(value: Any, kinds: list[str]) -> Any:
    if isinstance(value, str) and "string" not in kinds:
        if "integer" in kinds and re.fullmatch(r"[+-]?\d+", value):
            return int(value)
        if "number" in kinds and re.fullmatch(r"[+-]?\d+(\.\d+)?", value):
            return float(value) if "." in value else int(value)
        if "boolean" in kinds and value in ("true", "false"):
            return value == "true"
    if isinstance(value, (bool, int, float)) and kinds == ["string"]:
        return text(value)
    return value


def _at(value: Any, path: list[str]) -> Any:
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    return value

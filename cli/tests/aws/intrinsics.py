"""The intrinsic functions of CloudFormation, evaluated for one stack at one moment.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
"""

import base64
import ipaddress
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.aws.errors import invalid
from tests.aws.parameters import text
from tests.aws.template import VARIABLE, attribute

UNKNOWN = "{{changeSet:KNOWN_AFTER_APPLY}}"  # what a change set shows for a value to come
RESOLVE = re.compile(r"\{\{resolve:([^:}]+):([^}]+)\}\}")
NO_VALUE = object()


@dataclass
class Evaluator:
    """What the functions of `template` answer; `values` are parameters and pseudo parameters.

    `ref`, `get_att`, `import_value` and `resolve` ask for what is outside of the template; the
    names that `import_value` was asked for are in `imports`.
    """

    template: dict[str, Any]
    values: dict[str, Any]
    ref: Callable[[str], Any]
    get_att: Callable[[str, str], Any]
    import_value: Callable[[str], str]
    resolve: Callable[[str, str], str]
    imports: set[str] = field(default_factory=set)
    known: dict[str, bool] = field(default_factory=dict)

    def value(self, node: Any) -> Any:
        """Return `node` with every function evaluated; raises ValidationError."""
        found = self._value(node)
        return None if found is NO_VALUE else found

    def condition(self, name: str) -> bool:
        """Return whether a condition of the template holds."""
        if name not in self.known:
            conditions = self.template.get("Conditions", {})
            if name not in conditions:
                raise invalid(f"Template format error: Unresolved condition dependency {name}")
            self.known[name] = self._truth(conditions[name])
        return self.known[name]

    def holds(self, item: dict[str, Any]) -> bool:
        """Return whether a resource or output is there, by its condition."""
        return "Condition" not in item or self.condition(item["Condition"])

    def check_rules(self) -> None:
        """Raise ValidationError if an assertion of the section Rules fails."""
        for name, rule in self.template.get("Rules", {}).items():
            if "RuleCondition" in rule and not self._truth(rule["RuleCondition"]):
                continue
            for assertion in rule["Assertions"]:
                if not self._truth(assertion["Assert"]):
                    described = assertion.get("AssertDescription", json.dumps(assertion["Assert"]))
                    raise invalid(f"Rule {name} failed: {described}")

    def _value(self, node: Any) -> Any:
        if isinstance(node, list):
            found = [self._value(item) for item in node]
            return [item for item in found if item is not NO_VALUE]
        if isinstance(node, str):
            return RESOLVE.sub(lambda match: self.resolve(match[1], match[2]), node)
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            [(name, argument)] = node.items()
            if name == "Ref":
                return self._ref(argument)
            if name.startswith("Fn::"):
                return self._function(name, argument)
            if name == "Condition" and isinstance(argument, str):
                return self.condition(argument)
        found = {key: self._value(item) for key, item in node.items()}
        return {key: item for key, item in found.items() if item is not NO_VALUE}

    def _ref(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return NO_VALUE
        return self.values[name] if name in self.values else self.ref(name)

    def _function(self, name: str, argument: Any) -> Any:
        if name == "Fn::If":
            condition, yes, no = argument
            return self._value(yes if self.condition(condition) else no)
        if name == "Fn::GetAtt":
            return self.get_att(*attribute({name: self._value(argument)}))
        if name == "Fn::Sub":
            return self._sub(argument)
        if name in BOOLEAN:
            return self._truth({name: argument})
        if name not in FUNCTIONS:
            raise invalid(f"Template format error: Unrecognized function {name}")
        return FUNCTIONS[name](self, self._value(argument))

    def _sub(self, argument: Any) -> str:
        template, own = (argument, {}) if isinstance(argument, str) else argument

        def replace(match: re.Match[str]) -> str:
            name = match[1].strip()
            if name in own:
                return text(self._value(own[name]))
            if "." in name and name not in self.values:
                return text(self.get_att(*name.split(".", 1)))
            return text(self._ref(name))

        return self._value(VARIABLE.sub(replace, template).replace("${!", "${"))

    def _truth(self, node: Any) -> bool:
        [(name, argument)] = node.items() if isinstance(node, dict) else [("", node)]
        if name == "Condition":
            return self.condition(argument)
        if name == "Fn::And":
            return all(self._truth(item) for item in argument)
        if name == "Fn::Or":
            return any(self._truth(item) for item in argument)
        if name == "Fn::Not":
            return not self._truth(argument[0])
        if name == "Fn::Equals":
            left, right = (self._value(item) for item in argument)
            return _comparable(left) == _comparable(right)
        if name == "Fn::Contains":
            several, one = (self._value(item) for item in argument)
            return _comparable(one) in [_comparable(item) for item in several]
        raise invalid("Template format error: Every condition must be a boolean")

    def _import(self, name: Any) -> str:
        self.imports.add(name)
        return self.import_value(name)

    def _find(self, argument: list[Any]) -> Any:
        node = self.template.get("Mappings", {})
        for key in argument[:3]:
            if text(key) not in node:
                if len(argument) > 3:
                    return argument[3]["DefaultValue"]
                raise invalid(
                    "Template error: Unable to get mapping for "
                    + "::".join(text(part) for part in argument[:3])
                )
            node = node[text(key)]
        return node

    def _zones(self, region: str) -> list[str]:
        return [f"{region or self.values['AWS::Region']}{letter}" for letter in "abc"]


def _comparable(value: Any) -> Any:
    return value if isinstance(value, (list, dict)) else text(value)


def _select(_: Evaluator, argument: list[Any]) -> Any:
    index, items = argument
    if any(UNKNOWN in item for item in items if isinstance(item, str)):
        return UNKNOWN
    if not 0 <= int(index) < len(items):
        raise invalid(
            f"Template error: Fn::Select cannot select nonexistent value at index {index}"
        )
    return items[int(index)]


def _cidr(_: Evaluator, argument: list[Any]) -> list[str]:
    block, count, bits = argument[0], int(argument[1]), int(argument[2] if argument[2:] else 8)
    network = ipaddress.ip_network(block)
    subnets = network.subnets(new_prefix=network.max_prefixlen - bits)
    return [str(subnet) for subnet, _ in zip(subnets, range(count), strict=False)]


def _join(_: Evaluator, argument: list[Any]) -> str:
    separator, items = argument
    return separator.join(text(item) for item in items)


BOOLEAN = ("Fn::And", "Fn::Or", "Fn::Not", "Fn::Equals", "Fn::Contains")
FUNCTIONS: dict[str, Callable[[Evaluator, Any], Any]] = {
    "Fn::Base64": lambda _, value: base64.b64encode(value.encode()).decode(),
    "Fn::Cidr": _cidr,
    "Fn::FindInMap": Evaluator._find,
    "Fn::GetAZs": Evaluator._zones,
    "Fn::ImportValue": Evaluator._import,
    "Fn::Join": _join,
    "Fn::Length": lambda _, value: len(value),
    "Fn::Select": _select,
    "Fn::Split": lambda _, value: value[1].split(value[0]),
    "Fn::ToJsonString": lambda _, value: json.dumps(value, separators=(",", ":")),
}

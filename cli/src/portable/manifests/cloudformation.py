"""Renders a CloudFormation template with its parameters, as a deployment would, but offline."""

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from portable.errors import PortableError
from portable.manifests.reader import dump, not_yaml
from portable.manifests.template import Intrinsics


class _Imports(dict[str, str]):
    """Every export exists, and its value is its name where no other is given."""

    def __bool__(self) -> bool:
        return True

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> str:
        return name


def render(
    path: Path, parameters: dict[str, str], imports: Mapping[str, str] = MappingProxyType({})
) -> dict[str, Any]:
    """Return the parameters, conditions and resources of the template at `path`, resolved.

    What it imports is not there locally: an import is its own name, or what `imports` says. A
    dynamic reference, as to a secret, stays as it is: only a deployment has its value.
    Raises `PortableError` naming the file for a template that cannot be read, for a parameter
    that it refuses, and for a rule (section `Rules`) that does not hold.
    """
    name = os.path.relpath(path)
    # Takes a fifth of a second, which only the commands that render have to pay.
    from cloud_radar.cf.unit import Template

    try:
        with contextlib.redirect_stdout(None):  # it prints its complaints before it raises them
            template = Template(yaml.load(path.read_text(), Intrinsics), _Imports(imports))
        template.resolve_dynamic_references = str
        template.template.pop("Outputs", None)  # SAM's !Ref Function.Alias is not known to it
        _check_numbers(name, template.template.get("Parameters", {}), parameters)
        rules = template.template.pop("Rules", {})
        conditions = template.template.setdefault("Conditions", {})
        assertions = {}
        for rule_name, rule in rules.items():
            for number, assertion in enumerate(rule["Assertions"]):
                conditions[f"{rule_name}{number}"] = assertion["Assert"]
                assertions[f"{rule_name}{number}"] = assertion["AssertDescription"]
        template.raw = dump(template.template)
        with contextlib.redirect_stdout(None):
            rendered: dict[str, Any] = template.render(dict(parameters))
    except OSError as error:
        raise PortableError(f"cannot read {name}: {error.strerror}.") from None
    except yaml.YAMLError as error:
        raise not_yaml(name, error) from None
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise PortableError(f"{name}: {' '.join(str(error).split()).rstrip('.')}.") from None
    for condition, description in assertions.items():
        if not rendered["Conditions"][condition]:
            raise PortableError(f"{name}: {description}")
    resources = _without_no_value(rendered["Resources"])
    return rendered | {"Resources": resources}


def _check_numbers(path: str, declared: dict[str, Any], given: dict[str, str]) -> None:
    # cloud-radar checks them too, without saying what is accepted.
    for name, value in given.items():
        declaration = declared.get(name, {})
        if declaration.get("Type") != "Number":
            continue
        low, high = declaration.get("MinValue", 0), declaration.get("MaxValue", 65535)
        if not value.isdecimal() or not int(low) <= int(value) <= int(high):
            message = f"{path}: parameter {name} is {value!r}"
            raise PortableError(f"{message}, expected a whole number from {low} to {high}.")


def _without_no_value(value: Any) -> Any:
    """Drop list items that are AWS::NoValue, which is rendered as an empty string."""
    if isinstance(value, dict):
        return {key: _without_no_value(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_no_value(item) for item in value if item != ""]
    return value

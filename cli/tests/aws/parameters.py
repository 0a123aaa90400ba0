"""The values of a stack's parameters: given, kept, left out, and what CloudFormation refuses.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html
"""

import re
from collections.abc import Callable
from typing import Any

from tests.aws.errors import invalid

SSM = re.compile(r"AWS::SSM::Parameter::Value<(.+)>")


def values(
    declared: dict[str, Any], given: list[dict[str, Any]], previous: dict[str, str] | None
) -> dict[str, str]:
    """Return the value of every declared parameter; `previous` is None for a new stack.

    A parameter that is left out gets its default, also in an update. Raises ValidationError.
    """
    found: dict[str, str] = {}
    for item in given:
        key = item["ParameterKey"]
        if not item.get("UsePreviousValue"):
            found[key] = item.get("ParameterValue", "")
            continue
        start = f"Invalid input for parameter key {key}. Cannot specify usePreviousValue as true"
        if item.get("ParameterValue") is not None:
            raise invalid(f"{start} for a parameter that has a value")
        if previous is None or key not in previous:
            raise invalid(f"{start} for a parameter key not in the previous template")
        found[key] = previous[key]
    if unknown := [key for key in found if key not in declared]:
        raise invalid(f"Parameters: [{', '.join(unknown)}] do not exist in the template")
    missing = [key for key, item in declared.items() if key not in found and "Default" not in item]
    if missing:
        raise invalid(f"Parameters: [{', '.join(missing)}] must have values")
    answer = {key: found.get(key, text(item.get("Default"))) for key, item in declared.items()}
    for key, item in declared.items():
        _check(key, item, answer[key])
    return answer


def resolved(
    declared: dict[str, Any], given: dict[str, str], resolve: Callable[[str, str], str]
) -> dict[str, Any]:
    """Return what Ref answers: lists are split, `resolve("ssm", name)` is asked for SSM's."""
    answer: dict[str, Any] = {}
    for key, value in given.items():
        kind = declared[key]["Type"]
        if ssm := SSM.fullmatch(kind):
            value, kind = resolve("ssm", value), ssm[1]
        is_list = kind == "CommaDelimitedList" or kind.startswith("List<")
        answer[key] = [part.strip() for part in value.split(",")] if is_list else value
    return answer


def shown(declared: dict[str, Any], given: dict[str, str]) -> list[dict[str, str]]:
    """Return the parameters as a description of the stack has them."""
    return [
        {"ParameterKey": key, "ParameterValue": "****" if _is_secret(declared[key]) else value}
        for key, value in given.items()
    ]


def text(value: Any) -> str:
    """Return a scalar of a template as the string that CloudFormation makes of it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _is_secret(item: dict[str, Any]) -> bool:
    return text(item.get("NoEcho", False)).lower() == "true"


def _check(key: str, item: dict[str, Any], value: str) -> None:
    wrong = _fault(item, value)
    if wrong is None:
        return
    if described := item.get("ConstraintDescription"):
        raise invalid(f"Parameter {key} failed to satisfy constraint: {described}")
    raise invalid(f"Parameter '{key}' {wrong}")


def _fault(item: dict[str, Any], value: str) -> str | None:
    parts = [value]
    if item["Type"] in ("CommaDelimitedList", "List<Number>"):
        parts = [part.strip() for part in value.split(",")]
    allowed = [text(choice) for choice in item.get("AllowedValues", [])]
    for part in parts:
        if allowed and part not in allowed:
            return f"must be one of AllowedValues [{', '.join(allowed)}]"
        pattern = item.get("AllowedPattern")
        if pattern and not re.fullmatch(pattern, part):
            return f"must match pattern {pattern}"
        if item["Type"] in ("Number", "List<Number>"):
            if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", part):
                return "must be a number"
            if "MinValue" in item and float(part) < float(item["MinValue"]):
                return f"must be a number not less than {item['MinValue']}"
            if "MaxValue" in item and float(part) > float(item["MaxValue"]):
                return f"must be a number not greater than {item['MaxValue']}"
        if "MinLength" in item and len(part) < int(item["MinLength"]):
            return f"must contain at least {item['MinLength']} characters"
        if "MaxLength" in item and len(part) > int(item["MaxLength"]):
            return f"must contain at most {item['MaxLength']} characters"
    return None

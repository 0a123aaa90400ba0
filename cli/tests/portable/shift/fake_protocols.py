"""The wire formats of the fake AWS: requests to parameters, answers and errors to bytes."""

import json
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

import botocore.session
from botocore.model import ServiceModel, Shape

SERVICES = ("cloudformation", "elbv2", "cloudwatch")


def _models() -> dict[str, ServiceModel]:
    session = botocore.session.Session()
    return {name: session.get_service_model(name) for name in SERVICES}


MODELS = _models()


def decode(headers: dict[str, str], body: str) -> tuple[str, dict[str, Any]]:
    """Return the operation and the parameters of a request, by botocore's own model."""
    headers = {name.lower(): value for name, value in headers.items()}
    if target := headers.get("x-amz-target"):
        return target.rpartition(".")[2], json.loads(body)
    pairs = dict(parse_qsl(body, keep_blank_values=True))
    operation = pairs["Action"]
    shape = _model(operation).operation_model(operation).input_shape
    return operation, _read(shape, pairs, "") or {}


def encode(operation: str, answer: dict[str, Any]) -> tuple[int, str]:
    """Return status and body of an answer."""
    model = _model(operation)
    if model.service_name == "cloudwatch":
        return 200, json.dumps(answer, default=lambda moment: moment.timestamp())
    shape = model.operation_model(operation).output_shape
    inner = "".join(_write(shape.members[name], name, value) for name, value in answer.items())
    result = f"<{operation}Result>{inner}</{operation}Result>"
    metadata = "<ResponseMetadata><RequestId>1</RequestId></ResponseMetadata>"
    return 200, f"<{operation}Response>{result}{metadata}</{operation}Response>"


def encode_error(operation: str, status: int, code: str, message: str) -> tuple[int, str]:
    """Return status and body of an error."""
    if _model(operation).service_name == "cloudwatch":
        return status, json.dumps({"__type": code, "message": message})
    error = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{escape(message)}</Message>"
    return status, f"<ErrorResponse>{error}</Error><RequestId>1</RequestId></ErrorResponse>"


def _model(operation: str) -> ServiceModel:
    return next(model for model in MODELS.values() if operation in model.operation_names)


def _read(shape: Shape, pairs: dict[str, str], place: str) -> Any:
    """Read a value in the query protocol; None if it is not there."""
    if shape.type_name == "structure":
        dot = f"{place}." if place else ""
        found = {
            name: _read(member, pairs, dot + member.serialization.get("name", name))
            for name, member in shape.members.items()
        }
        return {name: value for name, value in found.items() if value is not None} or None
    if shape.type_name == "list":
        if pairs.get(place) == "":
            return []
        items = []
        while (item := _read(shape.member, pairs, f"{place}.member.{len(items) + 1}")) is not None:
            items.append(item)
        return items or None
    value = pairs.get(place)
    if value is None:
        return None
    if shape.type_name in ("integer", "long"):
        return int(value)
    return value == "true" if shape.type_name == "boolean" else value


def _write(shape: Shape, name: str, value: Any) -> str:
    if shape.type_name == "structure":
        inner = "".join(_write(shape.members[key], key, item) for key, item in value.items())
    elif shape.type_name == "list":
        inner = "".join(_write(shape.member, "member", item) for item in value)
    elif shape.type_name == "boolean":
        inner = "true" if value else "false"
    else:
        inner = escape(value.isoformat() if isinstance(value, datetime) else str(value))
    return f"<{name}>{inner}</{name}>"

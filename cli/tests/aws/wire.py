"""The wire formats: a request becomes an operation with parameters, an answer becomes bytes.

All of it is read from botocore's models, by the parsers and serializers that moto has for its own
services.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

from botocore.model import ServiceModel
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import Request, determine_request_protocol
from moto.core.serialize import get_serializer_class
from moto.core.utils import get_service_model

from tests.aws.errors import AwsError
from tests.aws.service import NotAnswered

SCOPE = re.compile(r"Credential=[^/]+/\d+/(?P<region>[^/]*)/(?P<service>[^/]+)/aws4_request")

Answer = tuple[int, Mapping[str, str], bytes]


@dataclass(frozen=True)
class Scope:
    """Whom a request is signed for: the name of the service when signing, and the region."""

    service: str
    region: str


def scope(headers: Mapping[str, str]) -> Scope | None:
    """Return what the signature of a request says, None without a signature."""
    found = SCOPE.search(headers.get("Authorization", ""))
    return Scope(found["service"], found["region"]) if found else None


class Operation:
    """One request, query, JSON or REST: `name` and `parameters`, in botocore's shapes."""

    def __init__(self, service: str, request: Request) -> None:
        """`service` by botocore's name."""
        model = get_service_model(service)
        self.protocol = determine_request_protocol(model, request.content_type)
        self.name, path = _name(request, model)
        self.model = model.operation_model(self.name)
        parser = PROTOCOL_PARSERS[self.protocol](self.model)
        self.parameters: dict[str, Any] = parser.parse(
            {
                "method": request.method,
                "values": request.values,
                "headers": request.headers,
                "body": request.data,
                "url_path": request.path,
                "url_params": path,
            }
        )
        self.service = service

    def result(self, value: dict[str, Any]) -> Answer:
        """Return the answer with a result in botocore's shapes."""
        serializer = get_serializer_class(self.service, self.protocol)(self.model)
        answer = serializer.serialize(value)
        body = answer["body"]
        return (
            answer["status_code"],
            answer["headers"],
            body.encode() if isinstance(body, str) else body,
        )

    def error(self, error: AwsError) -> Answer:
        """Return the answer with an error."""
        if self.protocol in ("json", "rest-json"):
            body = json.dumps({"__type": error.code, "message": error.message})
            return error.status, {"Content-Type": "application/x-amz-json-1.1"}, body.encode()
        kind = "Sender" if error.status < 500 else "Receiver"
        inner = f"<Type>{kind}</Type><Code>{error.code}</Code><Message>{escape(error.message)}"
        text = f"<ErrorResponse><Error>{inner}</Message></Error><RequestId>1</RequestId>"
        return error.status, {"Content-Type": "text/xml"}, f"{text}</ErrorResponse>".encode()


def _name(request: Request, model: ServiceModel) -> tuple[str, dict[str, str]]:
    """Return which operation a request is for, and the parameters that its path holds."""
    if target := request.headers.get("X-Amz-Target"):
        return target.rpartition(".")[2], {}
    if not str(model.protocol).startswith("rest"):
        return request.values["Action"], {}
    for name in model.operation_names:
        http = model.operation_model(name).http
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", http["requestUri"].partition("?")[0])
        found = re.fullmatch(pattern, request.path)
        if found and http["method"] == request.method:
            return name, found.groupdict()
    raise NotAnswered(model.service_name, f"{request.method} {request.path}")

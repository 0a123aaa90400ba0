"""Who answers which request: a service of this folder, moto, or nobody."""

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from moto.core.request import Request
from moto.moto_proxy.proxy3 import MotoRequestHandler
from werkzeug.exceptions import HTTPException

from tests.aws.errors import AwsError
from tests.aws.service import NotAnswered
from tests.aws.wire import Answer, Operation, scope

# Services of this folder, by the name that requests to them are signed for.
OURS = {
    "cloudformation": "cloudformation",
    "ecr": "ecr",
    "ecs": "ecs",
    "elasticloadbalancing": "elbv2",
    "lambda": "lambda",
    "monitoring": "cloudwatch",
    "servicequotas": "service-quotas",
    "tagging": "resourcegroupstaggingapi",
}

# What moto answers. A request for any other service is one that nobody answers.
MOTO = {
    "application-autoscaling",
    "dynamodb",
    "ec2",
    "iam",
    "kms",
    "logs",
    "s3",
    "secretsmanager",
    "ssm",
    "sts",
}


class Answering(Protocol):
    def call(self, operation: str, parameters: dict[str, Any]) -> dict[str, Any]: ...


@dataclass(frozen=True)
class Call:
    """One request: whom it was for, the operation, the HTTP status of the answer."""

    service: str
    operation: str
    status: int


class Requests:
    """`calls` are the requests so far, `unanswered` the operations that nothing here knows."""

    def __init__(
        self,
        account: str,
        region: str,
        services: Mapping[str, Answering],
        advance: Callable[[], None],
    ) -> None:
        """`services` by botocore's names; `advance` lets happen what is due, before each answer."""
        self.account, self.region = account, region
        self.services, self.advance = services, advance
        self.calls: list[Call] = []
        self.unanswered: list[str] = []
        self.moto = MotoRequestHandler(0)
        self.lock = threading.RLock()

    def respond(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Answer a request."""
        signed = scope(headers)
        # Nobody signs the request for a template by its presigned or plain URL.
        service = signed.service if signed else "s3"
        request = Request.from_primitives(method, url, headers, body)
        operation = _name(request)
        try:
            if service in OURS:
                service = OURS[service]
                if signed and signed.region != self.region:
                    raise NotAnswered(f"{service} in {signed.region}", operation)
                answer = self._act(service, request)
            elif service in MOTO:
                answer = self._ask_moto(service, operation, method, url, headers, body)
            else:
                raise NotAnswered(service, operation)
        except NotAnswered as gap:
            self.unanswered.append(f"{service} {operation}")
            body = json.dumps({"__type": gap.code, "message": gap.message})
            answer = gap.status, {"Content-Type": "application/x-amz-json-1.1"}, body.encode()
        self.calls.append(Call(service, operation, answer[0]))
        return answer

    def _act(self, service: str, request: Request) -> Answer:
        operation = Operation(service, request)
        self.advance()
        try:
            return operation.result(
                self.services[service].call(operation.name, operation.parameters)
            )
        except NotAnswered:
            raise
        except AwsError as error:
            if error.code == "InvalidAction":
                raise NotAnswered(service, operation.name) from None
            return operation.error(error)

    def _ask_moto(
        self,
        service: str,
        operation: str,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
    ) -> Answer:
        given = dict(headers.items()) | {"x-moto-account-id": self.account}
        scheme, _, rest = url.partition("://")
        host, _, path = rest.partition("/")
        try:
            with self.lock:
                answer = self.moto.parse_request(
                    method, f"{scheme}://{host}", f"/{path}", given, body
                )
        except HTTPException as error:
            answer = error.code, dict(error.get_headers()), error.get_body()
        except NotImplementedError:
            raise NotAnswered(service, operation) from None
        status, found, content = answer if isinstance(answer, tuple) else (200, {}, answer)
        content = content.encode() if isinstance(content, str) else content
        return int(status), found, content


def _name(request: Request) -> str:
    target = request.headers.get("X-Amz-Target", "").rpartition(".")[2]
    return target or request.values.get("Action") or f"{request.method} {request.path}"

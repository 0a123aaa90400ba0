"""An ALB event as what an ASGI server makes of a request: a scope and a body.

Mangum's own handler decodes and encodes the query again, believes the whole X-Forwarded-For
header, and fails for some hosts and header bytes.
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
"""

import base64
from typing import Any
from urllib.parse import unquote

from mangum.types import LambdaContext, Scope

# They speak of one connection, which is the load balancer's business (RFC 9110, 7.6.1).
CONNECTION_HEADERS = frozenset(
    ("connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding")
)


def is_request(event: Any) -> bool:
    """Whether `event` is a request of a load balancer."""
    source = event.get("requestContext") if isinstance(event, dict) else None
    return isinstance(source, dict) and "elb" in source


def body_of(event: dict[str, Any]) -> bytes:
    """Return the request's body."""
    body: str = event.get("body") or ""
    if event.get("isBase64Encoded"):
        return base64.b64decode(body)
    return body.encode()


def scope_of(event: dict[str, Any], context: LambdaContext) -> Scope:
    """Return the ASGI scope of the request, as uvicorn would make it."""
    headers = _headers(event)
    values = dict(headers)  # the last one wins
    path = event.get("path") or "/"
    scheme = _value(values, b"x-forwarded-proto")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": event["httpMethod"],
        "scheme": scheme if scheme in ("http", "https") else "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": _query_string(event),
        "root_path": "",
        "headers": headers,
        "client": _client(_value(values, b"x-forwarded-for")),
        "server": _server(_value(values, b"host"), _value(values, b"x-forwarded-port")),
        "aws.event": event,
        "aws.context": context,
    }


def _headers(event: dict[str, Any]) -> list[tuple[bytes, bytes]]:
    if "multiValueHeaders" in event:
        given = event["multiValueHeaders"] or {}
    else:
        given = {name: (value,) for name, value in (event.get("headers") or {}).items()}
    return [
        (key.encode(), value.encode())
        for name, values in given.items()
        if (key := name.lower()) not in CONNECTION_HEADERS
        for value in values or ()
    ]


def _value(values: dict[bytes, bytes], name: bytes) -> str:
    return values.get(name, b"").decode("latin-1")


def _query_string(event: dict[str, Any]) -> bytes:
    # Neither keys nor values have been decoded. What the event has lost is not to be had again:
    # the order of the keys, and whether `flag` came with a "=".
    if "multiValueQueryStringParameters" in event:
        given = event["multiValueQueryStringParameters"] or {}
        pairs = [f"{key}={value}" for key, values in given.items() for value in values or ()]
    else:
        given = event.get("queryStringParameters") or {}
        pairs = [f"{key}={value}" for key, value in given.items()]
    return "&".join(pairs).encode()


def _client(forwarded_for: str) -> tuple[str, int] | None:
    """Return the address that the load balancer itself appended, which no client can forge.

    With the attribute `routing.http.xff_client_port.enabled` it has a port.
    """
    if not forwarded_for:
        return None
    last = forwarded_for.rpartition(",")[2].strip()
    host, port = last, ""
    if last.startswith("["):
        host, _, port = last[1:].partition("]")
        port = port.removeprefix(":")
    elif last.count(":") == 1:
        host, _, port = last.partition(":")
    return host, int(port) if port.isdecimal() else 0


def _server(host: str, port: str) -> tuple[str, int | None] | None:
    if not host:
        return None
    name, colon, number = host.rpartition(":")
    if not colon or not number.isdecimal():
        name, number = host, port
    return name.removesuffix(":"), int(number) if number.isdecimal() else None

"""An ALB event as what an ASGI server makes of a request: a scope and a body.

Mangum's own handler decodes and encodes the query again, believes the whole X-Forwarded-For
header, and fails for some hosts and header bytes.
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
"""

import base64
import re
import reprlib
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv6Address
from typing import Any
from urllib.parse import unquote

from mangum.types import LambdaContext, Scope

from portable_runtime.forwarded import client_of

# They speak of one connection, which is the load balancer's business (RFC 9110, 7.6.1).
CONNECTION_HEADERS = frozenset(
    ("connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding")
)
# An IPv6 address in brackets, or a name or an IPv4 address; and a port.
HOST = re.compile(r"(?:\[([0-9a-fA-F:.]+)\]|([\w.-]+))(?::([0-9]+))?", re.ASCII)
KINDS: dict[str, Any] = {
    "httpMethod": str,
    "path": str | None,
    "body": str | None,
    "headers": dict | None,
    "multiValueHeaders": dict | None,
    "queryStringParameters": dict | None,
    "multiValueQueryStringParameters": dict | None,
}
KINDS_OF_VALUES: dict[str, Any] = {
    "headers": str,
    "multiValueHeaders": list | None,
    "queryStringParameters": str,
    "multiValueQueryStringParameters": list | None,
}


class EventError(Exception):
    """The event is not a request of a load balancer."""


def is_request(event: Any) -> bool:
    """Whether `event` is a request of a load balancer."""
    source = event.get("requestContext") if isinstance(event, dict) else None
    return isinstance(source, dict) and "elb" in source


def read(event: dict[str, Any], context: LambdaContext) -> tuple[Scope, bytes]:
    """Return the ASGI scope of the request, as uvicorn would make it, and its body.

    Raises `EventError` for a field of another form; a load balancer sends none.
    """
    try:
        return _scope(event, context), _body(event)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise EventError(f"The load balancer's event is malformed: {_fault(event)}.") from None


def _body(event: dict[str, Any]) -> bytes:
    body: str = event.get("body") or ""
    if event.get("isBase64Encoded"):
        return base64.b64decode(body)
    return body.encode()


def _scope(event: dict[str, Any], context: LambdaContext) -> Scope:
    method = event["httpMethod"]
    if not isinstance(method, str):
        raise TypeError
    headers = _headers(event)
    values = dict(headers)  # the last one wins
    path = event.get("path") or "/"
    scheme = _value(values, b"x-forwarded-proto")
    forwarded_for = _value(values, b"x-forwarded-for")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": scheme if scheme in ("http", "https") else "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": _query_string(event),
        "root_path": "",
        "headers": headers,
        "client": client_of(forwarded_for) if forwarded_for else None,
        "server": _server(_value(values, b"host"), _value(values, b"x-forwarded-port")),
        "aws.event": event,
        "aws.context": context,
    }


def _headers(event: dict[str, Any]) -> list[tuple[bytes, bytes]]:
    if "multiValueHeaders" in event:
        given = event["multiValueHeaders"] or {}
    else:
        given = {name: [value] for name, value in (event.get("headers") or {}).items()}
    return [
        (key.encode(), value.encode())
        for name, values in given.items()
        if (key := name.lower()) not in CONNECTION_HEADERS
        for value in (values if type(values) is list else _list(values))
    ]


def _list(values: Any) -> Sequence[str]:
    if isinstance(values, list):
        return values
    if values is None:
        return ()
    raise TypeError  # not letter by letter


def _value(values: dict[bytes, bytes], name: bytes) -> str:
    return values.get(name, b"").decode("latin-1")


def _query_string(event: dict[str, Any]) -> bytes:
    # Neither keys nor values have been decoded. What the event has lost is not to be had again:
    # the order of the keys, and whether `flag` came with a "=".
    if "multiValueQueryStringParameters" in event:
        given = event["multiValueQueryStringParameters"] or {}
        pairs = ["=".join((key, value)) for key, each in given.items() for value in _list(each)]
    else:
        given = event.get("queryStringParameters") or {}
        pairs = ["=".join(pair) for pair in given.items()]
    return "&".join(pairs).encode()


@lru_cache(32)  # few names, in most requests the same one
def _server(host: str, port: str) -> tuple[str, int] | None:
    """Return a host that is a name or an address, and its port; any other text is no server."""
    found = HOST.fullmatch(host)
    if found is None:
        return None
    address, name, own_port = found.groups()
    number = own_port or port
    if not number.isdecimal() or len(number) > 5 or int(number) > 65535:
        return None
    try:
        return (str(IPv6Address(address)) if address else name), int(number)
    except ValueError:
        return None


def _fault(event: dict[str, Any]) -> str:
    """Say in a line which field of `event` is not as a load balancer writes it."""
    for field, kind in KINDS.items():
        if not isinstance(event.get(field), kind):
            return f"{field} is {reprlib.repr(event.get(field))}"
    for field, kind in KINDS_OF_VALUES.items():
        for name, value in (event.get(field) or {}).items():
            parts = value if isinstance(value, list) else ()
            if not isinstance(value, kind) or not all(isinstance(part, str) for part in parts):
                return f"{field} has {reprlib.repr(value)} for {reprlib.repr(name)}"
    return "its text is not Unicode, or its body not base64"

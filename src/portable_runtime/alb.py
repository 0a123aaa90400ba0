"""ALB events as ASGI scopes and ASGI responses as ALB results, as uvicorn would have it.

Takes the place of Mangum's own handler for these events, which decodes and re-encodes the query,
believes the whole X-Forwarded-For header, and fails for some hosts and header bytes.
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
"""

import base64
import json
import logging
from typing import Any
from urllib.parse import unquote

from mangum.handlers import ALB
from mangum.handlers.alb import case_mutated_headers
from mangum.types import LambdaConfig, LambdaContext, LambdaEvent, Response, Scope

logger = logging.getLogger(__name__)

# "1 MB" in the documentation; the JSON counts, so base64 and escapes do too.
MAX_RESPONSE = 1024 * 1024  # bytes
LARGEST_ESCAPE = 6  # bytes of JSON for one byte of a body, as in \u0000
SHORT_ESCAPES = b'"\\\b\f\n\r\t'
PLAIN = bytes(set(range(0x20, 0x100)) - set(SHORT_ESCAPES))  # not escaped
TEXT_TYPES = ("application/json", "application/javascript", "application/xml")
# They speak of one connection, which is the load balancer's business (RFC 9110, 7.6.1).
CONNECTION_HEADERS = frozenset(
    ("connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding")
)


class ALBHandler(ALB):
    """Mangum's interface for one event: `infer`, `body`, `scope`, and the call for the result."""

    @classmethod
    def infer(cls, event: LambdaEvent, context: LambdaContext, config: LambdaConfig) -> bool:
        """Whether `event` is a request of a load balancer."""
        source = event.get("requestContext") if isinstance(event, dict) else None
        return isinstance(source, dict) and "elb" in source

    @property
    def body(self) -> bytes:
        """The request's body."""
        body: str = self.event.get("body") or ""
        if self.event.get("isBase64Encoded"):
            return base64.b64decode(body)
        return body.encode("utf-8", "surrogatepass")

    @property
    def scope(self) -> Scope:
        """The ASGI scope of the request."""
        headers = _request_headers(self.event)
        values = dict(headers)  # the last one wins
        path = self.event.get("path") or "/"
        scheme = _value(values, b"x-forwarded-proto")
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": self.event["httpMethod"],
            "scheme": scheme if scheme in ("http", "https") else "http",
            "path": unquote(path),
            "raw_path": path.encode("utf-8", "surrogatepass"),
            "query_string": _query_string(self.event),
            "root_path": "",
            "headers": headers,
            "client": _client(_value(values, b"x-forwarded-for")),
            "server": _server(_value(values, b"host"), _value(values, b"x-forwarded-port")),
            "aws.event": self.event,
            "aws.context": self.context,
        }

    def __call__(self, response: Response) -> dict[str, Any]:
        """Return the result for `response`, or one that says that it is too large."""
        method, status = self.event["httpMethod"], response["status"]
        body = b"" if method == "HEAD" or status in (204, 304) else response["body"]
        headers: dict[str, list[str]] = {}
        for name, value in response["headers"]:
            key = bytes(name).decode("latin-1").lower()
            if key not in CONNECTION_HEADERS:
                headers.setdefault(key, []).append(_header_text(bytes(value)))
        text = _text(body, headers)
        result: dict[str, Any] = {
            "statusCode": status,
            "body": base64.b64encode(body).decode() if text is None else text,
            "isBase64Encoded": text is None,
        }
        if "multiValueHeaders" in self.event:
            result["multiValueHeaders"] = headers
        else:
            result["headers"] = _single_values(headers)
        if len(body) * LARGEST_ESCAPE > MAX_RESPONSE:
            rest = json.dumps(result | {"body": ""}, ensure_ascii=False)
            size = len(rest.encode("utf-8", "surrogatepass"))
            size += len(result["body"]) if text is None else len(body) + _escapes(body)
            if size > MAX_RESPONSE:
                return self._too_large(size)
        return result

    def _too_large(self, size: int) -> dict[str, Any]:
        message = (
            f"The response is {size} bytes of JSON, and a load balancer passes on at most "
            f"{MAX_RESPONSE} from a Lambda function."
        )
        path = self.event.get("path")
        logger.error("%s %s: %s", self.event["httpMethod"], path, message)
        headers = [(b"content-type", b"text/plain; charset=utf-8")]
        return self({"status": 500, "headers": headers, "body": message.encode()})  # type: ignore[typeddict-item]


def _request_headers(event: LambdaEvent) -> list[tuple[bytes, bytes]]:
    if "multiValueHeaders" in event:
        given = event["multiValueHeaders"] or {}
    else:
        given = {name: (value,) for name, value in (event.get("headers") or {}).items()}
    headers = []
    for name, values in given.items():
        key = name.lower()
        if key not in CONNECTION_HEADERS:
            raw = key.encode()
            for value in values or ():
                headers.append((raw, value.encode("utf-8", "surrogatepass")))
    return headers


def _value(values: dict[bytes, bytes], name: bytes) -> str:
    return values.get(name, b"").decode("latin-1")


def _query_string(event: LambdaEvent) -> bytes:
    # Neither keys nor values have been decoded. What the event has lost is not to be had again:
    # the order of the keys, and whether `flag` came with a "=".
    if "multiValueQueryStringParameters" in event:
        given = event["multiValueQueryStringParameters"] or {}
        pairs = [f"{key}={value}" for key, values in given.items() for value in values or ()]
    else:
        given = event.get("queryStringParameters") or {}
        pairs = [f"{key}={value}" for key, value in given.items()]
    return "&".join(pairs).encode("utf-8", "surrogatepass")


def _header_text(value: bytes) -> str:
    # The result is JSON, which the load balancer writes as UTF-8: what is UTF-8 stays as it is,
    # latin-1 at least keeps its characters.
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


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


def _text(body: bytes, headers: dict[str, list[str]]) -> str | None:
    """Return `body` as text, None where it has to be base64."""
    if not body:
        return ""
    media_type = headers.get("content-type", [""])[-1].partition(";")[0].strip().lower()
    is_text = (
        media_type.startswith("text/")
        or media_type in TEXT_TYPES
        or media_type.endswith(("+json", "+xml"))
    )
    if not is_text or "content-encoding" in headers:
        return None
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None


def _escapes(text: bytes) -> int:
    """Return how many bytes longer a text is in JSON: one for `\\n`, five for `\\u0000`."""
    special = text.translate(None, PLAIN)
    return len(special) + 4 * len(special.translate(None, SHORT_ESCAPES))


def _single_values(headers: dict[str, list[str]]) -> dict[str, str]:
    # Cookies cannot be joined: they differ in the case of the name, which the ALB passes on.
    cookies = case_mutated_headers({"set-cookie": headers.get("set-cookie", [])})
    others = {name: ", ".join(values) for name, values in headers.items() if name != "set-cookie"}
    return others | cookies

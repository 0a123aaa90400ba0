"""Requests as Lambda events and Lambda results as responses, as the load balancer does it.

Source, where no other is named:
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
"""

import base64
import binascii
import json
import re
from email.utils import formatdate
from typing import Any

from portable.local.listener.http1 import without_connection_headers
from portable.local.listener.messages import (
    Headers,
    LoadBalancerError,
    Request,
    Response,
    whole_body,
)
from portable.local.listener.reasons import Reason

Event = dict[str, Any]

# The documentation says 1 MB and not which; the larger reading is used.
MAX_BODY = 1024 * 1024  # bytes, of a request's body and of a response's JSON
MAX_RESPONSE_HEADERS = 32 * 1024  # bytes
TEXT_TYPES = ("application/json", "application/javascript", "application/xml")  # and text/*
# What HTTP allows in a name and in a value (RFC 9110, 5.1 and 5.5).
NAME = re.compile(r"[-!#$%&'*+.^_`|~0-9A-Za-z]+")
VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]*")


def request_event(request: Request, body: bytes, group_arn: str, multi_value: bool) -> Event:
    """Return the event for `request`.

    `multi_value` is the target group's attribute `lambda.multi_value_headers.enabled`. Without
    it the last of several values wins. Raises `LoadBalancerError` for bytes that are not UTF-8,
    which the load balancer logs as `LambdaBadRequest`.
    """
    path, _, query = request.target.decode("ascii", "surrogateescape").partition("?")
    headers: dict[str, list[str]] = {}
    parameters: dict[str, list[str]] = {}
    try:
        for name, content in request.headers:
            if content:  # an empty header is left out
                headers.setdefault(name.decode().lower(), []).append(content.decode())
        # Keys and values are passed on undecoded; the order of the keys is lost.
        for pair in sorted(filter(None, query.split("&")), key=lambda pair: pair.partition("=")[0]):
            key, _, value = pair.partition("=")
            parameters.setdefault(key, []).append(value)
        encoded, is_base64 = _encoded(body, headers)
    except UnicodeDecodeError:
        raise LoadBalancerError(502, Reason.BAD_REQUEST) from None
    event: Event = {
        "requestContext": {"elb": {"targetGroupArn": group_arn}},
        "httpMethod": request.method.decode(),
        "path": path,
    }
    if multi_value:
        event["multiValueQueryStringParameters"] = parameters
        event["multiValueHeaders"] = headers
    else:
        event["queryStringParameters"] = {key: values[-1] for key, values in parameters.items()}
        event["headers"] = {key: values[-1] for key, values in headers.items()}
    return event | {"body": encoded, "isBase64Encoded": is_base64}


def health_event(path: str, group_arn: str, multi_value: bool) -> Event:
    """Return the health check's event: no header but the user agent."""
    request = Request(
        b"GET", path.encode(), [(b"user-agent", b"ELB-HealthChecker/2.0")], ("127.0.0.1", 0)
    )
    return request_event(request, b"", group_arn, multi_value)


def response(payload: bytes, multi_value: bool) -> Response:
    """Return the response that the function's result `payload` (JSON) stands for.

    Raises `LoadBalancerError` with status 502 where the load balancer takes it for malformed;
    a field that is null is, as is a header value that is not a string.
    """
    if len(payload) > MAX_BODY:
        raise LoadBalancerError(502, Reason.RESPONSE_TOO_LARGE, f"{len(payload)} bytes of JSON")
    try:
        result = json.loads(payload)
    except ValueError:
        raise _invalid("the result is not JSON") from None
    if not isinstance(result, dict):
        raise _invalid("the result is not an object")
    if "errorType" in result and "statusCode" not in result:
        # The message may hold a whole traceback, whose last line names the error.
        *_, last = ["", *str(result.get("errorMessage")).strip().splitlines()]
        message = f"{result['errorType']}: {last}".rstrip(".")
        raise LoadBalancerError(502, Reason.UNHANDLED, message)
    status = result.get("statusCode")
    if type(status) is not int or not 200 <= status <= 599:
        raise _invalid(f"statusCode is {status!r}")
    for field, kind in (("body", str), ("isBase64Encoded", bool), ("statusDescription", str)):
        if not isinstance(result.get(field, kind()), kind):
            raise _invalid(f"{field} is {result[field]!r}")
    headers = _headers(result, multi_value)
    if sum(len(name) + len(value) for name, value in headers) > MAX_RESPONSE_HEADERS:
        raise _invalid("the headers are over 32 K")
    try:
        body = result.get("body", "").encode()
        if result.get("isBase64Encoded"):
            body = base64.b64decode(body, validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise _invalid("the body cannot be decoded") from None
    headers += [
        (b"Server", b"awselb/2.0"),
        (b"Date", formatdate(usegmt=True).encode()),
    ]
    if status in (204, 304):
        body = b""
    else:
        headers.append((b"Content-Length", str(len(body)).encode()))
    return Response(status, headers, whole_body(body))


def _encoded(body: bytes, headers: dict[str, list[str]]) -> tuple[str, bool]:
    content_type = headers.get("content-type", [""])[-1].partition(";")[0].strip().lower()
    is_text = not body or content_type.startswith("text/") or content_type in TEXT_TYPES
    if is_text and "content-encoding" not in headers:
        return body.decode(), False
    return base64.b64encode(body).decode(), True


def _headers(result: dict[str, Any], multi_value: bool) -> Headers:
    field = "multiValueHeaders" if multi_value else "headers"  # the other one is not read
    given = result.get(field, {})
    if not isinstance(given, dict):
        raise _invalid(f"{field} is {given!r}")
    headers: Headers = []
    for name, values in given.items():
        for value in values if multi_value and isinstance(values, list) else [values]:
            if not isinstance(value, str) or (multi_value and not isinstance(values, list)):
                raise _invalid(f"{field}[{name!r}] is {values!r}")
            if not NAME.fullmatch(name) or not VALUE.fullmatch(value):
                raise _invalid(f"{field}[{name!r}] is {values!r}")
            # The load balancer computes the length and the framing itself.
            if name.lower() not in ("content-length", "server", "date"):
                headers.append((name.encode(), value.strip(" \t").encode()))
    return without_connection_headers(headers)


def _invalid(detail: str) -> LoadBalancerError:
    return LoadBalancerError(502, Reason.INVALID_RESPONSE, detail)

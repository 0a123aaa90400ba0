"""A response of the app as the result of a Lambda function behind an ALB.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
"""

import base64
from functools import lru_cache
from typing import Any

from mangum.handlers.alb import case_mutated_headers
from mangum.types import Response

from portable_runtime.alb_event import CONNECTION_HEADERS

# "1 MB" in the documentation; the JSON counts, so base64 and escapes do too.
MAX_RESULT = 1024 * 1024  # bytes
TEXT_TYPES = ("application/json", "application/javascript", "application/xml")


def result_of(response: Response, event: dict[str, Any]) -> dict[str, Any]:
    """Return `response` as the result of `event`."""
    status = response["status"]
    body = b"" if event["httpMethod"] == "HEAD" or status in (204, 304) else response["body"]
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
    if "multiValueHeaders" in event:
        result["multiValueHeaders"] = headers
    else:
        result["headers"] = _single_values(headers)
    return result


def too_large(result: dict[str, Any], size: int) -> dict[str, Any]:
    """Return the result in place of `result`, whose JSON of `size` bytes no ALB passes on."""
    headers: dict[str, Any] = {"content-type": "text/plain; charset=utf-8"}
    kind = "headers"
    if "multiValueHeaders" in result:
        kind, headers = "multiValueHeaders", {name: [value] for name, value in headers.items()}
    message = (
        f"The response is {size} bytes of JSON, and a load balancer passes on at most "
        f"{MAX_RESULT} from a Lambda function."
    )
    return {"statusCode": 500, "body": message, "isBase64Encoded": False, kind: headers}


def _header_text(value: bytes) -> str:
    # The result is JSON, which the load balancer writes as UTF-8: what is UTF-8 stays as it is,
    # latin-1 at least keeps its characters.
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _text(body: bytes, headers: dict[str, list[str]]) -> str | None:
    """Return `body` as text, None where it has to be base64."""
    if not body:
        return ""
    content_type = headers.get("content-type", [""])[-1]
    if not _is_text(content_type) or "content-encoding" in headers:
        return None
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None


@lru_cache
def _is_text(content_type: str) -> bool:
    media_type = content_type.partition(";")[0].strip().lower()
    return (
        media_type.startswith("text/")
        or media_type in TEXT_TYPES
        or media_type.endswith(("+json", "+xml"))
    )


def _single_values(headers: dict[str, list[str]]) -> dict[str, str]:
    # Cookies cannot be joined: they differ in the case of the name, which the ALB passes on.
    cookies = case_mutated_headers({"set-cookie": headers.get("set-cookie", [])})
    others = {name: ", ".join(values) for name, values in headers.items() if name != "set-cookie"}
    return others | cookies

"""A response of the app as the result that a load balancer takes."""

import base64
from typing import Any

import pytest

from portable_runtime.alb_result import result_of


def result(
    body: bytes = b"",
    headers: list[tuple[bytes, bytes]] | None = None,
    status: int = 200,
    **changes: Any,
) -> dict[str, Any]:
    response: Any = {"status": status, "headers": headers or [], "body": body}
    return result_of(response, {"httpMethod": "GET", "multiValueHeaders": {}} | changes)


def test_single_value_events_get_single_values():
    headers = [(b"set-cookie", b"a=1"), (b"set-cookie", b"b=2"), (b"x", b"1"), (b"X", b"2")]
    response: Any = {"status": 200, "headers": headers, "body": b""}
    made = result_of(response, {"httpMethod": "GET", "headers": {"host": "x"}})
    assert made["headers"] == {"x": "1, 2", "set-cookie": "a=1", "Set-cookie": "b=2"}


def test_response_headers_are_text_and_repeat():
    headers = [(b"X-User", "José".encode("latin-1")), (b"x-utf8", "José".encode())]
    headers += [(b"set-cookie", b"a"), (b"Set-Cookie", b"b")]
    headers += [(b"Transfer-Encoding", b"chunked"), (b"connection", b"close")]
    made = result(headers=headers)["multiValueHeaders"]
    assert made == {"x-user": ["José"], "x-utf8": ["José"], "set-cookie": ["a", "b"]}


@pytest.mark.parametrize(
    ("content_type", "encoding", "body", "is_base64"),
    [
        ("text/plain; charset=utf-8", None, b"a", False),
        ("APPLICATION/JSON", None, b"{}", False),
        ("application/problem+json", None, b"{}", False),
        ("image/svg+xml", None, b"<svg/>", False),
        ("image/png;x=text/", None, b"a", True),
        ("application/octet-stream", None, b"a", True),
        ("text/plain", None, b"\xff", True),
        ("text/plain", "gzip", b"a", True),
        (None, None, b"a", True),
        (None, None, b"", False),
    ],
)
def test_base64_is_for_what_is_no_text(content_type, encoding, body, is_base64):
    headers = [(b"content-type", content_type.encode())] if content_type else []
    headers += [(b"content-encoding", encoding.encode())] if encoding else []
    made = result(body, headers)
    assert made["isBase64Encoded"] is is_base64
    decoded = base64.b64decode(made["body"]) if is_base64 else made["body"].encode()
    assert decoded == body


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304)])
def test_answers_without_a_body_have_none(method, status):
    assert result(b"hello", status=status, httpMethod=method)["body"] == ""

"""One event in, one result out, as uvicorn would have seen and sent it."""

import base64
import json
from typing import Any

import pytest

from portable_runtime.alb import MAX_RESPONSE, ALBHandler

CONFIG: Any = None


def event(**changes: Any) -> dict[str, Any]:
    headers = {"host": ["api.example.com"], "x-forwarded-proto": ["https"]}
    return {
        "requestContext": {"elb": {"targetGroupArn": "arn"}},
        "httpMethod": "GET",
        "path": "/",
        "multiValueQueryStringParameters": {},
        "multiValueHeaders": headers,
        "body": "",
        "isBase64Encoded": False,
    } | changes


def scope(**changes: Any) -> dict[str, Any]:
    return dict(ALBHandler(event(**changes), None, CONFIG).scope)


def result(
    body: bytes = b"",
    headers: list[tuple[bytes, bytes]] | None = None,
    status: int = 200,
    **changes: Any,
) -> dict[str, Any]:
    response: Any = {"status": status, "headers": headers or [], "body": body}
    return ALBHandler(event(**changes), None, CONFIG)(response)


@pytest.mark.parametrize(
    ("forwarded_for", "client"),
    [
        (["203.0.113.7"], ("203.0.113.7", 0)),
        (["6.6.6.6, 203.0.113.7"], ("203.0.113.7", 0)),
        (["6.6.6.6", "203.0.113.7"], ("203.0.113.7", 0)),
        (["203.0.113.7:51234"], ("203.0.113.7", 51234)),
        (["6.6.6.6, [2001:db8::1]:51234"], ("2001:db8::1", 51234)),
        (["2001:db8::1"], ("2001:db8::1", 0)),
        ([], None),
    ],
)
def test_the_client_is_who_the_load_balancer_saw(forwarded_for, client):
    assert scope(multiValueHeaders={"x-forwarded-for": forwarded_for})["client"] == client


@pytest.mark.parametrize(
    ("host", "port", "server"),
    [
        ("api.example.com", "443", ("api.example.com", 443)),
        ("api.example.com:8080", "443", ("api.example.com", 8080)),
        ("[::1]:8080", None, ("[::1]", 8080)),
        ("[2001:db8::1]", "80", ("[2001:db8::1]", 80)),
        ("a:b:c", "80", ("a:b:c", 80)),
        ("api.example.com:", "x", ("api.example.com", None)),
        ("api.example.com", "443, 80", ("api.example.com", None)),
        (None, "80", None),
    ],
)
def test_no_host_is_too_odd(host, port, server):
    headers = {"host": [host] if host else [], "x-forwarded-port": [port] if port else []}
    assert scope(multiValueHeaders=headers)["server"] == server


def test_the_query_is_not_decoded():
    query = {"a%62": ["1"], "ab": ["2"], "r": ["/a/b"], "t": ["a%20c"], "x": ["a+b"], "f": [""]}
    query |= {"bad": ["%FF"], "z": ["1", "2"]}
    expected = b"a%62=1&ab=2&r=/a/b&t=a%20c&x=a+b&f=&bad=%FF&z=1&z=2"
    assert scope(multiValueQueryStringParameters=query)["query_string"] == expected


@pytest.mark.parametrize(
    ("path", "decoded"),
    [
        ("/a%2Fb", "/a/b"),
        ("/a%2525", "/a%25"),
        ("/a+b", "/a+b"),
        ("/%E2%82%AC", "/€"),
        ("", "/"),
    ],
)
def test_the_path_is_there_raw_and_decoded(path, decoded):
    seen = scope(path=path)
    assert (seen["path"], seen["raw_path"]) == (decoded, path.encode() or b"/")


def test_headers_repeat_and_those_of_the_connection_are_dropped():
    headers = {"X-D": ["1", "2, 3"], "connection": ["keep-alive"], "x-utf8": ["é"]}
    assert scope(multiValueHeaders=headers)["headers"] == [
        (b"x-d", b"1"),
        (b"x-d", b"2, 3"),
        (b"x-utf8", "é".encode()),
    ]


@pytest.mark.parametrize("empty", [None, {}])
def test_null_fields_are_empty(empty):
    seen = scope(multiValueHeaders=empty, multiValueQueryStringParameters=empty, body=None)
    assert (seen["headers"], seen["query_string"], seen["client"]) == ([], b"", None)
    assert ALBHandler(event(body=None), None, CONFIG).body == b""


def test_single_value_events_work_too():
    single = event(headers={"host": "x"}, queryStringParameters={"a": "%20"})
    del single["multiValueHeaders"], single["multiValueQueryStringParameters"]
    handler = ALBHandler(single, None, CONFIG)
    assert handler.scope["query_string"] == b"a=%20"
    headers = [(b"set-cookie", b"a=1"), (b"set-cookie", b"b=2"), (b"x", b"1"), (b"X", b"2")]
    made = handler({"status": 200, "headers": headers, "body": b""})  # type: ignore[typeddict-item]
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


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"x" * 1_100_000, b"text/plain"),
        (b'"' * 600_000, b"text/plain"),
        (b"\xff" * 800_000, b"image/png"),
    ],
)
def test_a_response_over_the_limit_says_so(body, content_type, caplog):
    made = result(body, [(b"content-type", content_type)])
    assert made["statusCode"] == 500
    assert f"at most {MAX_RESPONSE} from a Lambda function" in made["body"]
    assert made["body"] in caplog.text


@pytest.mark.parametrize(
    ("body", "content_type"),
    [("é".encode() * 500_000, b"text/plain"), (b"\xff" * 780_000, b"image/png")],
)
def test_a_response_within_the_limit_passes(body, content_type):
    made = result(body, [(b"content-type", content_type)])
    assert made["statusCode"] == 200
    assert len(json.dumps(made, ensure_ascii=False).encode()) <= MAX_RESPONSE


@pytest.mark.parametrize("text", ["a", '"\\\n\t', "\x00\x1f\x7f", "é€😀", '\x00"é'])
def test_the_size_is_that_of_the_json(text, caplog):
    """Found without making the JSON, which the runtime client makes anyway."""
    body = (text * MAX_RESPONSE)[:MAX_RESPONSE].encode()
    assert result(body, [(b"content-type", b"text/plain")])["statusCode"] == 500
    json_of_it = {
        "statusCode": 200,
        "body": body.decode(),
        "isBase64Encoded": False,
        "multiValueHeaders": {"content-type": ["text/plain"]},
    }
    size = len(json.dumps(json_of_it, ensure_ascii=False).encode())
    assert f"The response is {size} bytes of JSON" in caplog.text

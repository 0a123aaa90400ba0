"""An ALB event as uvicorn would have seen the request."""

from typing import Any

import pytest

from portable_runtime.alb_event import body_of, scope_of


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
    return dict(scope_of(event(**changes), None))


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
    assert body_of(event(body=None)) == b""


def test_single_value_events_work_too():
    single = event(headers={"host": "x"}, queryStringParameters={"a": "%20"})
    del single["multiValueHeaders"], single["multiValueQueryStringParameters"]
    assert scope_of(single, None)["query_string"] == b"a=%20"

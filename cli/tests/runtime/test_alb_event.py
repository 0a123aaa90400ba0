"""An ALB event as uvicorn would have seen the request."""

from typing import Any

import pytest

from portable_runtime.alb_event import read


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
    return dict(read(event(**changes), None)[0])


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
        ("203.0.113.7:8080", "443", ("203.0.113.7", 8080)),
        ("[::1]:8080", "", ("::1", 8080)),
        ("[2001:DB8::1]", "80", ("2001:db8::1", 80)),
        ("api.example.com", "", None),
        ("api.example.com", "443, 80", None),
        ("api.example.com:", "80", None),
        ("api.example.com:65536", "80", None),
        ("api.example.com:" + "9" * 5000, "80", None),
        ("x:abc", "80", None),
        ("a:b:c", "80", None),
        ("[::1", "80", None),
        ("[::g]", "80", None),
        ("::1", "80", None),
        ("user:password@host", "80", None),
        ("evil.example/path#", "80", None),
        ("a b", "80", None),
        ("é", "80", None),
        (None, "80", None),
    ],
)
def test_the_server_is_a_host_with_a_port_or_none(host, port, server):
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
    assert read(event(body=None), None)[1] == b""


def test_single_value_events_work_too():
    single = event(headers={"host": "x"}, queryStringParameters={"a": "%20"})
    del single["multiValueHeaders"], single["multiValueQueryStringParameters"]
    assert read(single, None)[0]["query_string"] == b"a=%20"

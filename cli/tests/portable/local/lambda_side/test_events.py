"""Requests as events and results as responses, rule by rule."""

import asyncio
import base64
import json
from typing import Any

import pytest

from portable.local.lambda_side.events import MAX_BODY, health_event, request_event, response
from portable.local.listener.messages import (
    Headers,
    LoadBalancerError,
    Request,
    Response,
    header_values,
)
from portable.local.listener.reasons import Reason

ARN = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/x/1"
FAMILIES = {True: "multiValueHeaders", False: "headers"}


def event_of(
    target: bytes = b"/", headers: Headers = (), body: bytes = b"", multi: bool = True
) -> dict[str, Any]:
    return request_event(Request(b"POST", target, list(headers), ("::1", 1)), body, ARN, multi)


def answer(result: Any, multi: bool = True) -> Response:
    return response(json.dumps(result).encode(), multi)


def body_of(got: Response) -> bytes:
    async def read() -> bytes:
        return b"".join([chunk async for chunk in got.body])

    return asyncio.run(read())


@pytest.mark.parametrize(
    ("multi", "present", "absent"),
    [
        (
            True,
            {"multiValueHeaders", "multiValueQueryStringParameters"},
            {"headers", "queryStringParameters"},
        ),
        (
            False,
            {"headers", "queryStringParameters"},
            {"multiValueHeaders", "multiValueQueryStringParameters"},
        ),
    ],
)
def test_only_one_family_of_keys(multi, present, absent):
    event = event_of(multi=multi)
    assert set(event) == present | {
        "requestContext",
        "httpMethod",
        "path",
        "body",
        "isBase64Encoded",
    }
    assert not absent & set(event)
    assert event["requestContext"] == {"elb": {"targetGroupArn": ARN}}
    assert (event["httpMethod"], event["path"]) == ("POST", "/")


@pytest.mark.parametrize(
    ("multi", "headers", "query"),
    [
        (
            True,
            {"x-a": ["1, 2", "3"], "cookie": ["a=1"]},
            {"a": ["1", "", "2"], "b": ["x"]},
        ),
        (False, {"x-a": "3", "cookie": "a=1"}, {"a": "2", "b": "x"}),
    ],
)
def test_repeated_values(multi, headers, query):
    sent = [(b"X-A", b"1, 2"), (b"Cookie", b"a=1"), (b"x-a", b"3")]
    event = event_of(b"/?a=1&b=x&a&a=2", sent, multi=multi)
    prefix = "multiValueQueryStringParameters" if multi else "queryStringParameters"
    assert event[FAMILIES[multi]] == headers
    assert event[prefix] == query


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        (b"/", "/", {}),
        (b"/?", "/", {}),
        (b"/?flag", "/", {"flag": ""}),
        (b"/?flag=", "/", {"flag": ""}),
        (b"/?&&a=1&", "/", {"a": "1"}),
        (b"/?a=b=c", "/", {"a": "b=c"}),
        (b"/pp%C2%A5pp", "/pp%C2%A5pp", {}),
        (b"/a%2Fb//../c", "/a%2Fb//../c", {}),
        (
            b"/?multi%C2%A5Value=red%2C+green&plus=a+b",
            "/",
            {"multi%C2%A5Value": "red%2C+green", "plus": "a+b"},
        ),
        (b"/?x=1?y=2", "/", {"x": "1?y=2"}),
    ],
)
def test_path_and_query_stay_encoded(target, path, query):
    event = event_of(target, multi=False)
    assert (event["path"], event["queryStringParameters"]) == (path, query)


@pytest.mark.parametrize("multi", [True, False])
def test_header_names_are_lower_case_and_empty_values_left_out(multi):
    event = event_of(headers=[(b"X-Empty", b""), (b"Connection", b"keep-alive")], multi=multi)
    assert list(event[FAMILIES[multi]]) == ["connection"]


def test_utf8_headers_are_passed_on():
    assert event_of(headers=[(b"X-Name", "Zoë".encode())])["multiValueHeaders"] == {
        "x-name": ["Zoë"]
    }


@pytest.mark.parametrize(
    "sent",
    [
        {"headers": [(b"X-Name", b"\xff")]},
        {"headers": [(b"Content-Type", b"text/plain")], "body": b"\xff"},
    ],
)
def test_bytes_that_are_not_utf8_are_a_bad_request(sent):
    with pytest.raises(LoadBalancerError) as error:
        event_of(**sent)
    assert error.value.reason is Reason.BAD_REQUEST


@pytest.mark.parametrize(
    ("content_type", "encoding", "encoded"),
    [
        (b"text/plain", None, False),
        (b"text/csv; charset=utf-8", None, False),
        (b"application/json", None, False),
        (b"Application/JSON; charset=utf-8", None, False),
        (b"application/javascript", None, False),
        (b"application/xml", None, False),
        (b"application/json", b"gzip", True),
        (b"text/plain", b"br", True),
        (b"application/x-www-form-urlencoded", None, True),
        (b"application/problem+json", None, True),
        (b"application/json-patch+json", None, True),
        (b"application/xml-dtd", None, True),
        (b"multipart/form-data; boundary=x", None, True),
        (b"application/octet-stream", None, True),
        (None, None, True),
    ],
)
def test_bodies_are_base64_unless_documented_as_text(content_type, encoding, encoded):
    headers = [(b"Content-Type", content_type)] if content_type else []
    headers += [(b"Content-Encoding", encoding)] if encoding else []
    event = event_of(headers=headers, body="Zoë".encode())
    expected = base64.b64encode("Zoë".encode()).decode() if encoded else "Zoë"
    assert (event["body"], event["isBase64Encoded"]) == (expected, encoded)


def test_an_empty_body_is_an_empty_string():
    assert event_of()["body"] == ""


@pytest.mark.parametrize("multi", [True, False])
def test_health_event(root, multi):
    expected = json.loads((root / "tests/events/alb-health-check.json").read_text())
    if not multi:
        expected["headers"] = {"user-agent": expected.pop("multiValueHeaders")["user-agent"][0]}
        expected["queryStringParameters"] = expected.pop("multiValueQueryStringParameters")
    arn = expected["requestContext"]["elb"]["targetGroupArn"]
    assert health_event("/healthz", arn, multi) == expected


def test_an_event_file_is_what_a_request_becomes(root):
    expected = json.loads((root / "tests/events/alb-get.json").read_text())
    sent = Request(
        b"GET",
        b"/?tag=a&empty=&tag=b%20c",
        [
            (name.encode(), value.encode())
            for name, values in expected["multiValueHeaders"].items()
            for value in values
        ],
        ("203.0.113.7", 1),
    )
    arn = expected["requestContext"]["elb"]["targetGroupArn"]
    assert request_event(sent, b"", arn, True) == expected


@pytest.mark.parametrize("multi", [True, False])
def test_a_status_alone_is_enough(multi):
    got = answer({"statusCode": 200}, multi)
    assert (got.status, body_of(got)) == (200, b"")
    assert header_values(got.headers, b"server") == [b"awselb/2.0"]
    assert header_values(got.headers, b"content-length") == [b"0"]


@pytest.mark.parametrize(
    ("result", "body"),
    [
        ({"body": "Zoë"}, "Zoë".encode()),
        ({"body": "Zoë", "isBase64Encoded": False}, "Zoë".encode()),
        ({"body": "AP8=", "isBase64Encoded": True}, b"\x00\xff"),
        ({"body": "", "isBase64Encoded": True}, b""),
        ({"body": "x", "statusDescription": "200 OK"}, b"x"),
    ],
)
def test_body(result, body):
    got = answer({"statusCode": 200} | result)
    assert body_of(got) == body
    assert header_values(got.headers, b"content-length") == [str(len(body)).encode()]


@pytest.mark.parametrize(
    ("multi", "values"), [(True, [b"a=1", b"b=2"]), (False, [b"c=3"])], ids=["on", "off"]
)
def test_only_the_configured_family_of_headers_is_read(multi, values):
    got = answer(
        {
            "statusCode": 200,
            "multiValueHeaders": {"Set-Cookie": ["a=1", "b=2"]},
            "headers": {"Set-Cookie": "c=3"},
        },
        multi,
    )
    assert header_values(got.headers, b"set-cookie") == values


def test_case_variants_are_headers_of_their_own():
    """Mangum's way to return two cookies where multi-value headers are off."""
    got = answer({"statusCode": 200, "headers": {"set-cookie": "a=1", "Set-cookie": "b=2"}}, False)
    assert header_values(got.headers, b"set-cookie") == [b"a=1", b"b=2"]


@pytest.mark.parametrize("multi", [True, False])
def test_the_load_balancer_frames_the_response_itself(multi):
    given = {
        "Connection": "close",
        "Transfer-Encoding": "chunked",
        "Keep-Alive": "5",
        "Content-Length": "99",
        "Server": "mine",
        "X-Kept": "1",
    }
    if multi:
        given = {name: [value] for name, value in given.items()}
    got = answer({"statusCode": 200, FAMILIES[multi]: given, "body": "abc"}, multi)
    assert sorted(name.lower() for name, _ in got.headers) == [
        b"content-length",
        b"date",
        b"server",
        b"x-kept",
    ]
    assert header_values(got.headers, b"content-length") == [b"3"]
    assert header_values(got.headers, b"server") == [b"awselb/2.0"]


@pytest.mark.parametrize("status", [204, 304])
def test_a_response_that_has_no_body_has_no_length(status):
    got = answer({"statusCode": status})
    assert header_values(got.headers, b"content-length") == []


INVALID = [
    {},
    [],
    None,
    "text",
    {"statusCode": "200"},
    {"statusCode": 200.0},
    {"statusCode": True},
    {"statusCode": None},
    {"statusCode": 99},
    {"statusCode": 600},
    {"statusCode": 200, "statusDescription": None},
    {"statusCode": 200, "body": None},
    {"statusCode": 200, "body": {"a": 1}},
    {"statusCode": 200, "isBase64Encoded": None},
    {"statusCode": 200, "isBase64Encoded": "true"},
    {"statusCode": 200, "body": "not base64!", "isBase64Encoded": True},
    {"statusCode": 200, "body": "Zoë", "isBase64Encoded": True},
    {"statusCode": 200, "body": "\ud800"},
]


@pytest.mark.parametrize("multi", [True, False])
@pytest.mark.parametrize("result", INVALID, ids=json.dumps)
def test_malformed_results_are_502(result, multi):
    with pytest.raises(LoadBalancerError) as error:
        answer(result, multi)
    assert error.value.status == 502
    assert error.value.reason is Reason.INVALID_RESPONSE


@pytest.mark.parametrize("value", [None, True, 5, ["a"], {"a": "b"}, "a\nb", "a\x00", "\ud800"])
def test_a_header_value_has_to_be_a_string_without_control_characters(value):
    for multi, given in ((False, value), (True, [value])):
        with pytest.raises(LoadBalancerError) as error:
            answer({"statusCode": 200, FAMILIES[multi]: {"X-A": given}}, multi)
        assert error.value.status == 502
        assert error.value.reason is Reason.INVALID_RESPONSE


@pytest.mark.parametrize("name", ["", "a b", "a:b", "a\r\nb", "ä", "\ud800"])
def test_a_header_name_has_to_be_a_token(name):
    with pytest.raises(LoadBalancerError) as error:
        answer({"statusCode": 200, "headers": {name: "1"}}, False)
    assert error.value.reason is Reason.INVALID_RESPONSE


@pytest.mark.parametrize("family", [None, "x", ["x"]])
@pytest.mark.parametrize("multi", [True, False])
def test_headers_have_to_be_an_object(family, multi):
    with pytest.raises(LoadBalancerError) as error:
        answer({"statusCode": 200, FAMILIES[multi]: family}, multi)
    assert error.value.reason is Reason.INVALID_RESPONSE


@pytest.mark.parametrize("value", ["a string", 5, None])
def test_multi_value_headers_have_to_be_lists(value):
    with pytest.raises(LoadBalancerError) as error:
        answer({"statusCode": 200, "multiValueHeaders": {"X-A": value}})
    assert error.value.reason is Reason.INVALID_RESPONSE


@pytest.mark.parametrize("payload", [b"", b"Task timed out", b"\xff", b"{"])
def test_what_is_not_json_is_502(payload):
    with pytest.raises(LoadBalancerError) as error:
        response(payload, True)
    assert error.value.status == 502
    assert error.value.reason is Reason.INVALID_RESPONSE


def test_a_function_error_is_unhandled():
    with pytest.raises(LoadBalancerError) as error:
        answer({"errorType": "ValueError", "errorMessage": "no", "stackTrace": []})
    assert (error.value.status, error.value.text) == (502, "LambdaUnhandled: ValueError: no")


def test_the_result_may_have_one_megabyte_of_json():
    frame = len(json.dumps({"statusCode": 200, "body": ""}))
    largest = "a" * (MAX_BODY - frame)
    assert len(body_of(answer({"statusCode": 200, "body": largest}))) == len(largest)
    with pytest.raises(LoadBalancerError) as error:
        answer({"statusCode": 200, "body": largest + "a"})
    assert error.value.status == 502
    assert error.value.reason is Reason.RESPONSE_TOO_LARGE


def test_response_headers_over_32_k_are_502():
    answer({"statusCode": 200, "headers": {"x": "a" * (32 * 1024 - 1)}}, False)
    with pytest.raises(LoadBalancerError) as error:
        answer({"statusCode": 200, "headers": {"x": "a" * (32 * 1024)}}, False)
    assert error.value.status == 502

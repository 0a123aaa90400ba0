"""No result is larger than a load balancer takes it."""

import json
import logging
from typing import Any

import pytest

from portable_runtime.alb_result import MAX_RESULT, result_of
from portable_runtime.marshaller import Marshaller


def marshal(body: bytes, content_type: bytes) -> tuple[dict[str, Any], int]:
    """Return the result of a response as the runtime client posts it, and its size."""
    response: Any = {"status": 200, "headers": [(b"content-type", content_type)], "body": body}
    marshaller = Marshaller()
    marshaller.request_id = "invocation-1"
    result = result_of(response, {"httpMethod": "GET", "multiValueHeaders": {}})
    data, kind = marshaller.marshal_response(result)
    assert kind == "application/json"
    return json.loads(data), len(data)


@pytest.fixture(autouse=True)
def utf8(monkeypatch: pytest.MonkeyPatch) -> None:
    """As `lambda_runtime` sets it."""
    monkeypatch.setenv("AWS_EXECUTION_ENV", "AWS_Lambda_python3.13")


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"x" * 1_100_000, b"text/plain"),
        (b'"' * 600_000, b"text/plain"),
        (b"\x00" * 175_000, b"text/plain"),
        (b"\xff" * 800_000, b"image/png"),
    ],
)
def test_a_result_over_the_limit_says_so(body, content_type, caplog):
    result, _ = marshal(body, content_type)
    assert result["statusCode"] == 500
    assert f"bytes of JSON, and a load balancer passes on at most {MAX_RESULT}" in result["body"]
    (record,) = caplog.records
    assert (record.getMessage(), record.levelno) == (result["body"], logging.ERROR)
    assert record.request_id == "invocation-1", "the line of the request has the same"
    assert result["multiValueHeaders"] == {"content-type": ["text/plain; charset=utf-8"]}


def test_the_size_is_that_of_the_json(caplog):
    marshal('é"'.encode() * 500_000, b"text/plain")
    expected = {
        "statusCode": 200,
        "body": 'é"' * 500_000,
        "isBase64Encoded": False,
        "multiValueHeaders": {"content-type": ["text/plain"]},
    }
    size = len(json.dumps(expected, ensure_ascii=False).encode())
    assert f"The response is {size} bytes of JSON" in caplog.text


@pytest.mark.parametrize(
    ("body", "content_type"),
    [("é".encode() * 500_000, b"text/plain"), (b"\xff" * 780_000, b"image/png")],
)
def test_a_result_within_the_limit_passes(body, content_type):
    result, size = marshal(body, content_type)
    assert (result["statusCode"], size <= MAX_RESULT) == (200, True)


def test_an_event_with_single_values_gets_them_back():
    response: Any = {"status": 200, "headers": [], "body": b"x" * 1_100_000}
    single = result_of(response, {"httpMethod": "GET", "headers": {"host": "x"}})
    data, _ = Marshaller().marshal_response(single)
    assert json.loads(data)["headers"] == {"content-type": "text/plain; charset=utf-8"}


def test_what_is_no_result_of_a_load_balancer_passes():
    """A handler of the user's own may run under this client, too."""
    assert Marshaller().marshal_response(["a"]) == (b'["a"]', "application/json")
    assert len(Marshaller().marshal_response(["a" * 2_000_000])[0]) == 2_000_004

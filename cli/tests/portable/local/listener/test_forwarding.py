"""What the listener refuses, and what it adds to a request."""

import re

import pytest

from portable.local.listener.forwarding import METHODS, check, forwarded
from portable.local.listener.messages import Headers, LoadBalancerError, Request, header_values

CLIENT = ("203.0.113.7", 50000)
NOW = 0x68F0A1B2
NEW = b"1-68f0a1b2-000000000000000000000001"


def request(
    headers: Headers = (), target: bytes = b"/", method: bytes = b"GET", **more: object
) -> Request:
    return Request(method, target, [(b"Host", b"example.com"), *headers], CLIENT, **more)


def forward(asked: Request, port: int = 80, drop_invalid: bool = False) -> Request:
    def new_trace_id(seconds: float) -> str:
        return f"1-{int(seconds):08x}-{1:024x}"

    return forwarded(asked, port, drop_invalid, new_trace_id, now=lambda: NOW)


def forwarded_header(name: bytes, *args: object, **more: object) -> bytes:
    """The one header of that name that the target gets."""
    (value,) = header_values(forward(*args, **more).headers, name)
    return value


def big(count: int, size: int) -> Headers:
    return [(b"x", b"a" * (size - len(b"x: ")))] * count


@pytest.mark.parametrize("method", METHODS)
def test_supported_methods_pass(method):
    check(request(method=method))


@pytest.mark.parametrize("method", [b"TRACE", b"CONNECT", b"PROPFIND", b"get"])
def test_other_methods_are_405(method):
    with pytest.raises(LoadBalancerError) as error:
        check(request(method=method))
    assert error.value.status == 405
    assert method.decode() in error.value.text


@pytest.mark.parametrize(
    ("at_the_limit", "over", "status"),
    [
        (  # "GET " + target + " HTTP/1.1"
            request(target=b"/" + b"a" * (16384 - 14)),
            request(target=b"/" + b"a" * (16384 - 13)),
            414,
        ),
        (request(big(1, 16384)), request(big(1, 16385)), 400),
        (
            request(big(4, 16384 - 5)),  # with "Host: example.com" 64 K less 3
            request(big(4, 16384 - 4)),
            400,
        ),
        (
            request([(b"X-Forwarded-For", b",".join([b"10.0.0.1"] * 30))]),
            request([(b"X-Forwarded-For", b",".join([b"10.0.0.1"] * 31))]),
            463,
        ),
        (
            request([(b"X-Forwarded-For", b"10.0.0.1")] * 30),
            request([(b"X-Forwarded-For", b"10.0.0.1")] * 31),
            463,
        ),
    ],
    ids=["request line", "one header", "all headers", "addresses", "address lines"],
)
def test_limits_are_inclusive(at_the_limit, over, status):
    check(at_the_limit)
    with pytest.raises(LoadBalancerError) as error:
        check(over)
    assert error.value.status == status


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ([], b"203.0.113.7"),
        ([b"6.6.6.6"], b"6.6.6.6, 203.0.113.7"),
        ([b"6.6.6.6, 7.7.7.7", b"8.8.8.8"], b"6.6.6.6, 7.7.7.7, 8.8.8.8, 203.0.113.7"),
    ],
)
def test_the_client_is_appended_to_forwarded_for(sent, expected):
    asked = request([(b"x-forwarded-FOR", value) for value in sent])
    assert forwarded_header(b"x-forwarded-for", asked) == expected


def test_forged_scheme_and_port_are_replaced():
    forged = [(b"X-Forwarded-Proto", b"https"), (b"x-forwarded-port", b"443")]
    got = forward(request(forged), port=8080).headers
    assert header_values(got, b"x-forwarded-proto") == [b"http"]
    assert header_values(got, b"x-forwarded-port") == [b"8080"]


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ([], b"Root=" + NEW),
        ([b""], b"Root=" + NEW),
        ([b"Root=1-67891233-abc"], b"Self=" + NEW + b";Root=1-67891233-abc"),
        ([b"Root=1-a-b;CalledFrom=app"], b"Self=" + NEW + b";Root=1-a-b;CalledFrom=app"),
        ([b"Self=1-x-y;Root=1-a-b;Z=1"], b"Self=" + NEW + b";Root=1-a-b;Z=1"),
        ([b"Root=1-a-b; Self=1-x-y"], b"Self=" + NEW + b";Root=1-a-b"),
        ([b"CalledFrom=app"], b"Root=" + NEW + b";CalledFrom=app"),
    ],
)
def test_trace_id(sent, expected):
    asked = request([(b"X-Amzn-Trace-Id", value) for value in sent])
    assert forwarded_header(b"x-amzn-trace-id", asked) == expected


@pytest.mark.parametrize(
    ("host", "port", "expected"),
    [
        (b"Example.COM", 80, b"example.com"),
        (b"example.com:80", 80, b"example.com"),
        (b"example.com:9000", 443, b"example.com"),
        (b"example.com", 8080, b"example.com:8080"),
        (b"example.com:9000", 8080, b"example.com:9000"),
        (b"example.com:", 8080, b"example.com:8080"),
        (b"[::1]", 80, b"[::1]"),
        (b"[::1]:80", 80, b"[::1]"),
        (b"[2001:DB8::1]", 8080, b"[2001:db8::1]:8080"),
        (b"[2001:db8::1]:9000", 8080, b"[2001:db8::1]:9000"),
    ],
)
def test_host_follows_the_listeners_port(host, port, expected):
    asked = Request(b"GET", b"/", [(b"hOST", host)], CLIENT)
    assert forwarded_header(b"host", asked, port) == expected


def test_a_request_without_host_gets_one():
    """HTTP/1.0 needs none; the load balancer puts its own name."""
    asked = Request(b"GET", b"/", [], CLIENT, b"1.0")
    assert not forwarded_header(b"host", asked, 8080).startswith(b":")


@pytest.mark.parametrize(
    ("sent", "target", "host"),
    [
        (b"http://Other.example/a%20b?c=%2F", b"/a%20b?c=%2F", b"other.example"),
        (b"http://other.example:81", b"/", b"other.example"),
        (b"http://user:secret@other.example/?q", b"/?q", b"other.example"),
        (b"//not.a.host/a?b#c", b"//not.a.host/a?b#c", b"example.com"),
        (b"/?a=http://x/", b"/?a=http://x/", b"example.com"),
    ],
)
def test_target_becomes_a_path_and_an_absolute_host_wins(sent, target, host):
    got = forward(request(target=sent))
    assert got.target == target
    assert header_values(got.headers, b"host") == [host]


@pytest.mark.parametrize("target", [b"nothing", b"http:///a", b"http://[::1/a"])
def test_a_target_that_is_neither_path_nor_url_is_400(target):
    with pytest.raises(LoadBalancerError) as error:
        forward(request(target=target))
    assert error.value.status == 400


@pytest.mark.parametrize("drop", [False, True])
def test_invalid_names_are_dropped_only_if_asked(drop):
    got = forward(request([(b"X_Under", b"1"), (b"x.dot", b"2"), (b"X-Fine-1", b"3")]), 80, drop)
    names = [name for name, _ in got.headers]
    assert b"X-Fine-1" in names
    assert (b"X_Under" in names, b"x.dot" in names) == (not drop, not drop)


def test_expect_is_dropped_and_everything_else_kept():
    sent = [(b"Expect", b"100-continue"), (b"X-A", b"1"), (b"X-A", b"2"), (b"Connection", b"x")]
    got = forward(request(sent)).headers
    assert header_values(got, b"expect") == []
    assert header_values(got, b"x-a") == [b"1", b"2"]
    assert header_values(got, b"connection") == [b"x"]


def test_method_body_and_client_stay():
    asked = request(method=b"POST", has_body=True)
    got = forward(asked)
    assert (got.method, got.client, got.body, got.has_body) == (b"POST", CLIENT, asked.body, True)


def test_trace_id_has_the_documented_shape():
    assert re.fullmatch(
        rb"Root=1-[0-9a-f]{8}-[0-9a-f]{24}", forwarded_header(b"x-amzn-trace-id", request())
    )

"""The same request gets the same answer: a case for every known way in which it might not.

`row` is the number of the difference in the project's list of what plain Mangum does differently.
"""

import gzip
import json
import socket
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from portable.local.lambda_side.events import MAX_BODY
from tests.parity.differ import Request, Targets, ask, differences, order
from tests.parity.platform_limits import PLAIN, expected

JSON = (b"content-type", b"application/json")
ERROR = {"status": 500, "body": b"Internal Server Error"}


@dataclass(frozen=True)
class Case:
    """A request and what both answers have in common, besides being the same."""

    row: int
    name: str
    request: Request
    both: dict[str, Any] = field(default_factory=lambda: {"status": 200})
    headers: tuple[tuple[str, str], ...] = ()  # among those that the app saw


def host(value: bytes, seen: str) -> Case:
    return Case(1, f"host {value.decode()}", Request(host=value), headers=(("host", seen),))


def client(*forwarded_for: bytes) -> Case:
    headers = tuple((b"X-Forwarded-For", value) for value in forwarded_for)
    # The peer of the listener, whatever the client says.
    return Case(
        2,
        f"client behind {forwarded_for}",
        Request(headers=headers),
        {"scope client": ["127.0.0.1", 0]},
        (("x-forwarded-for", b", ".join([*forwarded_for, b"127.0.0.1"]).decode()),),
    )


def query(row: int, target: bytes, seen: str | None = None) -> Case:
    both = {} if seen is None else {"scope query_string": seen}
    return Case(row, f"query {target.decode()}", Request(target=target), {"status": 200} | both)


def path(raw: bytes, seen: str, row: int = 9) -> Case:
    both = {"scope path": seen, "scope raw_path": raw.decode()}
    return Case(row, f"path {raw.decode()}", Request(target=raw), both)


def way(row: int, name: str, both: dict[str, Any] | None = None, **rest: Any) -> Case:
    request = order([PLAIN], b"hello", way=name, **rest)
    return Case(row, f"way {name} {rest or ''}".strip(), request, both or {})


def no_body(status: int, method: bytes = b"GET") -> Case:
    name = f"{method.decode()} {status} with a body"
    request = order([PLAIN], b"hello", method=method, status=status)
    return Case(18, name, request, {"status": status, "body": b""})


def content(name: str, headers: list[tuple[bytes, bytes]], body: bytes, row: int = 22) -> Case:
    seen = {f"header {key.decode().lower()}": [value] for key, value in headers}
    return Case(row, f"content {name}", order(headers, body), {"status": 200, "body": body} | seen)


def posted(name: str, content_type: bytes, body: bytes, *headers: tuple[bytes, bytes]) -> Case:
    request = Request(b"POST", headers=((b"Content-Type", content_type), *headers), body=body)
    return Case(11, f"posted {name}", request, {"scope body": body})


UNICODE = "é€😀".encode()
CASES = (
    host(b"[::1]:8080", "[::1]"),
    host(b"[2001:db8::1]", "[2001:db8::1]"),
    host(b"a:b:c", "a:b:c"),
    host(b"api.example.com:", "api.example.com"),
    host(b":abc", ":abc"),
    host(b"API.Example.com:8443", "api.example.com"),
    host(b"203.0.113.9:80", "203.0.113.9"),
    Case(
        1,
        "a forged port",
        Request(headers=((b"X-Forwarded-Port", b"443, 80"), (b"X-Forwarded-Proto", b"https"))),
        {"scope scheme": "http"},
        (("x-forwarded-port", "80"), ("x-forwarded-proto", "http")),
    ),
    client(),
    client(b"6.6.6.6"),
    client(b"6.6.6.6, 203.0.113.7"),
    client(b"6.6.6.6", b"203.0.113.7"),
    client(b"203.0.113.7:51234"),
    client(b"[2001:db8::1]:51234"),
    client(b"127.0.0.2"),  # the address that tasks know the listener by
    client(b"unknown, nobody at all"),
    query(3, b"/?r=/a/b", "r=/a/b"),
    query(3, b"/?t=a%20c", "t=a%20c"),
    query(3, b"/?x=a+b&y=%2B", "x=a+b&y=%2B"),
    query(3, b"/?bad=%FF", "bad=%FF"),
    query(3, b"/?e=%E2%82%AC", "e=%E2%82%AC"),
    query(3, b"/?sig=a%2fb%2FC==", "sig=a%2fb%2FC=="),
    query(3, b"/?a=b=c&d=?", "a=b=c&d=?"),
    query(3, b"/?a=1;b=2", "a=1;b=2"),
    query(3, b"/?=nokey", "=nokey"),
    query(3, b"/?%zz=%", "%zz=%"),
    query(3, b"/?"),
    query(3, b"/?flag&r=/a/b&t=a%20c&bad=%FF&z=1&w=9&z=2"),
    query(4, b"/?a%62=1&ab=2", "a%62=1&ab=2"),
    query(5, b"/?z=1&z=2&z=1", "z=1&z=2&z=1"),
    Case(
        5,
        "repeated headers",
        Request(
            headers=(
                (b"Cookie", b"a=1; b=2"),
                (b"Cookie", b"c=3"),
                (b"X-D", b"1"),
                (b"x-d", b"2, 3"),
            )
        ),
        headers=(("cookie", "a=1; b=2"), ("cookie", "c=3"), ("x-d", "1"), ("x-d", "2, 3")),
    ),
    query(6, b"/?z=1&w=9&z=2"),
    Case(
        7,
        "the scope",
        Request(),
        {
            "scope type": "http",
            "scope asgi": {"version": "3.0", "spec_version": "2.3"},
            "scope http_version": "1.1",
            "scope scheme": "http",
            "scope root_path": "",
            "scope raw_path": "/",
            "scope extensions": [],
            "scope state": {"pool": {"open": True}},
        },
    ),
    Case(7, "HTTP 1.0", Request(raw=b"GET /old HTTP/1.0\r\nHost: a\r\n\r\n")),
    Case(7, "HTTP 1.0 without a host", Request(raw=b"GET / HTTP/1.0\r\n\r\n")),
    Case(8, "a health check from outside", Request(target=b"/healthz", host=b"10.0.0.7:8080")),
    path(b"/x%2541", "/x%41"),
    path(b"/a%2Fb", "/a/b"),
    path(b"/a+b", "/a+b"),
    path(b"/%E2%82%AC", "/€"),
    path(b"/%ff", "/\ufffd"),
    path(b"/%C3", "/\ufffd"),
    path(b"//a///b/", "//a///b/"),
    path(b"/a/../b/./c/%2e%2e/d", "/a/../b/./c/../d"),
    path(b"/a;v=1/b,c:d@e!$'()*", "/a;v=1/b,c:d@e!$'()*"),
    path(b"/%00%0d%0a", "/\x00\r\n"),
    path(b"/100%", "/100%"),
    path(b"/%zz", "/%zz"),
    Case(
        10,
        "a URL without a path",
        Request(target=b"http://other.example.com"),
        {"scope path": "/"},
        (("host", "other.example.com"),),
    ),
    Case(10, "a whole URL", Request(target=b"http://a.example/b?c=d"), {"scope path": "/b"}),
    Case(10, "OPTIONS *", Request(b"OPTIONS", target=b"*"), {"scope method": "OPTIONS"}),
    Case(10, "an empty body", Request(b"POST", headers=((b"Content-Length", b"0"),))),
    posted("text", b"text/plain", b"hello"),
    posted("unicode", b"text/plain; charset=utf-8", UNICODE),
    Case(
        11,
        "posted latin-1 as text",
        Request(b"POST", headers=(PLAIN,), body=b"Jos\xe9"),
        {},
    ),
    posted("JSON", b"application/json", json.dumps({"a": "é\x00"}).encode()),
    posted("JSON in capitals", b"APPLICATION/JSON; charset=utf-8", b'{"a": "b"}'),
    posted("bytes", b"application/octet-stream", bytes(range(256))),
    posted("a form", b"application/x-www-form-urlencoded", b"a=1&b=%FF&a=2"),
    posted("parts", b"multipart/form-data; boundary=x", b"--x\r\n\r\n\xff\r\n--x--\r\n"),
    posted("nothing known", b"", b"\x00\xff"),
    posted("gzip", b"application/json", gzip.compress(b"{}"), (b"Content-Encoding", b"gzip")),
    Case(11, "posted in chunks", Request(b"PUT", headers=(PLAIN,), body=UNICODE, chunked=True)),
    Case(
        12,
        "1 MB of request",
        replace(order([PLAIN], b"hello", b"POST"), body=b"x" * MAX_BODY),
        {"status": 200, "body": b"hello"},
    ),
    Case(
        13,
        "a header in UTF-8",
        Request(headers=((b"X-Name", UNICODE),)),
        headers=(("x-name", UNICODE.decode("latin-1")),),
    ),
    Case(13, "odd header names", Request(headers=((b"X_Under.Score~!", b"1"), (b"1", b"2")))),
    Case(13, "what ends here", Request(headers=((b"TE", b"trailers"), (b"Keep-Alive", b"5")))),
    Case(13, "DELETE with a body", Request(b"DELETE", headers=(PLAIN,), body=b"x")),
    Case(13, "PATCH", Request(b"PATCH", headers=(PLAIN,), body=b"x"), {"scope method": "PATCH"}),
    Case(13, "TRACE", Request(b"TRACE"), {"status": 405}),
    Case(13, "malformed", Request(raw=b"GET / HTTP/1.1\r\n\r\n"), {"status": 400}),
    Case(
        13, "30 hops", Request(headers=((b"X-Forwarded-For", b"1" + b",1" * 30),)), {"status": 463}
    ),
    Case(
        13,
        "40 kB of headers",
        Request(headers=tuple((b"X-%d" % n, b"v" * 4000) for n in range(10))),
    ),
    Case(
        13,
        "a trace that goes on",
        Request(headers=((b"X-Amzn-Trace-Id", b"Root=1-67891233-abcdef012345678912345678;A=b"),)),
    ),
    content("ASCII header", [PLAIN, (b"x-plain", b"Jose")], b"hello", row=14),
    content("UTF-8 header", [PLAIN, (b"x-user", UNICODE)], b"hello", row=14),
    Case(14, "latin-1 header", order([PLAIN, (b"x-user", b"Jos\xe9")], b"hello")),
    way(15, "nothing", ERROR),
    way(15, "start"),
    way(15, "partial", chunks=3),
    way(16, "raise", ERROR),
    way(16, "raise-started"),
    way(16, "raise-partial", chunks=2),
    way(16, "raise-answered", {"status": 200, "body": b"hello"}),
    way(17, "cancelled", ERROR),
    way(17, "exit"),
    *(no_body(status) for status in (204, 304)),
    *(no_body(status, b"HEAD") for status in (200, 204, 304, 404, 500)),
    Case(18, "HEAD of a report", Request(b"HEAD"), {"status": 200, "body": b""}),
    Case(
        20,
        "repeated headers of a response",
        order(
            [
                PLAIN,
                *((b"set-cookie", b"c%d=1; Path=/; HttpOnly" % n) for n in range(12)),
                *((b"x", b"%d" % n) for n in range(4)),
                (b"X-Powered-By", b"me"),
                (b"x-powered-by", b"you"),
                (b"vary", b"a, b"),
                (b"x-empty", b""),
            ]
        ),
        {
            "header set-cookie": sorted(b"c%d=1; Path=/; HttpOnly" % n for n in range(12)),
            "header x": [b"0", b"1", b"2", b"3"],
            "header x-powered-by": [b"me", b"you"],
            "header x-empty": [b""],
        },
    ),
    content("no type", [], b"hello"),
    content("no type, bytes", [], b"\xff\x00"),
    *(
        content(media_type.decode(), [(b"Content-Type", media_type)], b'{"a": "\xc3\xa9"}')
        for media_type in (
            b"application/problem+json",
            b"application/vnd.x+json; charset=utf-8",
            b"image/svg+xml",
            b"application/x-ndjson",
            b"application/x-www-form-urlencoded",
            b"application/graphql-response+json",
            b"APPLICATION/JSON",
            b"image/png;x=text/",
            b"text/html; charset=utf-8",
            b"",
        )
    ),
    content("text that is none", [PLAIN], b"\xff\xfe"),
    content("a surrogate", [PLAIN], b"\xed\xa0\x80"),
    content("controls", [PLAIN], bytes(range(128))),
    content("all bytes", [(b"content-type", b"image/png")], bytes(range(256))),
    content("gzip", [JSON, (b"content-encoding", b"gzip")], gzip.compress(b"{}")),
    content("identity", [PLAIN, (b"content-encoding", b"identity")], b"hello"),
    Case(23, "400,000 letters é", order([PLAIN], size=400_000, fill="é")),
    Case(23, "700,000 bytes", order([(b"content-type", b"image/png")], size=700_000)),
    Case(23, "800,000 bytes", order([(b"content-type", b"image/png")], size=800_000), {}),
    Case(23, "738,900 bytes of quotes", order([PLAIN], size=738_900, fill='"'), {}),
    Case(23, "1 MB at the limit", order([PLAIN], size=MAX_BODY - 112)),
    Case(23, "1 MB over the limit", order([PLAIN], size=MAX_BODY - 111), {}),
    Case(24, "too long", order([PLAIN, (b"content-length", b"2")], b"hello")),
    Case(24, "too short", order([PLAIN, (b"content-length", b"99")], b"hello")),
    Case(
        24,
        "hop by hop",
        order(
            [
                PLAIN,
                (b"Connection", b"close"),
                (b"Keep-Alive", b"timeout=5"),
                (b"TE", b"trailers"),
                (b"Trailer", b"x"),
                (b"Proxy-Connection", b"close"),
            ],
            b"hello",
        ),
        {"body": b"hello", "header keep-alive": None, "header trailer": None, "header te": None},
    ),
    Case(24, "transfer-encoding", order([PLAIN, (b"transfer-encoding", b"chunked")], b"hello")),
    Case(24, "upgrade", order([PLAIN, (b"upgrade", b"h2c")], b"hello"), {"body": b"hello"}),
    Case(24, "a header that is none", order([PLAIN, (b"x y", b"1")], b"hello"), {"status": 502}),
    Case(24, "a value that is none", order([PLAIN, (b"x", b"1\r\n2")], b"hello"), {"status": 502}),
    Case(24, "32 kB of headers", order([(b"x", b"v" * 8000)]), {"status": 200}),
    way(25, "pathsend"),
    way(25, "early-hints"),
    way(25, "body-first", ERROR),
    way(25, "twice"),
    way(25, "answer", {"body": b"hello"}, chunks=5, empty_end=True),
    *(way(25, "answer", {"status": status}, status=status) for status in (201, 299, 418, 451, 599)),
    way(25, "answer", {"status": 502}, status=600),
    Case(25, "redirect", order([(b"location", b"/?a=b")], status=307), {"status": 307}),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.row}: {case.name}")
def test_the_same_request_gets_the_same_answer(
    case: Case, both: Targets, counts: Counter[str]
) -> None:
    counts["curated cases"] += 1
    fargate, function = both.ask(case.request)
    assert differences(expected(case.request, fargate), function) == {}
    for answer in (fargate, function):
        fields = answer.fields()
        assert {name: fields.get(name) for name in case.both} == case.both
        for header in case.headers:
            assert list(header) in fields["scope headers"]


@pytest.mark.parametrize("status", [204, 304])
def test_a_body_that_may_not_be_sent_is_not(status: int, both: Targets) -> None:
    """Where the app gives a 204 or 304 a length and a body, which Starlette never does.

    uvicorn would send the bytes, which the client takes for the next response. The connection ends,
    as the length was told already.
    """
    scope = ask(both.ports["fargate"], Request()).scope
    assert scope is not None
    request = order([(b"content-length", b"5")], b"hello", status=status)
    last = Request(headers=((b"Connection", b"close"),))
    with socket.create_connection(tuple(scope["server"])) as connection:  # without the listener
        connection.sendall(bytes(request) + bytes(last))
        received = b"".join(iter(lambda: connection.recv(65_536), b""))
    assert received.startswith(b"HTTP/1.1 %d" % status)
    assert received.endswith(b"\r\n\r\n")

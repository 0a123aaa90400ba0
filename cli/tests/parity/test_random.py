"""Requests and responses that nobody thought of, sent to both targets and compared.

A failure is shrunk to the smallest request that differs. The variable PARITY_SEED repeats a run,
PARITY_EXAMPLES makes it longer.
"""

import string
from collections import Counter

import hypothesis.strategies as st
from hypothesis import HealthCheck, given, seed, settings

from tests.parity.differ import Request, Targets, differences, order
from tests.parity.platform_limits import expected
from tests.parity.sampling import EXAMPLES, SEED

SETTINGS = settings(
    max_examples=EXAMPLES,
    deadline=None,  # two processes answer, on a machine that does other things too
    print_blob=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)

TOKEN = string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~"
PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))
METHODS = [b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH", b"TRACE", b"LINK"]

names = st.text(TOKEN, min_size=1, max_size=12).map(lambda name: b"X-" + name.encode())
ascii_values = st.text(PRINTABLE + " \t", max_size=20).map(str.encode)
unicode_values = st.text(st.characters(min_codepoint=0xA0), max_size=8).map(
    lambda text: text.encode("utf-8", "replace")
)
raw_values = st.lists(st.integers(0x20, 0xFF).filter(lambda byte: byte != 0x7F), max_size=8).map(
    bytes
)
values = st.one_of(ascii_values, unicode_values, raw_values)

segments = st.one_of(
    st.sampled_from(["", ".", "..", "%2F", "%2f", "%25", "%2541", "%ff", "%E2%82%AC", "a", "+"]),
    st.sampled_from(["%", "%zz", "%00", "%0A", "%3F", "%23", "a;b=c", "a,b", "~", "@", ":", "*"]),
    st.text(PRINTABLE.replace("?", ""), max_size=8),  # also what belongs in no URL
)
paths = st.lists(segments, max_size=5).map(lambda parts: "/" + "/".join(parts))
pairs = st.one_of(
    st.sampled_from(["flag", "flag=", "", "=", "=x", "a=1", "a=2", "A=1", "a%62=1", "ab=2"]),
    st.sampled_from(["t=a%20c", "t=a+c", "bad=%FF", "r=/a/b?c", "b=%", "a=b=c", "a[]=1", "a;b=1"]),
    st.text(PRINTABLE.replace("&", ""), max_size=10),
)
queries = st.one_of(
    st.just(""), st.lists(pairs, min_size=1, max_size=6).map(lambda parts: "?" + "&".join(parts))
)
media_types = st.sampled_from(
    [
        *(b"text/plain", b"text/html; charset=utf-8", b"TEXT/CSV", b"application/json"),
        *(b"Application/JSON;charset=utf-8", b"application/problem+json", b"application/xml"),
        *(b"image/svg+xml", b"image/png", b"image/png;x=text/", b"application/octet-stream"),
        *(b"application/x-www-form-urlencoded", b"multipart/form-data; boundary=x", b"text"),
        *(b"application/javascript", b"application/x-ndjson", b"*/*", b";", b"text/"),
    ]
)
codings = st.sampled_from([b"gzip", b"br", b"identity", b"utf-8"])
bodies = st.one_of(
    st.just(b""), st.binary(max_size=200), st.text(max_size=60).map(lambda text: text.encode())
)
cookies = st.text(PRINTABLE, min_size=1, max_size=10).map(lambda text: b"c=" + text.encode())
addresses = st.sampled_from(
    [b"6.6.6.6", b"127.0.0.2", b"10.0.0.1:80", b"[2001:db8::1]:1", b"2001:db8::1", b"unknown", b""]
)


def header(
    name: bytes, content: st.SearchStrategy[bytes]
) -> st.SearchStrategy[tuple[bytes, bytes]]:
    return content.map(lambda value: (name, value))


request_headers = st.lists(
    st.one_of(
        st.tuples(names, values),
        header(b"Cookie", cookies),
        header(b"Content-Type", media_types),
        header(b"Content-Encoding", codings),
        header(b"X-Forwarded-For", addresses),
        header(b"X-Forwarded-Proto", st.sampled_from([b"https", b"ftp", b"http, https"])),
        header(b"X-Forwarded-Port", st.sampled_from([b"443", b"443, 80", b"x"])),
        header(
            b"X-Amzn-Trace-Id", st.sampled_from([b"Root=1-2-3", b"Self=1;Root=2", b"A=b", b";"])
        ),
        header(b"Connection", st.sampled_from([b"keep-alive", b"close", b"X-Other"])),
        header(b"TE", st.just(b"trailers")),
        header(b"Accept-Encoding", codings),
        header(b"Authorization", ascii_values),
    ),
    max_size=6,
).map(tuple)
hosts = st.sampled_from(
    [b"api.example.com", b"API.example.com:8080", b"[::1]:80", b"a:b:c", b"localhost:", b":1", b"x"]
)
requests = st.builds(
    Request,
    method=st.sampled_from(METHODS),
    target=st.tuples(paths, queries).map(lambda parts: "".join(parts).encode()),
    headers=request_headers,
    body=bodies,
    chunked=st.booleans(),
    host=hosts,
)

response_headers = st.lists(
    st.one_of(
        st.tuples(names, values),
        header(b"Set-Cookie", cookies),
        header(b"content-type", media_types),
        header(b"Content-Encoding", codings),
        header(b"Connection", st.sampled_from([b"close", b"keep-alive"])),
        header(b"Keep-Alive", st.just(b"timeout=5")),
        header(b"ETag", st.just(b'W/"1"')),
        header(b"Cache-Control", st.just(b"no-store")),
        header(b"Server", ascii_values),
        header(b"Date", st.just(b"Mon, 01 Jan 2024 00:00:00 GMT")),
    ),
    max_size=8,
)


@st.composite
def orders(draw: st.DrawFn) -> Request:
    status = draw(st.one_of(st.sampled_from([200, 204, 304, 404, 500]), st.integers(200, 599)))
    body = draw(bodies)
    headers = draw(response_headers)
    # With a length, the connection of a 204 or 304 ends, perhaps under the next request.
    if draw(st.booleans()) and status not in (204, 304):
        headers.append((b"Content-Length", b"%d" % len(body)))
    return order(
        headers,
        body,
        draw(st.sampled_from([b"GET", b"GET", b"HEAD", b"POST"])),
        status=status,
        chunks=draw(st.integers(1, 4)),
        empty_end=draw(st.booleans()),
        way=draw(st.sampled_from(["answer"] * 6 + ["raise", "nothing", "raise-answered", "start"])),
    )


def compare(request: Request, both: Targets, counts: Counter[str], kind: str) -> None:
    counts[kind] += 1
    fargate, function = both.ask(request)
    assert differences(expected(request, fargate), function) == {}, bytes(request)


@seed(SEED)
@SETTINGS
@given(request=requests)
def test_any_request_is_seen_alike(request: Request, both: Targets, counts: Counter[str]) -> None:
    compare(request, both, counts, "generated requests")


@seed(SEED)
@SETTINGS
@given(request=orders())
def test_any_response_arrives_alike(request: Request, both: Targets, counts: Counter[str]) -> None:
    compare(request, both, counts, "generated responses")

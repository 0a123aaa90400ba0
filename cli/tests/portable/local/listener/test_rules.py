"""Which requests meet which rule."""

from ipaddress import ip_network

import pytest

from portable.local.listener.messages import Headers, Request, header_values
from portable.local.listener.rules import first_match, fixed_response, holds, redirect
from portable.manifests.listener_rules import Condition, Field, FixedResponse, Redirect, Rule
from portable.weights import Weights


def request(
    target: str = "/", method: str = "GET", client: str = "127.0.0.1", **headers: str
) -> Request:
    given: Headers = [(b"Host", headers.pop("host", "Shop.Example.com:8080").encode())]
    given += [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request(method.encode(), target.encode(), given, (client, 1))


def of(field: Field, *values: str, header: str = "") -> Condition:
    return Condition(field, values, header)


def query(*pairs: tuple[str | None, str]) -> Condition:
    return Condition(Field.QUERY, pairs=pairs)


def source(*networks: str) -> Condition:
    return Condition(Field.SOURCE, networks=tuple(map(ip_network, networks)))


@pytest.mark.parametrize(
    ("condition", "asked", "expected"),
    [
        (of(Field.PATH, "/stream/*"), request("/stream/a/b?c"), True),
        (of(Field.PATH, "/stream/*"), request("/stream"), False),
        (of(Field.PATH, "/stream/*"), request("/Stream/a"), False),
        (of(Field.PATH, "/a", "/b"), request("/b"), True),
        (of(Field.PATH, "/a?"), request("/ab"), True),
        (of(Field.PATH, "/a?"), request("/a"), False),
        (of(Field.PATH, "/a"), request("/a?b"), True),
        (of(Field.PATH, "*b*"), request("/a?b"), False),
        (of(Field.PATH, "/a.b"), request("/axb"), False),
        (of(Field.PATH, r"/a\*"), request("/a*"), True),
        (of(Field.PATH, r"/a\*"), request("/ab"), False),
        (of(Field.HOST, "shop.example.com"), request(), True),
        (of(Field.HOST, "*.EXAMPLE.com"), request(), True),
        (of(Field.HOST, "example.com"), request(), False),
        (of(Field.HOST, "*:8080"), request(), True),
        (of(Field.HEADER, "*curl*", header="User-Agent"), request(user_agent="Curl/8"), True),
        (of(Field.HEADER, "*curl*", header="User-Agent"), request(), False),
        (of(Field.HEADER, "curl", header="User-Agent"), request(user_agent="curl/8"), False),
        (of(Field.METHOD, "GET", "HEAD"), request(method="HEAD"), True),
        (of(Field.METHOD, "GET"), request(method="POST"), False),
        (query(("version", "v1")), request("/?a=b&Version=V1"), True),
        (query(("version", "v1")), request("/?version=v2"), False),
        (query((None, "v*")), request("/?anything=v9"), True),
        (query(("flag", "")), request("/?flag"), True),
        (query(("flag", "*")), request("/"), False),
        (source("127.0.0.0/8"), request(), True),
        (source("192.0.2.0/24"), request(x_forwarded_for="192.0.2.1"), False),
        (source("2001:db8::/32", "::1/128"), request(client="::1"), True),
    ],
)
def test_conditions(condition: Condition, asked: Request, expected: bool):
    assert holds(condition, asked) is expected


def test_the_first_rule_with_all_conditions_counts():
    both = (of(Field.PATH, "/a*"), of(Field.METHOD, "POST"))
    rules = (
        Rule("First", 1, both, Weights(1, 0)),
        Rule("Second", 2, both[:1], Weights(0, 1)),
        Rule("Third", 3, both[:1], Weights(1, 1)),
    )
    assert first_match(rules, request("/ab", "POST")) is rules[0]
    assert first_match(rules, request("/ab")) is rules[1]
    assert first_match(rules, request("/b")) is None


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        (
            Redirect(301, "HTTPS", "#{host}", "443", "/#{path}", "#{query}"),
            b"https://Shop.Example.com:443/a/b?c=d",
        ),
        (
            Redirect(302, "#{protocol}", "new.example.com", "#{port}", "/v2/#{path}", ""),
            b"http://new.example.com:8080/v2/a/b",
        ),
        (
            Redirect(302, "#{protocol}", "#{host}", "#{port}", "/", "from=#{path}&#{query}"),
            b"http://Shop.Example.com:8080/?from=a/b&c=d",
        ),
    ],
)
def test_a_redirect_keeps_what_it_does_not_change(action: Redirect, expected: bytes):
    answer = redirect(action, request("/a/b?c=d"), 8080)
    assert answer.status == action.status
    assert header_values(answer.headers, b"location") == [expected]


def test_a_fixed_response():
    answer = fixed_response(FixedResponse(418, "application/json", '{"tea": true}'))
    assert answer.status == 418
    assert header_values(answer.headers, b"content-type") == [b"application/json; charset=utf-8"]
    assert header_values(answer.headers, b"content-length") == [b"13"]

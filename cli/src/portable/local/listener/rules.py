"""Which rule of the listener a request meets, and the answers that rules give by themselves.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html
"""

import re
from collections.abc import Iterable, Sequence
from email.utils import formatdate
from functools import lru_cache
from ipaddress import ip_address

from portable.local.listener.messages import Request, Response, header_values, whole_body
from portable.manifests.listener_rules import Condition, Field, FixedResponse, Redirect, Rule


def first_match(rules: Sequence[Rule], request: Request) -> Rule | None:
    """Return the first of `rules` all of whose conditions hold for `request`, as forwarded."""
    for rule in rules:
        if all(holds(condition, request) for condition in rule.conditions):
            return rule
    return None


def holds(condition: Condition, request: Request) -> bool:
    """Whether `condition` holds for `request`."""
    path, _, query = request.target.decode("latin-1").partition("?")
    match condition.field:
        case Field.PATH:
            return _any(condition.values, [path], case=True)
        case Field.HOST:
            host = header_values(request.headers, b"host")[0].decode("latin-1")
            name = re.sub(r":\d+$", "", host)
            return _any(condition.values, [name, host])
        case Field.HEADER:
            found = header_values(request.headers, condition.header.lower().encode())
            return _any(condition.values, [value.decode("latin-1") for value in found])
        case Field.METHOD:
            return request.method.decode("latin-1") in condition.values
        case Field.QUERY:
            parts = [part.partition("=") for part in query.split("&") if part]
            return any(
                (key is None or _any([key], [name])) and _any([value], [given])
                for key, value in condition.pairs
                for name, _, given in parts
            )
        case Field.SOURCE:
            # The peer itself: what X-Forwarded-For says does not count.
            address = ip_address(request.client[0])
            return any(address in network for network in condition.networks)


def redirect(action: Redirect, request: Request, port: int) -> Response:
    """Return the answer of a redirect on a listener for HTTP on `port`."""
    path, _, query = request.target.decode("latin-1").partition("?")
    host = header_values(request.headers, b"host")[0].decode("latin-1")
    kept = {
        "#{protocol}": "http",
        "#{host}": re.sub(r":\d+$", "", host),
        "#{port}": str(port),
        "#{path}": path.removeprefix("/"),
        "#{query}": query,
    }

    def filled(text: str) -> str:
        return re.sub(r"#\{[a-z]+\}", lambda found: kept.get(found[0], found[0]), text)

    protocol = filled(action.protocol).lower()
    location = f"{protocol}://{filled(action.host)}:{filled(action.port)}{filled(action.path)}"
    if text := filled(action.query):
        location += f"?{text}"
    return _answer(action.status, b"", [(b"Location", location.encode("latin-1"))])


def fixed_response(action: FixedResponse) -> Response:
    """Return the answer of `action`."""
    kind = f"{action.content_type}; charset=utf-8".encode()
    return _answer(action.status, action.body.encode(), [(b"Content-Type", kind)])


def _answer(status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> Response:
    own = [(b"Server", b"awselb/2.0"), (b"Date", formatdate(usegmt=True).encode())]
    length = (b"Content-Length", str(len(body)).encode())
    return Response(status, [*own, *headers, length], whole_body(body))


def _any(patterns: Iterable[str], texts: Sequence[str], case: bool = False) -> bool:
    return any(_pattern(pattern, case).fullmatch(text) for pattern in patterns for text in texts)


@lru_cache(maxsize=1024)
def _pattern(text: str, case: bool) -> re.Pattern[str]:
    """Return `text` as a regular expression: * is any characters, ? one, a backslash escapes."""
    parts = re.findall(r"\\[*?\\]|.", text, re.DOTALL)
    words = {"*": ".*", "?": "."}
    expression = "".join(
        words.get(part, re.escape(part[-1] if len(part) > 1 else part)) for part in parts
    )
    return re.compile(expression, re.DOTALL | (0 if case else re.IGNORECASE))

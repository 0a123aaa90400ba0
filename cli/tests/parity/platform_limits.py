"""What differs between the two targets and cannot be closed: all of it, and nothing else.

Each row says how Lambda's answer follows from Fargate's. The comparison applies the rows and
then asks for equality: a difference that no row foretells, or that is not exactly what its row
foretells, fails. `example` shows the difference, `on_fargate` and `on_lambda` spell it out.

Sources: ALB is https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html,
"not documented" means that the stand-in does what captured events and bug reports show.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from portable.local.lambda_side.events import MAX_BODY
from tests.parity.differ import Answer, Request, order
from tests.parity.predictions import (
    broken_off,
    chunked_header,
    date_header,
    empty_header,
    exit_,
    fragment,
    header_bytes,
    header_order,
    large_request,
    large_response,
    length,
    length_of_head,
    length_of_not_modified,
    not_utf8,
    query_empty,
    query_flag,
    query_order,
    refused,
    scope_keys,
    scope_server,
    server_header,
    upgrade,
    wrong_length,
)

ALB = "ALB documentation, Lambda functions as targets"
UVICORN = "uvicorn's code, protocols/http/httptools_impl.py"
PLAIN = (b"content-type", b"text/plain")


@dataclass(frozen=True)
class Limit:
    """One known difference."""

    name: str
    reason: str
    source: str
    on_lambda_side: Callable[[Request, Answer], Answer]  # Lambda's answer from Fargate's
    example: Request
    on_fargate: Mapping[str, Any]  # fields of the example's two answers; None: there is none
    on_lambda: Mapping[str, Any]
    final: bool = field(default=False)  # where it applies, no other row does


def expected(request: Request, fargate: Answer, without: str = "") -> Answer:
    """Return what Lambda has to answer where Fargate answered so; leave out the row `without`."""
    # The listener's own page, on both sides; or it stands for a target that broke the connection.
    if refused(fargate):
        return fargate
    for limit in LIMITS:
        if limit.name != without:
            answer = limit.on_lambda_side(request, fargate)
            if limit.final and answer != fargate:
                return answer
            fargate = answer
    return fargate


HELLO = order([PLAIN], b"hello")
ADDED = ("x-forwarded-for", "x-forwarded-proto", "x-forwarded-port", "x-amzn-trace-id")
KEYS = [
    *("asgi", "client", "headers", "http_version", "method", "path", "query_string"),
    *("raw_path", "root_path", "scheme", "server", "state", "type"),
]
# "Final" rows first: the answer is then not the app's.
LIMITS = (
    Limit(
        "request-over-1-mb",
        "A Lambda target takes at most 1 MB of request body. Send uploads to Fargate only.",
        ALB,
        large_request,
        Request(b"POST", body=b"x" * (MAX_BODY + 1), headers=(PLAIN,)),
        {"status": 200, "scope body": b"x" * (MAX_BODY + 1)},
        {"status": 413},
        final=True,
    ),
    Limit(
        "upgrade",
        "A Lambda target takes no WebSocket. Route these to Fargate only.",
        ALB,
        upgrade,
        # No WebSocket, as a library for those may be installed here; the image has none.
        Request(headers=((b"Connection", b"Upgrade"), (b"Upgrade", b"chat"))),
        {"status": 200},  # to uvicorn the request is a plain one
        {"status": 400},
        final=True,
    ),
    Limit(
        "request-not-utf-8",
        "An event is JSON, so header values and bodies of a text type have to be UTF-8. The load "
        "balancer logs LambdaBadRequest; the status is not documented.",
        "ALB documentation, access logs",
        not_utf8,
        Request(headers=((b"X-Name", b"Jos\xe9"),)),
        {"status": 200},
        {"status": 502},
        final=True,
    ),
    Limit(
        "exit",
        "SystemExit ends a sandbox, as it would a script; uvicorn takes it for an error of the "
        "request.",
        UVICORN,
        exit_,
        order(way="exit"),
        {"status": 500, "body": b"Internal Server Error"},
        {"status": 502},
        final=True,
    ),
    Limit(
        "response-over-1-mb",
        "The result of a function is at most 1 MB of JSON. The adapter says so in place of the "
        "load balancer's bare 502.",
        ALB,
        large_response,
        order([PLAIN], size=MAX_BODY),
        {"status": 200, "body": b"x" * MAX_BODY},
        {
            "status": 500,
            "body": b"The response is 1048688 bytes of JSON, and a load balancer passes on at "
            b"most 1048576 from a Lambda function.",
        },
        final=True,
    ),
    Limit(
        "broken-off",
        "An app that fails half-way has sent its status already where responses are streamed; a "
        "function has returned nothing yet, so that the client learns of the failure.",
        UVICORN,
        broken_off,
        order([PLAIN], b"hello", chunks=5, way="raise-partial"),
        {"status": 200, "complete": False, "body": b"hello"},
        {"status": 500, "complete": True, "body": b"Internal Server Error"},
        final=True,
    ),
    Limit(
        "wrong-content-length",
        "The load balancer computes the length for Lambda; uvicorn breaks the response off.",
        ALB,
        wrong_length,
        order([PLAIN, (b"content-length", b"99")], b"hello"),
        {"status": 200, "complete": False, "header content-length": [b"99"]},
        {"status": 200, "complete": True, "header content-length": [b"5"], "body": b"hello"},
    ),
    Limit(
        "length",
        "A result has a length; a response in pieces of unknown length is chunked on Fargate.",
        ALB,
        length,
        HELLO,
        {"header transfer-encoding": [b"chunked"], "header content-length": None},
        {"header transfer-encoding": None, "header content-length": [b"5"]},
    ),
    Limit(
        "length-of-head",
        "The load balancer computes the length, of a body that HEAD does not have. Not documented.",
        ALB,
        length_of_head,
        order([PLAIN, (b"content-length", b"5")], b"hello", method=b"HEAD"),
        {"header content-length": [b"5"], "body": b""},
        {"header content-length": [b"0"], "body": b""},
    ),
    Limit(
        "length-of-not-modified",
        "As for HEAD: a 304 may tell the length of what it does not send.",
        ALB,
        length_of_not_modified,
        order([(b"content-length", b"5")], status=304),
        {"header content-length": [b"5"]},
        {"header content-length": None},
    ),
    Limit(
        "server-header",
        "The load balancer names itself in Lambda's responses. Not documented; see its attribute "
        "routing.http.response.server.enabled.",
        "bug reports: serverlessish #4, aiir/php-lambda-layer #4",
        server_header,
        order([PLAIN, (b"server", b"mine")], b"hello"),
        {"header server": [b"mine"]},
        {"header server": [b"awselb/2.0"]},
    ),
    Limit(
        "date-header",
        "uvicorn adds a date to the app's own; the load balancer sets the one there is.",
        UVICORN,
        date_header,
        order([PLAIN, (b"date", b"Mon, 01 Jan 2024 00:00:00 GMT")], b"hello"),
        {"header date": [b"(now)", b"(now)"]},
        {"header date": [b"(now)"]},
    ),
    Limit(
        "response-header-bytes",
        "A result is JSON, whose text the load balancer sends as UTF-8, so that a value in Latin-1 "
        "arrives as UTF-8. Not documented: keep the values ASCII.",
        ALB,
        header_bytes,
        order([PLAIN, (b"x-user", b"Jos\xe9")], b"hello"),
        {"header x-user": [b"Jos\xe9"]},
        {"header x-user": ["José".encode()]},
    ),
    Limit(
        "fragment",
        "A fragment is the client's own and no client sends it. uvicorn's parser cuts it off; what "
        "the load balancer does is not documented.",
        "RFC 9112, 3.2",
        fragment,
        Request(target=b"/a#b?c=d"),
        {"scope path": "/a", "scope query_string": ""},
        {"scope path": "/a#b", "scope query_string": "c=d"},
    ),
    Limit(
        "query-flag",
        "The event has a map of keys to values, so `flag` and `flag=` are the same.",
        ALB,
        query_flag,
        Request(target=b"/?flag"),
        {"scope query_string": "flag"},
        {"scope query_string": "flag="},
    ),
    Limit(
        "query-empty",
        "What is between two ampersands and has no key is in no map.",
        ALB,
        query_empty,
        Request(target=b"/?a=1&&b=2&"),
        {"scope query_string": "a=1&&b=2&"},
        {"scope query_string": "a=1&b=2"},
    ),
    Limit(
        "query-order",
        "The event keeps the order of the values of a key, not that of the keys.",
        "captured events: the keys are sorted",
        query_order,
        Request(target=b"/?z=1&w=9&z=2&a=3"),
        {"scope query_string": "z=1&w=9&z=2&a=3"},
        {"scope query_string": "a=3&w=9&z=1&z=2"},
    ),
    Limit(
        "empty-header",
        "The load balancer leaves headers without a value out of the event. Not documented.",
        "captured events",
        empty_header,
        Request(headers=((b"X-Empty", b""), (b"Accept", b"*/*"))),
        {"seen x-empty": [""], "seen accept": ["*/*"]},
        {"seen x-empty": None, "seen accept": ["*/*"]},
    ),
    Limit(
        "chunked-header",
        "How the body was framed is the connection's business; an event has it whole.",
        "RFC 9110, 7.6.1",
        chunked_header,
        Request(b"POST", headers=(PLAIN,), body=b"hello", chunked=True),
        {"scope body": b"hello", "seen transfer-encoding": ["chunked"]},
        {"scope body": b"hello", "seen transfer-encoding": None},
    ),
    Limit(
        "header-order",
        "The event keeps the order of the values of a header, not that between headers.",
        ALB,
        header_order,
        Request(headers=((b"X-A", b"1"), (b"X-B", b"2"), (b"X-A", b"3"))),
        {"seen": ["host", "x-a", "x-b", "x-a", *ADDED], "seen x-a": ["1", "3"]},
        {"seen": ["host", "x-a", "x-a", "x-b", *ADDED], "seen x-a": ["1", "3"]},
    ),
    Limit(
        "scope-server",
        "A function has no socket: the address that the client asked for takes its place.",
        "ASGI specification, HTTP connection scope",
        scope_server,
        Request(host=b"api.example.com"),
        {"status": 200},
        {"scope server": ["api.example.com", 80]},
    ),
    Limit(
        "scope-keys",
        "The event and the context of an invocation, for who needs them.",
        "Mangum's documentation",
        scope_keys,
        Request(),
        {"scope keys": KEYS},
        {"scope keys": ["asgi", "aws.context", "aws.event", *KEYS[1:]]},
    ),
)

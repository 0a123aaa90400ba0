"""What the load balancer checks in a request and adds to it before it forwards it.

Sources, under https://docs.aws.amazon.com/elasticloadbalancing/latest/application/:
limits in how-elastic-load-balancing-works.html, status codes in load-balancer-troubleshooting.html,
X-Forwarded-* in x-forwarded-headers.html, the trace id in load-balancer-request-tracing.html,
Host and invalid names in edit-load-balancer-attributes.html.
"""

import re
import time
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import urlsplit

from portable.local.listener.messages import Headers, LoadBalancerError, Request, header_values
from portable.local.listener.reasons import Reason

MAX_REQUEST_LINE = 16 * 1024  # bytes
MAX_HEADER = 16 * 1024  # bytes, one header
MAX_HEADERS = 64 * 1024  # bytes, all headers of a request
MAX_FORWARDED_FOR = 30  # addresses
METHODS = (b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH")
REPLACED = (b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-port", b"x-amzn-trace-id")
VALID_NAME = re.compile(rb"[-A-Za-z0-9]+")


def check(request: Request) -> None:
    """Raise `LoadBalancerError` for a request that the load balancer does not forward."""
    if len(request.method) + len(request.target) + len("  HTTP/1.1") > MAX_REQUEST_LINE:
        raise LoadBalancerError(414, Reason.REQUEST_LINE_TOO_LONG)
    sizes = [len(name) + len(value) + len(": ") for name, value in request.headers]
    if max(sizes, default=0) > MAX_HEADER:
        raise LoadBalancerError(400, Reason.HEADER_TOO_LONG)
    if sum(sizes) > MAX_HEADERS:
        raise LoadBalancerError(400, Reason.HEADERS_TOO_LONG)
    if request.method not in METHODS:
        raise LoadBalancerError(405, Reason.UNSUPPORTED_METHOD, request.method.decode())
    forwarded_for = b",".join(header_values(request.headers, b"x-forwarded-for"))
    if forwarded_for.count(b",") + 1 > MAX_FORWARDED_FOR:
        raise LoadBalancerError(463, Reason.TOO_MANY_ADDRESSES)


def forwarded(
    request: Request,
    port: int,
    drop_invalid: bool,
    new_trace_id: Callable[[float], str],
    now: Callable[[], float] = time.time,
) -> Request:
    """Return `request` as a target gets it from a listener on `port`.

    `drop_invalid` is the attribute `routing.http.drop_invalid_header_fields.enabled`;
    `new_trace_id` makes a root id from the time in seconds since the epoch.
    """
    target, host = _origin_form(request)
    headers: Headers = [(b"Host", _with_port(host, port))]
    dropped = {*REPLACED, b"host", b"expect"}
    if not request.is_upgrade:
        dropped |= {b"upgrade", b"http2-settings"}  # they would be of this connection only
    headers += [
        (name, value)
        for name, value in request.headers
        if name.lower() not in dropped and (not drop_invalid or VALID_NAME.fullmatch(name))
    ]
    hops = [*header_values(request.headers, b"x-forwarded-for"), request.client[0].encode()]
    trace_id = b",".join(header_values(request.headers, b"x-amzn-trace-id"))
    headers += [
        (b"X-Forwarded-For", b", ".join(hops)),
        (b"X-Forwarded-Proto", b"http"),
        (b"X-Forwarded-Port", str(port).encode()),
        (b"X-Amzn-Trace-Id", _trace_id(trace_id, new_trace_id(now()).encode())),
    ]
    return replace(request, target=target, headers=headers)


def _origin_form(request: Request) -> tuple[bytes, bytes]:
    """Return the request target without scheme and host, and the host."""
    # HTTP/1.0 knows requests without a host: these get the load balancer's own name.
    host = (header_values(request.headers, b"host") or [b""])[-1] or b"localhost"
    if request.target.startswith(b"/"):
        return request.target, host
    if request.target == b"*":
        return b"/*", host
    # The host of an absolute URI wins over the Host header.
    try:
        parts = urlsplit(request.target)
    except ValueError:
        parts = None
    if not parts or not parts.netloc:
        raise LoadBalancerError(400, Reason.UNSUPPORTED_TARGET)
    target = (parts.path or b"/") + (b"?" + parts.query if parts.query else b"")
    return target, parts.netloc.rpartition(b"@")[2]


def _with_port(host: bytes, port: int) -> bytes:
    """Apply the default of `preserve_host_header`: lower case, port kept except 80 and 443."""
    host = host.removesuffix(b":")
    name, colon, given = host.lower().rpartition(b":")
    if not colon or not given.isdigit():
        name, given = host.lower(), b""
    if port in (80, 443):
        return name
    return name + b":" + (given or str(port).encode())


def _trace_id(given: bytes, root: bytes) -> bytes:
    """Return the trace id header: a new root, or our own id in front of the client's."""
    fields = [field for field in given.split(b";") if field.strip()]
    if not any(field.strip().startswith(b"Root=") for field in fields):
        return b";".join([b"Root=" + root, *fields])
    others = [field for field in fields if not field.strip().startswith(b"Self=")]
    return b";".join([b"Self=" + root, *others])

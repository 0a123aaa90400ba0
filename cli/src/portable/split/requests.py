"""Sends the requests of `split`: a fixed number of workers, one client, every answer counted."""

import asyncio
import contextlib
import http.cookiejar
import ipaddress
import signal
import socket
import ssl
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import httpx

from portable.errors import PortableError
from portable.request_headers import RequestHeader
from portable.split.verdict import Answer, Tally, named_side

SIDE_HEADER = "x-portable-side"  # what the image's entry points add with SIDE_HEADER=true
BODY_LIMIT = 65_536  # bytes of a body in which a side is looked for; the rest is only read
_NO_SIDE_KEPT = http.cookiejar.DefaultCookiePolicy(allowed_domains=[])


@dataclass(frozen=True)
class Plan:
    """What to send. `timeout` is in seconds, for a whole request.

    `side_header` is the response header that names the side; without it SIDE_HEADER does, or else
    the body.
    """

    url: httpx.URL
    requests: int = 200
    concurrency: int = 10
    timeout: float = 10.0
    side_header: str | None = None
    insecure: bool = False
    headers: Sequence[RequestHeader] = ()


def parse_url(text: str) -> httpx.URL:
    """Return the URL; raise `PortableError` for one that cannot be requested."""
    if "://" not in text:
        message = f"the URL {text!r} has no scheme"
        raise PortableError(f"{message}: write http://{text}, or https:// with a certificate.")
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, UnicodeError) as error:
        raise PortableError(f"{text!r} is not a URL: {str(error).rstrip('.')}.") from None
    if url.scheme not in ("http", "https"):
        raise PortableError(f"the URL {text!r} has the scheme {url.scheme!r}, not http or https.")
    if not url.host or not 0 < (url.port or 80) < 65_536:
        what = "port from 1 to 65535" if url.host else "host"
        raise PortableError(f"{text!r} is not a URL: it has no {what}.")
    return url


def is_loopback(url: httpx.URL) -> bool:
    """Whether the host of `url` is this machine."""
    if url.host == "localhost" or url.host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(url.host).is_loopback
    except ValueError:
        return False


def port_of(url: httpx.URL) -> int:
    """Return the port of `url`, the scheme's where it names none."""
    return url.port or (443 if url.scheme == "https" else 80)


def shown(url: httpx.URL) -> str:
    """Return `url` without a user's name and password."""
    return str(url.copy_with(userinfo=b""))


async def measure_until_interrupt(plan: Plan, tally: Tally, progress: Callable[[], None]) -> bool:
    """Send what `plan` says and count it in `tally`; return False if SIGINT stopped it.

    The first request is a trial which is not counted; raises `PortableError` if nobody answers
    it. `progress` is called after each of the others.
    """
    sending = asyncio.create_task(_measure(plan, tally, progress))
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, sending.cancel)
    try:
        await sending
    except asyncio.CancelledError:
        return False
    finally:
        loop.remove_signal_handler(signal.SIGINT)
    return True


async def _measure(plan: Plan, tally: Tally, progress: Callable[[], None]) -> None:
    async with _client(plan) as client:
        await _try(plan, client)
        left = iter(range(plan.requests))

        async def work() -> None:
            for _ in left:
                try:
                    tally.add((await _request(plan, client))[0])
                except (httpx.HTTPError, OSError) as error:
                    tally.fail(failure(error))
                except asyncio.CancelledError:
                    tally.under_way += 1
                    raise
                progress()

        async with asyncio.TaskGroup() as group:
            for _ in range(min(plan.concurrency, plan.requests)):
                group.create_task(work())


def _client(plan: Plan) -> httpx.AsyncClient:
    try:
        return httpx.AsyncClient(
            # Each worker keeps one connection: the load balancer chooses for every request.
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=None),
            # The cookie of a sticky target group would bind all requests to one side.
            cookies=http.cookiejar.CookieJar(_NO_SIDE_KEPT),
            headers=[
                (b"User-Agent", b"portable-split"),
                *((one.name.encode(), one.value.encode("latin-1")) for one in plan.headers),
            ],
            timeout=plan.timeout,
            trust_env=not is_loopback(plan.url),
            verify=not plan.insecure,
        )
    except (ImportError, OSError, ValueError) as error:
        message = (
            f"the settings for proxies or certificates in the environment do not work: {error}"
        )
        raise PortableError(f"{message.rstrip('.')}.") from None


async def _request(plan: Plan, client: httpx.AsyncClient) -> tuple[Answer, httpx.Response]:
    """Send one request; `OSError` includes `TimeoutError`."""
    started = time.perf_counter()
    body = bytearray()
    async with asyncio.timeout(plan.timeout), client.stream("GET", plan.url) as response:
        async for chunk in response.aiter_bytes():
            body += chunk[: BODY_LIMIT - len(body)]
    seconds = time.perf_counter() - started
    named = response.headers.get(plan.side_header or SIDE_HEADER)
    if named is None and plan.side_header is None:
        named = body.decode("latin-1")
    side = named_side(named or "")
    return Answer(side, response.status_code, seconds), response


async def _try(plan: Plan, client: httpx.AsyncClient) -> None:
    url = plan.url
    try:
        answer, response = await _request(plan, client)
    except (httpx.HTTPError, OSError) as error:
        raise PortableError(_sentence(plan, error)) from None
    if response.has_redirect_location and answer.side is None:
        location = response.headers["Location"]
        with contextlib.suppress(httpx.InvalidURL):
            location = shown(url.join(location))
        message = f"{shown(url)} redirects to {location} with {answer.status}"
        raise PortableError(f"{message} and no side answered: split that URL instead.")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield `error` and what caused it: the client's errors say little themselves."""
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):
            for part in error.exceptions:
                yield from _causes(part)
        error = error.__cause__ or error.__context__


def _cause(error: BaseException) -> BaseException:
    """Return the cause that says most about why there is no answer."""
    kinds = (ssl.SSLError, socket.gaierror, ConnectionRefusedError, ConnectionError)
    causes = list(_causes(error))
    for kind in kinds:
        if found := next((cause for cause in causes if isinstance(cause, kind)), None):
            return found
    return error


def failure(error: BaseException) -> str:
    """Return the kind of a failed request in a few words, as in "connection refused"."""
    cause = _cause(error)
    if isinstance(cause, TimeoutError | httpx.TimeoutException):
        return "timeout"
    if isinstance(cause, ssl.SSLError):
        return "TLS failure"
    if isinstance(cause, socket.gaierror):
        return "unknown host"
    if isinstance(cause, ConnectionRefusedError):
        return "connection refused"
    if isinstance(cause, httpx.ProxyError):
        return "refused by the proxy"
    if isinstance(cause, ConnectionError) or "disconnected" in str(cause):
        return "connection closed"
    if isinstance(cause, httpx.RemoteProtocolError | httpx.DecodingError):
        closed = "peer closed" in str(cause)
        return "connection closed" if closed else "malformed answer"
    return "connection failed"


def _proxy(url: httpx.URL) -> str | None:
    """Return the proxy that the environment names for `url`, without a password."""
    proxies = urllib.request.getproxies()
    found = proxies.get(url.scheme) or proxies.get("all")
    if not found or is_loopback(url) or urllib.request.proxy_bypass(url.host):
        return None
    return shown(httpx.URL(found if "://" in found else f"http://{found}"))


def _sentence(plan: Plan, error: BaseException) -> str:
    """Return why the first request got no answer, and what to do."""
    url, cause, kind = plan.url, _cause(error), failure(error)
    place = f"{url.host}:{port_of(url)}"
    if kind == "timeout":
        return f"{shown(url)} did not answer within {plan.timeout:g} s (--timeout)."
    if isinstance(cause, ssl.SSLCertVerificationError):
        reason = cause.verify_message.rstrip(".")
        hint = "use a name that it is for, or --insecure to accept any certificate"
        return f"the certificate of {place} is not accepted: {reason}; {hint}."
    if isinstance(cause, ssl.SSLError):
        hint = f"if it is an HTTP listener, write http://{url.netloc.decode()}"
        return f"{place} does not speak TLS as expected ({cause.reason or cause}): {hint}."
    reason = str(error).rstrip(".") or type(error).__name__
    if proxy := _proxy(url):
        return f"{shown(url)} gave no answer through the proxy {proxy}, {kind}: {reason}."
    if isinstance(cause, socket.gaierror):
        return f"the host {url.host!r} is not found: {str(cause.strerror).rstrip('.')}."
    if kind == "connection refused":
        return f"nothing listens on {place}: the connection was refused."
    if kind == "connection closed":
        hint = "; if it is an HTTPS listener, write https://" if url.scheme == "http" else ""
        return f"{place} closed the connection without an answer{hint}."
    return f"{shown(url)} gave no answer, {kind}: {reason}."

"""What passes through the listener: a request, a response, and who answered."""

from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from portable.local.listener.reasons import Reason

Headers = list[tuple[bytes, bytes]]  # names as sent; values as raw bytes


async def no_body() -> AsyncIterator[bytes]:
    """Yield nothing."""
    return
    yield b""


async def whole_body(body: bytes) -> AsyncIterator[bytes]:
    """Yield `body` in one piece."""
    yield body


def header_values(headers: Headers, name: bytes) -> list[bytes]:
    """Return the values of the header `name` (lower case), in order."""
    return [value for key, value in headers if key.lower() == name]


def _words(values: list[bytes]) -> set[bytes]:
    return {word.strip().lower() for value in values for word in value.split(b",")} - {b""}


@dataclass
class Request:
    """A request as the client sent it, or as the listener forwards it."""

    method: bytes
    target: bytes  # path and query, undecoded
    headers: Headers
    client: tuple[str, int]
    http_version: bytes = b"1.1"
    body: AsyncIterator[bytes] = field(default_factory=no_body)
    has_body: bool = False
    ambiguous: bool = False  # no connection that it came or went over is used again

    @property
    def is_upgrade(self) -> bool:
        """Whether the client asks for another protocol, as a WebSocket does.

        It has to say so in `Connection`, too (RFC 9110, 7.8). HTTP/2 without TLS is not supported,
        so who offers it gets HTTP/1.1.
        """
        protocols = _words(header_values(self.headers, b"upgrade"))
        offers = _words(header_values(self.headers, b"connection"))
        return b"upgrade" in offers and bool(protocols - {b"h2c"})


@dataclass
class Tunnel:
    """A target's connection after 101: `received` are the bytes that came with the answer."""

    reader: StreamReader
    writer: StreamWriter
    received: bytes


@dataclass
class Response:
    """A response on its way to the client."""

    status: int
    headers: Headers
    body: AsyncIterator[bytes] = field(default_factory=no_body)
    target: str = "-"  # which target answered
    reason: Reason | None = None  # why the load balancer itself answered
    detail: str = ""  # what the reason is in this case
    tunnel: Tunnel | None = None


class LoadBalancerError(Exception):
    """The load balancer answers by itself, with `status`."""

    def __init__(self, status: int, reason: Reason, detail: str = "", target: str = "-") -> None:
        super().__init__(f"{status} {reason.text(detail)}")
        self.status = status
        self.reason = reason
        self.detail = detail
        self.target = target

    @property
    def text(self) -> str:
        """The reason as the access log has it."""
        return self.reason.text(self.detail)

"""What passes through the listener: a request, a response, and who answered."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portable.local.http1 import Channel

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

    @property
    def is_upgrade(self) -> bool:
        """Whether the client asks for another protocol, as a WebSocket does."""
        return bool(header_values(self.headers, b"upgrade"))


@dataclass
class Response:
    """A response on its way to the client."""

    status: int
    headers: Headers
    body: AsyncIterator[bytes] = field(default_factory=no_body)
    target: str = "-"  # which target answered
    reason: str = ""  # why the load balancer itself answered, in its access log's words
    tunnel: "Channel | None" = None  # after 101: the target's connection, to pass bytes through


class LoadBalancerError(Exception):
    """The load balancer answers by itself, with `status`."""

    def __init__(self, status: int, reason: str, target: str = "-") -> None:
        super().__init__(f"{status} {reason}")
        self.status = status
        self.reason = reason
        self.target = target

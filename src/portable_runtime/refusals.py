"""The answers that an app is not asked for, the same on both targets."""

from dataclasses import dataclass
from typing import Any

from mangum.types import Response

from portable_runtime.request_log import Send


@dataclass(frozen=True)
class Refusal:
    """A status, its text, and further headers."""

    status: int
    text: bytes
    more: tuple[tuple[bytes, bytes], ...] = ()

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """All headers."""
        size = str(len(self.text)).encode()
        kind = (b"content-type", b"text/plain; charset=utf-8")
        return [kind, (b"content-length", size), *self.more]

    @property
    def response(self) -> Response:
        """The whole, as a function gives it."""
        return {"status": self.status, "headers": self.headers, "body": self.text}  # type: ignore[typeddict-item]

    async def send(self, send: Send) -> None:
        """The whole, as a server sends it."""
        start: dict[str, Any] = {"type": "http.response.start", "status": self.status}
        await send({**start, "headers": self.headers})
        await send({"type": "http.response.body", "body": self.text})


TOO_LARGE = Refusal(413, b"Content Too Large")
FAULT = Refusal(500, b"Internal Server Error")
BUSY = Refusal(503, b"Service Unavailable", ((b"retry-after", b"1"),))
TOO_LATE = Refusal(504, b"Gateway Timeout")

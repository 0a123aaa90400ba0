"""uvicorn's HTTP protocol, with limits for what comes before the app is called."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# A load balancer passes on 64 kB, and adds a few headers:
# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html
MAX_HEAD = 80 * 1024  # bytes
READ = 256 * 1024  # bytes that the event loop reads at once
LINGER_TIME = 5.0  # seconds that a client may go on with a body after the response


class HeadTooLarge(Exception):
    """The request line and the headers are larger than those of a load balancer."""


class Protocol(HttpToolsProtocol):
    """One connection: no endless head, nobody who never ends a head or, once answered, a body.

    A head may take as long as a connection may be idle.
    """

    in_head = False
    too_large = False
    received = 0  # bytes, while in a head
    timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._start_timer(self.timeout_keep_alive)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self.received = len(data) + (self.received if self.in_head else 0)
        super().data_received(data)
        if self.in_head and not self.transport.is_closing():
            if self.received > MAX_HEAD + READ:
                self.too_large = True
                self.send_400_response("")
            elif self.timer is None:
                self._start_timer(self.timeout_keep_alive)

    def on_message_begin(self) -> None:
        self.in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self.in_head = False
        if self.timer is not None:
            self._stop_timer()
        if self.received > MAX_HEAD:  # with what came before and after the head
            size = sum(len(name) + len(value) + 4 for name, value in self.headers)
            if size + len(self.url) > MAX_HEAD:
                self.too_large = True
                raise HeadTooLarge
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.cycle.more_body and self.cycle.response_complete:
            # Closed at once, the client's system would drop the response with the connection.
            self._start_timer(LINGER_TIME)

    def on_message_complete(self) -> None:
        if self.timer is not None:
            self._stop_timer()
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        if not self.too_large:
            super().send_400_response(msg)
            return
        head = b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
        self.transport.write(head + b"content-length: 0\r\nconnection: close\r\n\r\n")
        self.transport.close()

    def _start_timer(self, seconds: float) -> None:
        self._stop_timer()
        self.timer = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    def _stop_timer(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

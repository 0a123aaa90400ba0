"""HTTP/1.1 over asyncio streams: h11 knows the protocol, this file moves the bytes."""

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator
from typing import cast

import h11

from portable.local.listener.messages import Headers, LoadBalancerError
from portable.local.listener.reasons import Reason

READ_SIZE = 65_536
MAX_HEAD = 96 * 1024  # bytes; room for a 16 K request line and 64 K of headers

CONNECTION_HEADERS = frozenset(
    (b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding")
)


def without_connection_headers(headers: Headers) -> Headers:
    """Return `headers` less those that speak of one connection only (RFC 9110, 7.6.1)."""
    return [(name, value) for name, value in headers if name.lower() not in CONNECTION_HEADERS]


class Channel:
    """One side of one HTTP/1.1 connection: h11 events in and out of a pair of streams."""

    def __init__(
        self,
        role: type[h11.CLIENT] | type[h11.SERVER],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.reader = reader
        self.writer = writer
        self.h11 = h11.Connection(role, max_incomplete_event_size=MAX_HEAD)
        self.pending = b""  # received, and not looked at yet
        self.held = b""
        self.idle_since = time.monotonic()

    async def receive(self, timeout: float | None) -> h11.Event | type[h11.PAUSED]:
        """Return the next event.

        Raises `TimeoutError` when no data came for `timeout` seconds, `h11.RemoteProtocolError`
        for malformed data, `ConnectionError` for a lost connection.
        """
        while True:
            event = self.h11.next_event()
            if event is not h11.NEED_DATA:
                return cast("h11.Event | type[h11.PAUSED]", event)
            if self.pending:
                data, self.pending = self.pending, b""
            else:
                async with asyncio.timeout(timeout):
                    data = await self.reader.read(READ_SIZE)
            self.h11.receive_data(data)

    async def head(self, timeout: float | None) -> bytes:
        """Return the head of the next request as it came, b"" where there is no other request.

        Raises as `receive` does, and `LoadBalancerError` for one that is no head.
        """
        while True:
            self.pending = self.pending.lstrip(b"\r\n")
            if end := re.search(rb"\n\r?\n", self.pending):
                head, self.pending = self.pending[: end.end()], self.pending[end.end() :]
                return head
            if len(self.pending) > MAX_HEAD:
                raise LoadBalancerError(400, Reason.HEADERS_TOO_LONG)
            if self.pending and self.pending[0] < ord("!"):  # TLS, say
                raise LoadBalancerError(400, Reason.MALFORMED_REQUEST, "it is no HTTP")
            async with asyncio.timeout(timeout):
                data = await self.reader.read(READ_SIZE)
            if not data and self.pending:
                raise LoadBalancerError(400, Reason.MALFORMED_REQUEST, "its head has no end")
            if not data:
                return b""
            self.pending += data

    def refuse(self) -> None:
        """Take nothing more from a client whose request is not going to be read."""
        with contextlib.suppress(h11.RemoteProtocolError):
            self.h11.receive_data(b"\0")
            self.h11.next_event()

    async def body(self, timeout: float | None) -> AsyncIterator[bytes]:
        """Yield the chunks of the message whose head has been received."""
        while isinstance(event := await self.receive(timeout), h11.Data):
            yield bytes(event.data)
        if not isinstance(event, h11.EndOfMessage):
            raise ConnectionError("the connection closed in the middle of a message")

    async def send(self, *events: h11.Event) -> None:
        """Write `events`; raise `h11.LocalProtocolError` if they may not be sent now."""
        data = b"".join(self.h11.send(event) or b"" for event in events)
        data, self.held = self.held + data, b""
        if data:
            self.writer.write(data)
            await self.writer.drain()

    def hold(self, event: h11.Event) -> None:
        """Write `event` with the next one, or alone if there is none before the loop goes on.

        Each write wakes up the other side: a head and a body that are there take one, not two.
        """
        self.held = self.h11.send(event) or b""
        asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        if self.held:
            data, self.held = self.held, b""
            self.writer.write(data)

    def next_cycle(self) -> bool:
        """Prepare for another request on this connection; False if it cannot be used again."""
        done = self.h11.our_state is h11.DONE and self.h11.their_state is h11.DONE
        # A server that sends more than it announced has nothing else to say that can be trusted.
        surplus = self.h11.our_role is h11.CLIENT and self.h11.trailing_data[0]
        if done and not surplus:
            if self.h11.our_role is h11.SERVER:
                # What comes next is looked at before the parser sees it.
                self.pending = self.h11.trailing_data[0] + self.pending
                self.h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD)
            else:
                self.h11.start_next_cycle()
            self.idle_since = time.monotonic()
            return True
        return False

    def close(self) -> None:
        """Close the connection at once."""
        self._flush()
        self.writer.close()


class Pool:
    """Keep-alive connections to one target, reused as the load balancer does.

    Connects from `source`, the address by which targets know the load balancer.
    """

    CONNECT_TIMEOUT = 10.0  # seconds, then 504

    def __init__(self, host: str, port: int, idle_timeout: float, source: str | None) -> None:
        self.host = host
        self.port = port
        self.idle_timeout = idle_timeout
        self.source = (source, 0) if source else None
        self.idle: list[Channel] = []

    async def acquire(self) -> Channel:
        """Return an idle connection or a new one.

        Raises `TimeoutError` after 10 seconds, `OSError` where nobody listens.
        """
        oldest = time.monotonic() - self.idle_timeout
        while self.idle:
            channel = self.idle.pop()
            if channel.idle_since > oldest and not channel.reader.at_eof():
                return channel
            channel.close()
        async with asyncio.timeout(self.CONNECT_TIMEOUT):
            streams = await asyncio.open_connection(self.host, self.port, local_addr=self.source)
        return Channel(h11.CLIENT, *streams)

    def release(self, channel: Channel) -> None:
        """Give back a connection; it is kept if its last response came to an end."""
        if channel.next_cycle():
            self.idle.append(channel)
        else:
            channel.close()

    async def aclose(self) -> None:
        """Close the idle connections."""
        while self.idle:
            self.idle.pop().close()

"""A target of type `ip`: an HTTP server, reached over keep-alive connections."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

import h11

from portable.local.listener.http1 import Channel, Pool, without_connection_headers
from portable.local.listener.messages import (
    Headers,
    LoadBalancerError,
    Request,
    Response,
    Tunnel,
    header_values,
)
from portable.local.listener.reasons import Reason

MAX_RESPONSE_HEADERS = 32 * 1024  # bytes


class IPTarget:
    """Forwards requests to `host`:`port`, streaming both ways.

    `idle_timeout` in seconds; `source` is the address to connect from.
    Status codes: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html
    """

    def __init__(self, host: str, port: int, idle_timeout: float, source: str | None) -> None:
        self.name = f"{host}:{port}"
        self.idle_timeout = idle_timeout
        self.pool = Pool(host, port, idle_timeout, source)
        self.connecting = 0
        self.busy: set[Channel] = set()
        self.drained = False

    @property
    def in_flight(self) -> int:
        """How many requests are not answered in full yet; an open WebSocket is one."""
        self.busy = {channel for channel in self.busy if not channel.writer.is_closing()}
        return self.connecting + len(self.busy)

    async def send(self, request: Request) -> Response:
        """Return the response as soon as its head is there; raise `LoadBalancerError`."""
        self.connecting += 1
        try:
            channel = await self.pool.acquire()
            self.busy.add(channel)
        except TimeoutError:
            raise self._error(504, Reason.NO_CONNECTION) from None
        except OSError:
            raise self._error(502, Reason.REFUSED) from None
        finally:
            self.connecting -= 1
        upload = None
        try:
            await channel.send(self._head(request))
            if request.has_body:
                upload = asyncio.create_task(_upload(channel, request.body))
            elif not request.is_upgrade:
                await channel.send(h11.EndOfMessage())
            head = await self._response_head(channel, upload)
        except BaseException as error:
            fault = _fault(upload)
            await _cancel(upload)
            channel.close()
            if isinstance(fault, LoadBalancerError):  # the client's, not the target's
                fault.target = self.name
                raise fault from None
            if isinstance(error, TimeoutError):
                raise self._error(504, Reason.NO_ANSWER) from None
            if self.drained:
                raise self._error(502, Reason.DEREGISTERED) from None
            if isinstance(error, ConnectionError | h11.ProtocolError):
                if channel.reader.at_eof():
                    raise self._error(502, Reason.TARGET_CLOSED) from None
                raise self._error(502, Reason.MALFORMED_RESPONSE, str(error)) from None
            raise
        headers = head.headers.raw_items()
        if head.status_code == 101:
            tunnel = Tunnel(channel.reader, channel.writer, channel.h11.trailing_data[0])
            return Response(101, headers, target=self.name, tunnel=tunnel)
        if sum(len(name) + len(value) for name, value in headers) > MAX_RESPONSE_HEADERS:
            await _cancel(upload)
            channel.close()
            raise self._error(502, Reason.RESPONSE_HEADERS_TOO_LONG)
        body = _Body(
            channel.body(self.idle_timeout),
            partial(self._release, channel, upload, request.ambiguous),
        )
        return Response(head.status_code, without_connection_headers(headers), body, self.name)

    async def drain(self, delay: float) -> int:
        """Wait `delay` seconds for the requests in flight; cut off the rest, return how many.

        One that is cut off before its answer began is a 502, as the load balancer makes it.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(delay):
                while self.in_flight:
                    await asyncio.sleep(0.02)
        cut = self.in_flight
        self.drained = True
        for channel in self.busy:
            channel.writer.transport.abort()
        await self.pool.aclose()
        return cut

    async def aclose(self) -> None:
        """Close the idle connections to this target."""
        await self.pool.aclose()

    def _error(self, status: int, reason: Reason, detail: str = "") -> LoadBalancerError:
        return LoadBalancerError(status, reason, detail, self.name)

    def _head(self, request: Request) -> h11.Request:
        headers: Headers = without_connection_headers(request.headers)
        if request.has_body and not header_values(headers, b"content-length"):
            headers.append((b"Transfer-Encoding", b"chunked"))
        if request.is_upgrade:
            headers.append((b"Connection", b"Upgrade"))
        return h11.Request(method=request.method, target=request.target, headers=headers)

    async def _response_head(
        self, channel: Channel, upload: "asyncio.Task[None] | None"
    ) -> h11.Response | h11.InformationalResponse:
        while True:
            event = await channel.receive(self.idle_timeout)
            if isinstance(event, h11.Response):
                return event
            if isinstance(event, h11.InformationalResponse):
                if event.status_code == 101:
                    return event
                # A server dates what it takes for the answer: no other one follows.
                if header_values(event.headers.raw_items(), b"date"):
                    raise ConnectionError(f"it answered {event.status_code}, which is no answer")
            else:
                raise ConnectionError("it closed before it answered")

    async def _release(
        self, channel: Channel, upload: "asyncio.Task[None] | None", ambiguous: bool
    ) -> None:
        await _cancel(upload)
        self.busy.discard(channel)
        if ambiguous:
            channel.close()
        else:
            self.pool.release(channel)


class _Body:
    """The body of a response, which calls `release` once, however it ends.

    A generator would not, where it is closed before its first chunk was asked for.
    """

    def __init__(
        self, chunks: AsyncIterator[bytes], release: Callable[[], Awaitable[None]]
    ) -> None:
        self.chunks = chunks
        self.release: Callable[[], Awaitable[None]] | None = release

    def __aiter__(self) -> "_Body":
        return self

    async def __anext__(self) -> bytes:
        try:
            return await anext(self.chunks)
        except BaseException:
            await self.aclose()
            raise

    async def aclose(self) -> None:
        await self.chunks.aclose()  # type: ignore[attr-defined]
        release, self.release = self.release, None
        if release is not None:
            await release()


async def _upload(channel: Channel, body: AsyncIterator[bytes]) -> None:
    try:
        async for chunk in body:
            await channel.send(h11.Data(data=chunk))
        await channel.send(h11.EndOfMessage())
    except BaseException:
        channel.close()  # so that whoever waits for the response learns of it
        raise


def _fault(upload: "asyncio.Task[None] | None") -> BaseException | None:
    if upload is None or not upload.done() or upload.cancelled():
        return None
    return upload.exception()


async def _cancel(task: "asyncio.Task[None] | None") -> None:
    if task is not None:
        task.cancel()
        with contextlib.suppress(BaseException):
            await task

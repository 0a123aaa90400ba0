"""A target of type `ip`: an HTTP server, reached over keep-alive connections."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import h11

from portable.local.http1 import Channel, Pool, without_connection_headers
from portable.local.messages import Headers, LoadBalancerError, Request, Response, header_values

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

    async def send(self, request: Request) -> Response:
        """Return the response as soon as its head is there; raise `LoadBalancerError`."""
        try:
            channel = await self.pool.acquire()
        except TimeoutError:
            raise self._error(504, "no connection to the target within 10 s") from None
        except OSError:
            raise self._error(502, "the target refused the connection") from None
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
                raise self._error(504, "the target did not answer in time") from None
            if isinstance(error, ConnectionError | h11.ProtocolError):
                closed = channel.reader.at_eof()
                reason = "the target closed the connection" if closed else f"malformed: {error}"
                raise self._error(502, reason) from None
            raise
        headers = head.headers.raw_items()
        if head.status_code == 101:
            return Response(101, headers, target=self.name, tunnel=channel)
        if sum(len(name) + len(value) for name, value in headers) > MAX_RESPONSE_HEADERS:
            await _cancel(upload)
            channel.close()
            raise self._error(502, "the response headers are over 32 K")
        body = self._download(channel, upload)
        return Response(head.status_code, without_connection_headers(headers), body, self.name)

    async def aclose(self) -> None:
        """Close the idle connections to this target."""
        await self.pool.aclose()

    def _error(self, status: int, reason: str) -> LoadBalancerError:
        return LoadBalancerError(status, reason, self.name)

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
            else:
                raise ConnectionError("it closed before it answered")

    async def _download(
        self, channel: Channel, upload: "asyncio.Task[None] | None"
    ) -> AsyncIterator[bytes]:
        try:
            async for chunk in channel.body(self.idle_timeout):
                yield chunk
        finally:
            await _cancel(upload)
            self.pool.release(channel)


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

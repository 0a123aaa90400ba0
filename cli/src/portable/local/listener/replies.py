"""How the listener answers: a target's response, its own error page, bytes both ways."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from email.utils import formatdate
from http import HTTPStatus

import h11

from portable.local.listener.http1 import READ_SIZE, Channel, without_connection_headers
from portable.local.listener.messages import (
    LoadBalancerError,
    Request,
    Response,
    Tunnel,
    whole_body,
)
from portable.local.listener.reasons import Reason

LINGER = 2.0  # seconds


async def respond(
    channel: Channel, request: Request, response: Response, idle_timeout: float
) -> None:
    """Send `response` to the client, streaming its body, and close the body."""
    body = response.body
    try:
        if channel.h11.our_state is h11.ERROR or channel.h11.their_state is h11.ERROR:
            await _respond_to_malformed(channel, response)
            return
        if response.tunnel is not None:
            await _tunnel(channel, response, response.tunnel)
            return
        if not request.has_body and channel.h11.their_state is h11.SEND_BODY:
            await channel.receive(idle_timeout)  # the end of a request without a body
        headers = without_connection_headers(response.headers)
        if channel.h11.their_state is h11.SEND_BODY or request.ambiguous:
            # After an answer before the whole request the connection cannot be used again.
            headers.append((b"Connection", b"close"))
        head = h11.Response(
            status_code=response.status, headers=headers, reason=_reason(response.status)
        )
        channel.hold(head)
        async for chunk in body:
            if request.method != b"HEAD":
                await channel.send(h11.Data(data=chunk))
        await channel.send(h11.EndOfMessage())
    finally:
        await body.aclose()  # type: ignore[attr-defined]


def error_page(error: LoadBalancerError) -> Response:
    """Return the load balancer's own answer."""
    title = f"{error.status} {_reason(error.status).decode()}".strip()
    body = (
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n"
        f"<center><h1>{title}</h1></center>\r\n</body>\r\n</html>\r\n"
    ).encode()
    headers = [
        (b"Server", b"awselb/2.0"),
        (b"Date", formatdate(usegmt=True).encode()),
        (b"Content-Type", b"text/html"),
        (b"Content-Length", str(len(body)).encode()),
    ]
    return Response(
        error.status, headers, whole_body(body), error.target, error.reason, error.detail
    )


def _reason(status: int) -> bytes:
    try:
        return HTTPStatus(status).phrase.encode()
    except ValueError:
        return b""


def client_error(error: h11.RemoteProtocolError) -> int:
    """Return the status for a client that broke the protocol."""
    # h11's hints: 501 for a transfer encoding other than chunked, 431 for too large a head,
    # which the load balancer answers with 400.
    return 501 if error.error_status_hint == 501 else 400


async def _respond_to_malformed(channel: Channel, response: Response) -> None:
    """Answer on a connection whose client broke the protocol, and close it."""
    answer = h11.Connection(h11.SERVER)
    answer.receive_data(b"GET / HTTP/1.0\r\n\r\n")
    answer.next_event()
    head = h11.Response(
        status_code=response.status, headers=response.headers, reason=_reason(response.status)
    )
    channel.writer.write(answer.send(head) or b"")
    async for chunk in response.body:
        channel.writer.write(answer.send(h11.Data(data=chunk)) or b"")
    with contextlib.suppress(ConnectionError):
        await channel.writer.drain()


async def _tunnel(client: Channel, response: Response, target: Tunnel) -> None:
    """Pass bytes both ways after 101 Switching Protocols, until one side closes."""
    await client.send(h11.InformationalResponse(status_code=101, headers=response.headers))
    client.writer.write(target.received)
    target.writer.write(client.h11.trailing_data[0] + client.pending)

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(READ_SIZE):
            writer.write(data)
            await writer.drain()

    try:
        ways = (
            asyncio.create_task(copy(client.reader, target.writer)),
            asyncio.create_task(copy(target.reader, client.writer)),
        )
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
    finally:
        target.writer.close()


async def client_body(channel: Channel, timeout: float) -> AsyncIterator[bytes]:
    """Yield the request's body; raise `LoadBalancerError` where the client fails to send it."""
    try:
        async for chunk in channel.body(timeout):
            yield chunk
    except TimeoutError:
        raise LoadBalancerError(408, Reason.INCOMPLETE_BODY) from None
    except (h11.RemoteProtocolError, ConnectionError) as error:
        raise LoadBalancerError(400, Reason.MALFORMED_BODY, str(error)) from None


async def linger(channel: Channel) -> None:
    """Read on for a moment after an early answer: a reset would take it from the client."""
    if channel.h11.their_state in (h11.SEND_BODY, h11.ERROR):
        with contextlib.suppress(TimeoutError, OSError):  # OSError: the client is gone already
            channel.writer.write_eof()
            async with asyncio.timeout(LINGER):
                while await channel.reader.read(READ_SIZE):
                    pass

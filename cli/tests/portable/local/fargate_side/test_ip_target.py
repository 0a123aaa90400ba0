"""A target of type ip, against small servers that say exactly what the test wants."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from portable.local.fargate_side.ip_target import IPTarget
from portable.local.listener.messages import (
    Headers,
    LoadBalancerError,
    Request,
    Response,
    header_values,
    no_body,
    whole_body,
)
from portable.local.listener.reasons import Reason
from portable.local.processes import free_port

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def request(
    body: AsyncIterator[bytes] | None = None, headers: Headers = (), method: bytes = b"GET"
) -> Request:
    return Request(
        method,
        b"/a%20b?c",
        [(b"Host", b"x"), *headers],
        ("127.0.0.1", 1),
        body=body or no_body(),
        has_body=body is not None,
    )


def with_target(
    serve: Serve, use: Callable[[IPTarget], Awaitable[object]], idle_timeout: float = 5
) -> object:
    """Run `use` with a target in front of a server that handles connections with `serve`."""

    async def guarded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def main() -> object:
        async with await asyncio.start_server(guarded, "127.0.0.1", 0) as server:
            target = IPTarget(
                "127.0.0.1", server.sockets[0].getsockname()[1], idle_timeout, "127.0.0.2"
            )
            try:
                async with asyncio.timeout(20):
                    return await use(target)
            finally:
                await target.aclose()
                await asyncio.sleep(0.001)  # for sockets to close: one left open is an error

    return asyncio.run(main())


def answering(*answers: bytes, hang: bool = False) -> Serve:
    """A connection that answers one request after the other, then closes (or hangs)."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()
        if hang:
            await reader.read()

    return serve


async def read(response: Response) -> bytes:
    return b"".join([chunk async for chunk in response.body])


def error_from(
    serve: Serve, asked: Request | None = None, idle_timeout: float = 5
) -> LoadBalancerError:
    async def use(target: IPTarget) -> LoadBalancerError:
        with pytest.raises(LoadBalancerError) as error:
            await target.send(asked or request())
        assert error.value.target == target.name
        return error.value

    return with_target(serve, use, idle_timeout)


def test_request_and_response_pass_through():
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        head += writer.get_extra_info("peername")[0].encode()
        frame = b"HTTP/1.1 201 Created\r\nContent-Length: %d\r\nX-Raw: \xc3\xab\r\n\r\n"
        writer.write(frame % len(head) + head)

    async def use(target: IPTarget) -> None:
        headers = [(b"X-A", b"1"), (b"x-a", b"2"), (b"Connection", b"close"), (b"TE", b"gzip")]
        response = await target.send(request(headers=headers))
        sent = await read(response)
        assert (response.status, response.target) == (201, target.name)
        assert header_values(response.headers, b"x-raw") == ["ë".encode()]
        assert sent.startswith(b"GET /a%20b?c HTTP/1.1\r\nHost: x\r\nX-A: 1\r\nx-a: 2\r\n\r\n")
        assert sent.endswith(b"127.0.0.2"), "the target has to see the load balancer's address"

    with_target(serve, use)


def test_nobody_listens():
    async def main() -> None:
        with pytest.raises(LoadBalancerError) as error:
            await IPTarget("127.0.0.1", free_port(), 5, None).send(request())
        assert error.value.status == 502

    asyncio.run(main())


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 33_000 + b"\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: 1234567890\r\n" * 3000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000,
    ],
    ids=["nothing", "half", "interim", "nonsense", "length", "header", "headers", "endless"],
)
def test_a_broken_head_is_502(answer):
    assert error_from(answering(answer)).status == 502


def test_a_reset_is_502():
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.abort()

    assert error_from(serve).status == 502


@pytest.mark.parametrize("status", [b"100", b"103", b"199"])
def test_an_interim_response_after_which_nothing_comes_is_502_at_once(status: bytes):
    answer = b"HTTP/1.1 " + status + b" X\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n\r\n"
    assert error_from(answering(answer, hang=True), idle_timeout=60).status == 502


def test_no_answer_within_the_idle_timeout_is_504():
    assert error_from(answering(b"", hang=True), idle_timeout=0.05).status == 504


def test_interim_responses_are_not_the_answer():
    async def use(target: IPTarget) -> None:
        response = await target.send(request())
        assert (response.status, await read(response)) == (200, b"ok")

    with_target(answering(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK), use)


def test_a_connection_is_used_again_and_a_closed_one_is_not():
    connections = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        await answering(OK, OK)(reader, writer)

    async def use(target: IPTarget) -> None:
        for expected in (1, 1, 2):
            if expected == 2:  # the server closes after two answers; wait until that is known
                await target.pool.idle[0].reader.read()
            assert await read(await target.send(request())) == b"ok"
            assert len(connections) == expected

    with_target(serve, use)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nok",
    ],
)
def test_a_connection_that_the_target_will_close_is_not_kept(answer):
    async def use(target: IPTarget) -> None:
        response = await target.send(request())
        assert await read(response) == b"ok"
        assert target.pool.idle == []
        assert header_values(response.headers, b"connection") == []

    with_target(answering(answer), use)


def test_an_idle_connection_that_is_too_old_is_not_used():
    connections = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        await answering(OK, hang=True)(reader, writer)

    async def use(target: IPTarget) -> None:
        await read(await target.send(request()))
        target.pool.idle[0].idle_since -= 6
        await read(await target.send(request()))
        assert len(connections) == 2

    with_target(serve, use)


def test_an_abandoned_response_frees_its_connection():
    async def use(target: IPTarget) -> None:
        response = await target.send(request())
        assert await anext(response.body) == b"ok"
        await response.body.aclose()
        assert target.pool.idle == []

    head = b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nok"
    with_target(answering(head, hang=True), use)


def test_a_response_that_ends_early_is_an_error():
    async def use(target: IPTarget) -> None:
        response = await target.send(request())
        with pytest.raises(Exception, match="closed"):
            await read(response)

    with_target(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"), use)


@pytest.mark.parametrize(
    ("headers", "framed"),
    [
        ([(b"Content-Length", b"6")], b"abcdef"),
        ([(b"Transfer-Encoding", b"chunked")], b"3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n"),
    ],
)
def test_upload_keeps_its_framing(headers, framed):
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        assert headers[0][0].lower() in head.lower()
        assert await reader.readexactly(len(framed)) == framed
        writer.write(OK)

    async def body() -> AsyncIterator[bytes]:
        yield b"abc"
        yield b"def"

    async def use(target: IPTarget) -> None:
        assert await read(await target.send(request(body(), headers, b"POST"))) == b"ok"

    with_target(serve, use)


def test_upload_and_download_run_side_by_side():
    """A proxy that uploads everything first would wait here forever."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n")
        for _ in range(2):
            writer.write(await reader.readexactly(3))

    async def use(target: IPTarget) -> None:
        echoed: asyncio.Queue[bytes] = asyncio.Queue()

        async def body() -> AsyncIterator[bytes]:
            yield b"abc"
            assert await echoed.get() == b"abc"
            yield b"def"

        length = [(b"Content-Length", b"6")]
        response = await target.send(request(body(), length, b"POST"))
        chunks = []
        async for chunk in response.body:
            chunks.append(chunk)
            echoed.put_nowait(chunk)
        assert chunks == [b"abc", b"def"]

    with_target(serve, use)


def test_an_early_answer_ends_the_upload():
    ended = []

    async def body() -> AsyncIterator[bytes]:
        try:
            yield b"a"
            await asyncio.get_running_loop().create_future()
        finally:
            ended.append(True)

    async def use(target: IPTarget) -> None:
        response = await target.send(request(body(), [(b"Content-Length", b"9")], b"POST"))
        assert (response.status, await read(response)) == (413, b"")
        assert (ended, target.pool.idle) == ([True], [])

    early = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n"
    with_target(answering(early, hang=True), use)


def test_the_clients_fault_in_an_upload_is_the_answer():
    async def body() -> AsyncIterator[bytes]:
        yield b"a"
        raise LoadBalancerError(408, Reason.INCOMPLETE_BODY)

    asked = request(body(), [(b"Content-Length", b"9")], b"POST")
    assert error_from(answering(b"", hang=True), asked).status == 408


def test_cancelling_closes_the_connection():
    async def use(target: IPTarget) -> None:
        sending = asyncio.create_task(target.send(request()))
        await asked.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        await gone.wait()

    asked, gone = asyncio.Event(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        assert await reader.read() == b""
        gone.set()

    with_target(serve, use)


def test_switching_protocols_hands_over_the_connection():
    async def use(target: IPTarget) -> None:
        upgrade = [(b"Upgrade", b"echo"), (b"Connection", b"Upgrade")]
        response = await target.send(request(headers=upgrade))
        assert (response.status, header_values(response.headers, b"upgrade")) == (101, [b"echo"])
        response.tunnel.writer.write(b"ping")
        assert response.tunnel.received + await response.tunnel.reader.read() == b"hi:p"
        response.tunnel.writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"connection: upgrade" in head.lower()
        writer.write(b"HTTP/1.1 101 Switching\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\nhi:")
        writer.write(await reader.readexactly(1))

    with_target(serve, use)


def test_whole_body_is_one_piece():
    async def main() -> list[bytes]:
        return [chunk async for chunk in whole_body(b"abc")]

    assert asyncio.run(main()) == [b"abc"]


def test_a_response_that_nobody_reads_is_in_flight_until_it_is_closed():
    async def use(target: IPTarget) -> None:
        response = await target.send(request())
        assert target.in_flight == 1
        await response.body.aclose()
        assert target.in_flight == 0
        response = await target.send(request())
        assert (await read(response), target.in_flight) == (b"ok", 0)

    with_target(answering(OK, hang=True), use)


def test_an_open_websocket_is_in_flight_and_is_cut_off_after_the_delay():
    switching = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"

    async def use(target: IPTarget) -> None:
        response = await target.send(
            request(headers=[(b"Upgrade", b"x"), (b"Connection", b"upgrade")])
        )
        assert (response.status, target.in_flight) == (101, 1)
        assert await target.drain(0.01) == 1
        assert await response.tunnel.reader.read() == b""
        assert target.in_flight == 0

    with_target(answering(switching, hang=True), use)


def test_draining_waits_for_nothing_where_nothing_is_in_flight():
    async def use(target: IPTarget) -> None:
        await read(await target.send(request()))
        assert await target.drain(3600) == 0

    with_target(answering(OK, hang=True), use)

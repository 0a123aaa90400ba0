"""The listener over real sockets, in front of target groups that do what the test says."""

import asyncio
import random
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import h11
import pytest

from portable.local.fargate_side.ip_target import IPTarget
from portable.local.lambda_side.events import response as lambda_response
from portable.local.listener.access import Access
from portable.local.listener.forwarding import check
from portable.local.listener.listener import Listener
from portable.local.listener.messages import (
    Headers,
    LoadBalancerError,
    Request,
    Response,
    header_values,
    whole_body,
)
from portable.local.listener.reasons import Reason
from portable.local.listener.replies import error_page
from portable.weights import Weights

Answer = Callable[[Request], Awaitable[Response]]
EQUAL = Weights(1, 1)
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
LAST = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


def ok(body: bytes = b"ok", headers: Headers = (), status: int = 200) -> Response:
    length = (b"Content-Length", str(len(body)).encode())
    return Response(status, [*headers, length], whole_body(body), target="target-1")


async def say_ok(request: Request) -> Response:
    return ok()


class Group:
    def __init__(self, answer: Answer = say_ok, name: str = "lambda") -> None:
        self.answer = answer
        self.name = name
        self.requests: list[Request] = []

    async def send(self, request: Request) -> Response:
        self.requests.append(request)
        return await self.answer(request)

    async def aclose(self) -> None:
        pass


class Client:
    """One connection to the listener; `talk` sends bytes and returns all until the close."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def talk(self, *pieces: bytes) -> bytes:
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()
        return await self.reader.read()

    async def response(self, method: str = "GET") -> tuple[int, dict[bytes, bytes], bytes]:
        """Read one response: status, headers, body."""
        connection = h11.Connection(h11.CLIENT)
        connection.send(h11.Request(method=method, target="/", headers=[("Host", "x")]))
        status, headers, body = 0, {}, b""
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                connection.receive_data(await self.reader.read(1))
            elif isinstance(event, h11.Response):
                status, headers = event.status_code, dict(event.headers)
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                return status, headers, body


class Lab:
    """A running listener, its access log and its clients."""

    def __init__(self, listener: Listener, log: list[Access]) -> None:
        self.listener = listener
        self.log = log
        self.clients: list[Client] = []

    async def client(self) -> Client:
        streams = await asyncio.open_connection("127.0.0.1", self.listener.port)
        self.clients.append(Client(*streams))
        return self.clients[-1]

    async def talk(self, *pieces: bytes) -> bytes:
        return await (await self.client()).talk(*pieces)

    async def logged(self, count: int = 1) -> list[Access]:
        while len(self.log) < count:
            await asyncio.sleep(0.001)
        return self.log


def run(
    use: Callable[[Lab], Awaitable[Any]], *groups: Group, idle_timeout: float = 5, seed: int = 1
) -> Any:
    async def main() -> Any:
        problems: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(
            lambda _, problem: problems.append(problem)
        )
        log: list[Access] = []
        listener = Listener(groups, EQUAL, idle_timeout, True, log.append, random.Random(seed))
        lab = Lab(listener, log)
        await listener.bind(0)
        await listener.start()
        try:
            async with asyncio.timeout(20):
                return await use(lab)
        finally:
            for client in lab.clients:
                client.writer.close()
            await listener.aclose(0)
            await asyncio.sleep(0.001)  # for sockets to close: one left open is an error
            assert not problems, "no error may leave a connection's task"

    return asyncio.run(main())


@pytest.mark.parametrize(
    ("weights", "low", "high"),
    [
        ((50, 50), 4800, 5200),  # 4 standard deviations of the binomial are 200
        ((90, 10), 8880, 9120),
        ((900, 100), 8880, 9120),
        ((100, 0), 10000, 10000),
        ((0, 1), 0, 0),
    ],
)
def test_weights_are_shares(weights, low, high):
    first, second = Group(), Group(name="fargate")
    listener = Listener((first, second), Weights(*weights), 5, True, print, random.Random(7))
    chosen = [listener.choose(listener.weights) for _ in range(10_000)]
    assert low <= chosen.count(first) <= high


def test_a_change_of_the_weights_is_told_and_holds_from_the_next_request_on():
    told: list[Weights] = []
    first, second = Group(), Group(name="fargate")
    listener = Listener((first, second), Weights(1, 0), 5, True, print, on_weights=told.append)
    assert listener.choose(listener.weights) is first
    listener.change_weights(Weights(0, 1))
    assert listener.choose(listener.weights) is second and told == [Weights(0, 1)]


def test_each_request_is_drawn_anew_and_a_failing_group_keeps_its_share():
    async def refuse(request: Request) -> Response:
        raise LoadBalancerError(503, Reason.NO_TARGETS)

    async def use(lab: Lab) -> None:
        client = await lab.client()
        statuses = []
        for _ in range(200):
            client.writer.write(GET)
            statuses.append((await client.response())[0])
        assert 70 <= statuses.count(503) <= 130
        await lab.logged(200)
        assert {(access.group, access.status) for access in lab.log} == {
            ("lambda", 200),
            ("fargate", 503),
        }
        assert [access.status for access in lab.log] == statuses

    run(use, Group(), Group(refuse, name="fargate"))


def test_the_target_gets_the_forwarded_request():
    async def use(lab: Lab) -> None:
        await lab.talk(b"PUT /a%20b?c HTTP/1.1\r\nHost: X\r\nX_Bad: 1\r\nConnection: close\r\n\r\n")
        (request,) = group.requests
        assert (request.method, request.target) == (b"PUT", b"/a%20b?c")
        host = f"x:{lab.listener.port}".encode()
        assert header_values(request.headers, b"host") == [host]
        assert header_values(request.headers, b"x-forwarded-for") == [b"127.0.0.1"]
        (trace_id,) = header_values(request.headers, b"x-amzn-trace-id")
        assert trace_id.startswith(b"Root=1-")
        assert header_values(request.headers, b"x_bad") == []
        assert not request.has_body

    group = Group()
    run(use, group)


def test_keep_alive_and_close():
    async def use(lab: Lab) -> None:
        client = await lab.client()
        for _ in range(3):
            client.writer.write(GET)
            assert await client.response() == (200, {b"content-length": b"2"}, b"ok")
        assert (await client.talk(LAST)).endswith(b"\r\n\r\nok")  # and the end of the connection

    run(use, Group())


def test_http_1_0_closes():
    async def use(lab: Lab) -> None:
        assert (await lab.talk(b"GET / HTTP/1.0\r\n\r\n")).endswith(b"\r\n\r\nok")

    run(use, Group())


def test_pipelined_requests_are_answered_in_order():
    async def number(request: Request) -> Response:
        await asyncio.sleep(0.01 if request.target == b"/1" else 0)
        return ok(request.target + b";")

    async def use(lab: Lab) -> None:
        head = b"GET /%d HTTP/1.1\r\nHost: x\r\n%s\r\n"
        sent = b"".join(head % (n, b"Connection: close\r\n" * (n == 3)) for n in (1, 2, 3))
        answers = await lab.talk(sent)
        assert [part[:3] for part in answers.split(b"\r\n\r\n")[1:]] == [b"/1;", b"/2;", b"/3;"]

    run(use, Group(number))


@pytest.mark.parametrize("status", [200, 404])
def test_head_has_the_headers_and_no_body(status):
    async def use(lab: Lab) -> None:
        client = await lab.client()
        for _ in range(2):  # the connection stays in step
            client.writer.write(b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")
            got = await client.response("HEAD")
            assert got == (status, {b"content-length": b"2"}, b"")
        assert b"\r\n\r\nok" in await client.talk(LAST)

    async def answer(request: Request) -> Response:
        return ok(status=status)

    run(use, Group(answer))


def test_streams_both_ways():
    """Neither side is collected first: each chunk is answered before the next is sent."""

    async def echo(request: Request) -> Response:
        assert request.has_body
        return Response(200, [(b"X-A", b"1")], request.body, "target-1")

    async def use(lab: Lab) -> None:
        client = await lab.client()
        head = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked"
        client.writer.write(head + b"\r\n\r\n")
        got = await client.reader.readuntil(b"\r\n\r\n")
        assert b"transfer-encoding: chunked" in got.lower()
        for piece in (b"abc", b"def"):
            client.writer.write(b"3\r\n" + piece + b"\r\n")
            assert await client.reader.readexactly(8) == b"3\r\n" + piece + b"\r\n"
        assert await client.talk(b"0\r\n\r\n") == b"0\r\n\r\n"

    run(use, Group(echo))


def test_a_large_body_of_known_length_passes():
    async def count(request: Request) -> Response:
        total = 0
        async for chunk in request.body:
            total += len(chunk)
        return ok(str(total).encode())

    async def use(lab: Lab) -> None:
        head = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 3000000\r\n\r\n"
        assert (await lab.talk(head, b"a" * 3_000_000)).endswith(b"\r\n\r\n3000000")

    run(use, Group(count))


def test_continue_is_said_at_once_and_expect_not_forwarded():
    async def use(lab: Lab) -> None:
        client = await lab.client()
        head = b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"
        client.writer.write(head)
        assert (await client.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100 ")
        client.writer.write(b"abc")
        assert (await client.response())[0] == 200
        assert header_values(group.requests[0].headers, b"expect") == []

    async def read(request: Request) -> Response:
        return ok(b"".join([chunk async for chunk in request.body]))

    group = Group(read)
    run(use, group)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),  # no Host
        (b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nBad Name: y\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: a\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 17_000 + b"\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\n" + (b"X: " + b"a" * 9000 + b"\r\n") * 8 + b"\r\n", 400),
        (b"GET /" + b"a" * 17_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (b"TRACE / HTTP/1.1\r\nHost: x\r\n\r\n", 405),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For:" + b"1," * 31 + b"1\r\n\r\n", 463),
    ],
)
def test_what_is_not_forwarded_gets_an_error_page(sent, status):
    async def use(lab: Lab) -> None:
        client = await lab.client()
        client.writer.write(sent)
        got, headers, body = await client.response()
        assert got == status
        assert headers[b"server"] == b"awselb/2.0"
        assert headers[b"content-type"] == b"text/html"
        assert f"<center><h1>{status} ".rstrip().encode() in body
        assert group.requests == []
        (access,) = await lab.logged()
        assert (access.status, access.group, access.target) == (status, "-", "-")
        assert access.reason

    group = Group()
    run(use, group)


def test_limits_are_the_listeners_own_not_the_parsers():
    """A request at its limits is forwarded."""
    target = b"/" + b"a" * (16384 - 14)
    headers = [(b"X", b"a" * (16384 - 3))] * 3
    check(Request(b"GET", target, headers, ("", 0)))

    async def use(lab: Lab) -> None:
        lines = b"".join(name + b": " + value + b"\r\n" for name, value in headers)
        head = b"GET " + target + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + lines
        assert (await lab.talk(head + b"\r\n")).endswith(b"ok")

    run(use, Group())


def test_a_connection_goes_on_after_an_error_page():
    async def fail(request: Request) -> Response:
        raise LoadBalancerError(504, Reason.NO_ANSWER, target="target-9")

    async def use(lab: Lab) -> None:
        client = await lab.client()
        for _ in range(2):
            client.writer.write(GET)
            assert (await client.response())[0] == 504
        access = (await lab.logged(2))[1]
        assert (access.group, access.target, access.status) == ("lambda", "target-9", 504)
        assert access.reason is Reason.NO_ANSWER

    run(use, Group(fail))


def test_error_page():
    page = error_page(LoadBalancerError(502, Reason.UNHANDLED, "why", "target-1"))
    (body,) = asyncio.run(_chunks(page.body))
    assert body == (
        b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"
        b"<center><h1>502 Bad Gateway</h1></center>\r\n</body>\r\n</html>\r\n"
    )
    assert header_values(page.headers, b"content-length") == [str(len(body)).encode()]
    assert (page.status, page.target) == (502, "target-1")
    assert (page.reason, page.detail) == (Reason.UNHANDLED, "why")


async def _chunks(body: AsyncIterator[bytes]) -> list[bytes]:
    return [chunk async for chunk in body]


def test_access_log():
    async def use(lab: Lab) -> None:
        await lab.talk(b"DELETE /a%20b?c=d HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        (access,) = lab.log
        assert access == Access(
            "127.0.0.1", "DELETE", "/a%20b?c=d", 200, "lambda", "target-1", access.seconds
        )
        assert access.seconds > 0

    run(use, Group())


def _reset(client: Client) -> None:
    peer = client.writer.get_extra_info("socket")
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.writer.transport.abort()


@pytest.mark.parametrize("leave", [lambda client: client.writer.close(), _reset])
def test_a_client_that_goes_away_is_460_and_the_target_is_told(leave):
    async def main(lab: Lab) -> None:
        client = await lab.client()
        client.writer.write(GET)
        await asked.wait()
        leave(client)
        await cancelled.wait()
        (access,) = await lab.logged()
        assert (access.status, access.group, access.path) == (460, "lambda", "/")
        assert access.reason is Reason.CLIENT_CLOSED

    async def hang(request: Request) -> Response:
        asked.set()
        try:
            return await asyncio.get_running_loop().create_future()
        finally:
            cancelled.set()

    asked, cancelled = asyncio.Event(), asyncio.Event()
    run(main, Group(hang))


def test_a_client_that_leaves_in_the_middle_of_a_download_ends_it():
    ended = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        try:
            yield b"first"
            await asyncio.get_running_loop().create_future()
        finally:
            ended.set()

    async def answer(request: Request) -> Response:
        return Response(200, [], endless(), "target-1")

    async def use(lab: Lab) -> None:
        client = await lab.client()
        client.writer.write(GET)
        await client.reader.readuntil(b"first")
        client.writer.close()
        await ended.wait()
        assert (await lab.logged())[0].status == 460

    run(use, Group(answer))


def test_a_head_does_not_wait_for_the_body():
    seen = asyncio.Event()

    async def late() -> AsyncIterator[bytes]:
        await seen.wait()
        yield b"late"

    async def answer(request: Request) -> Response:
        return Response(200, [(b"Content-Length", b"4")], late(), "target-1")

    async def use(lab: Lab) -> None:
        client = await lab.client()
        client.writer.write(LAST)
        await client.reader.readuntil(b"\r\n\r\n")
        seen.set()
        assert await client.reader.read() == b"late"

    run(use, Group(answer))


def test_connections_without_a_request_are_not_logged():
    async def use(lab: Lab) -> None:
        (await lab.client()).writer.close()
        assert await lab.talk() == b""  # idle for too long
        await lab.talk(LAST)
        assert [access.status for access in lab.log] == [200]

    run(use, Group(), idle_timeout=0.05)


@pytest.mark.parametrize(
    "sent",
    [b"GET / HTTP/1.1\r\nHos", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc"],
    ids=["head", "body"],
)
def test_a_client_that_stalls_is_408(sent):
    async def read(request: Request) -> Response:
        return ok(b"".join([chunk async for chunk in request.body]))

    async def use(lab: Lab) -> None:
        assert (await lab.talk(sent)).startswith(b"HTTP/1.1 408 ")
        assert [access.status for access in lab.log] == [408]

    run(use, Group(read), idle_timeout=0.05)


def test_a_malformed_body_is_400():
    async def read(request: Request) -> Response:
        return ok(b"".join([chunk async for chunk in request.body]))

    async def use(lab: Lab) -> None:
        head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        assert (await lab.talk(head + b"zz\r\n")).startswith(b"HTTP/1.1 400 ")
        assert [access.status for access in lab.log] == [400]

    run(use, Group(read))


def test_a_refused_upload_still_gets_its_answer():
    """Closing while the client still sends would reset the connection and lose the response."""

    async def refuse(request: Request) -> Response:
        await anext(request.body)
        raise LoadBalancerError(413, Reason.REQUEST_TOO_LARGE)

    async def use(lab: Lab) -> None:
        def upload() -> bytes:
            # Blocking, as most clients are: all of the request first, then the response.
            with socket.create_connection(("127.0.0.1", lab.listener.port), timeout=10) as client:
                head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4000000\r\n\r\n"
                client.sendall(head + b"a" * 4_000_000)
                return client.recv(12)

        assert await asyncio.to_thread(upload) == b"HTTP/1.1 413"

    run(use, Group(refuse))


def test_a_head_that_is_far_too_large_still_gets_its_answer():
    async def use(lab: Lab) -> None:
        def ask() -> bytes:
            with socket.create_connection(("127.0.0.1", lab.listener.port), timeout=10) as client:
                client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 1_000_000)
                client.sendall(b"\r\n\r\n")
                return client.recv(12)

        assert await asyncio.to_thread(ask) == b"HTTP/1.1 400"

    run(use, Group())


def test_a_connection_goes_on_after_an_upload():
    """To a real target, which answers as soon as it has the last byte."""

    async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            for _ in range(3):
                await reader.readuntil(b"\r\n\r\n")
                body = await reader.readexactly(100_000)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n" + body[-3:])
            await reader.read()
        finally:
            writer.close()

    async def use(lab: Lab) -> None:
        async with await asyncio.start_server(upstream, "127.0.0.1", 0) as server:
            target = IPTarget("127.0.0.1", server.sockets[0].getsockname()[1], 5, None)
            group.answer = target.send
            client = await lab.client()
            for end in (b"abc", b"def", b"ghi"):
                head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"
                client.writer.write(head + b"a" * 99_997 + end)
                assert await client.response() == (200, {b"content-length": b"3"}, end)
            assert len(target.pool.idle) == 1
            await target.aclose()

    group = Group()
    run(use, group)


def test_a_target_that_ends_in_the_middle_is_502_in_the_log():
    async def half() -> AsyncIterator[bytes]:
        yield b"abc"
        raise h11.RemoteProtocolError("peer closed connection")

    async def answer(request: Request) -> Response:
        return Response(200, [(b"Content-Length", b"9")], half(), "target-1")

    async def use(lab: Lab) -> None:
        assert (await lab.talk(GET)).endswith(b"\r\n\r\nabc")
        (access,) = await lab.logged()
        assert (access.status, access.target) == (502, "target-1")

    run(use, Group(answer))


@pytest.mark.parametrize(
    "result",
    [
        b'{"statusCode": 204, "body": "text"}',
        b'{"statusCode": 304, "body": "text"}',
        b'{"statusCode": 200, "multiValueHeaders": {"x": [" a "]}, "body": "text"}',
    ],
)
def test_odd_results_of_a_function_reach_the_client(result):
    async def answer(request: Request) -> Response:
        return lambda_response(result, True)

    async def use(lab: Lab) -> None:
        client = await lab.client()
        for _ in range(2):
            client.writer.write(GET)
            status, _, body = await client.response()
            assert f'"statusCode": {status},'.encode() in result
            assert body == (b"text" if status == 200 else b"")

    run(use, Group(answer))


def test_an_error_of_ours_is_500_and_logged():
    """Whatever a target group raises, the client gets an answer."""

    async def fail(request: Request) -> Response:
        raise ValueError("a bug")

    async def use(lab: Lab) -> None:
        assert (await lab.talk(LAST)).startswith(b"HTTP/1.1 500 ")
        assert [access.status for access in lab.log] == [500]

    run(use, Group(fail))


def test_hop_by_hop_headers_of_a_target_stop_here():
    async def answer(request: Request) -> Response:
        return ok(headers=[(b"Connection", b"close"), (b"Keep-Alive", b"5"), (b"X-A", b"1")])

    async def use(lab: Lab) -> None:
        client = await lab.client()
        for _ in range(2):
            client.writer.write(GET)
            assert (await client.response())[1] == {b"content-length": b"2", b"x-a": b"1"}

    run(use, Group(answer))


def test_upgrade_becomes_a_tunnel():
    async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"upgrade: echo" in head.lower()
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\n")
        writer.write(b"Connection: Upgrade\r\n\r\nwelcome;")
        while data := await reader.read(100):
            writer.write(data.upper())
        writer.close()
        ended.set()

    async def use(lab: Lab) -> None:
        async with await asyncio.start_server(upstream, "127.0.0.1", 0) as server:
            target = IPTarget("127.0.0.1", server.sockets[0].getsockname()[1], 5, None)
            group.answer = target.send
            client = await lab.client()
            upgrade = b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n"
            client.writer.write(upgrade + b"early;")
            head = (await client.reader.readuntil(b"\r\n\r\n")).lower()
            assert head.startswith(b"http/1.1 101 ")
            assert b"\r\nupgrade: echo\r\n" in head
            assert b"\r\nconnection: upgrade\r\n" in head
            assert await client.reader.readexactly(14) == b"welcome;EARLY;"
            client.writer.write(b"late")
            assert await client.reader.readexactly(4) == b"LATE"
            client.writer.close()
            await ended.wait()
            (access,) = await lab.logged()
            assert (access.path, access.group) == ("/ws", "lambda")
            await target.aclose()

    ended = asyncio.Event()
    group = Group()
    run(use, group)


def test_a_tunnel_that_ends_well_is_no_error():
    """A WebSocket that its client closes is the normal case: 101 in the log."""

    async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 101 Switching\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n")
        await reader.read()
        writer.close()

    async def use(lab: Lab) -> None:
        async with await asyncio.start_server(upstream, "127.0.0.1", 0) as server:
            target = IPTarget("127.0.0.1", server.sockets[0].getsockname()[1], 5, None)
            group.answer = target.send
            client = await lab.client()
            client.writer.write(
                b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n"
            )
            await client.reader.readuntil(b"\r\n\r\n")
            client.writer.close()
            assert [access.status for access in await lab.logged()] == [101]

    group = Group()
    run(use, group)


def test_closing_lets_a_request_in_flight_finish():
    async def main() -> None:
        asked, go_on = asyncio.Event(), asyncio.Event()

        async def slow(request: Request) -> Response:
            asked.set()
            await go_on.wait()
            return ok()

        log: list[Access] = []
        listener = Listener([Group(slow)], EQUAL, 60, True, log.append)
        await listener.bind(0)
        await listener.start()
        idle = await asyncio.open_connection("127.0.0.1", listener.port)
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        writer.write(GET)  # keep-alive: the connection must not hold up the end
        await asked.wait()
        closing = asyncio.create_task(listener.aclose(grace=60))
        assert await idle[0].read() == b""
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", listener.port)
        assert not closing.done()
        go_on.set()
        try:
            async with asyncio.timeout(10):
                assert (await reader.read()).endswith(b"\r\n\r\nok")
                await closing
        finally:
            for end in (idle[1], writer):
                end.close()
            await asyncio.sleep(0)
        assert [access.status for access in log] == [200]

    asyncio.run(main())


def test_closing_ends_what_outlives_the_grace():
    async def main() -> None:
        asked = asyncio.Event()

        async def hang(request: Request) -> Response:
            asked.set()
            return await asyncio.get_running_loop().create_future()

        log: list[Access] = []
        listener = Listener([Group(hang)], EQUAL, 60, True, log.append)
        await listener.bind(0)
        await listener.start()
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        writer.write(GET)
        await asked.wait()
        async with asyncio.timeout(10):
            await listener.aclose(grace=0.01)
            assert await reader.read() == b""
        writer.close()

    asyncio.run(main())


def test_closing_before_the_start_and_a_taken_port():
    async def main() -> None:
        await Listener([Group()], EQUAL, 5, True, print).aclose(0)
        first, second = (Listener([Group()], EQUAL, 5, True, print) for _ in range(2))
        await first.bind(0)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", first.port)
        await first.start()
        with pytest.raises(OSError, match="in use"):
            await second.bind(first.port)
        await first.aclose(0)

    asyncio.run(main())

"""A server on 127.0.0.1 whose answer to each request is the test's choice."""

import asyncio
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

HANG = b""  # no answer for as long as the client waits
TRICKLE = b"HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n"  # a byte now and then
CLOSE = None  # the connection ends without an answer


def answer(text: str, status: int = 200, **headers: str) -> bytes:
    """Return a response as bytes; underscores in the names of `headers` are dashes."""
    lines = [f"HTTP/1.1 {status} Reason", f"Content-Length: {len(text)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", text]).encode()


class Server:
    """`seen` are the heads of the requests, in the order in which they came."""

    def __init__(
        self, answers: Callable[[int], bytes | None], context: ssl.SSLContext | None = None
    ) -> None:
        self.answers = answers
        self.context = context
        self.seen: list[bytes] = []
        self.at_once = 0
        self.most_at_once = 0
        self.port = 0
        self.listening = threading.Event()
        self.loop = asyncio.new_event_loop()
        self.stopping = asyncio.Event()

    @property
    def url(self) -> str:
        return f"http{'s' if self.context else ''}://127.0.0.1:{self.port}"

    def run(self) -> None:
        """Serve until `stopping` is set."""
        with asyncio.Runner(loop_factory=lambda: self.loop) as runner:
            runner.run(self._run())

    async def _run(self) -> None:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.context)
        self.port = server.sockets[0].getsockname()[1]
        self.listening.set()
        await self.stopping.wait()
        server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readexactly(1)
                if head == b"\x16":  # TLS, as a client says hello
                    writer.write(answer("Bad Request", 400))
                    return
                self.seen.append(head + await reader.readuntil(b"\r\n\r\n"))
                number = len(self.seen) - 1
                self.at_once += 1
                self.most_at_once = max(self.most_at_once, self.at_once)
                await asyncio.sleep(0)  # others have their turn, as with a server that works
                chosen = self.answers(number)
                if chosen is CLOSE:
                    return
                if chosen == HANG:
                    await reader.read()
                self.at_once -= 1
                writer.write(chosen)
                for _ in range(40 if chosen == TRICKLE else 0):
                    await asyncio.sleep(0.05)
                    writer.write(b"x")
                    await writer.drain()
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()


@contextmanager
def serving(
    answers: Callable[[int], bytes | None], context: ssl.SSLContext | None = None
) -> Iterator[Server]:
    """Answer request `number`, from 0, with `answers(number)` for the length of the block."""
    server = Server(answers, context)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        assert server.listening.wait(10)
        yield server
    finally:
        server.loop.call_soon_threadsafe(server.stopping.set)
        thread.join(10)
        assert not thread.is_alive()

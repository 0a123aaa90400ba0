"""The same bytes to both listeners, and what differs between the two answers."""

import asyncio
import base64
import json
import re
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import h11

from portable.local.run import Options
from portable.local.view.summary import Summary
from portable.parity.both_targets import both_targets
from tests.parity.mirror_app import Order

ROOT = Path(__file__).parents[3]
MIRROR = "tests.parity.mirror_app:app"
TIMEOUT = 60.0  # seconds; no answer takes as long

Headers = tuple[tuple[bytes, bytes], ...]
# The listener's own id begins the header; what the client sent follows it.
NEW_TRACE_ID = re.compile(r"^(Root|Self)=1-[0-9a-f]{8}-[0-9a-f]{24}")


@dataclass(frozen=True)
class Request:
    """One request; `raw` in the place of all the rest where it is not well-formed."""

    method: bytes = b"GET"
    target: bytes = b"/"
    headers: Headers = ()
    body: bytes = b""
    chunked: bool = False
    host: bytes | None = b"api.example.com"
    raw: bytes | None = None

    def __bytes__(self) -> bytes:
        if self.raw is not None:
            return self.raw
        headers = [] if self.host is None else [(b"Host", self.host)]
        headers += self.headers
        body = self.body
        if self.chunked:
            headers.append((b"Transfer-Encoding", b"chunked"))
            body = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            body += b"0\r\n\r\n"
        elif body:
            headers.append((b"Content-Length", b"%d" % len(body)))
        lines = [b"%b %b HTTP/1.1" % (self.method, self.target)]
        lines += [b"%b: %b" % header for header in headers]
        return b"\r\n".join(lines) + b"\r\n\r\n" + body

    def values(self, name: bytes) -> list[bytes]:
        """The values of the header `name` (lower case)."""
        return [value for key, value in self.headers if key.lower() == name]

    @property
    def order(self) -> Order:
        """How the mirror app is asked to answer; a plain 200 where it is to report."""
        wanted = self.values(b"x-respond")
        return Order(**json.loads(base64.b64decode(wanted[0]))) if wanted else Order()


def order(
    headers: Iterable[tuple[bytes, bytes]] = (),
    body: bytes = b"",
    method: bytes = b"GET",
    **rest: Any,
) -> Request:
    """Return a request that makes the mirror app answer so (see `mirror_app.Order`)."""
    wanted = rest | {
        "headers": [(_base64(name), _base64(value)) for name, value in headers],
        "body": _base64(body),
    }
    return Request(method, headers=((b"X-Respond", _base64(json.dumps(wanted).encode()).encode()),))


@dataclass(frozen=True)
class Answer:
    """A response as the client got it.

    `headers` sorted, their names in lower case; `scope` is the mirror app's report, in which
    case `body` is empty.
    """

    status: int
    headers: Headers
    body: bytes
    complete: bool = True  # False: the connection ended before the body did
    scope: dict[str, Any] | None = None
    first_byte: float = field(default=0.0, compare=False)

    def fields(self) -> dict[str, Any]:
        """Everything that is compared, by name."""
        scope = {f"scope {key}": value for key, value in (self.scope or {}).items()}
        names = {name for name, _ in self.headers}
        headers = {f"header {name.decode()}": self.values(name) for name in names}
        own = {"status": self.status, "complete": self.complete, "body": self.body}
        return own | headers | scope

    def seen(self) -> dict[str, Any]:
        """The names of the headers that the app saw, and the values of each."""
        headers = self.scope["headers"] if self.scope else []
        names = [name for name, _ in headers]
        values = {f"seen {key}": [v for name, v in headers if name == key] for key in names}
        return values | {"seen": names}

    def values(self, name: bytes) -> list[bytes]:
        """The values of the header `name`."""
        return [value for key, value in self.headers if key == name]

    def with_header(self, name: bytes, *values: bytes) -> "Answer":
        """The same answer with `values` in the place of what the header had."""
        others = [header for header in self.headers if header[0] != name]
        return replace(self, headers=tuple(sorted([*others, *((name, v) for v in values)])))

    def with_scope(self, **changes: Any) -> "Answer":
        """The same answer with another scope in the report; any answer without one as it is."""
        return self if self.scope is None else replace(self, scope=self.scope | changes)


def ask(port: int, request: Request, clock: Callable[[], float] = lambda: 0.0) -> Answer:
    """Send `request` over a connection of its own and return the answer, normalised."""
    parser = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 20)
    # So that the parser knows whether a body follows; what is sent is the request's own bytes.
    method = bytes(request).partition(b" ")[0] or b"GET"
    parser.send(h11.Request(method=method, target="/", headers=[("Host", "any")]))
    parser.send(h11.EndOfMessage())
    head, body, complete, first_byte = None, b"", False, 0.0
    with socket.create_connection(("127.0.0.1", port), TIMEOUT) as connection:
        # Where the answer came early, it is there to be read.
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(bytes(request))
        while not complete:
            event = parser.next_event()
            if event is h11.NEED_DATA:
                data = connection.recv(65_536)
                first_byte = first_byte or clock()
                try:
                    parser.receive_data(data)
                    if not data and parser.their_state is h11.SEND_BODY:
                        parser.next_event()
                except h11.RemoteProtocolError:
                    break
                if not data:
                    break
            elif isinstance(event, h11.Response):
                head = event
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                complete = True
    if head is None:
        return Answer(0, (), b"", complete=False)
    headers = tuple((bytes(name), bytes(value)) for name, value in head.headers)
    return _normalised(Answer(head.status_code, headers, body, complete, None, first_byte))


def _normalised(answer: Answer) -> Answer:
    """Leave out what differs between any two requests, to whichever target.

    The date and new trace ids have no fixed value; `connection` is the listener's alone.
    """
    headers = [header for header in answer.headers if header[0] != b"connection"]
    headers = [(name, b"(now)" if name == b"date" else value) for name, value in headers]
    answer = replace(answer, headers=tuple(sorted(headers)))
    if answer.values(b"x-mirror") != [b"report"] or not answer.body:
        return answer
    scope = json.loads(answer.body)
    scope["headers"] = [
        [name, NEW_TRACE_ID.sub(r"\1=(new)", value) if name == "x-amzn-trace-id" else value]
        for name, value in scope["headers"]
    ]
    scope["body"] = base64.b64decode(scope["body"])
    # The report says more than its length does.
    return replace(answer.with_header(b"content-length"), body=b"", scope=scope)


def differences(ours: Answer, theirs: Answer) -> dict[str, tuple[Any, Any]]:
    """Return every field that is not the same, with both values."""
    left, right = ours.fields(), theirs.fields()
    return {
        name: (left.get(name), right.get(name))
        for name in sorted(left | right)
        if left.get(name) != right.get(name)
    }


class QuietView:
    """Keeps what the targets write, and shows nothing."""

    def __init__(self) -> None:
        self.summary = Summary(())
        self.lines: list[str] = []

    def open(self, *_: object) -> None: ...

    def access(self, *_: object) -> None: ...

    def close(self) -> None: ...

    def notify(self, text: str) -> None:
        self.lines.append(text)

    event = progress = notify

    def output(self, name: str, line: str) -> None:
        self.lines.append(f"{name} | {line}")


@dataclass
class Targets:
    """Both targets, running."""

    ports: dict[str, int]
    view: QuietView

    def ask(self, request: Request, **options: Any) -> tuple[Answer, Answer]:
        """Send the same bytes to both; return Fargate's answer and Lambda's."""
        fargate = ask(self.ports["fargate"], request, **options)
        return fargate, ask(self.ports["lambda"], request, **options)


@contextmanager
def targets(notes: Path, root: Path = ROOT, app: str = MIRROR, **options: Any) -> Iterator[Targets]:
    """Run both targets in a thread of their own for the length of the block.

    The app leaves its notes in the folder `notes`.
    """
    started: list[BaseException | dict[str, int]] = []
    up, down = threading.Event(), asyncio.Event()
    view = QuietView()
    settings = Options(
        root, app=app, variables={"MIRROR_NOTES": str(notes), "SIDE_HEADER": "false"}, **options
    )
    loop = asyncio.new_event_loop()

    async def run() -> None:
        try:
            async with both_targets(settings, view) as ports:
                started.append(dict(ports))
                up.set()
                await down.wait()
        except BaseException as error:
            started.append(error)
            raise
        finally:
            up.set()

    def main() -> None:
        try:
            loop.run_until_complete(run())
        except BaseException as error:
            started.append(error)
        finally:
            loop.close()

    thread = threading.Thread(target=main)
    thread.start()
    try:
        assert up.wait(90), "the targets did not start in time"
        ports = started[0]
        assert isinstance(ports, dict), ports
        yield Targets(ports, view)
    finally:
        if not loop.is_closed():
            loop.call_soon_threadsafe(down.set)
        thread.join(60)
    assert not thread.is_alive()
    assert len(started) == 1, started[1:]


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()

"""An ASGI app that reports the scope it got, and answers in any way that it is asked to.

Without the header `x-respond` it answers with a JSON report, marked by the header `x-mirror`,
on the path /process with what its process has seen so far. With it, the header holds a JSON object
in base64, whose keys are explained at `Order`.
"""

import asyncio
import base64
import json
import os
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

STARTS: list[int] = []  # one entry per start-up of this process
REQUESTS: list[str] = []  # the path of every request so far


@dataclass
class Order:
    """What an `x-respond` header asks for."""

    status: int = 200
    headers: list[tuple[str, str]] = field(default_factory=list)  # each in base64
    body: str = ""  # base64
    size: int = 0  # instead of `body`: as many times `fill`
    fill: str = "x"
    chunks: int = 1  # messages that the body is sent in
    empty_end: bool = False  # whether another message, an empty one, ends the body
    # answer | nothing | start | partial | raise | raise-started | raise-partial |
    # raise-answered | early-hints | pathsend | body-first | twice | cancelled | exit
    way: str = "answer"
    sleep: float = 0  # seconds before the answer
    pause: float = 0  # seconds before the last message, which then ends with the time
    note: str = ""  # name of a note to write when `background` or `task` is done
    background: float = 0  # seconds to work on after the answer
    task: float = 0  # seconds that a task left behind takes

    @property
    def raw_headers(self) -> list[tuple[bytes, bytes]]:
        return [(base64.b64decode(name), base64.b64decode(value)) for name, value in self.headers]

    @property
    def whole_body(self) -> bytes:
        return self.fill.encode() * self.size if self.size else base64.b64decode(self.body)

    @property
    def pieces(self) -> list[bytes]:
        body = self.whole_body
        step = max(1, -(-len(body) // self.chunks))
        pieces = [body[at : at + step] for at in range(0, len(body), step)] or [b""]
        return [*pieces, b""] if self.empty_end else pieces


async def app(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await lifespan(scope, receive, send)
        return
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": "accepted"})
        await send({"type": "websocket.close"})
        return
    REQUESTS.append(scope["path"])
    respond = next((value for name, value in scope["headers"] if name == b"x-respond"), None)
    if respond is not None:
        await carry_out(Order(**json.loads(base64.b64decode(respond))), receive, send)
        return
    kind = b"process" if scope["path"] == "/process" else b"report"
    seen = process() if kind == b"process" else report(scope, await whole(receive))
    content = json.dumps(seen).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(content)).encode()),
        (b"x-mirror", kind),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})


async def lifespan(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
    await receive()
    STARTS.append(os.getpid())
    scope["state"]["pool"] = {"open": True}
    await send({"type": "lifespan.startup.complete"})
    await receive()
    write_note(f"stopped-{os.getpid()}")
    await send({"type": "lifespan.shutdown.complete"})


def process() -> dict[str, Any]:
    """What one process has seen so far."""
    return {"pid": os.getpid(), "starts": len(STARTS), "requests": len(REQUESTS)}


def report(scope: MutableMapping[str, Any], body: bytes) -> dict[str, Any]:
    """The scope of one request as JSON; bytes as Latin-1, the body as base64."""
    raw_path = scope.get("raw_path")
    return {
        "type": scope["type"],
        "asgi": dict(scope["asgi"]),
        "http_version": scope["http_version"],
        "method": scope["method"],
        "scheme": scope["scheme"],
        "path": scope["path"],
        "raw_path": None if raw_path is None else raw_path.decode("latin-1"),
        "query_string": scope["query_string"].decode("latin-1"),
        "root_path": scope["root_path"],
        "headers": [[n.decode("latin-1"), v.decode("latin-1")] for n, v in scope["headers"]],
        "client": scope["client"] and list(scope["client"]),
        "server": scope["server"] and list(scope["server"]),
        "state": scope.get("state"),
        "extensions": sorted(scope.get("extensions") or {}),
        "keys": sorted(scope),
        "body": base64.b64encode(body).decode(),
    }


async def whole(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        assert message["type"] == "http.request", message
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


async def carry_out(order: Order, receive: Receive, send: Send) -> None:
    await whole(receive)
    if order.sleep:
        print("sleeping", order.note, os.getpid(), flush=True)
        await asyncio.sleep(order.sleep)
    if order.task:
        LEFT_BEHIND.add(asyncio.create_task(leave_behind(order)))
    match order.way:
        case "nothing":
            return
        case "raise":
            raise RuntimeError("before the answer")
        case "cancelled":
            raise asyncio.CancelledError
        case "exit":
            raise SystemExit(3)
        case "early-hints":
            await send({"type": "http.response.start", "status": 103, "headers": []})
        case "pathsend":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.pathsend", "path": __file__})
            return
        case "body-first":
            await send({"type": "http.response.body", "body": b"early"})
    start = {
        "type": "http.response.start",
        "status": order.status,
        "headers": order.raw_headers,
    }
    await send(start)
    if order.way == "twice":
        await send(start)
    if order.way == "raise-started":
        raise RuntimeError("after the start")
    if order.way == "start":
        return
    await send_body(order, send)
    if order.way == "raise-answered":
        raise RuntimeError("after the answer")
    if order.background:
        await asyncio.sleep(order.background)
        write_note(order.note)


async def send_body(order: Order, send: Send) -> None:
    *first, last = order.pieces
    partial = order.way in ("partial", "raise-partial")
    for piece in [*first, *([last] if partial else [])]:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    if order.way == "raise-partial":
        raise RuntimeError("half-way")
    if partial:
        return
    if order.pause:
        await asyncio.sleep(order.pause)
        last += f" {time.monotonic()}".encode()
    await send({"type": "http.response.body", "body": last})


LEFT_BEHIND: set["asyncio.Task[None]"] = set()


async def leave_behind(order: Order) -> None:
    try:
        await asyncio.sleep(order.task)
        write_note(order.note)
    except asyncio.CancelledError:
        write_note(f"{order.note}-cancelled")
        raise


def write_note(name: str) -> None:
    """Leave the time where a test finds it, whichever process this is."""
    if folder := os.environ.get("MIRROR_NOTES"):
        Path(folder, name).write_text(str(time.monotonic()))

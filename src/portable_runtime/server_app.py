"""An ASGI app on a server behind a load balancer: who called, and what a request may take."""

import asyncio
import logging
from collections.abc import Awaitable, Sequence
from functools import lru_cache
from ipaddress import ip_address, ip_network

from starlette.exceptions import HTTPException

from portable_runtime import request_log
from portable_runtime.forwarded import client_of
from portable_runtime.refusals import BUSY, TOO_LARGE, TOO_LATE, Refusal
from portable_runtime.request_log import ASGIApp, Message, Receive, Scope, Send

logger = logging.getLogger(__name__)
WITHOUT_BODY = (204, 304)


class BodyTooLarge(HTTPException):
    """What an app that reads on gets; FastAPI answers it with its status."""

    def __init__(self) -> None:
        super().__init__(TOO_LARGE.status)


class ServerApp:
    """Passes requests on to `app`, or answers them itself.

    - From a peer in the networks `trusted`, `client` and `scheme` are what the load balancer says.
    - A body of more than `max_body` bytes is a 413.
    - A response that has not begun after `timeout` seconds is a 504. One that has begun, as a
      stream, goes on.
    - While `concurrency` requests are being answered a further one is a 503, unless nobody
      forwarded it: then it is a health check, of ECS or of the load balancer.
    """

    def __init__(
        self, app: ASGIApp, trusted: Sequence[str], max_body: int, timeout: float, concurrency: int
    ) -> None:
        self.app = app
        self.max_body = max_body
        self.timeout = timeout
        self.concurrency = concurrency
        self.active = 0
        networks = [ip_network(network) for network in trusted]

        @lru_cache
        def trusts(host: str) -> bool:
            return any(ip_address(host) in network for network in networks)

        self.trusts = trusts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        forwarded_for = scheme = b""
        size = 0
        chunked = False
        for name, value in scope["headers"]:
            if name == b"x-forwarded-for":
                forwarded_for = value  # the last one is the load balancer's
            elif name == b"x-forwarded-proto":
                scheme = value
            elif name == b"content-length":
                size = int(value)
            elif name == b"transfer-encoding":
                chunked = True
        if scope["client"] and self.trusts(scope["client"][0]):
            if forwarded_for:
                scope["client"] = client_of(forwarded_for.decode("latin-1"))
            if scheme in (b"http", b"https"):
                kind = b"ws" if scope["type"] == "websocket" else b"http"
                scope["scheme"] = scheme.replace(b"http", kind).decode()
        if scope["type"] != "http":
            await self.app(scope, receive, send)
        elif size > self.max_body:
            await _refuse(TOO_LARGE, scope, send)
        elif self.active >= self.concurrency and forwarded_for:
            await _refuse(BUSY, scope, send)
        else:
            self.active += 1
            try:
                await Request(scope, receive, send).answer(self, chunked)
            finally:
                self.active -= 1


class Request:
    """One request through the app."""

    started = complete = head_only = False  # the response
    refusal: Refusal | None = None
    size = 0  # bytes of the body so far

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self.receive = receive
        self.send = send

    async def answer(self, of: ServerApp, chunked: bool) -> None:
        """Call the app; answer for it where it reads or takes too much."""
        self.of = of
        loop = asyncio.get_running_loop()
        self.task = asyncio.current_task(loop)
        self.timer = loop.call_later(of.timeout, self.give_up)
        try:
            await of.app(self.scope, self.count if chunked else self.receive, self.watch)
        except asyncio.CancelledError:
            if self.refusal is not TOO_LATE:
                raise
        except BodyTooLarge:
            if not self.started:
                await TOO_LARGE.send(self.send)
        except Exception:
            # As in a background task. The server would close the connection, on which the load
            # balancer may just be sending another request: that one would be a 502.
            if not self.complete:
                raise
            logger.exception("Exception in ASGI application")
        finally:
            self.timer.cancel()

    def give_up(self) -> None:
        """Answer for an app that takes too long, and cancel it. The thread of a `def` runs on."""
        self.refusal, self.started = TOO_LATE, True
        request = f"{self.scope['method']} {self.scope['path']}"
        logger.error("%s: given up after %.1f seconds.", request, self.of.timeout)
        self.answering = asyncio.ensure_future(TOO_LATE.send(self.send))
        if self.task:
            self.task.cancel()

    async def count(self) -> Message:
        """Receive a part of a body that did not tell its length."""
        message = await self.receive()
        self.size += len(message.get("body", b""))
        if self.size > self.of.max_body:
            self.refusal = TOO_LARGE
            raise BodyTooLarge
        return message

    def watch(self, message: Message) -> Awaitable[None]:
        """Send a part of the response, or nothing of it if the request has been refused."""
        if self.refusal:
            return self.refuse()
        if not self.started:
            status = message.get("status", 200)
            if status < 200:
                raise RuntimeError(f"{status} is no status of a response: a client waits for it.")
            self.started = True
            self.timer.cancel()
            if self.scope["method"] == "HEAD" or status in WITHOUT_BODY:
                return self.send_head(message)
        elif self.head_only:
            return self.drop()
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            self.complete = True
        return self.send(message)

    async def send_head(self, message: Message) -> None:
        """Send a response that is its head: for the load balancer it is complete, whatever follows.

        After a body or no end of it, both faults of the app, the server would close the connection.
        """
        await self.send(message)
        self.complete = self.head_only = True
        await self.send({"type": "http.response.body"})

    async def drop(self) -> None:
        """Send nothing of a body that nobody reads."""

    async def refuse(self) -> None:
        """Send the refusal once."""
        if self.refusal and not self.started:
            self.started = True
            await self.refusal.send(self.send)


async def _refuse(refusal: Refusal, scope: Scope, send: Send) -> None:
    """Answer a request that the app never sees, and log it as the app's own log would."""
    request_log.write(scope, refusal.status, 0)
    await refusal.send(send)

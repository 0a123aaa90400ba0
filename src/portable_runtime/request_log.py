"""One log line per request."""

import asyncio
import logging
import time
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

logger = logging.getLogger(__name__)


class RequestLog:
    """ASGI middleware that logs each request, as INFO, or as ERROR if the status is 5xx.

    The fields: `request_id`, `trace_id`, `client`, `method`, `path`, `status`, `duration_ms`. The
    request id is the invocation's on Lambda, else a random UUID; the trace id is the ALB's
    `X-Amzn-Trace-Id`; the client is the address that the ALB saw, which nobody can forge.
    A filter on this module's logger adds more, as it does to any record.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 0

        def watch(message: Message) -> Awaitable[None]:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            return send(message)

        try:
            await self.app(scope, receive, watch)
        except asyncio.CancelledError:
            status = status or 504  # it took too long
            raise
        finally:
            # The server answers 500 for an app that raises before it responds.
            write(scope, status or 500, time.perf_counter() - started)


def write(scope: Scope, status: int, seconds: float) -> None:
    """Log one request, which took `seconds`."""
    level = logging.ERROR if status >= 500 else logging.INFO
    if not logger.isEnabledFor(level):
        return
    method, path = scope["method"], scope["path"]
    context, client = scope.get("aws.context"), scope.get("client")
    trace_id = b""
    for key, value in scope["headers"]:
        if key == b"x-amzn-trace-id":
            trace_id = value
            break
    fields = {
        "request_id": context.aws_request_id if context else str(uuid.uuid4()),
        "trace_id": trace_id.decode("latin-1"),
        "client": client[0] if client else "",
        "method": method,
        "path": path,
        "status": status,
        "duration_ms": round(seconds * 1000, 3),
    }
    # Not logger.log(), which looks for the caller: a quarter of all that a line takes.
    arguments = (method, path, status)
    made = logger.makeRecord(
        __name__, level, __file__, 0, "%s %s %d", arguments, None, extra=fields
    )
    logger.handle(made)

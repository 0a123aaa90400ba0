"""One JSON object per line on standard output, with the same fields on both targets."""

import json
import logging
import sys
import time
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]


def timestamp(seconds: float) -> str:
    """Return `seconds` since the epoch as RFC 3339 in UTC with milliseconds.

    Lambda filters JSON log lines by `timestamp` and `level`:
    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
    """
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{whole}.{int(seconds * 1000) % 1000:03d}Z"


class JSONFormatter(logging.Formatter):
    """Formats any log record of the process as one JSON line."""

    def __init__(self, target: str) -> None:
        super().__init__()
        self.target = target

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "timestamp": timestamp(record.created),
            "level": record.levelname,
            "message": record.getMessage(),
            "target": self.target,
            "logger": record.name,
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


def configure_logging(level: str, target: str) -> None:
    """Send every record of `level` and above to standard output as JSON.

    Replaces the handlers of the Lambda runtime client, so that both targets write alike.
    """
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JSONFormatter(target))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("mangum").setLevel(logging.WARNING)  # repeats the request line otherwise


class RequestLog:
    """ASGI middleware that writes one line per request.

    The fields: `timestamp`, `level`, `message`, `target`, `request_id`, `trace_id`, `method`,
    `path`, `status`, `duration_ms`. The request id is the invocation's on Lambda, else new;
    the trace id is the ALB's `X-Amzn-Trace-Id`.
    """

    def __init__(self, app: ASGIApp, target: str) -> None:
        self.app = app
        self.target = target
        self.level = logging.getLogger().level

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 500  # what the server answers for an app that raises before it responds

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, watch)
        finally:
            self.write(scope, status, time.perf_counter() - started)

    def write(self, scope: Scope, status: int, seconds: float) -> None:
        level = logging.ERROR if status >= 500 else logging.INFO
        if level < self.level:
            return
        context = scope.get("aws.context")
        trace_id = next((v for k, v in scope["headers"] if k == b"x-amzn-trace-id"), b"")
        line = {
            "timestamp": timestamp(time.time()),
            "level": logging.getLevelName(level),
            "message": f"{scope['method']} {scope['path']} {status}",
            "target": self.target,
            "request_id": context.aws_request_id if context else str(uuid.uuid4()),
            "trace_id": trace_id.decode("latin-1"),
            "method": scope["method"],
            "path": scope["path"],
            "status": status,
            "duration_ms": round(seconds * 1000, 3),
        }
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()

"""One JSON object per line on standard output, with the same fields on both targets."""

import io
import json
import logging
import os
import sys
import time
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from functools import lru_cache
from itertools import count
from json.encoder import encode_basestring_ascii as quote
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
    return _timestamp(int(seconds * 1000))


@lru_cache(maxsize=1)  # under load many requests end in the same millisecond
def _timestamp(milliseconds: int) -> str:
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(milliseconds // 1000))
    return f"{whole}.{milliseconds % 1000:03d}Z"


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

    The fields: `timestamp`, `level`, `message`, `target`, `version`, `request_id`, `trace_id`,
    `method`, `path`, `status`, `duration_ms`. The version is the function's, by which the alarms
    of template.yaml tell a new one from the one before, and empty elsewhere; the request id is
    the invocation's on Lambda, else new; the trace id is the ALB's `X-Amzn-Trace-Id`.
    https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
    """

    def __init__(self, app: ASGIApp, target: str) -> None:
        self.app = app
        self.target = quote(target)
        self.version = quote(os.environ.get("AWS_LAMBDA_FUNCTION_VERSION", ""))
        self.level = logging.getLogger().level
        # New ids are UUIDs: random but for the last group, in which this process counts.
        self.process = str(uuid.uuid4())[:-12]
        self.numbers = count(1)
        # A line leaves before its response. With PYTHONUNBUFFERED, as in the image, every write
        # does so by itself; what is no such file is the runtime client's, which flushes.
        if isinstance(sys.stdout, io.TextIOWrapper) and not sys.stdout.write_through:
            sys.stdout.reconfigure(line_buffering=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 500  # what the server answers for an app that raises before it responds

        def watch(message: Message) -> Awaitable[None]:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            return send(message)

        try:
            await self.app(scope, receive, watch)
        finally:
            self.write(scope, status, time.perf_counter() - started)

    def write(self, scope: Scope, status: int, seconds: float) -> None:
        level, name = (logging.ERROR, "ERROR") if status >= 500 else (logging.INFO, "INFO")
        if level < self.level:
            return
        context = scope.get("aws.context")
        if context:
            request_id = quote(context.aws_request_id)
        else:
            request_id = f'"{self.process}{next(self.numbers):012x}"'
        trace_id = '""'
        for key, value in scope["headers"]:
            if key == b"x-amzn-trace-id":
                trace_id = quote(value.decode("latin-1"))
                break
        method, path, code = quote(scope["method"]), quote(scope["path"]), f"{status:d}"
        # The JSON is written out: to build a dict for json.dumps() takes as long as all the rest.
        sys.stdout.write(
            f'{{"timestamp": "{timestamp(time.time())}", "level": "{name}", '
            f'"message": "{method[1:-1]} {path[1:-1]} {code}", "target": {self.target}, '
            f'"version": {self.version}, "request_id": {request_id}, "trace_id": {trace_id}, '
            f'"method": {method}, "path": {path}, "status": {code}, '
            f'"duration_ms": {seconds * 1000:.3f}}}\n'
        )

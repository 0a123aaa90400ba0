"""One candidate in a process of its own: `python -m benchmarks.adapter_process CANDIDATE APP`.

For each line on standard input, a number of events, it writes a line: the seconds of CPU time
that they took. What the app logs is written as in a sandbox, but to /dev/null.
"""

import asyncio
import gc
import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

from awslambdaric.lambda_context import LambdaContext

from benchmarks.lambda_forms import event

FLOOR = "app alone"
IN_A_LOOP = "app in a running loop"
OURS = "ours"
CANDIDATES = (FLOOR, IN_A_LOOP, "Mangum(app)", "Mangum(app, lifespan='off')", OURS)
Run = Callable[[int], None]  # handles that many events


def alone(app: Any, event: Any, in_a_loop: bool) -> Run:
    """Call the app as ASGI with a scope that is made already.

    A handler is a function, not a coroutine: it has to enter the loop for each event, unless that
    is left out with `in_a_loop`.
    """
    from portable_runtime.alb_event import read

    made = read(event, context())[0]
    request = {"type": "http.request", "body": b"", "more_body": False}
    loop = asyncio.new_event_loop()

    async def receive() -> Any:
        return request

    async def send(message: Any) -> None:
        pass

    async def calls(number: int) -> None:
        for _ in range(number):
            await app({**made, "state": {}}, receive, send)

    def entries(number: int) -> None:
        for _ in range(number):
            loop.run_until_complete(app({**made, "state": {}}, receive, send))

    return (lambda number: loop.run_until_complete(calls(number))) if in_a_loop else entries


def handled(handler: Callable[[Any, Any], Any], event: Any) -> Run:
    """Call a handler."""

    def calls(number: int) -> None:
        ends = context()
        for _ in range(number):
            result = handler(event, ends)
        assert result["statusCode"] == 200, result

    return calls


def context() -> LambdaContext:
    """Return the context of an invocation that ends in 30 seconds."""
    return LambdaContext("1", {}, None, int(time.time() + 30) * 1000)


def make(candidate: str, path: str, event: Any) -> Run:
    """Return what runs `candidate` with the app at `path`."""
    from portable_runtime.logs import configure_logging

    os.environ |= {"EXECUTION_ENVIRONMENT": "lambda", "ASGI_APP": path}
    configure_logging("INFO", "lambda")
    if candidate == OURS:
        handler = importlib.import_module("portable_runtime.lambda_handler").handler
        gc.freeze()  # as portable_runtime.lambda_runtime does after the imports
        return handled(handler, event)
    module, _, attribute = path.partition(":")
    app = getattr(importlib.import_module(module), attribute)
    if candidate in (FLOOR, IN_A_LOOP):
        return alone(app, event, candidate == IN_A_LOOP)
    from mangum import Mangum

    lifespan = "off" if candidate.endswith("'off')") else "auto"
    return handled(Mangum(app, lifespan=lifespan), event)


def main(candidate: str, path: str, request: str = "/") -> None:
    """Answer the lines on standard input."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    run = make(candidate, path, json.loads(event(request)))
    for line in sys.stdin:
        started = time.process_time()
        run(int(line))
        answers.write(f"{time.process_time() - started}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])

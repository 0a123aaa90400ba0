"""Mangum with the life of a server: one event loop, one lifespan, a deadline, nothing left over.

Relies on the cycle classes of Mangum 0.22; tests/portable_api/test_mangum.py fails when they move.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from mangum import Mangum
from mangum.protocols import HTTPCycle, LifespanCycle
from mangum.protocols.http import HTTPCycleState
from mangum.types import LambdaContext, LambdaEvent, Response, Scope

from portable_api.alb import ALBHandler

logger = logging.getLogger(__name__)

MARGIN = 0.5  # seconds before the function's timeout at which a request is given up
LEFTOVER_TIME = 5.0  # seconds that tasks which a request left behind may still take
CANCEL_TIME = 0.2  # seconds that a cancelled request may take to end


class EventError(Exception):
    """The event is not a request of a load balancer, and nobody else takes it."""


class LambdaApp(Mangum):
    """Answers ALB events with an ASGI app, as uvicorn answers requests.

    The app's start-up runs here, in the init phase of the sandbox, and a failure fails the init.
    `on_event` gets the events that are no ALB requests, with the context, and returns the result.
    """

    def __init__(self, app: Any, on_event: Callable[[Any, Any], Any] | None = None) -> None:
        # A loop of its own: whatever an app does to the current one (asyncio.run), this one stays.
        self.loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self.loop)
        super().__init__(app, lifespan="off", custom_handlers=[ALBHandler])
        self.on_event = on_event
        self.lifespan_cycle = LifespanCycle(app, "auto")
        try:
            self.lifespan_cycle.__enter__()
        except BaseException:
            self.loop.close()
            raise

    def __call__(self, event: LambdaEvent, context: LambdaContext) -> Any:
        """Answer one invocation; raise `EventError` for an event that is not for the app."""
        asyncio.set_event_loop(self.loop)
        if not ALBHandler.infer(event, context, self.config):
            if self.on_event is not None:
                return self.on_event(event, context)
            keys = sorted(event) if isinstance(event, dict) else type(event).__name__
            message = "The event is not a request of a load balancer (no requestContext.elb)"
            raise EventError(f"{message}, and no on_event is registered: {keys}.")
        request = ALBHandler(event, context, self.config)
        state = self.lifespan_cycle.lifespan_state.copy()
        cycle = Cycle({**request.scope, "state": state}, request.body)
        response = self.loop.run_until_complete(cycle.respond(self.app, _time_left(context)))
        if cycle.exit is not None:
            raise cycle.exit
        return request(response)

    def stop(self) -> None:
        """Run the app's shutdown and close the loop. Not during an invocation."""
        asyncio.set_event_loop(self.loop)
        try:
            self.lifespan_cycle.__exit__(None, None, None)
            self.loop.run_until_complete(_end(asyncio.all_tasks(self.loop), 0))
        finally:
            asyncio.set_event_loop(None)
            self.loop.close()


class Cycle(HTTPCycle):
    """One request through the app: always a response, in time, and no task left behind."""

    def __init__(self, scope: Scope, body: bytes) -> None:
        super().__init__(scope, body)
        self.status = 500
        self.headers: list[Any] = []
        self.body = b""
        self.exit: SystemExit | None = None

    async def respond(self, app: Any, seconds: float | None) -> Response:
        """Return the app's response; 504 if it takes more than `seconds`."""
        before = asyncio.all_tasks()
        task = asyncio.ensure_future(self.run(app))
        _, late = await asyncio.wait({task}, timeout=seconds)
        if late:
            task.cancel()
            await asyncio.wait({task}, timeout=CANCEL_TIME)
            request = f"{self.scope['method']} {self.scope['path']}"
            logger.error("%s: given up after %.1f seconds.", request, seconds)
            if self.state is not HTTPCycleState.COMPLETE:
                self._answer(504, b"Gateway Timeout")
        else:
            if task.cancelled() and self.state is not HTTPCycleState.COMPLETE:
                logger.error("The app cancelled the request.")
                self._answer(500, b"Internal Server Error")
            await _end(asyncio.all_tasks() - before, min(LEFTOVER_TIME, seconds or LEFTOVER_TIME))
        return {"status": self.status, "headers": self.headers, "body": self.body}

    async def run(self, app: Any) -> None:
        """Call the app; an exception is logged, and is a 500 unless the response is complete."""
        try:
            await app(self.scope, self.receive, self.send)
        except SystemExit as error:
            self.exit = error  # raised here, it would end the loop in the middle of a step
        except Exception:
            logger.exception("Exception in ASGI application")
        else:
            if self.state is not HTTPCycleState.COMPLETE:
                logger.error("ASGI callable returned without completing response.")
        if self.state is not HTTPCycleState.COMPLETE:
            self._answer(500, b"Internal Server Error")

    def _answer(self, status: int, text: bytes) -> None:
        self.status = status
        self.headers = [(b"content-type", b"text/plain; charset=utf-8")]
        self.body = text


async def _end(tasks: set[asyncio.Task[Any]], seconds: float) -> None:
    """Let the tasks that a request left behind end, before the sandbox freezes with them."""
    current = asyncio.current_task()
    tasks = {task for task in tasks if task is not current}
    if not tasks:
        return
    _, late = await asyncio.wait(tasks, timeout=seconds)
    for task in late:
        logger.error("A task that a request left behind is cancelled: %r.", task.get_coro())
        task.cancel()
    if late:
        await asyncio.wait(late, timeout=CANCEL_TIME)


def _time_left(context: LambdaContext) -> float | None:
    left = getattr(context, "get_remaining_time_in_millis", None)
    return None if left is None else max(left() / 1000 - MARGIN, 0.1)

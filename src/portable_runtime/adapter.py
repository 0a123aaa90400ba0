"""Mangum with the life of a server: one event loop, one lifespan, a deadline, nothing left over.

Relies on the insides of Mangum 0.22; cli/tests/runtime/test_mangum.py fails when they move.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from mangum import Mangum
from mangum.exceptions import UnexpectedMessage
from mangum.protocols import LifespanCycle
from mangum.types import LambdaContext, LambdaEvent, Message, Response, Scope

from portable_runtime.alb import ALBHandler
from portable_runtime.deadline import Deadline

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
        self.kept = asyncio.all_tasks(self.loop)  # of the lifespan, not of a request
        self.deadline = Deadline(self.loop)

    def __call__(self, event: LambdaEvent, context: LambdaContext) -> Any:
        """Answer one invocation; raise `EventError` for an event that is not for the app."""
        asyncio.set_event_loop(self.loop)
        if not ALBHandler.infer(event, context, self.config):
            if self.on_event is not None:
                try:
                    return self.on_event(event, context)
                finally:
                    self.kept = asyncio.all_tasks(self.loop)
            keys = sorted(event) if isinstance(event, dict) else type(event).__name__
            message = "The event is not a request of a load balancer (no requestContext.elb)"
            raise EventError(f"{message}, and no on_event is registered: {keys}.")
        request = ALBHandler(event, context, self.config)
        scope = request.scope
        scope["state"] = self.lifespan_cycle.lifespan_state.copy()
        cycle = Cycle(self.loop, scope, request.body)
        response = cycle.respond(self.app, _time_left(context), self.deadline, self.kept)
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


class Cycle:
    """One request through the app: always a response, in time, and no task left behind."""

    status = 500
    headers: Any = ()
    body = b""
    started = complete = False  # the response
    late = False
    disconnected: asyncio.Event | None = None
    exit: SystemExit | None = None
    stop: asyncio.Handle | None = None

    def __init__(self, loop: asyncio.AbstractEventLoop, scope: Scope, body: bytes) -> None:
        self.loop = loop
        self.scope = scope
        self.request: Message | None = {"type": "http.request", "body": body, "more_body": False}
        self.parts: list[bytes] = []

    def respond(
        self, app: Any, seconds: float | None, deadline: Deadline, kept: set[asyncio.Task[Any]]
    ) -> Response:
        """Return the app's response; 504 if it takes more than `seconds`.

        Tasks that are not `kept` end before that, or are cancelled.
        """
        task = self.loop.create_task(self.run(app))
        if seconds is not None:
            deadline.set(seconds, self.give_up)
        while not (task.done() or self.late):
            self.loop.run_forever()
        deadline.clear()
        if self.stop:
            self.stop.cancel()
        if not task.done():
            task.cancel()
            self.loop.run_until_complete(asyncio.wait({task}, timeout=CANCEL_TIME))
            request = f"{self.scope['method']} {self.scope['path']}"
            logger.error("%s: given up after %.1f seconds.", request, seconds)
            self._answer(504, b"Gateway Timeout")
        elif task.cancelled():
            logger.error("The app cancelled the request.")
            self._answer(500, b"Internal Server Error")
        left = asyncio.all_tasks(self.loop) - kept
        if left:
            if not self.late:
                most = min(LEFTOVER_TIME, seconds or LEFTOVER_TIME)
                self.loop.run_until_complete(_end(left, most))
            kept.clear()  # the next request does not wait for what does not end
            kept.update(asyncio.all_tasks(self.loop))
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
            if not self.complete:
                logger.error("ASGI callable returned without completing response.")
        finally:
            self.end()
        if not self.complete:
            self._answer(500, b"Internal Server Error")

    def give_up(self) -> None:
        """Go on without the app, which has taken too long."""
        self.late = True
        self.end()

    def end(self) -> None:
        """Stop the loop; first what the app has called soon."""
        self.stop = self.stop or self.loop.call_soon(self.loop.stop)

    async def receive(self) -> Message:
        """Return the request, and after it that the client is gone, once it has its answer."""
        if self.request is not None:
            request, self.request = self.request, None
            return request
        if not self.complete:
            self.disconnected = self.disconnected or asyncio.Event()
            await self.disconnected.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Take a part of the response; raise `UnexpectedMessage` for one that is out of order."""
        if message["type"] == "http.response.start" and not self.started:
            self.started = True
            self.status = message["status"]
            self.headers = message.get("headers", [])
        elif message["type"] == "http.response.body" and self.started and not self.complete:
            self.parts.append(bytes(message.get("body", b"")))
            if not message.get("more_body", False):
                self.complete = True
                self.body = b"".join(self.parts)
                if self.disconnected:
                    self.disconnected.set()
        else:
            raise UnexpectedMessage(f"Unexpected {message['type']}")

    def _answer(self, status: int, text: bytes) -> None:
        """Answer for the app, unless it has."""
        if not self.complete:
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

"""An ASGI app with the life of a server in a Lambda sandbox: one event loop, one lifespan.

Mangum's lifespan is held from the start of the sandbox to its end; `Mangum` itself would start
and shut the app down around every event.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from mangum.protocols import LifespanCycle
from mangum.types import LambdaContext

from portable_runtime import request_log
from portable_runtime.alb_event import EventError, is_request, read
from portable_runtime.alb_result import result_of
from portable_runtime.cycle import Cycle
from portable_runtime.leftovers import Leftovers, end
from portable_runtime.refusals import TOO_LARGE

MARGIN = 0.5  # seconds before the function's timeout at which a request is given up at the latest


class LambdaApp:
    """Answers ALB events with an ASGI app, as uvicorn answers requests.

    The app's start-up runs here, in the init phase of the sandbox, and a failure fails the init.
    A body of more than `max_body` bytes is a 413, a response that takes more than `timeout` seconds
    a 504. `on_event` gets the events that are no ALB requests, with the context, and returns the
    result.
    """

    def __init__(
        self,
        app: Any,
        *,
        max_body: int,
        timeout: float,
        on_event: Callable[[Any, Any], Any] | None = None,
    ) -> None:
        self.app = app
        self.max_body = max_body
        self.timeout = timeout
        self.on_event = on_event
        # A loop of its own: whatever an app does to the current one (asyncio.run), this one stays.
        self.loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self.loop)
        self.lifespan = LifespanCycle(app, "auto")
        try:
            self.lifespan.__enter__()
        except BaseException:
            self.loop.close()
            raise
        self.leftovers = Leftovers(self.loop)  # those of the start-up are none

    def __call__(self, event: Any, context: LambdaContext) -> Any:
        """Answer one invocation; raise `EventError` for an event that is no request."""
        if not is_request(event):
            return self._other(event, context)
        scope, body = read(event, context)
        if len(body) > self.max_body:
            request_log.write(scope, TOO_LARGE.status, 0)
            return result_of(TOO_LARGE.response, event)
        scope["state"] = self.lifespan.lifespan_state.copy()
        cycle = Cycle(self.loop, scope, body)
        seconds = min(self.timeout, _time_left(context))
        response = cycle.respond(self.app, seconds)
        self.leftovers.end(0 if cycle.late else seconds)
        return result_of(response, event)

    def _other(self, event: Any, context: LambdaContext) -> Any:
        if self.on_event is None:
            keys = sorted(event) if isinstance(event, dict) else type(event).__name__
            message = "The event is not a request of a load balancer (no requestContext.elb)"
            raise EventError(f"{message}, and no on_event is registered: {keys}.")
        self.leftovers.watching = False
        try:
            return self.on_event(event, context)
        finally:
            self.leftovers.watching = True

    def stop(self) -> None:
        """Run the app's shutdown and close the loop. Not during an invocation."""
        try:
            self.lifespan.__exit__(None, None, None)
            if tasks := asyncio.all_tasks(self.loop):
                self.leftovers.watching = False
                self.loop.run_until_complete(end(tasks, 0))
        finally:
            asyncio.set_event_loop(None)
            self.loop.close()


def _time_left(context: LambdaContext) -> float:
    left: float = context.get_remaining_time_in_millis() / 1000
    return max(left - MARGIN, 0.1)

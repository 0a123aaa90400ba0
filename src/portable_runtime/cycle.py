"""One request through the app in a Lambda sandbox."""

import asyncio
import logging
from typing import Any

from mangum.exceptions import UnexpectedMessage
from mangum.types import Message, Response, Scope

from portable_runtime.leftovers import CANCEL_TIME
from portable_runtime.refusals import FAULT, TOO_LATE, Refusal

logger = logging.getLogger(__name__)


class Cycle:
    """The request of one event: always a response, and in time."""

    status = 500
    headers: Any = ()
    body = b""
    started = complete = False  # the response
    late = False
    waiting = True  # for the app
    disconnected: asyncio.Event | None = None

    def __init__(self, loop: asyncio.AbstractEventLoop, scope: Scope, body: bytes) -> None:
        self.loop = loop
        self.scope = scope
        self.request: Message | None = {"type": "http.request", "body": body, "more_body": False}
        self.parts: list[bytes] = []

    def respond(self, app: Any, seconds: float) -> Response:
        """Return the app's response; 504 if it takes more than `seconds`.

        Raises the app's `SystemExit`.
        """
        end = self.loop.time() + seconds
        task = asyncio.Task(self.run(app), loop=self.loop)
        # Two turns of the loop, for an app that waits for nothing and for what it calls soon:
        # without a timer, which with its callback takes 6 of 105 microseconds.
        self.loop.call_soon(self.loop.call_soon, self.loop.stop)
        self.loop.run_forever()
        if not task.done():
            self.wait(task, end)
        self.waiting = False
        if not task.done():
            task.cancel()
            self.loop.run_until_complete(asyncio.wait({task}, timeout=CANCEL_TIME))
            request = f"{self.scope['method']} {self.scope['path']}"
            logger.error("%s: given up after %.1f seconds.", request, seconds)
            self._answer(TOO_LATE)
        elif task.cancelled():
            logger.error("The app cancelled the request.")
            self._answer(FAULT)
        elif exit := task.result():
            raise exit
        return {"status": self.status, "headers": self.headers, "body": self.body}

    def wait(self, task: asyncio.Task[Any], end: float) -> None:
        """Go on until `task` is done, or the loop's time is `end`."""
        task.add_done_callback(self.end)
        timer = self.loop.call_at(end, self.give_up)
        while not (task.done() or self.late):  # an app may stop the loop, too
            self.loop.run_forever()
        timer.cancel()

    async def run(self, app: Any) -> SystemExit | None:
        """Call the app; an exception is logged, and is a 500 unless the response is complete."""
        try:
            await app(self.scope, self.receive, self.send)
        except SystemExit as error:
            return error  # raised here, it would end the loop in the middle of a step
        except asyncio.CancelledError:
            raise
        except BaseException:  # as uvicorn; a KeyboardInterrupt would end the loop, too
            logger.exception("Exception in ASGI application")
        else:
            if not self.complete:
                logger.error("ASGI callable returned without completing response.")
        self._answer(FAULT)
        return None

    def give_up(self) -> None:
        """Go on without the app, which has taken too long."""
        self.late = True
        self.loop.stop()

    def end(self, task: asyncio.Task[Any]) -> None:
        """Go on, as the app has ended."""
        if self.waiting:
            self.loop.stop()

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
            self.status = message["status"]
            if self.status < 200:
                raise UnexpectedMessage(f"{self.status} is no status of a response.")
            self.started = True
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

    def _answer(self, refusal: Refusal) -> None:
        """Answer for the app, unless it has."""
        if not self.complete:
            self.status, self.headers, self.body = refusal.status, refusal.headers, refusal.text

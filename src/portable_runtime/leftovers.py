"""The tasks that requests leave behind: they would freeze with the sandbox."""

import asyncio
import logging
from typing import Any

logger = logging.getLogger(__name__)

LEFTOVER_TIME = 5.0  # seconds that they may still take after the response
CANCEL_TIME = 0.2  # seconds that a cancelled one may take to end


class Leftovers:
    """The tasks that are made on a loop while `watching`, and have not ended."""

    watching = True

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.tasks: set[asyncio.Task[Any]] = set()
        self.make: Any = loop.get_task_factory() or _make
        # To look through asyncio.all_tasks() after each request takes as long as a whole deadline.
        loop.set_task_factory(self._factory)

    def _factory(
        self, loop: asyncio.AbstractEventLoop, coro: Any, **options: Any
    ) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = self.make(loop, coro, **options)
        if self.watching:
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
        return task

    def end(self, seconds: float) -> None:
        """Wait for the tasks, cancel them after `seconds`, then let go of those that do not end."""
        if self.tasks:
            self.watching = False
            self.loop.run_until_complete(end(self.tasks.copy(), min(LEFTOVER_TIME, seconds)))
            self.watching = True
            self.tasks.clear()


def _make(loop: asyncio.AbstractEventLoop, coro: Any, **options: Any) -> asyncio.Task[Any]:
    return asyncio.Task(coro, loop=loop, **options)


async def end(tasks: set[asyncio.Task[Any]], seconds: float) -> None:
    """Wait for `tasks`, and cancel them after `seconds`."""
    _, late = await asyncio.wait(tasks, timeout=seconds)
    for task in late:
        logger.error("A task that a request left behind is cancelled: %r.", task.get_coro())
        task.cancel()
    if late:
        await asyncio.wait(late, timeout=CANCEL_TIME)

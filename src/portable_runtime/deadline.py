"""The time at which a request is given up."""

import asyncio
from collections.abc import Callable


class Deadline:
    """Calls back when the time of a request is over.

    It has one timer for all requests, which is made anew when it rings for one that has been
    answered: to make and to cancel one for each request costs more than the rest of the deadline.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.time = 0.0  # on the loop's clock
        self.late: Callable[[], None] | None = None
        self.timer: asyncio.TimerHandle | None = None

    def set(self, seconds: float, late: Callable[[], None]) -> None:
        """Call `late` in `seconds` from now, unless the deadline is cleared before."""
        self.time, self.late = self.loop.time() + seconds, late
        if self.timer is None or self.timer.when() > self.time:
            self._start()

    def clear(self) -> None:
        """The request has been answered."""
        self.late = None

    def _start(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
        self.timer = self.loop.call_at(self.time, self._ring)

    def _ring(self) -> None:
        self.timer = None
        if self.late is None:
            return
        if self.loop.time() < self.time:
            self._start()  # it rang for an earlier request
        else:
            self.late()

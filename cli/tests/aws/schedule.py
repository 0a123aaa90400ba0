"""What goes on over time: each operation is a generator that yields how long it takes until it
goes on, in seconds of the clock."""

import heapq
import itertools
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True)
class Times:
    """How long the things take, in seconds of the clock; AWS takes longer for all of them."""

    change_set: float = 0.2
    begun: float = 0.0  # until a stack says that it is being changed
    resource: float = 0.05
    clean: float = 0.1
    poll: float = 0.5  # between two looks at what is not stable yet, or at the alarms
    patience: float = 600.0  # for what does not become stable
    minute: float = 60.0  # of the monitoring time


class Schedule:
    """The operations under way, one per key; nothing happens but in `advance`.

    `after_step` is called whenever something went on.
    """

    def __init__(self, clock: Callable[[], float], epoch: datetime) -> None:
        self.clock, self.epoch = clock, epoch
        self.after_step: Callable[[], None] = lambda: None
        self._running: dict[Hashable, Iterator[float]] = {}
        self._queue: list[tuple[float, int, Hashable, Iterator[float]]] = []
        self._numbers = itertools.count()
        self._depth = 0  # of the steps that are being done
        self._pinned: float | None = None  # what is late happens at its own time

    def now(self) -> float:
        """Return the time in seconds of the clock."""
        return self.clock() if self._pinned is None else self._pinned

    def time(self) -> datetime:
        """Return the time of day."""
        return self.epoch + timedelta(seconds=self.now())

    def start(self, key: Hashable, steps: Iterator[float]) -> None:
        """Begin an operation at once, instead of the one of this key that is under way."""
        self._running[key] = steps
        self._step(key, steps)

    def advance(self) -> None:
        """Do what was due until now, each at its own time.

        Nothing, if it is called while something is done: what follows from that comes after it.
        """
        if self._depth:
            return
        while self._queue and self._queue[0][0] <= self.clock():
            due, _, key, steps = heapq.heappop(self._queue)
            if self._running.get(key) is steps:
                self._pinned = due
                try:
                    self._step(key, steps)
                    self.after_step()
                finally:
                    self._pinned = None
        self.after_step()

    def _step(self, key: Hashable, steps: Iterator[float]) -> None:
        self._depth += 1
        try:
            delay = next(steps)
        except StopIteration:
            if self._running.get(key) is steps:
                del self._running[key]
            return
        finally:
            self._depth -= 1
        heapq.heappush(self._queue, (self.now() + delay, next(self._numbers), key, steps))

"""What watches a local run, and what other commands change in it."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterable, Callable, Iterable, Mapping, Sequence
from typing import Any

from portable.errors import PortableError
from portable.local.fargate_side.ip_target_group import IPTargetGroup
from portable.local.lambda_side.lambda_target_group import LambdaTargetGroup
from portable.local.listener.listener import Listener
from portable.local.operate.alarms import Alarms, State
from portable.local.operate.control import Answer, Control
from portable.local.operate.failover import Failover
from portable.local.operate.faults import FaultyTargetGroup
from portable.local.operate.metrics import Metrics
from portable.local.operate.update import Update
from portable.weights import SIDES, Weights

SAMPLES = 10  # looks at the health of the targets in a minute of the alarms


class Operations:
    """Belongs to one local run: `listener` in front of `function` and `fargate`.

    `faults` are the two groups as the listener sees them, by side. `alarms` are the resources of
    alb/alarms.yaml, rendered; a minute of theirs takes `minute` seconds here. `notify` gets one
    sentence per event. `task` is what `portable task` has to know of the run's tasks.
    """

    def __init__(
        self,
        environment: str,
        listener: Listener,
        function: LambdaTargetGroup,
        fargate: IPTargetGroup,
        faults: Mapping[str, FaultyTargetGroup],
        alarms: Mapping[str, dict[str, Any]],
        minute: float,
        notify: Callable[[str], None],
        task: Answer | None = None,
    ) -> None:
        self.environment = environment
        self.listener = listener
        self.function = function
        self.fargate = fargate
        self.faults = faults
        groups: dict[str, LambdaTargetGroup | IPTargetGroup]
        groups = {"lambda": function, "fargate": fargate}
        self.metrics = Metrics(groups, time.monotonic, resolution=minute / 60)
        self.alarms = Alarms(alarms, self.metrics, minute, time.time, self._alarm_changed)
        self.failover = Failover(alarms, listener, groups, self.alarms)
        self.minute = minute
        self.notify = notify
        self.task = task or {}
        self.update = Update(
            listener.weights, listener.change_weights, self._firing, time.monotonic
        )
        self.control = Control(
            {
                "state": self._state,
                "update": self._begin,
                "cancel": self._cancel,
                "fault": self._fault,
                "restart": self._restart,
                "task": self._task,
            }
        )
        self.ticking: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Watch, and take commands for the listener, which is up; raise `PortableError`."""
        self.alarms.check()
        await self.control.start(self.listener.port)
        self.ticking = asyncio.create_task(self._tick())

    async def restart(self) -> None:
        """Have both sides run the code as it is now, without losing a request.

        Raises `PortableError` where one does not start with it: that side goes on as it was.
        """
        sides = (self.function.restart(), self.fargate.restart())
        errors = await asyncio.gather(*sides, return_exceptions=True)
        for error in filter(None, errors):
            raise error

    async def reload(self, changes: AsyncIterable[str]) -> None:
        """Restart for each of `changes`, the sentences on what has changed."""
        async for change in changes:
            self.notify(change)
            # What goes wrong is told by the side that goes on as it was.
            with contextlib.suppress(PortableError):
                await self.restart()
                self.notify("Both sides run the new code.")

    async def aclose(self) -> None:
        """Stop watching and take no more commands."""
        await self.control.aclose()
        await self.update.aclose()
        if self.ticking is not None:
            self.ticking.cancel()
            await asyncio.gather(self.ticking, return_exceptions=True)

    async def _tick(self) -> None:
        due = self.metrics.clock() + self.minute
        while True:
            self.metrics.sample()
            if self.metrics.clock() >= due:
                self._tell(self.failover.tick())
                self.alarms.tick()
                due += self.minute
            await asyncio.sleep(self.minute / SAMPLES)

    def _alarm_changed(self, alarm: State, before: str) -> None:
        if alarm.state == "ALARM":
            self.notify(f"{alarm.name} is in ALARM: {alarm.reason}.")
        elif before == "ALARM":
            self.notify(f"{alarm.name} is {alarm.state} again.")
        self._tell(self.failover.react(alarm))

    def _tell(self, sentences: Iterable[str]) -> None:
        for sentence in sentences:
            self.notify(sentence)

    def _firing(self, names: Sequence[str]) -> list[str]:
        states = self.alarms.states
        return [name for name in names if name in states and states[name].state == "ALARM"]

    async def _state(self) -> Answer:
        return {
            "environment": self.environment,
            "url": self.listener.url,
            "weights": _sides(self.listener.weights),
            "stack": _sides(self.update.weights),
            "requests": self.metrics.requests,
            "alarms": [
                {
                    "name": alarm.name,
                    "side": alarm.side,
                    "state": alarm.state,
                    "since": alarm.since,
                    "reason": alarm.reason,
                    "parts": alarm.parts,
                }
                for alarm in self.alarms.states.values()
            ],
            "targets": {"lambda": self.function.targets, "fargate": self.fargate.targets},
            "update": {
                "status": self.update.status,
                "remaining": self.update.remaining,
                "alarms": self.update.alarms,
            },
        }

    async def _begin(self, weights: dict[str, int], triggers: list[str], bake: float) -> Answer:
        missing = [name for name in triggers if name not in self.alarms.states]
        if missing:
            raise PortableError(f"there is no alarm {missing[0]!r}.")
        self.update.begin(Weights(weights["lambda"], weights["fargate"]), triggers, bake)
        return {}

    async def _cancel(self) -> Answer:
        self.update.cancel()
        return {}

    async def _fault(self, side: str, errors: float | None, clear: bool) -> Answer:
        group = self.function if side == "lambda" else self.fargate
        if clear:
            self.faults[side].percent = 0
            await group.bring_up()
            self.notify(f"The fault of {side} is cleared.")
        elif errors is not None:
            self.faults[side].percent = errors
            self.notify(f"{errors:g} % of the answers of {side} fail.")
        else:
            await group.take_down()
        return {"targets": group.targets}

    async def _task(self) -> Answer:
        return self.task

    async def _restart(self) -> Answer:
        await self.restart()
        return {"targets": {"lambda": self.function.targets, "fargate": self.fargate.targets}}


def _sides(weights: Weights) -> dict[str, int]:
    return {side: weights.of(side) for side in SIDES}

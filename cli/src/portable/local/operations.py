"""What watches a local run and changes it while it runs: alarms, weights, faults, restarts."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from portable.errors import PortableError
from portable.local.alarms import Alarms, State
from portable.local.control import Answer, Control
from portable.local.failover import Failover
from portable.local.faults import FaultyTargetGroup
from portable.local.ip_target_group import IPTargetGroup
from portable.local.lambda_targets import LambdaTargetGroup
from portable.local.listener import Access
from portable.local.metrics import Metrics
from portable.local.update import Update
from portable.weights import SIDES, Weights

SAMPLES = 10  # looks at the health of the targets in a minute of the alarms


class Operations:
    """Belongs to one local run of the target groups `function` and `fargate`.

    `alarms` are the resources of alb/alarms.yaml, rendered; a minute of theirs takes `minute`
    seconds here. `on_weights` is called after each change of the weights, `notify` gets one
    sentence per event.
    """

    def __init__(
        self,
        environment: str,
        function: LambdaTargetGroup,
        fargate: IPTargetGroup,
        alarms: Mapping[str, dict[str, Any]],
        minute: float,
        notify: Callable[[str], None],
        on_weights: Callable[[], None],
    ) -> None:
        self.environment = environment
        self.function = function
        self.fargate = fargate
        self.targets = {group.name: FaultyTargetGroup(group) for group in (function, fargate)}
        groups: dict[str, LambdaTargetGroup | IPTargetGroup]
        groups = {"lambda": function, "fargate": fargate}
        self.metrics = Metrics(groups, time.monotonic, resolution=minute / 60)
        self.alarms = Alarms(alarms, self.metrics, minute, time.time, self._alarm_changed)
        self.failover = Failover(alarms, groups, self.alarms)
        self.minute = minute
        self.notify = notify
        self.on_weights = on_weights
        self.update = Update(self.weights, self._apply, self._firing, time.monotonic)
        self.control = Control(
            {
                "state": self._state,
                "update": self._begin,
                "cancel": self._cancel,
                "fault": self._fault,
                "restart": self._restart,
            }
        )
        self.url = ""
        self.ticking: asyncio.Task[None] | None = None

    @property
    def weights(self) -> Weights:
        """The weights in force."""
        return Weights(self.function.weight, self.fargate.weight)

    def record(self, access: Access) -> None:
        """Count a request that the listener answered."""
        self.metrics.record(access)

    async def start(self, port: int) -> None:
        """Watch, and take commands for the listener on `port`; raise `PortableError`."""
        self.url = f"http://127.0.0.1:{port}"
        self.alarms.check()
        await self.control.start(port)
        self.ticking = asyncio.create_task(self._tick())

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
                self.alarms.tick()
                due += self.minute
            await asyncio.sleep(self.minute / SAMPLES)

    def _alarm_changed(self, alarm: State, before: str) -> None:
        if alarm.state == "ALARM":
            self.notify(f"{alarm.name} is in ALARM: {alarm.reason}.")
        elif before == "ALARM":
            self.notify(f"{alarm.name} is {alarm.state} again.")
        weights = self.weights
        for sentence in self.failover.react(alarm):
            self.notify(sentence)
        if self.weights != weights:
            self._weights_changed()

    def _apply(self, weights: Weights) -> None:
        self.function.weight, self.fargate.weight = weights.lambda_, weights.fargate
        self._weights_changed()

    def _weights_changed(self) -> None:
        self.on_weights()
        self.notify(f"The weights are {self.weights}.")

    def _firing(self, names: Sequence[str]) -> list[str]:
        states = self.alarms.states
        return [name for name in names if name in states and states[name].state == "ALARM"]

    async def _state(self) -> Answer:
        return {
            "environment": self.environment,
            "url": self.url,
            "weights": _sides(self.weights),
            "stack": _sides(self.update.weights),
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
            self.targets[side].percent = 0
            await group.bring_up()
            self.notify(f"The fault of {side} is cleared.")
        elif errors is not None:
            self.targets[side].percent = errors
            self.notify(f"{errors:g} % of the answers of {side} fail.")
        else:
            await group.take_down()
        return {"targets": group.targets}

    async def _restart(self) -> Answer:
        await self.fargate.restart()
        return {"targets": self.fargate.targets}


def _sides(weights: Weights) -> dict[str, int]:
    return {side: weights.of(side) for side in SIDES}

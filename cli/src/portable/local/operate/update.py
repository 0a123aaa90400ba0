"""An update of the local run's weights: what CloudFormation does with the ALB stack.

The alarms are watched while the weights are in force, for the length of the bake, and one of
them takes the update back, whether or not anybody still looks:
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-rollback-triggers.html
"""

import asyncio
from collections.abc import Callable, Sequence

from portable.errors import PortableError
from portable.weights import MAX_WEIGHT, Weights


class Update:
    """The latest update, if there was one.

    `apply` puts weights in force, `firing` returns which of the named alarms are in ALARM, and
    `clock` is in seconds.
    """

    POLL = 0.1  # seconds between two looks at the alarms

    def __init__(
        self,
        weights: Weights,
        apply: Callable[[Weights], None],
        firing: Callable[[Sequence[str]], list[str]],
        clock: Callable[[], float],
    ) -> None:
        self.weights = weights  # those of the last update that was not taken back
        self.apply = apply
        self.firing = firing
        self.clock = clock
        self.status = ""
        self.alarms: list[str] = []  # the alarms that took it back
        self.until = 0.0
        self.watching: asyncio.Task[None] | None = None
        self.before = weights

    @property
    def remaining(self) -> float:
        """Seconds of the bake that are left."""
        return max(self.until - self.clock(), 0.0) if self.status == "baking" else 0.0

    def begin(self, weights: Weights, triggers: Sequence[str], bake: float) -> None:
        """Put `weights` in force and watch `triggers` for `bake` seconds; raise `PortableError`."""
        if self.status == "baking":
            raise PortableError("the local run is being updated: wait for the end of the bake.")
        for weight in (weights.lambda_, weights.fargate):
            if not 0 <= weight <= MAX_WEIGHT:
                raise PortableError(f"a weight is {weight}, expected 0 to {MAX_WEIGHT}.")
        if not weights.lambda_ + weights.fargate:
            raise PortableError("both weights are 0, one of them must be positive.")
        self.before, self.weights = self.weights, weights
        self.status, self.alarms = "baking", []
        self.until = self.clock() + bake
        self.apply(weights)
        self.watching = asyncio.create_task(self._watch(list(triggers)))

    def cancel(self) -> None:
        """Take the update back that is under way, if there is one."""
        if self.status == "baking" and self.watching is not None:
            self.watching.cancel()
            self._take_back()

    async def aclose(self) -> None:
        """Stop watching."""
        if self.watching is not None:
            self.watching.cancel()
            await asyncio.gather(self.watching, return_exceptions=True)

    async def _watch(self, triggers: Sequence[str]) -> None:
        while not (firing := self.firing(triggers)):
            if not self.remaining:
                self.status = "complete"
                return
            await asyncio.sleep(min(self.POLL, self.remaining))
        self.alarms = firing
        self._take_back()

    def _take_back(self) -> None:
        self.weights = self.before
        self.apply(self.weights)
        self.status = "rolled back"

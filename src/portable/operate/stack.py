"""What `shift` moves: the ALB stack on AWS, or the local run, which acts as one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from portable.operate.weights import Weights


@dataclass(frozen=True)
class Alarm:
    """An alarm of one side; `parts` are the alarms that a composite one is made of."""

    name: str
    side: str  # "lambda" or "fargate"
    state: str  # "OK", "ALARM" or "INSUFFICIENT_DATA"
    since: datetime | None = None  # when it went into that state
    reason: str = ""
    parts: tuple["Alarm", ...] = ()


@dataclass(frozen=True)
class Progress:
    """How far an update is.

    `status` is one of "updating" (resources change), "baking" (the new weights are in force and
    the alarms are watched), "complete", "rolling back", "rolled back" (the weights are those
    before this update) and "failed" (CloudFormation could not finish: `reason` says why).
    """

    status: str
    remaining: float | None = None  # seconds of the bake left, where known
    reason: str = ""
    alarms: tuple[Alarm, ...] = ()  # those that caused a rollback, where known


class Stack(Protocol):
    """A stack whose two weights can be updated under the watch of alarms.

    Each method raises `PortableError`, with one sentence that says what to do, for what it cannot
    do: credentials that expired, a stack that is updating, a call that stays throttled.
    """

    name: str  # for messages: "portable-api-alb-test", "the local run on port 8080"

    def weights(self) -> Weights:
        """Return the weights that the stack has on record."""

    def listener_weights(self) -> Weights:
        """Return the weights in force; the failover changes them without the stack's knowledge."""

    def alarms(self) -> Sequence[Alarm]:
        """Return the alarms that can be rollback triggers, one per side, with their state."""

    def begin(self, weights: Weights, triggers: Sequence[Alarm], bake: float) -> None:
        """Start an update to `weights`, watched for `bake` seconds after they are in force.

        When one of `triggers` goes into ALARM meanwhile, the stack itself takes this update back.
        Raises `PortableError` without having changed anything if more than weights would change.
        """

    def progress(self) -> Progress:
        """Return how far the update is that `begin` started."""

    def cancel(self) -> None:
        """Take the update back that is under way; `progress` says when that is done."""

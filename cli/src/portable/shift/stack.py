"""What `shift` moves: the ALB stack on AWS, or the local run, which acts as one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from portable.errors import PortableError
from portable.weights import Weights


class Status(StrEnum):
    """How far an update is."""

    UPDATING = "updating"  # resources change
    BAKING = "baking"  # the new weights are in force and the alarms are watched
    COMPLETE = "complete"
    ROLLING_BACK = "rolling back"
    ROLLED_BACK = "rolled back"  # the weights are those before this update
    FAILED = "failed"  # the stack could not finish: the reason says why and what to do


GONE = "GONE"  # instead of the state of an alarm
ENDED = (Status.COMPLETE, Status.ROLLED_BACK, Status.FAILED)


class Interrupted(Exception):
    """`Stack.begin` was interrupted before the update began: nothing changed."""


class Gone(PortableError):
    """What is shifted has ended, so nothing of an update goes on."""


@dataclass(frozen=True)
class Alarm:
    """An alarm of one side; `parts` are the alarms that a composite one is made of."""

    name: str
    side: str  # "lambda" or "fargate"
    state: str  # "OK", "ALARM" or "INSUFFICIENT_DATA"
    since: datetime | None = None  # when it went into that state, with its time zone
    reason: str = ""
    parts: tuple["Alarm", ...] = ()

    def firing(self) -> "tuple[Alarm, ...]":
        """Return the parts that are in ALARM; without parts, the alarm itself if it is."""
        if not self.parts:
            return (self,) if self.state == "ALARM" else ()
        return tuple(part for part in self.parts if part.state == "ALARM")


@dataclass(frozen=True)
class Progress:
    """How far an update is; it has ended once the status is one of `ENDED`."""

    status: Status
    remaining: float | None = None  # seconds of the bake left, where known
    # Of a rollback or, in full sentences, of a failure; else something to know, as "no answer".
    reason: str = ""
    alarms: tuple[Alarm, ...] = ()  # those that caused a rollback; empty after `cancel`


class Stack(Protocol):
    """A stack whose two weights can be updated under the watch of alarms.

    Each method raises `PortableError`, with one sentence that says what to do, for what it cannot
    do: credentials that expired, a stack that is updating, a call that stays throttled.
    """

    name: str  # for messages: "orders-alb-test", "the local run on port 8080"
    owner: str  # who carries an update on without this command: "CloudFormation"
    look: str  # the command that shows how far an update is, without this command
    poll: float  # seconds between two calls of `progress`
    late: float  # seconds that the numbers of `requests` may come late
    keeps_triggers: bool  # those of an update are also those of the next one, whoever makes it

    def weights(self) -> Weights:
        """Return the weights that the stack has on record."""

    def listener_weights(self) -> Weights:
        """Return the weights in force; the failover changes them without the stack's knowledge."""

    def alarms(self) -> Sequence[Alarm]:
        """Return the alarms that can be rollback triggers, one per side, with their state.

        Raises `PortableError` if one is missing, naming it and how to deploy it.
        """

    def kept_triggers(self) -> Sequence[Alarm]:
        """Return the rollback triggers that the stack keeps from its last update.

        One that is not there any more has the state `GONE`: the next update fails by it.
        """

    def begin(self, weights: Weights, triggers: Sequence[Alarm], bake: float) -> None:
        """Start an update to `weights`, watched for `bake` seconds after they are in force.

        When one of `triggers` goes into ALARM meanwhile, the stack itself takes this update back.
        Raises `PortableError` without having changed anything if more than weights would change,
        and `Interrupted` if a signal arrived before the update began.
        """

    def requests(self, seconds: float) -> Mapping[str, int]:
        """Return how many requests each side had in the last `seconds`, by its name.

        Those of before the last update are not counted.
        """

    def progress(self) -> Progress:
        """Return how far the update is that `begin` started.

        An answer that will come later (throttling, a network that is down) is no error here: the
        progress is then the one before, with that as its reason.
        """

    def cancel(self) -> None:
        """Take the update back that is under way; `progress` says when that is done.

        Too late is no error: `progress` then says what happened.
        """

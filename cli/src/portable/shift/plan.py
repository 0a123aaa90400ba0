"""What a shift will do, step by step, before it does anything."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from portable.errors import PortableError
from portable.shift.durations import written
from portable.shift.stack import GONE, Alarm, Stack
from portable.weights import SIDES, Weights


class Kind(StrEnum):
    """What a step is for."""

    SHIFT = "shift"
    RECORD = "record"  # writes the weights in force on the stack's record, moves no traffic
    RESTORE = "restore"  # brings back the weights from before the shift
    CLEAR = "clear"  # removes the rollback triggers from the stack: the same shares, other numbers


@dataclass(frozen=True)
class Step:
    """One update of the stack, watched by `triggers` for `bake` seconds once it is in force."""

    weights: Weights
    share: int  # percent for the side that the shift goes to; 0 where no traffic moves to it
    triggers: tuple[Alarm, ...] = ()
    bake: float = 0.0
    kind: Kind = Kind.SHIFT

    def __str__(self) -> str:
        if self.kind is Kind.RECORD:
            return f"{self.weights}: recorded in the stack, no traffic moves"
        if self.kind is Kind.RESTORE:
            return f"{self.weights}: the weights from before the shift"
        if self.kind is Kind.CLEAR:
            return f"{self.weights}: the same shares, without rollback triggers"
        doubled = f" ({self.share}%)" if self.weights.lambda_ + self.weights.fargate != 100 else ""
        return f"{self.weights}{doubled}: baked for {written(self.bake)}"


@dataclass(frozen=True)
class Plan:
    """The steps of a shift to the side `to`, and what was found before it.

    Without a side it only removes the rollback triggers that the stack keeps.
    """

    stack: str
    to: str
    bake: float  # seconds
    before: Weights  # in force
    recorded: Weights  # on the stack's record
    steps: tuple[Step, ...]
    dropped: tuple[int, ...]  # percents that the side has already
    alarms: tuple[Alarm, ...] = ()
    left_out: Alarm | None = None  # in ALARM, of the side that traffic leaves
    kept: tuple[Alarm, ...] = ()  # rollback triggers of an earlier shift that the stack keeps
    is_quiet: bool = False  # no side has had a request lately
    clears: bool = False  # a last update removes the triggers of this shift

    @property
    def aim(self) -> str:
        """What it is for, in a few words."""
        return f"shift to {self.to}" if self.to else "remove the rollback triggers"

    @property
    def weights(self) -> Weights:
        """The weights after the last update."""
        last = self.steps[-1].weights if self.steps else self.before
        return clear_step(last).weights if self.clears else last

    def shares(self) -> tuple[int, ...]:
        """Return the percents of the steps that move traffic."""
        return tuple(step.share for step in self.steps if step.kind is Kind.SHIFT)

    def notes(self) -> Iterator[str]:
        """Yield what is not as one may expect."""
        for share in self.dropped:
            yield f"Step {share} is dropped: {self.to} has {percent(self.before, self.to)} now."
        if self.recorded != self.before:
            yield (
                f"The listener has {self.before}, but {self.stack} has {self.recorded} on record: "
                "something else moved it."
            )
        if self.kept:
            yield f"{self.stack} keeps rollback triggers of an earlier shift: {names(self.kept)}."
        if self.is_quiet:
            yield "No request has come lately: the alarms see nothing unless some come."
        if self.left_out:
            text = f"{state(self.left_out)}; the traffic leaves {self.left_out.side}"
            yield f"Not a rollback trigger: {text}, so the shift does not wait for that."

    def lines(self) -> Iterator[str]:
        """Yield the plan for a reader."""
        yield from self.notes()
        if not self.to:
            if not self.kept:
                yield f"{self.stack} keeps no rollback triggers."
        elif not self.shares():
            yield f"{self.to} has {percent(self.before, self.to)} already: {self.before}."
        else:
            yield f"{self.stack}: from {self.before} to {self.weights}."
        last = (clear_step(self.steps[-1].weights),) if self.clears else ()
        for number, step in enumerate((*self.steps, *last), 1):
            yield f"  {number}. {step}"
        if self.alarms:
            yield "Rollback triggers:"
        for alarm in self.alarms:
            if alarm != self.left_out:
                yield f"  {state(alarm)}"
        if self.shares():
            yield f"It takes at least {written(sum(step.bake for step in self.steps))}."


def make_plan(stack: Stack, to: str, shares: Sequence[int], bake: float) -> Plan:
    """Return the plan of a shift to the side `to`, `shares` percent of the requests in each step.

    Raises `PortableError` where the side must not receive traffic, as its alarm is in ALARM, and
    where triggers are to be removed and the weights have no other numbers.
    """
    recorded, before = stack.weights(), stack.listener_weights()
    # Integers: a share of 0.1 + 0.2 would not equal one of 0.3.
    total = before.lambda_ + before.fargate
    wanted = tuple(share for share in shares if share * total > before.of(to) * 100)
    dropped = tuple(share for share in shares if share not in wanted)
    kept = tuple(stack.kept_triggers())
    first = () if recorded == before else (Step(before, 0, kind=Kind.RECORD),)
    if not wanted:
        if kept and not first:  # a record has no triggers, which removes those that there are
            first = (clear_step(before),)
        return Plan(stack.name, to, bake, before, recorded, first, dropped, kept=kept)
    alarms = tuple(stack.alarms())
    for alarm in alarms:
        if alarm.side == to and alarm.state == "ALARM":
            raise PortableError(f"{to} gets no more requests while {state(alarm)}.")
    left_out = next((alarm for alarm in alarms if alarm.state == "ALARM"), None)
    triggers = tuple(alarm for alarm in alarms if alarm != left_out)
    # CloudFormation makes no update in which only the triggers change. So each step has twice its
    # percents, and the update that removes the triggers has the percents: the same shares.
    # https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/troubleshooting.html#troubleshooting-errors-no-updates-to-perform
    factor = 2 if stack.keeps_triggers else 1
    steps = tuple(
        Step(Weights.percent(to, share).times(factor), share, triggers, bake) for share in wanted
    )
    return Plan(
        stack.name,
        to,
        bake,
        before,
        recorded,
        first + steps,
        dropped,
        alarms,
        left_out,
        kept,
        bool(bake) and not any(stack.requests(bake).values()),
        stack.keeps_triggers,
    )


def clear_step(weights: Weights) -> Step:
    """Return the update that removes the rollback triggers and keeps the shares of `weights`.

    Raises `PortableError` if these weights have no other numbers.
    """
    try:
        return Step(weights.in_other_numbers(), 0, kind=Kind.CLEAR)
    except ValueError as error:
        text = f"the rollback triggers cannot be removed: {error}"
        raise PortableError(f"{text}. Shift to even weights first.") from None


def refusal(error: PortableError, stack: Stack, command: str) -> PortableError:
    """Return `error`, with `command` if the stack keeps triggers that fail its next update."""
    try:
        bad = [alarm for alarm in stack.kept_triggers() if alarm.state in (GONE, "ALARM")]
    except PortableError:
        return error  # whoever cannot look has had that for an answer already
    if not bad:
        return error
    text = f"{stack.name} keeps rollback triggers that fail its next update, {names(bad)}."
    return PortableError(f"{error.message}\n{text}\nTo remove them: {command}")


def names(alarms: Sequence[Alarm]) -> str:
    """Return the alarms, each with its state."""
    return ", ".join(f"{alarm.name} ({alarm.state})" for alarm in alarms)


def other(side: str) -> str:
    """Return the side that is not `side`."""
    return SIDES[1 - SIDES.index(side)]


def percent(weights: Weights, side: str) -> str:
    """Return the share of `side`, such as `12.5%`."""
    return f"{weights.share(side) * 100:.3g}%"


def at(moment: datetime | None) -> str:
    """Return `moment` in UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if moment else "an unknown time"


def state(alarm: Alarm) -> str:
    """Return the alarm, its state since when, and why where that is not OK."""
    since = f" since {at(alarm.since)}" if alarm.since else ""
    text = f"alarm {alarm.name} is in {alarm.state}{since}"
    return f"{text}{cause(alarm)}" if alarm.state == "ALARM" else text


def cause(alarm: Alarm) -> str:
    """Return which part of `alarm` is in ALARM and why, to be put after its name."""
    parts = [part for part in alarm.firing() if part.name != alarm.name]
    reasons = [f"{part.name}: {_sentence(part.reason)}" for part in parts]
    if reasons:
        return f" because of {'; '.join(reasons)}"
    return f" ({_sentence(alarm.reason)})" if alarm.reason else ""


def _sentence(reason: str) -> str:
    return reason.strip().rstrip(".") or "no reason given"

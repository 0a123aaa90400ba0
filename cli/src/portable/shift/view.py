"""What a shift shows: a live plan in a terminal, plain lines elsewhere; both on standard error."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from portable.shift.durations import clock
from portable.shift.plan import Kind, Plan, Step, at, cause, percent
from portable.shift.stack import Alarm, Progress, Status
from portable.weights import SIDES, Weights

BAR = 40  # characters
COLOURS = {"lambda": "yellow", "fargate": "blue"}
STATES = {"OK": "green", "ALARM": "bold red", "INSUFFICIENT_DATA": "dim"}


class View(Protocol):
    """Where a shift reports to."""

    def open(self, plan: Plan) -> None:
        """Start to show."""

    def update(self, step: Step, progress: Progress, now: Weights, alarms: Sequence[Alarm]) -> None:
        """Show how far `step` is; `now` are the weights in force."""

    def tell(self, sentence: str) -> None:
        """Show one sentence."""

    def pause(self) -> None:
        """Leave the terminal to a question."""

    def resume(self) -> None:
        """Show again."""

    def close(self) -> None:
        """Show the end of it."""


def status(progress: Progress) -> str:
    """Return how far a step is, such as `baking, 3:12 left`."""
    if progress.status is Status.BAKING and progress.remaining is not None:
        if not progress.remaining:
            return "in force"  # old resources are cleaned up
        return f"baking, {clock(progress.remaining)} left"
    return progress.status


def alarm_line(alarm: Alarm) -> str:
    """Return the state of an alarm, and why where it is in ALARM."""
    why = cause(alarm) if alarm.state == "ALARM" else ""
    since = f" since {at(alarm.since)}" if alarm.since else ""
    return f"{alarm.name} {alarm.state}{since}{why}"


class PlainShiftView:
    """One line for what is new, with the time."""

    def __init__(self, write: Callable[[str], object], now: Callable[[], datetime]) -> None:
        self.write = write
        self.now = now
        self.plan: Plan | None = None
        self.shown: tuple[str, ...] = ()
        self.states: dict[str, str] = {}

    def open(self, plan: Plan) -> None:
        """Start with the plan."""
        self.plan = plan
        self.states = {alarm.name: alarm.state for alarm in plan.alarms}
        for line in plan.lines():
            self.write(line + "\n")

    def update(self, step: Step, progress: Progress, now: Weights, alarms: Sequence[Alarm]) -> None:
        """Show a status or a reason that is new, and an alarm that changed."""
        for alarm in alarms:
            if self.states.get(alarm.name) != alarm.state:
                self.states[alarm.name] = alarm.state
                self.tell(f"alarm {alarm_line(alarm)}")
        new = (str(step), progress.status, progress.reason)
        if new != self.shown:
            self.shown = new
            reason = f" ({progress.reason.rstrip('.')})" if progress.reason else ""
            self.tell(f"{self._name(step)} {step.weights}: {status(progress)}{reason}")

    def tell(self, sentence: str) -> None:
        """Show one sentence."""
        self.write(f"{self.now():%Y-%m-%dT%H:%M:%SZ} {sentence}\n")

    def pause(self) -> None:
        """Do nothing: every line is out."""

    resume = close = pause

    def _name(self, step: Step) -> str:
        steps = self.plan.steps if self.plan else ()
        if step not in steps:
            return step.kind
        return f"step {steps.index(step) + 1} of {len(steps)}"


class LiveShiftView:
    """The plan with the state of each step, the split now and the alarms."""

    REFRESHES = 4  # per second

    def __init__(self, console: Console) -> None:
        self.console = console
        self.plan: Plan | None = None
        self.progress: dict[Step, Progress | None] = {}  # None: to come
        self.now: Weights | None = None
        self.alarms: Sequence[Alarm] = ()
        self.note = ""
        self.footer = "Ctrl-C takes the step under way back"
        self.live: Live | None = None

    def open(self, plan: Plan) -> None:
        """Start to show."""
        self.plan, self.now, self.alarms = plan, plan.before, plan.alarms
        self.progress = dict.fromkeys(plan.steps)
        for note in plan.notes():
            self.tell(note)
        self.live = Live(
            console=self.console,
            get_renderable=self.frame,
            refresh_per_second=self.REFRESHES,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self.live.start()

    def update(self, step: Step, progress: Progress, now: Weights, alarms: Sequence[Alarm]) -> None:
        """Show the state of a step, the split and the alarms."""
        self.progress[step] = progress
        self.now, self.alarms, self.note = now, alarms, progress.reason

    def tell(self, sentence: str) -> None:
        """Show one sentence above the plan."""
        self.console.print(Text(sentence, "bold"))

    def pause(self) -> None:
        """Leave what is shown where it is, and show nothing more."""
        if self.live is not None:
            self.live.stop()

    def resume(self) -> None:
        """Show again, below what was written meanwhile."""
        if self.live is not None:
            self.live.start()

    def close(self) -> None:
        """Show the last state."""
        if self.live is not None:
            self.note = self.footer = ""
            self.live.stop()
            self.live = None

    def frame(self) -> Group:
        """Return what the terminal shows now."""
        if self.plan is None or self.now is None:
            return Group()
        lines = [Text(f"{self.plan.stack}: {self.plan.aim}", "bold")]
        for number, (step, progress) in enumerate(self.progress.items(), 1):
            state, colour = _shown(progress)
            kind = "" if step.kind is Kind.SHIFT else f" ({step.kind})"
            lines.append(Text(f"  {number}. {step.weights}{kind}  {state}", colour))
        lines += [Text(), self._bar(self.now), Text()]
        for alarm in self.alarms:
            left_out = self.plan.left_out is not None and alarm.name == self.plan.left_out.name
            suffix = "  (left out)" if left_out else ""
            lines.append(Text(f"  {alarm_line(alarm)}{suffix}", STATES.get(alarm.state, "")))
        return Group(*lines, Text(self.note or self.footer, "dim"))

    def _bar(self, now: Weights) -> Text:
        first = round(now.share(SIDES[0]) * BAR)
        text = Text("  ")
        for side, width in zip(SIDES, (first, BAR - first), strict=True):
            text.append("█" * width, COLOURS[side])
        for side in SIDES:
            text.append(f"  {side} {percent(now, side)}", COLOURS[side])
        return text


def _shown(progress: Progress | None) -> tuple[str, str]:
    """Return the state of a step and its colour."""
    if progress is None:
        return "to come", "dim"
    if progress.status is Status.COMPLETE:
        return "done", "green"
    return status(progress), "bold"

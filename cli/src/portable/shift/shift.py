"""Moves the weights step by step, each watched by alarms, and undoes itself when one goes off."""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from portable.errors import PortableError
from portable.shift.durations import written
from portable.shift.plan import Kind, Plan, Step, at, cause, clear_step, other
from portable.shift.signals import ForceQuit
from portable.shift.stack import ENDED, Alarm, Gone, Interrupted, Progress, Stack, Status
from portable.shift.view import View
from portable.weights import Weights

INTERRUPTED = 130  # as a shell reports a command that SIGINT ended
WAITED = {  # what a signal is answered while one of these updates is under way
    None: "Interrupted: the rollback is waited for, a second signal leaves it.",
    Kind.RESTORE: "Interrupted: the weights are restored, a second signal leaves it.",
    Kind.CLEAR: "Interrupted: the rollback triggers are removed, a second signal leaves it.",
}


class Cancel(Enum):
    """How far the request to take the step under way back is."""

    NO = auto()
    ASKED = auto()  # on its way: whether it arrived is not known
    ACCEPTED = auto()


@dataclass(frozen=True)
class Outcome:
    """How a shift ended: the exit status, what to tell, and the weights where they are known."""

    status: int
    text: str
    weights: Weights | None = None


class Shift:
    """One shift of a stack.

    `wait` takes seconds and returns true as soon as a signal arrived, once for each signal;
    `command` is what the user typed up to the options of the shift, for the commands to retry.
    Where the side that the shift goes to has fewer than `min_requests` in a bake, `confirm` gets a
    sentence on that and says whether to go on; it raises `Interrupted` for a signal.
    """

    def __init__(
        self,
        stack: Stack,
        plan: Plan,
        view: View,
        wait: Callable[[float], bool],
        command: str,
        min_requests: int = 0,
        confirm: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self.stack = stack
        self.plan = plan
        self.view = view
        self.wait = wait
        self.command = command
        self.min_requests = min_requests
        self.confirm = confirm
        self.now = plan.before
        self.alarms: Sequence[Alarm] = plan.alarms
        self.completed = 0
        self.step: Step | None = None  # under way
        self.state: Status | None = None  # of the step that is under way
        self.last: Kind | None = None  # of an update that is waited for whatever happens
        self.watched = False  # an update with triggers began
        self.interrupted = False
        self.cancel = Cancel.NO

    def run(self) -> Outcome:
        """Make the shift; raises nothing that a user can cause."""
        self.view.open(self.plan)
        try:
            return self._steps()
        except ForceQuit:
            return Outcome(INTERRUPTED, self._left())
        finally:
            self.view.close()

    def _steps(self) -> Outcome:
        for step in self.plan.steps:
            try:
                if self.wait(0):
                    raise Interrupted
                ended = self._update(step)
            except Interrupted:
                return self._stopped("Nothing of the next step has changed.")
            except PortableError as error:
                return self._broken(error)
            if ended.status is Status.FAILED:
                return Outcome(1, ended.reason)
            if ended.status is Status.ROLLED_BACK:
                if self.interrupted and not ended.alarms:
                    return self._stopped("The step under way was taken back.")
                return self._undo(step, ended)
            self.completed += 1
            self.now = step.weights
            if self.interrupted:
                return self._stopped("The step was complete before it could be taken back.")
            if moved := self._moved():
                text = f"The shift ends here, as something else moved the listener: {moved}."
                text += self._clear()
                return Outcome(1, f"{text}\n{self._commands(moved)}".rstrip(), moved)
            try:
                unproved = self._unproved(step)
            except Interrupted:
                return self._stopped("The step is complete.")
            except PortableError as error:
                return self._broken(error)
            if unproved:
                left = self._clear()
                text = f"{unproved} {self._weights_now()}{left}"
                return Outcome(1, f"{text}\n{self._commands(self.now)}".rstrip(), self.now)
        left = self._clear()
        text = f"{self._weights_now()}{left}"
        if any(step.kind is Kind.CLEAR for step in self.plan.steps):
            text += " The rollback triggers are removed."
        return Outcome(1 if left else 0, text, self.now)

    def _update(self, step: Step) -> Progress:
        """Make one update and return how it ended."""
        self._show(step, Progress(Status.UPDATING))
        self.stack.begin(step.weights, step.triggers, step.bake)
        self.step = step
        self.watched = self.watched or bool(step.triggers)
        while True:
            progress = self.stack.progress()
            self._show(step, progress)
            if progress.status in ENDED:
                self.step = None
                return progress
            if self.wait(self.stack.poll):
                self._signal(step, progress)

    def _unproved(self, step: Step) -> str:
        """Tell how many requests a step was baked with; return why not to go on, or nothing."""
        if step.kind is not Kind.SHIFT or not step.bake or not self.min_requests:
            return ""
        to, waited = self.plan.to, 0.0
        while True:
            seen = self.stack.requests(step.bake + waited)
            if seen[to] >= self.min_requests or waited >= self.stack.late:
                break
            if not waited:
                self.view.tell("Few requests are counted yet, and metrics come late: waiting.")
            if self.wait(self.stack.poll):
                raise Interrupted
            waited += self.stack.poll
        side = other(to)
        self.view.tell(f"Requests while it baked: {to} {seen[to]}, {side} {seen[side]}.")
        if seen[to] >= self.min_requests:
            return ""
        text = (
            f"The alarms had too little to watch: {to} had {seen[to]} requests while "
            f"{step.weights} baked, fewer than {self.min_requests} (--min-requests)."
        )
        self.view.pause()
        try:
            return "" if self.confirm(text) else f"{text} Send some, or give --yes."
        finally:
            self.view.resume()

    def _signal(self, step: Step, progress: Progress) -> None:
        if self.interrupted:
            raise ForceQuit
        self.interrupted = True
        if self.last or progress.status is Status.ROLLING_BACK:
            self.view.tell(WAITED[self.last])
            return
        self.view.tell("Interrupted: the step is taken back, a second signal does not wait for it.")
        self.cancel = Cancel.ASKED
        self.stack.cancel()
        self.cancel = Cancel.ACCEPTED

    def _show(self, step: Step, progress: Progress) -> None:
        self.state = progress.status
        if step.triggers:
            # They are only shown here, and what matters fails in `progress` too.
            with contextlib.suppress(PortableError):
                self.alarms = tuple(self.stack.alarms())
        in_force = progress.status in (Status.BAKING, Status.COMPLETE)
        self.view.update(step, progress, step.weights if in_force else self.now, self.alarms)

    def _undo(self, step: Step, ended: Progress) -> Outcome:
        """Restore the weights from before the shift after `step` was rolled back."""
        text = f"The step to {step.weights} was rolled back{_why(ended)}."
        if moved := self._moved():
            text += f" Something else moved the listener meanwhile and is left alone: {moved}."
            return Outcome(1, f"{text}{self._clear()}", moved)
        before = self.plan.before
        if self.now == before:
            left = self._clear()
            same = "as before the shift" if self.now == before else "the shares from before it"
            return Outcome(1, f"{text} The listener has {self.now}, {same}.{left}", self.now)
        try:
            failure = self._insist(Step(before, 0, kind=Kind.RESTORE))
        except PortableError as error:
            failure = error.message
            if isinstance(error, Gone):
                return Outcome(1, f"{text} {failure}")
            if self.step is not None:
                owner = f"{self.stack.owner} goes on to restore {before}"
                return Outcome(1, f"{text} {failure} {owner}.\nTo look: {self.stack.look}")
        if failure:
            text += f" The weights from before the shift could not be restored: {failure}"
            return Outcome(1, f"{text} {self._weights_now()}\nTo retry: {self._back()}", self.now)
        self.now = before
        return Outcome(1, f"{text} The listener has {before} again, as before the shift.", before)

    def _insist(self, step: Step) -> str:
        """Make an update that a signal does not end; return what went wrong, or nothing."""
        self.last = step.kind
        while True:
            try:
                ended = self._update(step)
                break
            except Interrupted:
                if self.interrupted:
                    raise ForceQuit from None
                self.interrupted = True
                self.view.tell(WAITED[self.last])
        if ended.status is Status.COMPLETE:
            return ""
        return ended.reason or "the stack took the update back."

    def _clear(self) -> str:
        """Remove the rollback triggers, where the stack would keep them for its next update.

        Return what remains to be told, to be put after a sentence: nothing if they are removed.
        """
        if not self.watched or not self.stack.keeps_triggers:
            return ""
        try:
            if not self.stack.kept_triggers():
                return ""
            if self._moved():
                failure = "the weights are not those of the shift any more."
            else:
                step = clear_step(self.now)
                failure = self._insist(step)
                if not failure:
                    self.now = step.weights
                    return ""
        except PortableError as error:
            failure = error.message
        return f"\n{self._triggers_left(failure)}"

    def _triggers_left(self, why: str) -> str:
        text = f"Its rollback triggers stay on {self.stack.name} and may fail its next deployment"
        return f"{text}: {why}\nTo remove them: {self.command} --clear-triggers"

    def _moved(self) -> Weights | None:
        """Return the weights in force if they are not those of this shift."""
        try:
            weights = self.stack.listener_weights()
        except PortableError:
            return None  # who cannot look does not know of another one
        return weights if weights != self.now else None

    def _stopped(self, sentence: str) -> Outcome:
        left = self._clear()
        text = f"Interrupted. {sentence} {self._weights_now()}{left}\n{self._commands(self.now)}"
        return Outcome(INTERRUPTED, text.rstrip(), self.now)

    def _broken(self, error: PortableError) -> Outcome:
        """Return the outcome after a call that failed; a step under way goes on without it."""
        if isinstance(error, Gone) or (self.step is None and not self.completed):
            return Outcome(1, error.message)
        if self.step is None:
            left = self._clear()
            text = f"{error.message} {self._weights_now()}{left}\n{self._commands(self.now)}"
            return Outcome(1, text.rstrip(), self.now)
        if self.cancel is not Cancel.NO:
            goes_on = "takes the step back if the request to do so has arrived"
        elif self.state is Status.ROLLING_BACK:
            goes_on = "goes on to take the step back"
        else:
            goes_on = "goes on with the step, watches the alarms, and completes it or takes it back"
        text = f"{error.message} {self.stack.owner} {goes_on}.\nTo look: {self.stack.look}"
        return Outcome(INTERRUPTED if self.interrupted else 1, text)

    def _left(self) -> str:
        """Return what goes on after a second signal."""
        look = f"\nTo look: {self.stack.look}"
        owner = self.stack.owner
        if self.last is Kind.CLEAR or (self.step and self.step.kind is Kind.CLEAR):
            remedy = f"\nTo remove them: {self.command} --clear-triggers"
            text = f"Interrupted. {self._weights_now()} Whether its rollback triggers are removed"
            return f"{text} is not known.{look}{remedy}"
        if self.last and self.step is not None:
            return f"Interrupted. {owner} goes on to restore {self.plan.before}.{look}"
        if self.last:
            text = f"Interrupted. Whether {self.plan.before} is restored is not known.{look}"
            return f"{text}\nTo restore it: {self._back()}"
        if self.step is None:
            return f"Interrupted. {self._weights_now()}\n{self._commands(self.now)}".rstrip()
        if self.cancel is Cancel.ASKED:
            text = f"Interrupted. Whether {owner} takes the step back is not known"
            return f"{text}: the request to do so may not have arrived.{look}"
        if self.cancel is Cancel.ACCEPTED or self.state is Status.ROLLING_BACK:
            return f"Interrupted. {owner} finishes taking the step back by itself.{look}"
        return f"Interrupted. {owner} goes on with the step and watches the alarms.{look}"

    def _weights_now(self) -> str:
        return f"The listener has {self.now}."

    def _commands(self, now: Weights) -> str:
        """Return how to go on and how to go back, as far as there is something to do."""
        shares = self.plan.shares()[-self._left_over() :] if self._left_over() else ()
        commands = [f"To go on: {self._shift(self.plan.to, shares)}"] if shares else []
        if now.share(self.plan.to) != self.plan.before.share(self.plan.to):
            commands.append(f"To go back: {self._back()}")
        return "\n".join(commands)

    def _left_over(self) -> int:
        return sum(step.kind is Kind.SHIFT for step in self.plan.steps[self.completed :])

    def _back(self) -> str:
        side = other(self.plan.to)
        return self._shift(side, (max(1, round(self.plan.before.share(side) * 100)),))

    def _shift(self, to: str, shares: Sequence[int]) -> str:
        steps = ",".join(str(share) for share in shares)
        return f"{self.command} --to {to} --steps {steps} --bake {written(self.plan.bake)}"


def _why(ended: Progress) -> str:
    """Return which alarms caused a rollback, when and why; else what the stack says."""
    if not ended.alarms:
        return f": {ended.reason.rstrip('.')}" if ended.reason else " by the stack"
    whys = [f"alarm {a.name} went into ALARM at {at(a.since)}{cause(a)}" for a in ended.alarms]
    return f", as {'; '.join(whys)}"

"""Watches a task to its end: its lines as they come, and why it ended."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Protocol

from portable.errors import PortableError
from portable.shift.aws.errors import NoAnswer
from portable.shift.durations import written
from portable.task import INTERRUPTED
from portable.task.fargate_task import STOPPED, State

POLL = 2.0  # seconds
START_TIMEOUT = 600.0  # seconds for a network interface, the image and the secrets
LATE = 6.0  # seconds that the last lines may need to the log


class Stop(Enum):
    """Why a task is stopped that would go on."""

    SIGNAL = "portable task was interrupted"
    TIMEOUT = "it took longer than --timeout of portable task"
    START = "it did not start"


class Task(Protocol):
    """What is followed."""

    @property
    def name(self) -> str:
        """Its name in sentences."""

    @property
    def by_hand(self) -> str:
        """The command that stops it."""

    def state(self) -> State:
        """Return how far it is."""

    def log(self) -> Iterator[str]:
        """Yield the lines since the last time."""

    def stop(self, reason: str) -> None:
        """Have it stopped."""


def follow(
    task: Task,
    show: Callable[[str], None],
    say: Callable[[str], None],
    wait: Callable[[float], bool],
    clock: Callable[[], float],
    timeout: int,
) -> int:
    """Return the exit status of the command that `task` runs, 130 where a signal ended it.

    `show` gets its lines, `say` sentences about it. `wait` returns true if a signal has arrived.
    After `timeout` seconds it is stopped, with 0 never. Raises `PortableError` where it did not
    run, or not to its end.
    """
    began, status, why = clock(), "", None
    with _left_running(task):
        while (state := _state(task, status)).status != STOPPED:
            if state.status != status and not why:
                say(f"The {task.name} is in {state.status}.")
            status = state.status
            _show(task, show)
            interrupted = wait(POLL)
            if why is None:
                why = _stop(interrupted, state, clock() - began, timeout)
                if why is not None:
                    task.stop(why.value)
                    say(f"The {task.name} gets SIGTERM, as {why.value}.")
        quiet = 0.0
        while quiet < LATE:  # a line more, and there may be another one
            quiet = 0.0 if _show(task, show) else quiet + POLL
            if quiet < LATE and wait(POLL) and why is None:
                break  # the command has ended: only its last lines may be missing
    return _outcome(task, state, why, timeout, say)


def _stop(interrupted: bool, state: State, seconds: float, timeout: int) -> Stop | None:
    if interrupted:
        return Stop.SIGNAL
    if timeout and seconds >= timeout:
        return Stop.TIMEOUT
    early = state.status in ("PROVISIONING", "PENDING", "ACTIVATING")
    return Stop.START if early and seconds >= START_TIMEOUT else None


def _outcome(
    task: Task, state: State, why: Stop | None, timeout: int, say: Callable[[str], None]
) -> int:
    status = state.exit_status
    ended = f", and its command ended with exit status {status}" if status is not None else ""
    if why is Stop.SIGNAL:
        say(f"Interrupted: the {task.name} is stopped{ended}.")
        return INTERRUPTED
    if why is Stop.TIMEOUT:
        raise PortableError(
            f"the {task.name} was stopped after {written(timeout)} (--timeout){ended}."
        )
    if why is Stop.START:
        text = f"the {task.name} did not start in {written(START_TIMEOUT)}, and was stopped"
        raise PortableError(f"{text}: {state.reason or 'ECS does not say why'}.")
    if status is None:
        reason = state.reason or "ECS does not say why"
        raise PortableError(f"the {task.name} did not run the command: {reason}.")
    if state.reason:
        say(f"The {task.name} ended with: {state.reason}.")
    return status


def _state(task: Task, before: str) -> State:
    try:
        return task.state()
    except NoAnswer:  # it goes on, whether AWS tells of it or not
        return State(before or State.status)


def _show(task: Task, show: Callable[[str], None]) -> bool:
    """Show the lines that have come; return whether there were any."""
    some = False
    try:
        for line in task.log():
            show(line)
            some = True
    except NoAnswer:
        pass
    return some


@contextmanager
def _left_running(task: Task) -> Iterator[None]:
    """Add to an error that ends the watching what becomes of the task."""
    try:
        yield
    except PortableError as error:
        text = f"{error.message.rstrip('.')}. The {task.name} goes on without being watched"
        raise PortableError(f"{text}; this stops it: `{task.by_hand}`.") from None

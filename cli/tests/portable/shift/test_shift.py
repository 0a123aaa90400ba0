"""The steps of a shift: what each ending, signal and alarm leads to, on a scripted stack."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from portable.errors import PortableError
from portable.shift.plan import Step, make_plan
from portable.shift.shift import Outcome, Shift
from portable.shift.signals import ForceQuit
from portable.shift.stack import Alarm, Gone, Interrupted, Progress, Status
from portable.weights import Weights

SINCE = datetime(2026, 11, 23, 14, 5, 9, tzinfo=UTC)
BEFORE = Weights(100, 0)
DONE = ("updating", "baking", "baking", "complete")
ALARM_WHILE = {
    "updating": ("updating", "rolling back", "rolled back"),
    "baking": ("updating", "baking", "rolling back", "rolled back"),
}
TAKEN_BACK = ("rolling back", "rolling back", "rolled back")
COMMAND = "portable shift --env test"
STEPS = [Weights(90, 10), Weights(50, 50), Weights(0, 100)]


def alarm(side: str, state: str = "OK") -> Alarm:
    reason = "Threshold Crossed: 12 errors." if state == "ALARM" else ""
    part = Alarm(f"{side}-errors", side, state, SINCE, reason)
    return Alarm(side, side, state, SINCE, "", (part,))


class ScriptedStack:
    """A stack whose updates go as `scripts` say, by the number of the update from 1."""

    name = "the stack"
    owner = "CloudFormation"
    look = "look at it"
    poll = 5.0
    keeps_triggers = False
    late = 0.0

    def __init__(
        self, in_force: Weights = BEFORE, recorded: Weights | None = None, **states: str
    ) -> None:
        self.in_force = in_force
        self.recorded = recorded or in_force
        self.states = {"lambda": "OK", "fargate": "OK"} | states
        self.scripts: dict[int, tuple[str, ...]] = {}
        self.errors: dict[tuple[int, str], str] = {}
        self.signals: list[tuple[int, str]] = []  # `wait` tells of one at this point
        self.leaves: list[tuple[int, str]] = []  # a second one arrives at this point
        self.updates: list[tuple[Weights, tuple[Alarm, ...], float]] = []
        self.cancelled: list[int] = []
        self.too_late = False
        self.moves: dict[int, Weights] = {}  # something else moves the listener after an update
        self.left: list[str] = []
        self.status = "before"
        self.blind = False
        self.kept: tuple[Alarm, ...] = ()
        self.traffic: list[int] = []  # of Fargate, by the times that it is asked for; then enough
        self.asked: list[float] = []
        self.error: type[PortableError] = PortableError

    def weights(self) -> Weights:
        return self.recorded

    def listener_weights(self) -> Weights:
        if self.blind:
            raise PortableError("no permission to look.")
        return self.in_force

    def alarms(self) -> Sequence[Alarm]:
        return [alarm(side, state) for side, state in self.states.items()]

    def kept_triggers(self) -> Sequence[Alarm]:
        return self.kept

    def requests(self, seconds: float) -> dict[str, int]:
        self.asked.append(seconds)
        return {"lambda": 9, "fargate": self.traffic.pop(0) if self.traffic else 100}

    def begin(self, weights: Weights, triggers: Sequence[Alarm], bake: float) -> None:
        number = len(self.updates) + 1
        if (number, "begin") in self.signals:
            self.signals.remove((number, "begin"))
            raise Interrupted
        self._may_end(number, "begin")
        self.updates.append((weights, tuple(triggers), bake))
        self.left = list(self.scripts.get(number, DONE))
        self.before = self.in_force, self.recorded
        self.recorded = weights

    def progress(self) -> Progress:
        number = len(self.updates)
        self.status = self.left.pop(0)
        self._may_end(number, self.status)
        if self.status in ("baking", "complete"):
            self.in_force = self.updates[-1][0]
        if self.status == "rolled back":
            self.in_force, self.recorded = self.before
        if self.status in ("complete", "rolled back") and number in self.moves:
            self.in_force = self.moves[number]
        if self.status in ("rolling back", "rolled back") and number not in self.cancelled:
            fired = (alarm("fargate", "ALARM"),)
            return Progress(Status(self.status), reason="an alarm", alarms=fired)
        if self.status == "failed":
            return Progress(Status.FAILED, reason="It failed. Run the command to continue.")
        return Progress(Status(self.status), 100.0 if self.status == "baking" else None)

    def cancel(self) -> None:
        self._may_end(len(self.updates), "cancel")
        if not self.too_late:
            self.cancelled.append(len(self.updates))
            self.left = list(TAKEN_BACK)

    def wait(self, _: float) -> bool:
        ended = not self.left
        point = (len(self.updates) + ended, "before" if ended else self.status)
        if point in self.signals:
            self.signals.remove(point)
            return True
        return False

    def _may_end(self, number: int, place: str) -> None:
        if (number, place) in self.leaves:
            raise ForceQuit
        if (number, place) in self.errors:
            raise self.error(self.errors[number, place])


class Lines:
    """A view that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.seen: list[tuple[Weights, str, Weights]] = []
        self.closed = False

    def open(self, plan: object) -> None:
        pass

    def update(self, step: Step, progress: Progress, now: Weights, alarms: Sequence[Alarm]) -> None:
        self.seen.append((step.weights, progress.status, now))

    def tell(self, sentence: str) -> None:
        self.told.append(sentence)

    def pause(self) -> None:
        self.told.append("pause")

    def resume(self) -> None:
        self.told.append("resume")

    def close(self) -> None:
        self.closed = True


def shift(stack: ScriptedStack, to: str = "fargate", view: Lines | None = None) -> Outcome:
    view = view or Lines()
    plan = make_plan(stack, to, (10, 50, 100), 300)
    outcome = Shift(stack, plan, view, stack.wait, COMMAND).run()
    assert view.closed
    assert not stack.signals, "a signal of the test did not arrive"
    return outcome


def test_each_step_is_baked_under_both_alarms() -> None:
    stack, view = ScriptedStack(), Lines()
    outcome = shift(stack, view=view)
    assert (outcome.status, outcome.weights) == (0, Weights(0, 100))
    assert outcome.text == "The listener has lambda 0, fargate 100."
    assert [weights for weights, _, _ in stack.updates] == STEPS
    assert {bake for _, _, bake in stack.updates} == {300}
    assert all([a.name for a in alarms] == ["lambda", "fargate"] for _, alarms, _ in stack.updates)
    assert view.seen[:5] == [
        (STEPS[0], "updating", BEFORE),
        (STEPS[0], "updating", BEFORE),
        (STEPS[0], "baking", STEPS[0]),
        (STEPS[0], "baking", STEPS[0]),
        (STEPS[0], "complete", STEPS[0]),
    ]


def ask(stack: ScriptedStack, answer: bool, view: Lines) -> Outcome:
    """Make a shift whose side needs 40 requests in a bake, and give `answer` where it has not."""
    plan = make_plan(stack, "fargate", (10, 100), 300)
    return Shift(stack, plan, view, stack.wait, COMMAND, 40, lambda _: answer).run()


def test_too_few_requests_end_the_shift_unless_that_is_wanted() -> None:
    view, stack = Lines(), ScriptedStack()
    stack.traffic = [100, 39, 40]
    outcome = ask(stack, False, view)
    assert (outcome.status, outcome.weights) == (1, Weights(90, 10))
    assert outcome.text == (
        "The alarms had too little to watch: fargate had 39 requests while lambda 90, fargate 10 "
        "baked, fewer than 40 (--min-requests). Send some, or give --yes. "
        "The listener has lambda 90, fargate 10.\n"
        f"To go on: {COMMAND} --to fargate --steps 100 --bake 5m\n"
        f"To go back: {COMMAND} --to lambda --steps 100 --bake 5m"
    )
    assert view.told == ["Requests while it baked: fargate 39, lambda 9.", "pause", "resume"]
    stack = ScriptedStack()
    stack.traffic = [100, 39, 40]
    assert ask(stack, True, Lines()).text == "The listener has lambda 0, fargate 100."


def test_numbers_that_come_late_are_waited_for_and_a_signal_ends_that() -> None:
    view, stack = Lines(), ScriptedStack()
    stack.traffic, stack.late = [100, 0, 0, 40], 60
    assert ask(stack, False, view).status == 0
    assert stack.asked == [300, 300, 305, 310, 300]
    assert view.told[0] == "Few requests are counted yet, and metrics come late: waiting."
    stack = ScriptedStack()
    stack.traffic, stack.late, stack.signals = [100, 0, 0], 60, [(2, "before")]
    outcome = ask(stack, False, Lines())
    assert (outcome.status, outcome.weights) == (130, Weights(90, 10))


def test_it_can_go_to_lambda() -> None:
    stack = ScriptedStack(Weights(0, 100))
    assert shift(stack, "lambda").weights == Weights(100, 0)
    assert [weights for weights, _, _ in stack.updates] == [
        Weights(10, 90),
        Weights(50, 50),
        Weights(100, 0),
    ]


def test_steps_that_the_side_has_are_dropped() -> None:
    stack = ScriptedStack(Weights(1, 1))
    plan = make_plan(stack, "fargate", (10, 50, 100), 300)
    assert plan.dropped == (10, 50) and plan.shares() == (100,)
    assert next(iter(plan.lines())) == "Step 10 is dropped: fargate has 50% now."


@pytest.mark.parametrize(("weights", "left"), [((900, 99), (10, 50)), ((90, 10), (50,))])
def test_a_share_is_compared_exactly(weights: tuple[int, int], left: tuple[int, ...]) -> None:
    plan = make_plan(ScriptedStack(Weights(*weights)), "fargate", (10, 50), 300)
    assert plan.shares() == left


def test_what_is_there_already_needs_no_alarms() -> None:
    stack = ScriptedStack(Weights(0, 7), fargate="ALARM")
    plan = make_plan(stack, "fargate", (10, 50, 100), 300)
    assert not plan.steps
    assert list(plan.lines())[-1] == "fargate has 100% already: lambda 0, fargate 7."


def test_weights_that_something_else_set_are_recorded_first() -> None:
    stack = ScriptedStack(in_force=Weights(80, 20), recorded=Weights(50, 50))
    plan = make_plan(stack, "fargate", (50, 100), 300)
    text = "\n".join(plan.lines())
    assert "The listener has lambda 80, fargate 20, but the stack has lambda 50, fargate 50" in text
    assert "  1. lambda 80, fargate 20: recorded in the stack, no traffic moves" in text
    outcome = shift(stack)
    assert outcome.status == 0
    assert stack.updates[0] == (Weights(80, 20), (), 0)
    assert [weights for weights, _, _ in stack.updates[1:]] == STEPS[1:]


def test_a_record_is_all_there_is_to_do() -> None:
    stack = ScriptedStack(in_force=Weights(0, 100), recorded=Weights(50, 50), fargate="ALARM")
    assert shift(stack).weights == Weights(0, 100)
    assert stack.updates == [(Weights(0, 100), (), 0)]


def test_a_rollback_after_a_record_goes_back_to_what_was_in_force() -> None:
    stack = ScriptedStack(in_force=Weights(80, 20), recorded=Weights(50, 50))
    stack.scripts = {3: ALARM_WHILE["baking"]}
    assert shift(stack).weights == stack.in_force == stack.recorded == Weights(80, 20)


def test_a_side_in_alarm_receives_nothing() -> None:
    stack = ScriptedStack(fargate="ALARM")
    expected = (
        "fargate gets no more requests while alarm fargate is in ALARM since 2026-11-23 14:05:09 "
        "UTC because of fargate-errors: Threshold Crossed: 12 errors."
    )
    with pytest.raises(PortableError) as caught:
        shift(stack)
    assert caught.value.message == expected
    assert not stack.updates


def test_traffic_can_leave_a_side_in_alarm() -> None:
    stack = ScriptedStack(Weights(50, 50), fargate="ALARM")
    text = "\n".join(make_plan(stack, "lambda", (100,), 300).lines())
    assert "Not a rollback trigger: alarm fargate is in ALARM since" in text
    assert shift(stack, "lambda").status == 0
    assert [[a.name for a in alarms] for _, alarms, _ in stack.updates] == [["lambda"]]


@pytest.mark.parametrize("phase", ALARM_WHILE)
@pytest.mark.parametrize("number", [1, 2, 3])
def test_an_alarm_undoes_the_shift(number: int, phase: str) -> None:
    stack = ScriptedStack()
    stack.scripts = {number: ALARM_WHILE[phase]}
    outcome = shift(stack)
    again = "lambda 100, fargate 0 again" if number > 1 else "lambda 100, fargate 0"
    assert (outcome.status, outcome.weights) == (1, BEFORE)
    assert outcome.text == (
        f"The step to {STEPS[number - 1]} was rolled back, as alarm fargate went into ALARM at "
        "2026-11-23 14:05:09 UTC because of fargate-errors: Threshold Crossed: 12 errors. "
        f"The listener has {again}, as before the shift."
    )
    restores = stack.updates[number:]
    assert restores == ([(BEFORE, (), 0)] if number > 1 else [])
    assert stack.in_force == BEFORE


def test_an_update_that_failed_for_another_reason_undoes_the_shift_too() -> None:
    stack = ScriptedStack()
    stack.scripts = {2: ("updating", "rolled back")}
    stack.cancelled = [2]  # by someone else: no alarm
    outcome = shift(stack)
    assert outcome.status == 1 and stack.in_force == BEFORE
    assert outcome.text.startswith("The step to lambda 50, fargate 50 was rolled back by the stack")


def test_a_listener_that_something_else_moved_in_a_rollback_is_left_alone() -> None:
    stack = ScriptedStack()
    stack.scripts = {2: ALARM_WHILE["baking"]}
    stack.moves = {2: Weights(97, 3)}
    outcome = shift(stack)
    assert outcome.weights == stack.in_force == Weights(97, 3)
    assert "left alone: lambda 97, fargate 3." in outcome.text
    assert len(stack.updates) == 2


def test_a_listener_that_something_else_moved_ends_the_shift() -> None:
    stack = ScriptedStack()
    stack.moves = {1: Weights(97, 3)}
    outcome = shift(stack)
    assert (outcome.status, outcome.weights) == (1, Weights(97, 3))
    assert "something else moved the listener: lambda 97, fargate 3." in outcome.text
    assert len(stack.updates) == 1


@pytest.mark.parametrize("script", [("failed",), ("updating", "rolling back", "failed")])
@pytest.mark.parametrize("number", [1, 2])
def test_a_rollback_that_fails_says_how_to_continue(number: int, script: tuple[str, ...]) -> None:
    stack = ScriptedStack()
    stack.scripts = {number: script}
    outcome = shift(stack)
    assert outcome == Outcome(1, "It failed. Run the command to continue.")
    assert len(stack.updates) == number


@pytest.mark.parametrize(
    ("error", "script", "why"),
    [
        ("access denied.", DONE, "access denied."),
        ("", ("updating", "rolled back"), "an alarm"),
        ("", ("updating", "failed"), "It failed. Run the command to continue."),
    ],
)
def test_a_restore_that_fails_says_how_to_retry(
    error: str, script: tuple[str, ...], why: str
) -> None:
    stack = ScriptedStack()
    stack.scripts = {2: ALARM_WHILE["updating"], 3: script}
    stack.errors = {(3, "begin"): error} if error else {}
    outcome = shift(stack)
    assert outcome.status == 1
    assert f"could not be restored: {why} The listener has lambda 90, fargate 10." in outcome.text
    retry = f"To retry: {COMMAND} --to lambda --steps 100 --bake 5m"
    assert outcome.text.endswith(retry)


def test_credentials_that_expire_in_a_restore_do_not_end_it() -> None:
    stack = ScriptedStack()
    stack.scripts = {2: ALARM_WHILE["updating"]}
    stack.errors = {(3, "baking"): "the credentials have expired."}
    outcome = shift(stack)
    assert outcome.text.endswith(
        "the credentials have expired. CloudFormation goes on to restore lambda 100, fargate 0.\n"
        "To look: look at it"
    )


@pytest.mark.parametrize("phase", ["before", "begin"])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_an_interruption_before_a_step_changes_nothing(number: int, phase: str) -> None:
    stack = ScriptedStack()
    stack.signals = [(number, phase)]
    outcome = shift(stack)
    now = [BEFORE, *STEPS][number - 1]
    assert (outcome.status, outcome.weights) == (130, now)
    assert len(stack.updates) == number - 1 and stack.in_force == now
    left = ",".join(["10", "50", "100"][number - 1 :])
    back = f"\nTo go back: {COMMAND} --to lambda --steps 100 --bake 5m" if number > 1 else ""
    assert outcome.text == (
        f"Interrupted. Nothing of the next step has changed. The listener has {now}.\n"
        f"To go on: {COMMAND} --to fargate --steps {left} --bake 5m{back}"
    )


@pytest.mark.parametrize("phase", ["updating", "baking"])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_an_interruption_takes_the_step_back(number: int, phase: str) -> None:
    stack = ScriptedStack()
    stack.signals = [(number, phase)]
    outcome = shift(stack)
    now = [BEFORE, *STEPS][number - 1]
    assert stack.cancelled == [number] and len(stack.updates) == number
    assert (outcome.status, outcome.weights) == (130, now)
    assert stack.in_force == now, "the steps before it stay"
    assert outcome.text.startswith("Interrupted. The step under way was taken back.")
    assert f"The listener has {now}." in outcome.text


def test_an_interruption_can_come_too_late_for_a_step() -> None:
    stack = ScriptedStack()
    stack.signals, stack.too_late = [(2, "baking")], True
    outcome = shift(stack)
    assert (outcome.status, outcome.weights) == (130, STEPS[1])
    assert "The step was complete before it could be taken back." in outcome.text
    assert outcome.text.endswith(
        f"To go on: {COMMAND} --to fargate --steps 100 --bake 5m\n"
        f"To go back: {COMMAND} --to lambda --steps 100 --bake 5m"
    )


def test_an_alarm_before_the_step_is_cancelled_undoes_the_shift() -> None:
    stack = ScriptedStack()
    stack.scripts = {2: ALARM_WHILE["baking"]}
    stack.signals, stack.too_late = [(2, "baking")], True
    outcome = shift(stack)
    assert outcome.status == 1 and stack.in_force == BEFORE
    assert "went into ALARM" in outcome.text


@pytest.mark.parametrize("number", [1, 2])
def test_an_interruption_waits_for_a_rollback_and_the_restore(number: int) -> None:
    stack, view = ScriptedStack(), Lines()
    stack.scripts = {number: ALARM_WHILE["baking"]}
    stack.signals = [(number, "rolling back")]
    outcome = shift(stack, view=view)
    assert outcome.status == 1 and stack.in_force == BEFORE and not stack.cancelled
    assert "Interrupted: the rollback is waited for, a second signal leaves it." in view.told


@pytest.mark.parametrize("phase", ["begin", "updating", "baking"])
def test_an_interruption_waits_for_the_restore(phase: str) -> None:
    stack = ScriptedStack()
    stack.scripts = {2: ALARM_WHILE["baking"]}
    stack.signals = [(3, phase)]
    outcome = shift(stack)
    assert outcome.status == 1 and stack.in_force == BEFORE and not stack.cancelled


@pytest.mark.parametrize(
    ("signals", "leaves", "text"),
    [
        (
            [(2, "baking"), (2, "rolling back")],
            [],
            "CloudFormation finishes taking the step back by itself.\nTo look: look at it",
        ),
        (
            [(2, "baking")],
            [(2, "rolling back")],
            "CloudFormation finishes taking the step back by itself.\nTo look: look at it",
        ),
        ([(2, "baking")], [(2, "cancel")], "the request to do so may not have arrived."),
        ([], [(2, "updating")], "CloudFormation goes on with the step and watches the alarms."),
        ([], [(2, "begin")], "The listener has lambda 90, fargate 10.\nTo go on:"),
    ],
)
def test_a_second_signal_leaves_a_step_at_once(
    signals: list[tuple[int, str]], leaves: list[tuple[int, str]], text: str
) -> None:
    stack = ScriptedStack()
    stack.signals, stack.leaves = signals, leaves
    outcome = shift(stack)
    assert (outcome.status, outcome.weights) == (130, None)
    assert text in outcome.text


@pytest.mark.parametrize(
    ("signals", "leaves", "text"),
    [
        ([(2, "rolling back")], [(2, "rolled back")], "CloudFormation finishes taking the step"),
        (
            [(2, "rolling back"), (3, "baking")],
            [],
            "CloudFormation goes on to restore lambda 100, fargate 0.",
        ),
        (
            [(2, "rolling back"), (3, "begin")],
            [],
            "Whether lambda 100, fargate 0 is restored is not known.\nTo look: look at it\n"
            f"To restore it: {COMMAND} --to lambda --steps 100 --bake 5m",
        ),
        (
            [(3, "updating")],
            [(3, "baking")],
            "CloudFormation goes on to restore lambda 100, fargate 0.",
        ),
    ],
)
def test_a_second_signal_leaves_a_rollback_at_once(
    signals: list[tuple[int, str]], leaves: list[tuple[int, str]], text: str
) -> None:
    stack = ScriptedStack()
    stack.scripts = {2: ALARM_WHILE["baking"]}
    stack.signals, stack.leaves = signals, leaves
    outcome = shift(stack)
    assert (outcome.status, outcome.weights) == (130, None)
    assert text in outcome.text


def test_triggers_are_removed_at_the_end_whatever_is_signalled() -> None:
    stack, view = ScriptedStack(), Lines()
    stack.keeps_triggers, stack.kept = True, (alarm("fargate"),)
    stack.signals = [(4, "updating")]
    outcome = shift(stack, view=view)
    assert (outcome.status, outcome.weights) == (0, Weights(0, 100))
    assert stack.updates[2:] == [
        (Weights(0, 200), (alarm("lambda"), alarm("fargate")), 300),
        (Weights(0, 100), (), 0),
    ]
    assert view.told == [
        "Interrupted: the rollback triggers are removed, a second signal leaves it."
    ]


def test_a_second_signal_leaves_the_removal_of_the_triggers() -> None:
    stack = ScriptedStack()
    stack.keeps_triggers, stack.kept = True, (alarm("fargate"),)
    stack.signals, stack.leaves = [(4, "updating")], [(4, "baking")]
    outcome = shift(stack)
    assert outcome == Outcome(
        130,
        "Interrupted. The listener has lambda 0, fargate 200. Whether its rollback triggers are "
        "removed is not known.\nTo look: look at it\n"
        "To remove them: portable shift --env test --clear-triggers",
    )


@pytest.mark.parametrize(
    ("where", "script", "text"),
    [
        ("baking", DONE, "goes on with the step, watches the alarms, and completes it or takes it"),
        ("rolled back", ALARM_WHILE["updating"], "goes on to take the step back."),
    ],
)
def test_a_call_that_fails_in_a_step_does_not_end_the_step(
    where: str, script: tuple[str, ...], text: str
) -> None:
    stack = ScriptedStack()
    stack.scripts = {2: script}
    stack.errors = {(2, where): "the credentials have expired."}
    outcome = shift(stack)
    assert (outcome.status, outcome.weights) == (1, None)
    assert outcome.text.startswith(f"the credentials have expired. CloudFormation {text}")
    assert outcome.text.endswith("To look: look at it")


@pytest.mark.parametrize("number", [2, 3])
def test_nothing_goes_on_in_what_has_ended(number: int) -> None:
    stack = ScriptedStack()
    stack.error = Gone
    stack.scripts = {2: ALARM_WHILE["updating"]} if number == 3 else {}
    stack.errors = {(number, "baking"): "the local run has ended."}
    outcome = shift(stack)
    assert (outcome.status, outcome.weights) == (1, None)
    assert outcome.text.endswith("the local run has ended.")


def test_a_request_to_take_back_that_fails_is_told() -> None:
    stack = ScriptedStack()
    stack.signals = [(1, "baking")]
    stack.errors = {(1, "cancel"): "access denied."}
    outcome = shift(stack)
    assert outcome.status == 130
    assert "access denied. CloudFormation takes the step back if the request" in outcome.text


@pytest.mark.parametrize("number", [1, 2])
def test_a_step_that_cannot_begin_ends_the_shift(number: int) -> None:
    stack = ScriptedStack()
    stack.errors = {(number, "begin"): "the stack is updating."}
    outcome = shift(stack)
    if number == 1:
        assert outcome == Outcome(1, "the stack is updating.")
    else:
        assert outcome.text == (
            "the stack is updating. The listener has lambda 90, fargate 10.\n"
            f"To go on: {COMMAND} --to fargate --steps 50,100 --bake 5m\n"
            f"To go back: {COMMAND} --to lambda --steps 100 --bake 5m"
        )


def test_who_cannot_look_at_the_listener_goes_on() -> None:
    stack = ScriptedStack()
    plan = make_plan(stack, "fargate", (100,), 300)
    stack.blind = True
    assert Shift(stack, plan, Lines(), stack.wait, COMMAND).run().status == 0


def test_the_way_back_is_the_nearest_percent() -> None:
    stack = ScriptedStack(Weights(2, 1))
    stack.signals = [(2, "before")]
    assert f"To go back: {COMMAND} --to lambda --steps 67 --bake 5m" in shift(stack).text


def test_the_plan_is_told_with_its_triggers_and_time() -> None:
    assert list(make_plan(ScriptedStack(), "fargate", (50, 100), 300).lines()) == [
        "the stack: from lambda 100, fargate 0 to lambda 0, fargate 100.",
        "  1. lambda 50, fargate 50: baked for 5m",
        "  2. lambda 0, fargate 100: baked for 5m",
        "Rollback triggers:",
        "  alarm lambda is in OK since 2026-11-23 14:05:09 UTC",
        "  alarm fargate is in OK since 2026-11-23 14:05:09 UTC",
        "It takes at least 10m.",
    ]

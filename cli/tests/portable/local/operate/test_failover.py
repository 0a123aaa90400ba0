"""The failover function of the template, run against groups that the test makes."""

from dataclasses import dataclass
from typing import Any

import pytest

from portable.local.operate.alarms import Alarms, State
from portable.local.operate.failover import Failover
from portable.local.operate.metrics import Metrics
from portable.manifests.alarms import alarms
from portable.weights import Weights
from tests.portable.local_run import ROOT

DOWN = "portable-api-test-{}-down-{}"


@dataclass
class Group:
    healthy: int = 1
    unhealthy: int = 0


class Listener:
    weights = Weights(50, 50)

    def change_weights(self, weights: Weights) -> None:
        self.weights = weights


class Lab:
    """Both groups and the alarms of the template, whose states the test sets."""

    def __init__(self, resources: dict[str, Any] | None = None) -> None:
        self.groups = {"lambda": Group(), "fargate": Group()}
        resources = resources or alarms(ROOT, "test", failover=True)
        metrics = Metrics(self.groups, lambda: 0.0)
        self.alarms = Alarms(resources, metrics, 1.0, lambda: 0.0, lambda state, before: None)
        self.listener = Listener()
        self.failover = Failover(resources, self.listener, self.groups, self.alarms)

    def alarm(self, side: str, question: str = "errors") -> list[str]:
        """Let the alarm of `side` fire; return what the failover says."""
        state = self.alarms.states[DOWN.format(side, question)]
        state.state = "ALARM"
        return list(self.failover.react(state))

    def minutes(self, count: int) -> list[list[str]]:
        """Return what the failover says at the end of each of `count` minutes."""
        return [list(self.failover.tick()) for _ in range(count)]

    @property
    def weights(self) -> tuple[int, int]:
        return self.listener.weights.lambda_, self.listener.weights.fargate


@pytest.mark.parametrize(("side", "expected"), [("fargate", (100, 0)), ("lambda", (0, 100))])
def test_a_side_that_is_down_loses_its_weight_to_the_other(side: str, expected: tuple[int, int]):
    lab = Lab()
    (sentence,) = lab.alarm(side)
    assert sentence.startswith(f"Failover of {side} moved all weight: ")
    assert lab.weights == expected


def test_not_to_a_side_without_a_healthy_target():
    lab = Lab()
    lab.groups["lambda"].healthy = 0
    (sentence,) = lab.alarm("fargate")
    assert sentence == (
        "Failover of fargate moved nothing (NotNow): lambda has no healthy target. "
        "It is tried again."
    )
    assert lab.weights == (50, 50)


def test_not_off_a_side_with_a_healthy_target_that_only_the_metric_misses():
    lab = Lab()
    (sentence,) = lab.alarm("fargate", "targets")
    assert "fargate has a healthy target" in sentence
    assert lab.weights == (50, 50)
    lab.groups["fargate"].healthy = 0
    assert lab.minutes(1) == [
        ["Failover of fargate moved all weight: lambda has all the weight now, 100."]
    ]
    assert lab.weights == (100, 0)


def test_not_to_a_side_that_fails_too():
    lab = Lab()
    lab.alarms.states[DOWN.format("lambda", "errors")].state = "ALARM"
    (sentence,) = lab.alarm("fargate")
    assert "moved nothing" in sentence and "is in ALARM" in sentence
    assert lab.weights == (50, 50)


def test_is_tried_again_after_one_minute_and_after_two_more():
    lab = Lab()
    lab.groups["lambda"].healthy = 0
    lab.alarm("fargate")
    told = lab.minutes(6)
    assert [len(sentences) for sentences in told] == [1, 0, 1, 0, 0, 0]
    assert told[0][0].endswith("It is tried again.")
    assert told[2][0].endswith("It is not tried again.")
    assert lab.weights == (50, 50)


def test_a_retry_moves_what_the_first_run_could_not():
    lab = Lab()
    lab.groups["lambda"].healthy = 0
    lab.alarm("fargate")
    lab.groups["lambda"].healthy = 1
    lab.minutes(1)
    assert lab.weights == (100, 0)
    assert lab.minutes(3) == [[], [], []]


def test_a_retry_moves_nothing_once_the_alarm_is_over():
    lab = Lab()
    lab.groups["lambda"].healthy = 0
    lab.alarm("fargate")
    lab.groups["lambda"].healthy = 1
    lab.alarms.states[DOWN.format("fargate", "errors")].state = "OK"
    ((sentence,),) = lab.minutes(1)
    assert sentence.endswith("is over.")
    assert lab.weights == (50, 50)


def test_never_back():
    lab = Lab()
    lab.alarm("fargate")
    state = lab.alarms.states[DOWN.format("fargate", "errors")]
    state.state = "OK"
    assert list(lab.failover.react(state)) == []
    assert lab.weights == (100, 0)


def test_the_other_alarms_move_nothing():
    lab = Lab()
    for state in lab.alarms.states.values():
        state.state = "ALARM"
        if "-down-" not in state.name:
            assert list(lab.failover.react(state)) == []
    assert lab.weights == (50, 50)


def test_without_the_parameter_there_is_none():
    resources = alarms(ROOT, "test", failover=False)
    lab = Lab(resources)
    assert not [name for name in lab.alarms.states if "-down-" in name]
    assert lab.failover.functions == {}


def test_code_that_fails_is_told():
    resources = alarms(ROOT, "test", failover=True)
    resources["FailoverFunction"]["Properties"]["Code"]["ZipFile"] = "import boto3\n1 / 0\n"
    lab = Lab(resources)
    (sentence,) = lab.alarm("fargate")
    assert sentence.startswith("Failover of fargate moved nothing (ZeroDivisionError): ")


def test_the_alarm_on_the_failover_itself_is_none_of_a_side():
    assert "portable-api-test-failover" not in Lab().alarms.states


def test_an_alarm_without_actions_is_no_reason():
    lab = Lab()
    assert list(lab.failover.react(State("x", "fargate", (), "ALARM"))) == []

"""When an alarm changes its state."""

from typing import Any

import pytest

from portable.errors import PortableError
from portable.local.listener.access import Access
from portable.local.operate.alarms import Alarms, State
from portable.local.operate.metrics import Metrics

MINUTE = 10.0  # seconds


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def alarm(name: str, **properties: Any) -> dict[str, Any]:
    values = {
        "AlarmName": name,
        "MetricName": "HTTPCode_Target_5XX_Count",
        "Dimensions": [{"Name": "TargetGroup", "Value": "x-FargateTargetGroupFullName"}],
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 2,
        "Threshold": 3,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "notBreaching",
    }
    return {"Type": "AWS::CloudWatch::Alarm", "Properties": values | properties}


def composite(name: str, rule: str) -> dict[str, Any]:
    properties = {"AlarmName": name, "AlarmRule": rule}
    return {"Type": "AWS::CloudWatch::CompositeAlarm", "Properties": properties}


class Watched:
    """Alarms over metrics that the test fills, minute by minute."""

    def __init__(self, *resources: dict[str, Any]) -> None:
        self.clock = Clock()
        self.metrics = Metrics({}, self.clock)
        self.changes: list[tuple[str, str]] = []
        named = {f"Resource{number}": resource for number, resource in enumerate(resources)}
        self.alarms = Alarms(named, self.metrics, MINUTE, self.clock, self.changed)

    def changed(self, state: State, before: str) -> None:
        assert before != state.state
        self.changes.append((state.name, state.state))

    def minute(self, errors: int = 0, good: int = 0, group: str = "fargate") -> None:
        self.clock.now += 1
        for status in [500] * errors + [200] * good:
            self.metrics.record(Access("127.0.0.1", "GET", "/", status, group, "t", 0.1))
        self.clock.now += MINUTE - 1
        self.alarms.tick()

    def state(self, name: str = "errors") -> str:
        return self.alarms.states[name].state


def test_every_period_has_to_breach():
    watched = Watched(alarm("errors"))
    watched.minute(errors=3)
    assert watched.state() == "OK"
    watched.minute(errors=2)
    watched.minute(errors=3)
    assert watched.state() == "OK"
    watched.minute(errors=4)
    assert watched.state() == "ALARM"
    state = watched.alarms.states["errors"]
    assert (state.since, state.reason) == (
        1040,
        "the latest values were 3, 4, the threshold is >= 3",
    )
    watched.minute()
    assert watched.state() == "OK"
    assert watched.changes == [("errors", "OK"), ("errors", "ALARM"), ("errors", "OK")]


def test_or_as_many_as_it_says():
    watched = Watched(alarm("errors", EvaluationPeriods=3, DatapointsToAlarm=2))
    for errors in (3, 0, 3):
        watched.minute(errors=errors)
    assert watched.state() == "ALARM"
    watched.minute()
    assert watched.state() == "OK"


@pytest.mark.parametrize(
    ("missing", "expected"),
    [("breaching", "ALARM"), ("notBreaching", "OK"), ("missing", "INSUFFICIENT_DATA")],
)
def test_missing_data_counts_as_the_alarm_says(missing: str, expected: str):
    watched = Watched(alarm("errors", TreatMissingData=missing))
    watched.minute()
    watched.minute()
    assert watched.state() == expected


def test_a_metric_of_the_other_side_is_not_counted():
    watched = Watched(alarm("errors"))
    watched.minute(errors=9, group="lambda")
    watched.minute(errors=9, group="lambda")
    assert watched.state() == "OK"


def test_metric_math():
    def stat(identifier: str, metric: str) -> dict[str, Any]:
        dimensions = [{"Name": "TargetGroup", "Value": "x-FargateTargetGroupFullName"}]
        found = {"Namespace": "AWS/ApplicationELB", "MetricName": metric, "Dimensions": dimensions}
        return {
            "Id": identifier,
            "MetricStat": {"Metric": found, "Period": 60, "Stat": "Sum"},
            "ReturnData": False,
        }

    share = "IF(FILL(requests, 0) >= 10, 100 * FILL(errors, 0) / requests, 0)"
    definition = alarm("errors", Threshold=50, EvaluationPeriods=1)
    for name in ("MetricName", "Dimensions", "Statistic", "Period"):
        del definition["Properties"][name]
    definition["Properties"]["Metrics"] = [
        {"Id": "share", "Expression": share},
        stat("requests", "RequestCount"),
        stat("errors", "HTTPCode_Target_5XX_Count"),
    ]
    watched = Watched(definition)
    watched.minute(errors=9)
    assert watched.state() == "OK", "nine requests are too few"
    watched.minute(errors=4, good=6)
    assert watched.state() == "OK"
    watched.minute(errors=5, good=5)
    assert watched.state() == "ALARM"


def test_a_composite_alarm_follows_its_rule():
    rule = 'ALARM("errors") OR ALARM("many")'
    watched = Watched(
        alarm("errors", EvaluationPeriods=1),
        alarm("many", EvaluationPeriods=1, Threshold=100),
        composite("fargate", rule),
    )
    watched.minute()
    assert watched.state("fargate") == "OK"
    watched.minute(errors=5)
    state = watched.alarms.states["fargate"]
    assert (state.state, state.reason, state.side) == ("ALARM", "errors", "fargate")
    assert state.parts == ("errors", "many")
    watched.minute()
    assert watched.state("fargate") == "OK"


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ('ALARM("a") AND ALARM("b")', "OK"),
        ('ALARM("a") AND NOT ALARM("b")', "ALARM"),
        ('ALARM("a") AND OK("b")', "ALARM"),
        ('(ALARM("b") OR ALARM("a")) AND ALARM("b")', "OK"),
    ],
)
def test_rules(rule: str, expected: str):
    watched = Watched(
        alarm("a", EvaluationPeriods=1),
        alarm("b", EvaluationPeriods=1, Threshold=100),
        composite("both", rule),
    )
    watched.minute(errors=5)
    assert watched.state("both") == expected


def test_an_alarm_that_watches_both_sides_is_refused():
    dimensions = [
        {"Name": "TargetGroup", "Value": "x-FargateTargetGroupFullName"},
        {"Name": "TargetGroup", "Value": "x-LambdaTargetGroupFullName"},
    ]
    with pytest.raises(PortableError, match="'errors' watches 2 target groups"):
        Watched(alarm("errors", Dimensions=dimensions))


def test_an_alarm_that_cannot_be_evaluated_is_named_before_it_counts():
    definition = alarm("errors")
    for name in ("MetricName", "Dimensions", "Statistic", "Period"):
        del definition["Properties"][name]
    dimensions = [{"Name": "TargetGroup", "Value": "x-FargateTargetGroupFullName"}]
    metric = {"MetricName": "RequestCount", "Dimensions": dimensions}
    definition["Properties"]["Metrics"] = [
        {"Id": "m", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}},
        {"Id": "e", "Expression": "RATE(m)"},
    ]
    watched = Watched(definition)
    with pytest.raises(PortableError, match=r"'RATE\(m\)' of an alarm cannot be evaluated here"):
        watched.alarms.check()

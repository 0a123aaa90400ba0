"""Which metrics a request counts in, and their statistics."""

from dataclasses import dataclass

import pytest

from portable.local.listener.access import Access
from portable.local.listener.reasons import Reason
from portable.local.operate.metrics import Metrics


@dataclass
class Hosts:
    healthy: int = 2
    unhealthy: int = 1


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def access(
    group: str = "fargate",
    status: int = 200,
    reason: Reason | None = None,
    seconds: float = 0.25,
    target: str = "task-1",
) -> Access:
    return Access("127.0.0.1", "GET", "/", status, group, target, seconds, reason)


def counted(item: Access) -> dict[str, float]:
    """Return every metric that one request is in, with its sum."""
    metrics = Metrics({}, Clock())
    metrics.record(item)
    names = (
        *("RequestCount", "HTTPCode_Target_5XX_Count", "TargetResponseTime"),
        *("LambdaUserError", "Throttles", "TargetConnectionErrorCount"),
    )
    values = {name: metrics.statistic(item.group, name, "Sum", 100, 101) for name in names}
    return {name: value for name, value in values.items() if value is not None}


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (access(), {"RequestCount": 1, "TargetResponseTime": 0.25}),
        (
            access(status=500),
            {"RequestCount": 1, "TargetResponseTime": 0.25, "HTTPCode_Target_5XX_Count": 1},
        ),
        (access(status=404), {"RequestCount": 1, "TargetResponseTime": 0.25}),
        (
            access(status=502, reason=Reason.REFUSED),
            {"RequestCount": 1, "TargetConnectionErrorCount": 1},
        ),
        (access(status=502, reason=Reason.TARGET_CLOSED), {"RequestCount": 1}),
        (access(status=503, reason=Reason.NO_TARGETS, target="-"), {}),
        (
            access("lambda", 502, Reason.UNHANDLED),
            {"RequestCount": 1, "LambdaUserError": 1},
        ),
        (
            access("lambda", 502, Reason.THROTTLED),
            {"RequestCount": 1, "LambdaUserError": 1, "Throttles": 1},
        ),
        (access("lambda", 413, Reason.REQUEST_TOO_LARGE), {"RequestCount": 1}),
        (access("-", 400, Reason.MALFORMED_REQUEST, target="-"), {}),
    ],
    ids=lambda value: (
        f"{value.group} {value.status} {value.text}".strip() if isinstance(value, Access) else ""
    ),
)
def test_a_request_is_in_the_metrics_of_its_target_group(item: Access, expected: dict[str, float]):
    assert counted(item) == expected


def test_sides_are_apart():
    metrics = Metrics({}, Clock())
    metrics.record(access("lambda"))
    assert metrics.statistic("fargate", "RequestCount", "Sum", 0, 200) is None


def test_statistics_are_those_of_the_period():
    clock = Clock()
    metrics = Metrics({}, clock)
    for clock.now, seconds in ((99.5, 9.0), (100.0, 1.0), (100.9, 2.0), (104.0, 3.0), (105, 9.0)):
        metrics.record(access(seconds=seconds))
    found = {
        name: metrics.statistic("fargate", "TargetResponseTime", name, 100.0, 105.0)
        for name in ("SampleCount", "Sum", "Average", "Minimum", "Maximum", "p50", "p95", "p100")
    }
    assert found == {
        "SampleCount": 3,
        "Sum": 6,
        "Average": 2,
        "Minimum": 1,
        "Maximum": 3,
        "p50": 2,
        "p95": 3,
        "p100": 3,
    }


def test_samples_the_health_of_the_targets():
    hosts = Hosts()
    metrics = Metrics({"fargate": hosts}, Clock())
    metrics.sample()
    hosts.healthy, hosts.unhealthy = 0, 3
    metrics.sample()
    found = [
        metrics.statistic("fargate", metric, statistic, 100, 101)
        for metric in ("HealthyHostCount", "UnHealthyHostCount")
        for statistic in ("Minimum", "Maximum")
    ]
    assert found == [0, 2, 1, 3]


def test_what_is_old_is_forgotten_and_what_is_much_is_only_counted():
    clock = Clock()
    metrics = Metrics({}, clock)
    for _ in range(metrics.SAMPLES + 5):
        metrics.record(access())
    assert metrics.statistic("fargate", "RequestCount", "Sum", 100, 101) == metrics.SAMPLES + 5
    ((values,),) = (
        [v for k, v in kept.items() if k[1] == "RequestCount"] for kept in metrics.slots.values()
    )
    assert len(values.samples) == metrics.SAMPLES
    clock.now += metrics.KEPT + 1
    metrics.record(access())
    assert list(metrics.slots) == [100 + metrics.KEPT + 1]


def test_a_response_that_lambda_cannot_give_is_counted_by_its_line():
    metrics = Metrics({}, Clock())
    metrics.line('{"level": "ERROR", "message": "The response is ...", "refused_bytes": 1200000}')
    metrics.line('{"level": "INFO", "message": "\\"refused_bytes\\": 1200000"}')
    assert metrics.statistic("lambda", "LambdaTooLarge", "Sum", 100, 101) == 1

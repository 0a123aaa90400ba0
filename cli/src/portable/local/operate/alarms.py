"""The alarms of alb/alarms.yaml, evaluated over the metrics of the local run.

When an alarm changes its state:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
"""

import ast
import operator
import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from portable.errors import PortableError
from portable.local.operate.expressions import Value, evaluate
from portable.local.operate.metrics import Metrics

MINUTE = 60  # seconds
COMPARISONS: dict[str, tuple[Callable[[float, float], bool], str]] = {
    "GreaterThanThreshold": (operator.gt, ">"),
    "GreaterThanOrEqualToThreshold": (operator.ge, ">="),
    "LessThanThreshold": (operator.lt, "<"),
    "LessThanOrEqualToThreshold": (operator.le, "<="),
}
# A dimension's value is what it was imported as, and these are in the names of the exports.
SIDES = {"LambdaTargetGroup": "lambda", "function": "lambda", "FargateTargetGroup": "fargate"}


@dataclass
class State:
    """The state of one alarm; `since` in seconds since the epoch."""

    name: str
    side: str
    actions: tuple[str, ...]
    state: str = "INSUFFICIENT_DATA"
    since: float = 0.0
    reason: str = ""
    parts: tuple[str, ...] = ()  # the alarms that a composite one is made of


@dataclass
class _MetricAlarm:
    state: State
    properties: dict[str, Any]
    latest: deque[Value] = field(init=False)

    def __post_init__(self) -> None:
        self.latest = deque(maxlen=int(self.properties["EvaluationPeriods"]))


class Alarms:
    """All alarms of the rendered template `resources`.

    A period of a minute takes `minute` seconds here. `clock` is that of the metrics, `now` the
    seconds since the epoch; `on_change` is called with each alarm that changed its state, and the
    state before.
    """

    def __init__(
        self,
        resources: Mapping[str, dict[str, Any]],
        metrics: Metrics,
        minute: float,
        now: Callable[[], float],
        on_change: Callable[[State, str], None],
    ) -> None:
        self.metrics = metrics
        self.minute = minute
        self.now = now
        self.on_change = on_change
        self.leaves: list[_MetricAlarm] = []
        self.composites: list[tuple[State, str]] = []
        # A Ref to an alarm is its name on AWS, and its logical id in a template rendered offline.
        names = {
            logical_id: resource["Properties"]["AlarmName"]
            for logical_id, resource in resources.items()
            if "AlarmName" in resource.get("Properties", {})
        }
        functions = {
            logical_id
            for logical_id, resource in resources.items()
            if resource["Type"] == "AWS::Lambda::Function"
        }
        for resource in resources.values():
            properties = resource.get("Properties", {})
            actions = tuple(properties.get("AlarmActions", ()))
            if resource["Type"] == "AWS::CloudWatch::Alarm":
                if functions & set(_dimensions(properties)):
                    continue  # on the failover itself, which is no function of Lambda here
                state = State(properties["AlarmName"], _side(properties), actions)
                self.leaves.append(_MetricAlarm(state, properties))
        for resource in resources.values():
            if resource["Type"] == "AWS::CloudWatch::CompositeAlarm":
                properties = resource["Properties"]
                rule = re.sub(
                    r'"([^"]+)"',
                    lambda found: f'"{names.get(found[1], found[1])}"',
                    properties["AlarmRule"],
                )
                parts = tuple(re.findall(r'ALARM\("([^"]+)"\)', rule))
                sides = {leaf.state.side for leaf in self.leaves if leaf.state.name in parts}
                actions = tuple(properties.get("AlarmActions", ()))
                state = State(properties["AlarmName"], "".join(sides), actions, parts=parts)
                self.composites.append((state, rule))
        self.states = {leaf.state.name: leaf.state for leaf in self.leaves}
        self.states |= {state.name: state for state, _ in self.composites}

    def check(self) -> None:
        """Raise `PortableError` for an alarm that cannot be evaluated here."""
        for leaf in self.leaves:
            self._value(leaf.properties)
        for _, rule in self.composites:
            _holds(rule, {name: alarm.state for name, alarm in self.states.items()})

    def tick(self) -> None:
        """Evaluate every alarm for the minute that ends now."""
        for leaf in self.leaves:
            value = self._value(leaf.properties)
            leaf.latest.append(value)
            self._change(leaf.state, *_judge(leaf.properties, list(leaf.latest)))
        for state, rule in self.composites:
            firing = [name for name in state.parts if self.states[name].state == "ALARM"]
            holds = _holds(rule, {name: alarm.state for name, alarm in self.states.items()})
            self._change(state, "ALARM" if holds else "OK", ", ".join(firing))

    def _change(self, alarm: State, state: str, reason: str) -> None:
        if state != alarm.state:
            before, alarm.state = alarm.state, state
            alarm.since, alarm.reason = self.now(), reason
            self.on_change(alarm, before)

    def _value(self, properties: dict[str, Any]) -> Value:
        side = _side(properties)
        if "Metrics" not in properties:
            statistic = properties.get("Statistic") or properties["ExtendedStatistic"]
            return self._statistic(side, properties["MetricName"], statistic, properties["Period"])
        values: dict[str, Value] = {}
        result: Value = None
        for query in sorted(properties["Metrics"], key=lambda query: "Expression" in query):
            if "Expression" in query:
                values[query["Id"]] = evaluate(query["Expression"], values)
            else:
                found = query["MetricStat"]
                name = found["Metric"]["MetricName"]
                values[query["Id"]] = self._statistic(side, name, found["Stat"], found["Period"])
            if query.get("ReturnData", True) not in (False, "false"):
                result = values[query["Id"]]
        return result

    def _statistic(self, side: str, metric: str, statistic: str, period: object) -> Value:
        seconds = float(str(period)) / MINUTE * self.minute
        end = self.metrics.clock()
        return self.metrics.statistic(side, metric, statistic, end - seconds, end)


def _judge(properties: dict[str, Any], values: list[Value]) -> tuple[str, str]:
    """Return the state after the latest `values`, and why."""
    compare, sign = COMPARISONS[properties["ComparisonOperator"]]
    threshold = float(properties["Threshold"])
    missing = properties.get("TreatMissingData", "missing")
    breaching = [
        compare(value, threshold) if value is not None else missing == "breaching"
        for value in values
    ]
    needed = int(properties.get("DatapointsToAlarm", properties["EvaluationPeriods"]))
    if sum(breaching) >= needed:
        shown = ", ".join("no data" if value is None else f"{value:.4g}" for value in values)
        return "ALARM", f"the latest values were {shown}, the threshold is {sign} {threshold:g}"
    if missing == "missing" and all(value is None for value in values):
        return "INSUFFICIENT_DATA", "there is no data"
    return "OK", ""


def _dimensions(properties: dict[str, Any]) -> Iterator[str]:
    """Yield the values of the dimensions of every metric that an alarm watches."""
    queries = properties.get("Metrics", ())
    metrics = [query["MetricStat"]["Metric"] for query in queries if "MetricStat" in query]
    for metric in metrics or [properties]:
        yield from (dimension["Value"] for dimension in metric.get("Dimensions", ()))


def _side(properties: dict[str, Any]) -> str:
    values = " ".join(_dimensions(properties))
    found = {side for word, side in SIDES.items() if word in values}
    if len(found) != 1:
        name = properties.get("AlarmName")
        raise PortableError(f"alarm {name!r} watches {len(found)} target groups, expected one.")
    return found.pop()


def _holds(rule: str, states: Mapping[str, str]) -> bool:
    """Evaluate the rule of a composite alarm: ALARM("…"), OK("…"), AND, OR, NOT."""

    def known(match: re.Match[str]) -> str:
        return str(states[match[2]] == match[1])

    text = re.sub(r'(ALARM|OK|INSUFFICIENT_DATA)\("([^"]+)"\)', known, rule)
    for word in ("AND", "OR", "NOT"):
        text = re.sub(rf"\b{word}\b", word.lower(), text)

    def value(node: ast.expr) -> bool:
        match node:
            case ast.Constant(value=bool() as constant):
                return constant
            case ast.BoolOp(op=ast.Or(), values=parts):
                return any(value(part) for part in parts)
            case ast.BoolOp(op=ast.And(), values=parts):
                return all(value(part) for part in parts)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return not value(operand)
            case _:
                raise PortableError(f"the rule {rule!r} of an alarm cannot be evaluated here.")

    return value(ast.parse(" ".join(text.split()), mode="eval").body)

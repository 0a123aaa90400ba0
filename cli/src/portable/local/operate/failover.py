"""The failover of alb/alarms.yaml: its function's own code, run against the local listener.

The code is run here as it is in the template. What it asks of AWS (four calls) is answered by
this file, as there is no listener of AWS to ask about.
"""

import builtins
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Protocol

from portable.local.operate.alarms import Alarms, State
from portable.weights import Weights

Groups = dict[str, str]  # ARN of a target group: its side

# Minutes that Lambda waits before it invokes a function again that failed:
# https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
RETRIES = (1, 2)


class Listener(Protocol):
    """The listener, as the failover needs it."""

    weights: Weights

    def change_weights(self, weights: Weights) -> None:
        """Forward by `weights` from the next request on."""


class Group(Protocol):
    """A target group, as the failover needs it."""

    @property
    def healthy(self) -> int:
        """Number of healthy targets."""


class Failover:
    """Invokes the function for alarms that have it as an action.

    `listener` is the one whose weights it moves, `groups` are its target groups by side. What the
    function raises is tried again, as Lambda does.
    """

    def __init__(
        self,
        resources: Mapping[str, dict[str, Any]],
        listener: Listener,
        groups: Mapping[str, Group],
        alarms: Alarms,
    ) -> None:
        self.listener = listener
        self.groups = groups
        self.alarms = alarms
        self.functions = {
            f"{name}.Arn": resource["Properties"]
            for name, resource in resources.items()
            if resource["Type"] == "AWS::Lambda::Function"
        }
        self.minutes = 0
        self.failed: list[_Run] = []

    def react(self, alarm: State) -> Iterator[str]:
        """Invoke what `alarm` has as an action if it is in ALARM; yield a sentence for each."""
        for action in alarm.actions if alarm.state == "ALARM" else ():
            if function := self.functions.get(action):
                yield self._try(_Run(function, alarm))

    def tick(self) -> Iterator[str]:
        """Invoke again what failed and is due, as a minute is over; yield a sentence for each."""
        self.minutes += 1
        due = [run for run in self.failed if run.due <= self.minutes]
        self.failed = [run for run in self.failed if run.due > self.minutes]
        for run in due:
            yield self._try(run)

    def _try(self, run: "_Run") -> str:
        name = f"Failover of {run.alarm.side}"
        try:
            outcome = self._invoke(run.function, run.alarm.name)
        except Exception as error:  # whatever that code raises
            said = f"{name} moved nothing ({type(error).__name__}): {str(error).rstrip('.')}."
            if run.failures == len(RETRIES):
                return f"{said} It is not tried again."
            run.due = self.minutes + RETRIES[run.failures]
            run.failures += 1
            self.failed.append(run)
            return f"{said} It is tried again."
        done = "moved all weight" if outcome["moved"] else "moved nothing"
        return f"{name} {done}: {outcome['reason']}"

    def _invoke(self, function: dict[str, Any], alarm: str) -> dict[str, Any]:
        variables = function["Environment"]["Variables"]
        module: dict[str, Any] = {"__builtins__": vars(builtins) | self._modules(variables)}
        code = compile(function["Code"]["ZipFile"], function["Handler"], "exec")
        exec(code, module)  # noqa: S102 - the user's own template
        handler = module[function["Handler"].rpartition(".")[2]]
        outcome: dict[str, Any] = handler({"alarmData": {"alarmName": alarm}}, None)
        return outcome

    def _modules(self, variables: dict[str, str]) -> dict[str, Any]:
        """Return the builtins that differ: the imports, and print, whose line is not wanted."""
        sides = {arn: side for side, arn in json.loads(variables["TARGET_GROUPS"]).items()}
        given = {
            "boto3": SimpleNamespace(
                client=lambda service: _Client(self.listener, self.groups, sides, self.alarms)
            ),
            "os": SimpleNamespace(environ=variables),
        }

        def find(name: str, *more: Any) -> Any:
            return given[name] if name in given else __import__(name, *more)

        return {"__import__": find, "print": lambda *values: None}


@dataclass
class _Run:
    """An invocation of `function` for `alarm`; `due` is the minute in which it is tried again."""

    function: dict[str, Any]
    alarm: State
    failures: int = 0
    due: int = 0


class _Client:
    """Answers as the clients `elbv2` and `cloudwatch` of boto3."""

    def __init__(
        self, listener: Listener, groups: Mapping[str, Group], sides: Groups, alarms: Alarms
    ) -> None:
        self.listener = listener
        self.groups = groups
        self.sides = sides
        self.alarms = alarms

    def describe_listeners(self, LoadBalancerArn: str) -> dict[str, Any]:
        members = [
            {"TargetGroupArn": arn, "Weight": self.listener.weights.of(side)}
            for arn, side in self.sides.items()
        ]
        action = {"Type": "forward", "ForwardConfig": {"TargetGroups": members}}
        return {"Listeners": [{"ListenerArn": "local", "DefaultActions": [action]}]}

    def modify_listener(self, ListenerArn: str, DefaultActions: list[dict[str, Any]]) -> None:
        (action,) = DefaultActions
        weights = {
            self.sides[member["TargetGroupArn"]]: member["Weight"]
            for member in action["ForwardConfig"]["TargetGroups"]
        }
        self.listener.change_weights(Weights(weights["lambda"], weights["fargate"]))

    def describe_target_health(self, TargetGroupArn: str) -> dict[str, Any]:
        healthy = self.groups[self.sides[TargetGroupArn]].healthy
        targets = [{"TargetHealth": {"State": "healthy"}}] * healthy
        return {"TargetHealthDescriptions": targets}

    def describe_alarms(self, AlarmNames: list[str]) -> dict[str, Any]:
        states = self.alarms.states
        found = [
            {"AlarmName": name, "StateValue": states[name].state}
            for name in AlarmNames
            if name in states
        ]
        return {"MetricAlarms": found}

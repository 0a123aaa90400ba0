"""The failover of alb/alarms.yaml: its function's own code, run against the local listener.

The code is run here as it is in the template. What it asks of AWS (four calls) is answered by
this file, as there is no listener of AWS to ask about.
"""

import builtins
import json
from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any, Protocol

from portable.local.operate.alarms import Alarms, State
from portable.weights import Weights

Groups = dict[str, str]  # ARN of a target group: its side


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

    `listener` is the one whose weights it moves, `groups` are its target groups by side.
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

    def react(self, alarm: State) -> Iterator[str]:
        """Invoke what `alarm` has as an action if it is in ALARM; yield a sentence for each."""
        for action in alarm.actions if alarm.state == "ALARM" else ():
            if function := self.functions.get(action):
                try:
                    outcome = self._invoke(function, alarm.name)
                except Exception as error:  # whatever that code raises
                    yield f"The failover of {alarm.side} failed: {error!r}."
                    continue
                done = "moved all weight" if outcome["moved"] else "moved nothing"
                yield f"Failover of {alarm.side} {done}: {outcome['reason']}"

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
        arns = json.loads(variables["TARGET_GROUPS"]).values()
        sides = {arn: "lambda" if "LambdaTargetGroup" in arn else "fargate" for arn in arns}
        given = {
            "boto3": SimpleNamespace(
                client=lambda service: _Client(self.listener, self.groups, sides, self.alarms)
            ),
            "os": SimpleNamespace(environ=variables),
        }

        def find(name: str, *more: Any) -> Any:
            return given[name] if name in given else __import__(name, *more)

        return {"__import__": find, "print": lambda *values: None}


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

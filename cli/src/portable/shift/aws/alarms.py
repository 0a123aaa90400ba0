"""The alarms of both sides, their states, and which of them went off."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from portable.errors import PortableError
from portable.shift.aws.clients import Clients
from portable.shift.aws.errors import sentences
from portable.shift.stack import GONE, Alarm
from portable.weights import SIDES

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import RollbackTriggerTypeDef
    from mypy_boto3_cloudwatch.type_defs import CompositeAlarmTypeDef, MetricAlarmTypeDef


class CloudWatchAlarms:
    """The composite alarms `PREFIX-lambda` and `PREFIX-fargate` with the alarms they are made of.

    `remedy` is the command that deploys them.
    """

    def __init__(self, clients: Clients, prefix: str, remedy: str) -> None:
        self.clients = clients
        self.remedy = remedy
        self.names = {side: f"{prefix}-{side}" for side in SIDES}
        self.triggers: dict[str, RollbackTriggerTypeDef] = {}

    def states(self) -> Sequence[Alarm]:
        """Return both with their state; raise `PortableError` if one is missing."""
        found = self._describe(self.names.values())
        missing = [name for name in self.names.values() if name not in found]
        if missing:
            raise PortableError(
                f"there is no alarm {' and no alarm '.join(missing)} in {self.clients.region}, and "
                f"nothing is shifted without: `{self.remedy}` makes them."
            )
        rules = {name: _names(found[name]) for name in self.names.values()}
        parts = self._describe(sorted({part for rule in rules.values() for part in rule}))
        return [
            replace(
                _alarm(found[name], side),
                parts=tuple(_alarm(parts[part], side) for part in rules[name] if part in parts),
            )
            for side, name in self.names.items()
        ]

    def named(self, names: Iterable[str]) -> Sequence[Alarm]:
        """Return the alarms of these names with their state; `GONE` for one that is not there."""
        wanted = list(names)
        found = self._describe(wanted)
        gone = (Alarm(name, "", GONE) for name in wanted if name not in found)
        return [*(_alarm(found[name], "") for name in wanted if name in found), *gone]

    def trigger(self, alarm: Alarm) -> "RollbackTriggerTypeDef":
        """Return `alarm` as CloudFormation names it; it was among `states` before."""
        return self.triggers[alarm.name]

    def fired(self, triggers: Sequence[Alarm], since: datetime) -> tuple[Alarm, ...]:
        """Return those of `triggers` that went into ALARM after `since`, with why.

        The history tells it even when they are back in OK. One that has none but is in ALARM was
        in it already.
        """
        current = {alarm.name: alarm for alarm in self.states()}
        found = []
        for trigger in triggers:
            alarm = current[trigger.name]
            history = self._history(alarm, since)
            parts = tuple(self._history(part, since) or part for part in alarm.parts)
            if history or alarm.state == "ALARM":
                found.append(replace(history or alarm, parts=parts))
        return tuple(found)

    def _history(self, alarm: Alarm, since: datetime) -> Alarm | None:
        """Return the alarm as it was when it first went into ALARM after `since`."""
        with sentences(self.clients.region):
            pages = self.clients.cloudwatch.get_paginator("describe_alarm_history").paginate(
                AlarmName=alarm.name,
                AlarmTypes=["CompositeAlarm", "MetricAlarm"],  # the default is only the latter
                HistoryItemType="StateUpdate",
                StartDate=since,
                ScanBy="TimestampAscending",
            )
            for page in pages:
                for item in page["AlarmHistoryItems"]:
                    new = json.loads(item.get("HistoryData") or "{}").get("newState", {})
                    if new.get("stateValue") == "ALARM":
                        reason = new.get("stateReason", "")
                        return replace(alarm, state="ALARM", since=item["Timestamp"], reason=reason)
        return None

    def _describe(
        self, names: Iterable[str]
    ) -> "dict[str, CompositeAlarmTypeDef | MetricAlarmTypeDef]":
        wanted = list(names)
        if not wanted:
            return {}  # no name would mean every alarm of the account
        with sentences(self.clients.region):
            answer = self.clients.cloudwatch.describe_alarms(
                AlarmNames=wanted, AlarmTypes=["CompositeAlarm", "MetricAlarm"]
            )
        found: dict[str, CompositeAlarmTypeDef | MetricAlarmTypeDef] = {}
        for kind, alarms in (
            ("AWS::CloudWatch::CompositeAlarm", answer.get("CompositeAlarms", [])),
            ("AWS::CloudWatch::Alarm", answer.get("MetricAlarms", [])),
        ):
            for alarm in alarms:
                found[alarm["AlarmName"]] = alarm
                self.triggers[alarm["AlarmName"]] = {"Arn": alarm["AlarmArn"], "Type": kind}
        return found


def _names(alarm: "CompositeAlarmTypeDef | MetricAlarmTypeDef") -> tuple[str, ...]:
    """Return the alarms in the rule of a composite one, as ALARM("name") or with an ARN."""
    rule = str(alarm.get("AlarmRule", ""))
    found = re.findall(r"""ALARM\(\s*["']?([^"')]+?)["']?\s*\)""", rule)
    return tuple(dict.fromkeys(name.rpartition(":alarm:")[2] for name in found))


def _alarm(alarm: "CompositeAlarmTypeDef | MetricAlarmTypeDef", side: str) -> Alarm:
    since = alarm.get("StateTransitionedTimestamp") or alarm.get("StateUpdatedTimestamp")
    return Alarm(alarm["AlarmName"], side, alarm["StateValue"], since, alarm.get("StateReason", ""))

"""CloudWatch: alarms, and one metric. Nobody measures anything, a test says what they are.

Checked: a composite alarm's rule names alarms that are there, and none of these is deleted before
it. An alarm starts without data, which is OK where missing data is not breaching.
"""

import json
import math
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from tests.aws.actors import Made, OnlySchema, Resource, ResourceFailed
from tests.aws.errors import AwsError
from tests.aws.service import NotAnswered, Service

STATES = ("OK", "ALARM", "INSUFFICIENT_DATA")
CONDITION = re.compile(
    r"\b(OK|ALARM|INSUFFICIENT_DATA)\s*\(\s*(\"[^\"]+\"|'[^']+'|[^\"')\s]+)\s*\)"
)
REQUESTS = ("AWS/ApplicationELB", "RequestCount", "Sum")
WORDS = {"AND": "and", "OR": "or", "NOT": "not", "TRUE": "True", "FALSE": "False"}


class CloudWatch(Service):
    """`alarms` by name, each as the API describes it; `history` has every change of a state.

    `on_change(name, state)` is called after each of them.

    The one metric that is there is RequestCount of target groups: `traffic` is its value, requests
    in a minute, by the dimension TargetGroup, `usual_traffic` that of all others. A minute is known
    `metrics_late` seconds after its end, one without requests never.
    """

    name = "cloudwatch"

    def __init__(self, account: str, region: str, now: Callable[[], datetime]) -> None:
        self.prefix = f"arn:aws:cloudwatch:{region}:{account}:alarm:"
        self.now = now
        self.alarms: dict[str, dict[str, Any]] = {}
        self.history: list[dict[str, Any]] = []
        self.traffic: dict[str, float] = {}
        self.usual_traffic = 600.0
        self.metrics_late = 60.0
        self.on_change: Callable[[str, str], None] = lambda name, state: None
        self.actors = {
            "AWS::CloudWatch::Alarm": AlarmActor(self),
            "AWS::CloudWatch::CompositeAlarm": CompositeAlarmActor(self),
        }

    def state(self, alarm: str) -> str | None:
        """Return the state of an alarm, by name or ARN, None if there is none."""
        found = self.alarms.get(alarm.removeprefix(self.prefix))
        return found["StateValue"] if found else None

    def set(self, name: str, state: str, reason: str = "Set by a test.", data: str = "") -> None:
        """Put an alarm into a state, and the composite ones after it; raise AwsError without it."""
        if name not in self.alarms:
            raise AwsError("ResourceNotFound", f"Alarm {name} does not exist", 404)
        if state not in STATES:
            raise AwsError("ValidationError", f"{state} is none of {', '.join(STATES)}")
        self._set(name, state, reason, data)
        self.settle()

    def settle(self) -> None:
        """Let the composite alarms follow the others, and each other."""
        for _ in self.alarms:
            for name, alarm in self.alarms.items():
                if rule := alarm.get("AlarmRule"):
                    met, because = self._met(rule)
                    self._set(name, "ALARM" if met else "OK", because, "")

    def parts(self, rule: str) -> list[str]:
        """Return the names of the alarms in the rule of a composite one."""
        return [
            found[2].strip("\"'").removeprefix(self.prefix) for found in CONDITION.finditer(rule)
        ]

    def _met(self, rule: str) -> tuple[bool, str]:
        met = [
            found[2].strip("\"'").removeprefix(self.prefix)
            for found in CONDITION.finditer(rule)
            if self.state(found[2].strip("\"'")) == found[1]
        ]
        text = CONDITION.sub(lambda found: str(self.state(found[2].strip("\"'")) == found[1]), rule)
        words = [WORDS.get(word, word) for word in re.findall(r"\w+|[()]", text)]
        if unknown := set(words) - {*WORDS.values(), "(", ")"}:
            raise AwsError("ValidationError", f"AlarmRule must not contain {sorted(unknown)}")
        # Nothing is left but True, False, and, or, not and parentheses.
        return bool(eval(" ".join(words))), " and ".join(met) or "no condition is met"

    def _set(self, name: str, state: str, reason: str, data: str) -> None:
        alarm = self.alarms[name]
        old = alarm["StateValue"]
        if state == old:
            return
        now = self.now()
        alarm |= {
            "StateValue": state,
            "StateReason": reason,
            "StateUpdatedTimestamp": now,
            "StateTransitionedTimestamp": now,
        }
        if data:
            alarm["StateReasonData"] = data
        new = {"stateValue": state, "stateReason": reason}
        if data:
            new["stateReasonData"] = json.loads(data)
        self.history.append(
            {
                "AlarmName": name,
                "AlarmType": "CompositeAlarm" if "AlarmRule" in alarm else "MetricAlarm",
                "Timestamp": now,
                "HistoryItemType": "StateUpdate",
                "HistorySummary": f"Alarm updated from {old} to {state}",
                "HistoryData": json.dumps({"version": "1.0", "newState": new}),
            }
        )
        self.on_change(name, state)

    # Operations.

    def describe_alarms(self, parameters: dict[str, Any]) -> dict[str, Any]:
        names, prefix = parameters.get("AlarmNames"), parameters.get("AlarmNamePrefix", "")
        kinds = parameters.get("AlarmTypes") or ["MetricAlarm"]  # composite ones only if asked for
        found = [
            alarm
            for name, alarm in self.alarms.items()
            if (not names or name in names)
            and name.startswith(prefix)
            and parameters.get("StateValue") in (None, alarm["StateValue"])
        ]
        return {
            "MetricAlarms": [a for a in found if "AlarmRule" not in a and "MetricAlarm" in kinds],
            "CompositeAlarms": [a for a in found if "AlarmRule" in a and "CompositeAlarm" in kinds],
        }

    def describe_alarm_history(self, parameters: dict[str, Any]) -> dict[str, Any]:
        kinds = parameters.get("AlarmTypes") or ["MetricAlarm"]
        start, end = parameters.get("StartDate"), parameters.get("EndDate")
        newest_first = parameters.get("ScanBy") != "TimestampAscending"
        items = [
            item
            for item in self.history
            if parameters.get("AlarmName") in (None, item["AlarmName"])
            and parameters.get("HistoryItemType") in (None, item["HistoryItemType"])
            and item["AlarmType"] in kinds
            and (start is None or item["Timestamp"].replace(tzinfo=None) >= start)
            and (end is None or item["Timestamp"].replace(tzinfo=None) <= end)
        ]
        return {"AlarmHistoryItems": items[::-1] if newest_first else items}

    def set_alarm_state(self, parameters: dict[str, Any]) -> None:
        self.set(
            parameters["AlarmName"],
            parameters["StateValue"],
            parameters["StateReason"],
            parameters.get("StateReasonData", ""),
        )

    def get_metric_data(self, parameters: dict[str, Any]) -> dict[str, Any]:
        results = []
        for query in parameters["MetricDataQueries"]:
            stat = query.get("MetricStat", {})
            metric = stat.get("Metric", {})
            asked = (metric.get("Namespace"), metric.get("MetricName"), stat.get("Stat"))
            if asked != REQUESTS or stat["Period"] != 60:
                raise NotAnswered(self.name, f"GetMetricData of {asked}")
            dimensions = {each["Name"]: each["Value"] for each in metric["Dimensions"]}
            value = self.traffic.get(dimensions["TargetGroup"], self.usual_traffic)
            start, end = _seconds(parameters["StartTime"]), _seconds(parameters["EndTime"])
            known = self.now().timestamp() - self.metrics_late - 60
            minutes = [
                minute
                for minute in range(math.ceil(start / 60) * 60, math.ceil(end), 60)
                if value and minute <= known
            ]
            results.append(
                {
                    "Id": query["Id"],
                    "Timestamps": [datetime.fromtimestamp(minute, UTC) for minute in minutes],
                    "Values": [value] * len(minutes),
                    "StatusCode": "Complete",
                }
            )
        return {"MetricDataResults": results}

    # What the actors share.

    def put(self, name: str, resource: Resource, rule: str | None = None) -> str:
        """Make or change an alarm and return its ARN."""
        given = {k: v for k, v in resource.properties.items() if k != "Tags"}
        now, arn = self.now(), self.prefix + name
        quiet = given.get("TreatMissingData") == "notBreaching" or rule is not None
        state = {
            "StateValue": "OK" if quiet else "INSUFFICIENT_DATA",
            "StateReason": "There is no data yet.",
            "StateUpdatedTimestamp": now,
            "StateTransitionedTimestamp": now,
        }
        known = {k: v for k, v in self.alarms.get(name, state).items() if k.startswith("State")}
        actions = {"ActionsEnabled": True}
        self.alarms[name] = actions | given | known | {"AlarmName": name, "AlarmArn": arn}
        self.settle()
        return arn


def _seconds(moment: datetime) -> float:
    """Return the seconds of a moment of a request, which is in UTC and does not say so."""
    return moment.replace(tzinfo=UTC).timestamp()


class AlarmActor(OnlySchema):
    def __init__(self, service: CloudWatch) -> None:
        self.service = service

    def create(self, resource: Resource) -> Made:
        name = resource.properties.get("AlarmName", resource.physical_id)
        if name in self.service.alarms:
            raise ResourceFailed(f"{name} already exists in stack")
        return Made(name, {"Arn": self._put(name, resource)})

    def update(self, resource: Resource, before: dict[str, Any]) -> Made:
        self._put(resource.physical_id, resource)
        return Made()

    def delete(self, resource: Resource) -> None:
        name = resource.physical_id
        depending = [
            other
            for other, alarm in self.service.alarms.items()
            if name in self.service.parts(alarm.get("AlarmRule", ""))
        ]
        if depending:
            raise ResourceFailed(
                f"Cannot delete {name} as there are composite alarm(s) depending on it:"
                f" {', '.join(depending)}"
            )
        self.service.alarms.pop(name, None)

    def _put(self, name: str, resource: Resource) -> str:
        return self.service.put(name, resource)


class CompositeAlarmActor(AlarmActor):
    def _put(self, name: str, resource: Resource) -> str:
        rule = resource.properties["AlarmRule"]
        missing = [part for part in self.service.parts(rule) if part not in self.service.alarms]
        if missing:
            raise ResourceFailed(
                f"Could not save the composite alarm as alarms [{', '.join(missing)}] in the alarm"
                " rule do not exist"
            )
        try:
            return self.service.put(name, resource, rule)
        except AwsError as error:
            raise ResourceFailed(error.message) from None

"""An AWS that knows one ALB stack: CloudFormation, its listener and the alarms, over time.

It exists as moto's CloudFormation raises KeyError on the ForwardConfig of a weighted listener.
The clients are boto3's own: botocore checks the parameters and reads the answers, retries and
errors, as only the sending is replaced. `serve` puts the same behind HTTP for a real process.
"""

import heapq
import itertools
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import Any

import boto3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config
from botocore.exceptions import EndpointConnectionError

from portable.shift.aws.clients import Clients
from tests.portable.shift.fake_protocols import decode, encode, encode_error

NAME = "portable-api-alb-test"
REGION = "eu-west-1"
ACCOUNT = f"{REGION}:123456789012"
STACK_ID = f"arn:aws:cloudformation:{ACCOUNT}:stack/{NAME}/1"
START = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
GROUPS = {
    side: f"arn:aws:elasticloadbalancing:{ACCOUNT}:targetgroup/{side}/1"
    for side in ("lambda", "fargate")
}
BALANCER = "app/balancer/50dc6c495c0c9188"
LEAVES = {
    "lambda": ("errors", "latency", "unhealthy", "throttles"),
    "fargate": ("errors", "latency", "unhealthy"),
}
WEIGHTS = {"LambdaWeight": "lambda", "FargateWeight": "fargate"}
TIMES = {"begun": 1, "changing": 2, "in force": 4, "clean": 2}  # seconds
BUSY = "is in {} state and can not be updated."


SESSION = boto3.Session("key", "secret", region_name=REGION)  # loads its models once


class AwsError(Exception):
    """What a call answers instead."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        self.code, self.message, self.status = code, message, status


class Broken(Exception):
    """The network gives no answer."""


class FakeAws:
    """The stack; `clock` is the time in seconds since its start, by default only `wait` moves it.

    `calls` are the operations so far; what a test sets is named in `__init__`.
    """

    def __init__(
        self,
        lambda_: int = 100,
        fargate: int = 0,
        clock: Callable[[], float] | None = None,
        start: datetime = START,
    ) -> None:
        self.start = start
        self.lock = threading.RLock()
        self.elapsed = 0.0
        self.clock = clock or (lambda: self.elapsed)
        self.calls: list[str] = []
        self.status = "UPDATE_COMPLETE"
        self.exists = True
        self.https = False
        self.parameters = {
            "AppName": "portable-api",
            "EnvName": "test",
            "LambdaWeight": str(lambda_),
            "FargateWeight": str(fargate),
            "AccessLogs": "disabled",
        }
        self.listener = {"lambda": lambda_, "fargate": fargate}  # in force
        self.other_changes: list[dict[str, Any]] = []  # in each change set, besides the weights
        self.change_set_page = 100  # changes in one answer
        self.change_set_seconds = 2.0
        self.rollback_fails = ""
        self.failures: dict[str, list[tuple[Exception, int | None]]] = {}
        self.interrupts: list[Callable[[FakeAws], bool]] = []
        self.events: list[dict[str, Any]] = []
        self.change_sets: dict[str, dict[str, Any]] = {}
        self.created: list[dict[str, Any]] = []  # what each change set was created with
        # What the stack keeps of its last update. Whether an update that is rolled back brings the
        # one before back is not documented: both can be had.
        self.rollback: dict[str, Any] = {}
        self.rollback_before: dict[str, Any] = {}
        self.rollback_keeps_triggers = False
        self.history: list[dict[str, Any]] = []
        self.alarms: dict[str, dict[str, Any]] = {}
        self.traffic = {"lambda": 600, "fargate": 600}  # requests in a minute
        self.metrics_late = 60.0  # seconds after the end of their minute
        self.update: dict[str, str] | None = None  # the parameters before the one under way
        self.numbers = itertools.count(1)
        self.queue: list[tuple[float, int, int, Callable[[], None]]] = []
        self.epoch = 0  # what was scheduled before a rollback does not happen
        for side, leaves in LEAVES.items():
            for leaf in leaves:
                self._add_alarm(f"portable-api-test-{side}-{leaf}", None)
            parts = [f"portable-api-test-{side}-{leaf}" for leaf in leaves]
            rule = " OR ".join(f'ALARM("{part}")' for part in parts)
            self._add_alarm(f"portable-api-test-{side}", rule)
            self._add_alarm(f"portable-api-test-{side}-down", "FALSE")
        self._event(NAME, STACK_ID, "UPDATE_COMPLETE", "")

    # What a test does.

    def now(self) -> datetime:
        """Return the time of day."""
        return self.start + timedelta(seconds=self.clock())

    def wait(self, seconds: float) -> bool:
        """Let `seconds` pass, unless one of `interrupts` says that a signal arrives now."""
        for interrupt in self.interrupts:
            if interrupt(self):
                self.interrupts.remove(interrupt)
                return True
        self.elapsed += seconds
        return False

    def at(self, seconds: float, action: Callable[[], None]) -> None:
        """Do `action` once `seconds` have passed from now."""
        self._later(self.clock() + seconds, action, always=True)

    def fail(
        self, operation: str, code: str | None, message: str = "", times: int | None = None
    ) -> None:
        """Answer an operation with an error, `times` or always; without a code not at all."""
        status = 500 if code == "InternalFailure" else 400
        error = AwsError(code, message, status) if code else Broken()
        self.failures.setdefault(operation, []).append((error, times))

    def alarm(self, name: str, state: str = "ALARM", reason: str = "Threshold Crossed: 9") -> None:
        """Set the state of a leaf, such as `fargate-errors`, and of what is made of it."""
        full = f"portable-api-test-{name}"
        self._set(full, state, f"{reason}.")
        for composite, found in self.alarms.items():
            if full in found["parts"]:
                active = any(self.alarms[part]["state"] == "ALARM" for part in found["parts"])
                self._set(composite, "ALARM" if active else "OK", "composite rule")
        if self.update is not None and self.status == "UPDATE_IN_PROGRESS":
            self._watch()

    def clients(self, attempts: int = 1) -> Clients:
        """Return boto3's clients, sending here."""
        config = Config(retries={"mode": "standard", "total_max_attempts": attempts})
        made = [
            SESSION.client(name, config=config)
            for name in ("cloudformation", "cloudwatch", "elbv2")
        ]
        for client in made:
            client.meta.events.register("before-send", self._send)
        return Clients(*made, REGION)

    @contextmanager
    def serve(self) -> Iterator[str]:
        """Answer on a port of 127.0.0.1 for the block; return its URL."""
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                status, answer = fake.answer(dict(self.headers), body)
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer.encode())))
                self.end_headers()
                self.wfile.write(answer.encode())

            def log_message(self, *_: object) -> None:
                pass

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            try:
                yield f"http://127.0.0.1:{server.server_port}"
            finally:
                server.shutdown()
                thread.join()

    def answer(self, headers: dict[str, str], body: str) -> tuple[int, str]:
        """Return status and body for a request."""
        with self.lock:
            operation, parameters = decode(headers, body)
            self.calls.append(operation)
            self._run()
            try:
                self._fail(operation)
                name = re.sub(r"(?<!^)([A-Z])", r"_\1", operation).lower()
                found = getattr(self, f"_{name}")(parameters)
                return encode(operation, found or {})
            except AwsError as error:
                return encode_error(operation, error.status, error.code, error.message)

    @property
    def triggers(self) -> list[str]:
        """The ARNs of the alarms that the stack keeps as rollback triggers."""
        return [item["Arn"] for item in self.rollback.get("RollbackTriggers", [])]

    # CloudFormation.

    def _describe_stacks(self, _: dict[str, Any]) -> dict[str, Any]:
        self._must_exist()
        outputs = {
            "LambdaTargetGroup": GROUPS["lambda"],
            "FargateTargetGroup": GROUPS["fargate"],
        }
        stack = {
            "StackId": STACK_ID,
            "StackName": NAME,
            "CreationTime": self.start,
            "StackStatus": self.status,
            "Parameters": _pairs("Parameter", self.parameters),
            "Outputs": _pairs("Output", outputs),
            "RollbackConfiguration": self.rollback,
        }
        return {"Stacks": [stack]}

    def _describe_stack_resources(self, _: dict[str, Any]) -> dict[str, Any]:
        self._must_exist()
        names = ["LoadBalancer", "HttpListener", *(["HttpsListener"] if self.https else [])]
        resources = [
            {
                "LogicalResourceId": name,
                "PhysicalResourceId": _listener_arn(name),
                "ResourceType": "AWS::ElasticLoadBalancingV2::Listener",
                "Timestamp": self.start,
                "ResourceStatus": "CREATE_COMPLETE",
            }
            for name in names
        ]
        return {"StackResources": resources}

    def _describe_stack_events(self, parameters: dict[str, Any]) -> dict[str, Any]:
        events = list(reversed(self.events))
        start = int(parameters.get("NextToken", 0))
        page: dict[str, Any] = {"StackEvents": events[start : start + 3]}
        return page | ({"NextToken": str(start + 3)} if start + 3 < len(events) else {})

    def _create_change_set(self, parameters: dict[str, Any]) -> dict[str, Any]:
        self._must_be_idle()
        self.created.append(parameters)
        assert parameters["UsePreviousTemplate"] is True
        given = {item["ParameterKey"]: item for item in parameters["Parameters"]}
        assert set(given) == set(self.parameters), "a parameter that is left out gets its default"
        new = {
            name: item.get("ParameterValue", self.parameters[name]) for name, item in given.items()
        }
        changed = [name for name in new if new[name] != self.parameters[name]]
        name = parameters["ChangeSetName"]
        self.change_sets[name] = {
            "new": new,
            "changes": [_change(self._logical_id(), changed), *self.other_changes],
            "nothing": not changed,
            "ready": self.clock() + self.change_set_seconds,
            "rollback": parameters.get("RollbackConfiguration", self.rollback),
        }
        return {"Id": f"arn:{name}", "StackId": STACK_ID}

    def _describe_change_set(self, parameters: dict[str, Any]) -> dict[str, Any]:
        found = self._change_set(parameters)
        answer: dict[str, Any] = {"Changes": []}
        if self.clock() < found["ready"]:
            return answer | {"Status": "CREATE_IN_PROGRESS"}
        if found["nothing"]:
            reason = (
                "The submitted information didn't contain changes. Submit different information"
            )
            return answer | {
                "Status": "FAILED",
                "StatusReason": f"{reason} to create a change set.",
            }
        start, size = int(parameters.get("NextToken", 0)), self.change_set_page
        more = start + size < len(found["changes"])
        answer |= {"Status": "CREATE_COMPLETE", "Changes": found["changes"][start : start + size]}
        return answer | ({"NextToken": str(start + size)} if more else {})

    def _delete_change_set(self, parameters: dict[str, Any]) -> None:
        self.change_sets.pop(parameters["ChangeSetName"], None)

    def _execute_change_set(self, parameters: dict[str, Any]) -> None:
        self._must_be_idle()
        found = self._change_set(parameters)
        self.change_sets.clear()
        self.rollback_before = self.rollback
        self.rollback = found["rollback"]
        bake = self.rollback.get("MonitoringTimeInMinutes", 0) * 60
        begun = self.clock() + TIMES["begun"]
        in_force = begun + TIMES["in force"]
        self.update = dict(self.parameters)
        self._later(begun, lambda: self._stack("UPDATE_IN_PROGRESS", "User Initiated"))
        self._later(begun, self._watch)
        self._later(begun + TIMES["changing"], lambda: self._listener("UPDATE_IN_PROGRESS"))
        self._later(in_force, lambda: self._apply(found["new"]))
        cleanup = "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"
        self._later(in_force + bake, lambda: self._stack(cleanup))
        self._later(in_force + bake + TIMES["clean"], lambda: self._end("UPDATE_COMPLETE"))

    def _cancel_update_stack(self, _: dict[str, Any]) -> None:
        if self.status != "UPDATE_IN_PROGRESS":
            text = "CancelUpdateStack cannot be called from current stack status"
            raise AwsError("ValidationError", text)
        self._roll_back("User Initiated")

    # The others.

    def _describe_listeners(self, parameters: dict[str, Any]) -> dict[str, Any]:
        assert parameters["ListenerArns"] == [_listener_arn(self._logical_id())]
        groups = [
            {"TargetGroupArn": GROUPS[side], "Weight": weight}
            for side, weight in self.listener.items()
        ]
        action = {"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}
        return {"Listeners": [{"DefaultActions": [action]}]}

    def _describe_alarms(self, parameters: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = {"CompositeAlarms": [], "MetricAlarms": []}
        for name in parameters["AlarmNames"]:
            if found := self.alarms.get(name):
                alarm = {
                    "AlarmName": name,
                    "AlarmArn": found["arn"],
                    "StateValue": found["state"],
                    "StateReason": found["reason"],
                    "StateTransitionedTimestamp": found["since"],
                }
                if found["rule"]:
                    answer["CompositeAlarms"].append(alarm | {"AlarmRule": found["rule"]})
                else:
                    answer["MetricAlarms"].append(alarm)
        return answer

    def _describe_alarm_history(self, parameters: dict[str, Any]) -> dict[str, Any]:
        kinds = parameters.get("AlarmTypes", ["MetricAlarm"])
        kind = "CompositeAlarm" if self.alarms[parameters["AlarmName"]]["rule"] else "MetricAlarm"
        items = [
            item
            for item in self.history
            if item["AlarmName"] == parameters["AlarmName"]
            and kind in kinds
            and item["Timestamp"].timestamp() >= parameters["StartDate"]
        ]
        return {"AlarmHistoryItems": items}

    def _get_metric_data(self, parameters: dict[str, Any]) -> dict[str, Any]:
        results = []
        for query in parameters["MetricDataQueries"]:
            metric = query["MetricStat"]["Metric"]
            assert (metric["Namespace"], metric["MetricName"]) == (
                "AWS/ApplicationELB",
                "RequestCount",
            )
            found = {item["Name"]: item["Value"] for item in metric["Dimensions"]}
            assert found["LoadBalancer"] == BALANCER
            side = found["TargetGroup"].split("/")[1]
            last = min(parameters["EndTime"], self.now().timestamp() - 60 - self.metrics_late)
            minutes = range(int(parameters["StartTime"]), int(last) + 1, 60)
            traffic = self.traffic[side]
            values = [float(traffic)] * len(minutes) if traffic else []
            results.append(
                {
                    "Id": query["Id"],
                    "Timestamps": [minute for minute, _ in zip(minutes, values, strict=False)],
                    "Values": values,
                    "StatusCode": "Complete",
                }
            )
        return {"MetricDataResults": results}

    # How it goes on.

    def _stack(self, status: str, reason: str = "") -> None:
        self.status = status
        self._event(NAME, STACK_ID, status, reason)

    def _listener(self, status: str) -> None:
        self._event(self._logical_id(), _listener_arn(self._logical_id()), status, "")

    def _apply(self, parameters: dict[str, str]) -> None:
        self.parameters = dict(parameters)
        self.listener = {side: int(parameters[name]) for name, side in WEIGHTS.items()}
        self._listener("UPDATE_COMPLETE")

    def _end(self, status: str) -> None:
        self.update = None
        self._stack(status)

    def _watch(self) -> None:
        states = {alarm["arn"]: alarm["state"] for alarm in self.alarms.values()}
        for arn in self.triggers:
            if states.get(arn, "gone") in ("ALARM", "gone"):
                self._roll_back(f"Rollback trigger {arn} is missing or in ALARM")
                return

    def _roll_back(self, reason: str) -> None:
        self.epoch += 1
        before = self.update or self.parameters
        if not self.rollback_keeps_triggers:
            self.rollback = self.rollback_before
        self._stack("UPDATE_ROLLBACK_IN_PROGRESS", reason)
        now = self.clock()
        if self.rollback_fails:
            text = self.rollback_fails
            self._later(now + 4, lambda: self._stack("UPDATE_ROLLBACK_FAILED", text))
            return
        self._later(now + 4, lambda: self._apply(before))
        cleanup = "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS"
        self._later(now + 5, lambda: self._stack(cleanup))
        self._later(now + 6, lambda: self._end("UPDATE_ROLLBACK_COMPLETE"))

    def _run(self) -> None:
        """Do what was due until now, at its own time."""
        now = self.clock
        while self.queue and self.queue[0][0] <= now():
            due, _, epoch, action = heapq.heappop(self.queue)
            if epoch in (-1, self.epoch):
                self.clock = lambda due=due: due
                action()
                self.clock = now

    def _later(self, due: float, action: Callable[[], None], always: bool = False) -> None:
        epoch = -1 if always else self.epoch
        heapq.heappush(self.queue, (due, next(self.numbers), epoch, action))

    def _event(self, name: str, arn: str, status: str, reason: str) -> None:
        event = {
            "StackId": STACK_ID,
            "EventId": str(next(self.numbers)),
            "StackName": NAME,
            "LogicalResourceId": name,
            "PhysicalResourceId": arn,
            "Timestamp": self.now(),
            "ResourceStatus": status,
        }
        self.events.append(event | ({"ResourceStatusReason": reason} if reason else {}))

    def _add_alarm(self, name: str, rule: str | None) -> None:
        self.alarms[name] = {
            "arn": f"arn:aws:cloudwatch:{ACCOUNT}:alarm:{name}",
            "rule": rule,
            "parts": re.findall(r'"([^"]+)"', rule or ""),
            "state": "OK",
            "since": self.start,
            "reason": "",
        }

    def _set(self, name: str, state: str, reason: str) -> None:
        alarm = self.alarms[name]
        if alarm["state"] == state:
            return
        alarm |= {"state": state, "reason": reason, "since": self.now()}
        data = {"version": "1.0", "newState": {"stateValue": state, "stateReason": reason}}
        self.history.append(
            {
                "AlarmName": name,
                "Timestamp": self.now(),
                "HistoryItemType": "StateUpdate",
                "HistoryData": json.dumps(data),
            }
        )

    # Errors.

    def _fail(self, operation: str) -> None:
        for index, (error, times) in enumerate(self.failures.get(operation, [])):
            if times is not None:
                self.failures[operation][index] = (error, times - 1)
            if times is None or times > 0:
                raise error

    def _must_exist(self) -> None:
        if not self.exists:
            raise AwsError("ValidationError", f"Stack with id {NAME} does not exist")

    def _must_be_idle(self) -> None:
        self._must_exist()
        if self.status.endswith("_IN_PROGRESS"):
            raise AwsError("ValidationError", f"Stack:{STACK_ID} {BUSY.format(self.status)}")

    def _change_set(self, parameters: dict[str, Any]) -> dict[str, Any]:
        name = parameters["ChangeSetName"]
        if name not in self.change_sets:
            raise AwsError("ChangeSetNotFound", f"ChangeSet [{name}] does not exist", 404)
        return self.change_sets[name]

    def _logical_id(self) -> str:
        return "HttpsListener" if self.https else "HttpListener"

    def _send(self, request: AWSPreparedRequest, **_: object) -> AWSResponse:
        body = request.body
        text = body.decode() if isinstance(body, bytes) else str(body)
        headers = {
            name: value.decode() if isinstance(value, bytes) else value
            for name, value in request.headers.items()
        }
        try:
            status, answer = self.answer(headers, text)
        except Broken:
            raise EndpointConnectionError(endpoint_url=request.url) from None
        return AWSResponse(request.url, status, {}, _Raw(answer.encode()))


class _Raw(BytesIO):
    def stream(self, **_: object) -> Iterator[bytes]:
        yield self.read()


def _listener_arn(name: str) -> str:
    return f"arn:aws:elasticloadbalancing:{ACCOUNT}:listener/{BALANCER}/{name}"


def _pairs(kind: str, values: dict[str, str]) -> list[dict[str, str]]:
    return [{f"{kind}Key": key, f"{kind}Value": value} for key, value in values.items()]


def _change(name: str, causes: list[str]) -> dict[str, Any]:
    """Return a change of the listener, as CloudFormation tells it for parameters."""
    target = {
        "Attribute": "Properties",
        "Name": "DefaultActions",
        "RequiresRecreation": "Never",
    }
    details: list[dict[str, Any]] = [
        {
            "Target": target,
            "Evaluation": "Static",
            "ChangeSource": "ParameterReference",
            "CausingEntity": cause,
        }
        for cause in causes
    ]
    maybe = {"Target": target, "Evaluation": "Dynamic", "ChangeSource": "DirectModification"}
    return {
        "Type": "Resource",
        "ResourceChange": {
            "Action": "Modify",
            "LogicalResourceId": name,
            "PhysicalResourceId": _listener_arn(name),
            "ResourceType": "AWS::ElasticLoadBalancingV2::Listener",
            "Replacement": "False",
            "Scope": ["Properties"],
            "Details": [*details, maybe],
        },
    }

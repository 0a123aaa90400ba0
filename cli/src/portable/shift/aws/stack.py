"""The ALB stack on AWS, updated by CloudFormation through change sets."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from portable.errors import PortableError
from portable.shift.aws.alarms import CloudWatchAlarms
from portable.shift.aws.change_set import WEIGHTS, ChangeSet
from portable.shift.aws.clients import Clients
from portable.shift.aws.errors import NoAnswer, NoStack, NotUpdating, sentences
from portable.shift.aws.events import STATUSES, first_update, in_force
from portable.shift.aws.requests import request_counts
from portable.shift.deployment import Deployment
from portable.shift.stack import ENDED, Alarm, Interrupted, Progress, Status
from portable.weights import SIDES, Weights

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import StackEventTypeDef, StackTypeDef

UPDATABLE = (
    "CREATE_COMPLETE",
    "UPDATE_COMPLETE",
    "UPDATE_ROLLBACK_COMPLETE",
    "IMPORT_COMPLETE",
    "IMPORT_ROLLBACK_COMPLETE",
)


class CloudFormationStack:
    """A `Stack`: `deployment` says which one, `now` returns the time with its time zone."""

    owner = "CloudFormation"
    poll = 5.0
    # https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_RollbackConfiguration.html
    keeps_triggers = True
    late = 180.0  # a minute is there one or two minutes after its end

    def __init__(
        self,
        deployment: Deployment,
        clients: Clients,
        wait: Callable[[float], bool],
        now: Callable[[], datetime],
    ) -> None:
        self.deployment = deployment
        self.name = deployment.stack
        self.look = f"aws cloudformation describe-stacks --stack-name {self.name}"
        self.clients = clients
        self.wait = wait
        self.now = now
        self._triggers: Sequence[Alarm] = ()
        self._bake = 0.0
        self._marker = ""  # the newest event before the update
        self._nothing = False  # the update had nothing to change
        self._cancelled = False
        self._last = Progress(Status.UPDATING)
        self._in_force: datetime | None = None  # the weights of the update
        self._listener = ("", "")  # logical id and ARN
        self._cloudwatch: CloudWatchAlarms | None = None

    def weights(self) -> Weights:
        """Return the parameters of the stack; raise `PortableError` if it cannot be updated."""
        stack = self._describe()
        self._check(stack["StackStatus"])
        given = _parameters(stack)
        try:
            return Weights(*(int(given[name]) for name in WEIGHTS))
        except (KeyError, ValueError):
            text = f"{self.name} has no parameters {' and '.join(WEIGHTS)}"
            raise PortableError(f"{text}: is it of {self.deployment.template}?") from None

    def listener_weights(self) -> Weights:
        """Return what the listener's forward action has, matched by the stack's outputs."""
        arn = self._listener_arn()
        with sentences(self.clients.region):
            found = self.clients.elbv2.describe_listeners(ListenerArns=[arn])
        actions = found["Listeners"][0].get("DefaultActions", [])
        forward = next((action for action in actions if action["Type"] == "forward"), None)
        if forward is None:
            raise PortableError(f"the listener {arn} does not forward: something else changed it.")
        groups = {
            group.get("TargetGroupArn", ""): group.get("Weight", 1)
            for group in forward.get("ForwardConfig", {}).get("TargetGroups", [])
        }
        arns = list(self._target_groups().values())
        if set(groups) != set(arns) or not sum(groups.values()):
            raise PortableError(
                f"the listener {arn} does not forward to the two target groups of {self.name}, one "
                "of them with a weight above 0: something else changed it, and has to put it back."
            )
        return Weights(*(groups[arn] for arn in arns))

    def requests(self, seconds: float) -> dict[str, int]:
        """Return the requests of each target group in the whole minutes since the last update."""
        # By AWS's clock, as that of this machine may be another one.
        since = self._in_force or self.now() - timedelta(seconds=seconds)
        until = since + timedelta(seconds=seconds)
        groups = self._target_groups()
        return request_counts(self.clients, self._listener_arn(), groups, since, until)

    def alarms(self) -> Sequence[Alarm]:
        """Return the composite alarm of each side."""
        return self._alarms().states()

    def kept_triggers(self) -> Sequence[Alarm]:
        """Return the triggers on the stack's record with the state of their alarms."""
        kept = self._describe().get("RollbackConfiguration", {}).get("RollbackTriggers", [])
        return self._alarms().named(trigger["Arn"].rpartition(":alarm:")[2] for trigger in kept)

    def begin(self, weights: Weights, triggers: Sequence[Alarm], bake: float) -> None:
        """Create, check and execute a change set; `bake` is a whole number of minutes."""
        stack = self._describe()
        self._check(stack["StackStatus"])
        self._listener_arn()  # its events tell when the weights are in force
        alarms = self._alarms()
        self._triggers, self._bake = triggers, bake
        self._nothing, self._cancelled, self._in_force = False, False, None
        self._last = Progress(Status.UPDATING)
        name = f"portable-shift-{self.now():%Y%m%d%H%M%S}-{secrets.token_hex(3)}"
        change_set = ChangeSet(self.clients, name, self.wait)
        try:
            changes = change_set.create(
                stack,
                weights,
                {
                    # An empty list removes those of the last update, no list would keep them.
                    "RollbackTriggers": [alarms.trigger(alarm) for alarm in triggers],
                    "MonitoringTimeInMinutes": round(bake / 60),
                },
            )
            if self.wait(0):
                raise Interrupted
            if changes:
                self._marker = next(iter(self._events("")))["EventId"]
        except BaseException:
            change_set.delete()
            raise
        if not changes:
            change_set.delete()
            self._nothing = True
            return
        try:
            change_set.execute()
        except NoAnswer as error:
            text = f"{error.message} Whether the update to {weights} began is not known."
            raise PortableError(f"{text}\nTo look: {self.look}") from None
        except PortableError:
            change_set.delete()
            raise

    def progress(self) -> Progress:
        """Return the progress by the events since `begin` and the status of the stack."""
        if self._nothing:
            return Progress(Status.COMPLETE)
        try:
            self._last = self._progress()
        except NoAnswer as error:
            return replace(self._last, reason=f"No answer, asked again: {error.message}")
        return self._last

    def cancel(self) -> None:
        """Take the update back; only one in UPDATE_IN_PROGRESS can be."""
        try:
            with sentences(self.clients.region):
                self.clients.cloudformation.cancel_update_stack(StackName=self.name)
        except NotUpdating:
            pass  # too late
        else:
            self._cancelled = True

    def _progress(self) -> Progress:
        events = list(self._events(self._marker))  # the latest first
        own, is_last = first_update(events)
        if not own:
            return Progress(Status.UPDATING)  # it was accepted and has not begun
        status = own[0].get("ResourceStatus", "")
        kind = STATUSES.get(status, Status.UPDATING)
        if kind in ENDED and is_last and self._describe()["StackStatus"] != status:
            return self._last  # what comes next is refused until both agree
        if kind not in (Status.ROLLING_BACK, Status.ROLLED_BACK):
            self._in_force = in_force(events, self._listener[0])
        if kind is Status.UPDATING and self._in_force:
            passed = (self.now() - self._in_force).total_seconds()
            return Progress(Status.BAKING, min(self._bake, max(0.0, self._bake - passed)))
        if kind == Status.BAKING:
            return Progress(Status.BAKING, 0.0)
        if kind in (Status.ROLLING_BACK, Status.ROLLED_BACK):
            return self._rollback(kind, own)
        if kind == Status.FAILED:
            reason = own[0].get("ResourceStatusReason", "").rstrip(". ") or "no reason given"
            text = f"CloudFormation could not take the update of {self.name} back: {reason}."
            return Progress(Status.FAILED, reason=f"{text}{self._continue()}")
        return Progress(kind)

    def _rollback(self, kind: Status, own: "Sequence[StackEventTypeDef]") -> Progress:
        begun = next(
            (e for e in own if e.get("ResourceStatus") == "UPDATE_ROLLBACK_IN_PROGRESS"), own[0]
        )
        reason = begun.get("ResourceStatusReason", "")
        alarms: tuple[Alarm, ...] = ()
        if not self._cancelled and self._triggers:
            if self._last.status == kind:
                alarms = self._last.alarms
            else:
                try:
                    alarms = self._alarms().fired(self._triggers, own[-1]["Timestamp"])
                except PortableError:
                    alarms = self._last.alarms  # the reason of the event has to do
        return Progress(kind, reason=reason, alarms=alarms)

    def _events(self, marker: str) -> "Sequence[StackEventTypeDef]":
        """Return the events after the one with the id `marker`, latest first; "": one page."""
        found: list[StackEventTypeDef] = []
        with sentences(self.clients.region):
            pages = self.clients.cloudformation.get_paginator("describe_stack_events")
            for page in pages.paginate(StackName=self.name):
                for event in page["StackEvents"]:
                    if event["EventId"] == marker:
                        return found
                    found.append(event)
                if not marker:
                    break
        return found

    def _describe(self) -> "StackTypeDef":
        try:
            with sentences(self.clients.region):
                found = self.clients.cloudformation.describe_stacks(StackName=self.name)
        except NoStack:
            raise PortableError(
                f"there is no stack {self.name} in {self.clients.region}: `sam deploy --config-env "
                f"{self.deployment.section}` makes it, or the region or the account is another one."
            ) from None
        return found["Stacks"][0]

    def _check(self, status: str) -> None:
        if status in UPDATABLE:
            return
        if status == "UPDATE_ROLLBACK_FAILED":
            raise PortableError(f"{self.name} is in {status}.{self._continue()}")
        if status.endswith("_IN_PROGRESS"):
            text = f"{self.name} is in {status}: another update is under way"
            raise PortableError(f"{text}, try again when it is over.")
        raise PortableError(
            f"{self.name} is in {status} and cannot be updated: `sam delete --config-env "
            f"{self.deployment.section}` it and deploy it again."
        )

    def _continue(self) -> str:
        command = f"aws cloudformation continue-update-rollback --stack-name {self.name}"
        return f"\nOnce that is repaired: {command}"

    def _alarms(self) -> CloudWatchAlarms:
        if self._cloudwatch is None:
            given = _parameters(self._describe())
            prefix = f"{given.get('AppName', '')}-{given.get('EnvName', '')}"
            remedy = f"sam deploy --config-env {self.deployment.alarms}"
            self._cloudwatch = CloudWatchAlarms(self.clients, prefix, remedy)
        return self._cloudwatch

    def _target_groups(self) -> dict[str, str]:
        """Return the ARN of the target group of each side."""
        outputs = {
            item.get("OutputKey", ""): item.get("OutputValue", "")
            for item in self._describe().get("Outputs", [])
        }
        return {side: outputs.get(f"{side.capitalize()}TargetGroup", "") for side in SIDES}

    def _listener_arn(self) -> str:
        if not self._listener[1]:
            with sentences(self.clients.region):
                answer = self.clients.cloudformation.describe_stack_resources(StackName=self.name)
            found = {
                item["LogicalResourceId"]: item.get("PhysicalResourceId", "")
                for item in answer["StackResources"]
                if item["ResourceStatus"] != "DELETE_COMPLETE"
            }
            # With a certificate the one for HTTP only redirects.
            name = "HttpsListener" if found.get("HttpsListener") else "HttpListener"
            if not found.get(name):
                text = f"{self.name} has no resource HttpListener"
                raise PortableError(f"{text}: is it of {self.deployment.template}?")
            self._listener = (name, found[name])
        return self._listener[1]


def _parameters(stack: "StackTypeDef") -> dict[str, str]:
    return {
        item.get("ParameterKey", ""): item.get("ParameterValue", "")
        for item in stack.get("Parameters", [])
    }

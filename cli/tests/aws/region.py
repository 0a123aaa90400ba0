"""The state of CloudFormation in one account and region, and what it asks others for."""

import itertools
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.aws.actors import Actor, OnlySchema, ResourceFailed
from tests.aws.errors import AwsError, invalid
from tests.aws.intrinsics import Evaluator
from tests.aws.schedule import Schedule, Times
from tests.aws.stack import Member, Stack, StackSet

ANY = OnlySchema()


@dataclass
class Region:
    """What the parts of the engine share."""

    account: str
    name: str
    schedule: Schedule
    times: Times
    actors: dict[str, Actor]
    fetch: Callable[[str], str]
    resolve: Callable[[str, str], str]
    alarm_state: Callable[[str], str | None]
    rollback_keeps_triggers: bool = False  # AWS does not say which ones a stack has after it
    page: int = 100  # items in one answer
    stacks: dict[str, Stack] = field(default_factory=dict)  # by id
    stack_sets: dict[str, StackSet] = field(default_factory=dict)  # by name
    reserved: dict[tuple[str, ...], str] = field(default_factory=dict)  # names, with who has them
    failures: dict[str, str] = field(default_factory=dict)
    revisions: Counter[tuple[str, str]] = field(default_factory=Counter)
    numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))
    lock: threading.RLock = field(default_factory=threading.RLock)

    def actor(self, kind: str) -> Actor:
        """Return what acts for a type."""
        return self.actors.get(kind, ANY)

    def arn(self, service: str, resource: str) -> str:
        """Return an ARN of this account and region."""
        return f"arn:aws:{service}:{self.name}:{self.account}:{resource}"

    def add_stack(self, name: str) -> Stack:
        """Return a new stack, in review."""
        identity = self.arn("cloudformation", f"stack/{name}/{uuid.uuid4()}")
        stack = Stack(id=identity, name=name, created=self.schedule.time())
        self.stacks[identity] = stack
        return stack

    def find(self, name: str) -> Stack | None:
        """Return a stack by its name, or by its id even if it is deleted."""
        if name in self.stacks:
            return self.stacks[name]
        return next((s for s in self.stacks.values() if s.name == name and not s.is_gone), None)

    def stack(self, name: str) -> Stack:
        """Return a stack by name or id; raises ValidationError if there is none."""
        if (found := self.find(name)) is None:
            raise invalid(f"Stack with id {name} does not exist")
        return found

    def stack_set(self, name: str) -> StackSet:
        """Return a stack set by name or id; raises AwsError if there is none."""
        for found in self.stack_sets.values():
            if name in (found.name, found.id):
                return found
        raise AwsError("StackSetNotFoundException", f"StackSet {name} not found", 404)

    def page_of(self, items: list[Any], request: dict[str, Any], key: str) -> dict[str, Any]:
        """Return the page of `items` that a request asks for, under `key`."""
        start = int(request.get("NextToken") or 0)
        answer: dict[str, Any] = {key: items[start : start + self.page]}
        if start + self.page < len(items):
            answer["NextToken"] = str(start + self.page)
        return answer

    def exports(self) -> dict[str, Stack]:
        """Return who exports each name."""
        return {
            name: stack
            for stack in self.stacks.values()
            if not stack.is_gone
            for name in stack.exports
        }

    def importers(self, export: str) -> list[str]:
        """Return the names of the stacks that import a name."""
        return [
            stack.name
            for stack in self.stacks.values()
            if export in stack.imports and not stack.is_gone
        ]

    def evaluator(
        self,
        stack: Stack,
        template: dict[str, Any],
        values: dict[str, Any],
        unknown: Iterable[str] = (),
        answer: Any = None,
    ) -> Evaluator:
        """Return what evaluates a template for a stack; `answer` is of what is `unknown`."""

        def member(name: str) -> Member:
            if name not in stack.members:
                raise invalid(
                    "Template format error: Unresolved resource dependencies "
                    f"[{name}] in the Resources block of the template"
                )
            return stack.members[name]

        def ref(name: str) -> Any:
            return answer if name in unknown else member(name).physical_id

        def get_att(name: str, leaf: str) -> Any:
            if name in unknown:
                return answer
            if leaf not in member(name).attributes:
                raise invalid(f"Vendor response doesn't contain {leaf} attribute")
            return member(name).attributes[leaf]

        def import_value(name: str) -> str:
            exporter = self.exports().get(name)
            if exporter is None or exporter is stack:
                raise invalid(f"No export named {name} found")
            return exporter.exports[name]

        pseudo = {
            "AWS::AccountId": self.account,
            "AWS::Region": self.name,
            "AWS::Partition": "aws",
            "AWS::StackId": stack.id,
            "AWS::StackName": stack.name,
            "AWS::URLSuffix": "amazonaws.com",
            "AWS::NotificationARNs": stack.plan.notifications if stack.plan else [],
        }
        return Evaluator(template, values | pseudo, ref, get_att, import_value, self.resolve)

    def check_idle(self, stack: Stack, allowed: Iterable[str]) -> None:
        """Raise ValidationError unless an update may begin."""
        if stack.status not in allowed:
            raise invalid(f"Stack:{stack.id} is in {stack.status} state and can not be updated.")

    def set_status(self, stack: Stack, status: str, reason: str = "") -> None:
        """Set the status of a stack, with its event."""
        stack.status, stack.reason = status, reason
        self.event(stack, stack.name, "AWS::CloudFormation::Stack", stack.id, status, reason)

    def set_member_status(
        self, stack: Stack, member: Member, status: str, reason: str = ""
    ) -> None:
        """Set the status of a resource, with its event."""
        member.status, member.reason, member.time = status, reason, self.schedule.time()
        self.event(stack, member.logical_id, member.kind.name, member.physical_id, status, reason)

    def fail(self, member: Member) -> None:
        """Raise ResourceFailed if a test wants this resource to fail next, by id or type."""
        for key in (member.logical_id, member.kind.name):
            if key in self.failures:
                raise ResourceFailed(self.failures.pop(key))

    def event(
        self, stack: Stack, logical: str, kind: str, physical: str, status: str, reason: str
    ) -> None:
        """Add an event to a stack."""
        event = {
            "StackId": stack.id,
            "StackName": stack.name,
            "EventId": f"{logical}-{next(self.numbers)}-{uuid.uuid4()}",
            "LogicalResourceId": logical,
            "PhysicalResourceId": physical,
            "ResourceType": kind,
            "Timestamp": self.schedule.time(),
            "ResourceStatus": status,
        }
        for key, value in (("ResourceStatusReason", reason), ("ClientRequestToken", stack.token)):
            if value:
                event[key] = value
        stack.events.append(event)


def not_found(what: str) -> AwsError:
    """What a change set that is not there is answered with."""
    return AwsError("ChangeSetNotFound", f"ChangeSet [{what}] does not exist", 404)

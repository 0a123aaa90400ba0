"""A stack, what it is made from and what is in it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.aws.parameters import shown
from tests.aws.schemas import ResourceType

UPDATABLE = {
    "CREATE_COMPLETE",
    "UPDATE_COMPLETE",
    "UPDATE_ROLLBACK_COMPLETE",
    "CREATE_FAILED",
    "UPDATE_FAILED",
    "IMPORT_COMPLETE",
}


@dataclass(frozen=True)
class Plan:
    """What a stack is or shall be made from."""

    text: str
    template: dict[str, Any]  # after the transforms
    values: dict[str, Any]  # of the parameters, as Ref answers
    parameters: dict[str, str]  # as given
    tags: dict[str, str]
    capabilities: list[str]
    rollback: dict[str, Any]  # RollbackConfiguration
    notifications: list[str]
    role: str | None
    disable_rollback: bool = False
    on_failure: str | None = None
    transformed: bool = False


@dataclass
class Member:
    """A resource of a stack."""

    logical_id: str
    kind: ResourceType
    definition: dict[str, Any]
    properties: dict[str, Any]
    tags: dict[str, str]
    status: str
    time: datetime
    reason: str = ""
    physical_id: str = ""
    attributes: dict[str, Any] = field(default_factory=dict)
    reserved: tuple[str, ...] = ()  # the name that nobody else may have

    def keeps(self, policy: str) -> bool:
        """Whether DeletionPolicy or UpdateReplacePolicy says Retain."""
        found = self.definition.get(policy, "Delete")
        return found == "Retain" or (found == "RetainExceptOnCreate" and policy == "DeletionPolicy")


@dataclass(frozen=True)
class Undo:
    """A change of an update: `before` is the member as it was, None if there was none."""

    logical_id: str
    before: Member | None
    replaced: bool = False


@dataclass
class ChangeSet:
    """A change set; `plan` is None until it is made."""

    id: str
    name: str
    description: str
    type: str
    time: datetime
    status: str = "CREATE_IN_PROGRESS"
    reason: str = ""
    execution: str = "UNAVAILABLE"
    plan: Plan | None = None
    changes: list[dict[str, Any]] = field(default_factory=list)
    request: dict[str, Any] = field(default_factory=dict)

    @property
    def summary(self) -> dict[str, Any]:
        """As ListChangeSets shows it."""
        answer: dict[str, Any] = {
            "ChangeSetId": self.id,
            "ChangeSetName": self.name,
            "Status": self.status,
            "ExecutionStatus": self.execution,
            "CreationTime": self.time,
        }
        if self.description:
            answer["Description"] = self.description
        return answer | ({"StatusReason": self.reason} if self.reason else {})


@dataclass
class Stack:
    """A stack with its members; `deployed` is what it was made from last, if anything."""

    id: str
    name: str
    created: datetime
    status: str = "REVIEW_IN_PROGRESS"
    reason: str = ""
    plan: Plan | None = None  # what is shown: the one under way
    deployed: Plan | None = None
    updated: datetime | None = None
    deleted: datetime | None = None
    protected: bool = False
    members: dict[str, Member] = field(default_factory=dict)
    outputs: list[dict[str, Any]] = field(default_factory=list)
    exports: dict[str, str] = field(default_factory=dict)
    imports: set[str] = field(default_factory=set)
    events: list[dict[str, Any]] = field(default_factory=list)
    change_sets: dict[str, ChangeSet] = field(default_factory=dict)
    journal: list[Undo] = field(default_factory=list)
    before: tuple[list[dict[str, Any]], dict[str, str], set[str]] = field(
        default_factory=lambda: ([], {}, set())
    )  # outputs, exports and imports as they were
    watching: bool = False  # a rollback trigger takes the operation under way back
    token: str | None = None  # of the operation under way
    then: Callable[[], None] = lambda: None  # once the operation is over

    @property
    def is_busy(self) -> bool:
        """Whether an operation is under way."""
        return self.status.endswith("_IN_PROGRESS") and self.status != "REVIEW_IN_PROGRESS"

    @property
    def is_gone(self) -> bool:
        """Whether it is deleted: it is still found by its id."""
        return self.status == "DELETE_COMPLETE"

    def description(self) -> dict[str, Any]:
        """As DescribeStacks shows it."""
        answer: dict[str, Any] = {
            "StackId": self.id,
            "StackName": self.name,
            "CreationTime": self.created,
            "StackStatus": self.status,
            "DisableRollback": False,
            "NotificationARNs": [],
            "RollbackConfiguration": {},
            "Capabilities": [],
            "Tags": [],
            "EnableTerminationProtection": self.protected,
            "DriftInformation": {"StackDriftStatus": "NOT_CHECKED"},
        }
        for key, value in (
            ("StackStatusReason", self.reason),
            ("LastUpdatedTime", self.updated),
            ("DeletionTime", self.deleted),
            ("Outputs", self.outputs),
        ):
            if value:
                answer[key] = value
        if plan := self.plan:
            answer |= {
                "Parameters": shown(plan.template.get("Parameters", {}), plan.parameters),
                "Tags": pairs(plan.tags),
                "Capabilities": plan.capabilities,
                "RollbackConfiguration": plan.rollback,
                "NotificationARNs": plan.notifications,
                "DisableRollback": plan.disable_rollback,
            }
            if plan.role:
                answer["RoleARN"] = plan.role
            if text := plan.template.get("Description"):
                answer["Description"] = text
        return answer


@dataclass
class StackSet:
    """A stack set; `request` is what its stacks are made from."""

    id: str
    name: str
    request: dict[str, Any]
    stacks: list[Stack] = field(default_factory=list)
    operations: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def is_busy(self) -> bool:
        """Whether one of its operations is under way."""
        return any(item["Status"] == "RUNNING" for item in self.operations.values())


def pairs(tags: dict[str, str]) -> list[dict[str, str]]:
    """Return tags as AWS lists them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]

"""What the events of a stack say about an update."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from portable.shift.stack import Status

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import StackEventTypeDef

# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
STATUSES = {
    "UPDATE_IN_PROGRESS": Status.UPDATING,
    "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS": Status.BAKING,  # the bake is over, old resources go
    "UPDATE_COMPLETE": Status.COMPLETE,
    "UPDATE_ROLLBACK_IN_PROGRESS": Status.ROLLING_BACK,
    "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS": Status.ROLLING_BACK,
    "UPDATE_ROLLBACK_COMPLETE": Status.ROLLED_BACK,
    "UPDATE_ROLLBACK_FAILED": Status.FAILED,
}


def first_update(
    events: "Sequence[StackEventTypeDef]",
) -> "tuple[Sequence[StackEventTypeDef], bool]":
    """Return the stack's own events of the first update, latest first, and whether none follows."""
    own: list[StackEventTypeDef] = []
    for event in reversed(events):
        if event.get("PhysicalResourceId") != event["StackId"]:
            continue
        if own and event.get("ResourceStatus") == "UPDATE_IN_PROGRESS":
            return own, False  # somebody else's
        own.insert(0, event)
    return own, True


def in_force(events: "Sequence[StackEventTypeDef]", listener: str) -> datetime | None:
    """Return when the resource `listener` had its new weights; None if it has not."""
    for event in events:
        status = event.get("ResourceStatus")
        if event.get("LogicalResourceId") == listener and status == "UPDATE_COMPLETE":
            return event["Timestamp"]
    return None

"""What happens to a resource when CloudFormation creates, updates or deletes it.

The engine knows every type alike, by its provider schema: it checks the properties, refuses names
that are taken, decides between update and replacement, and makes up a physical id and attributes.
Where somebody looks at the effect, an actor does the thing itself:

    CloudFormation(actors={"AWS::ElasticLoadBalancingV2::Listener": ListenerActor(...)}, ...)

Actors are called by one thread at a time, under the engine's lock, once the schema accepts the
properties; they may read `resource` but never change it. An actor must not call the engine.
"""

from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True)
class Resource:
    """A resource of a stack with its properties resolved: no intrinsic function is left.

    Numbers and booleans are as the schema has them (a template's '80' is 80 where it says integer).
    """

    logical_id: str
    type: str
    properties: dict[str, Any]
    account: str
    region: str
    stack_id: str
    stack_name: str
    tags: dict[str, str]  # of the stack; those of `properties` are added by the engine
    physical_id: str  # what the schema would answer to Ref; in update and delete what it is now
    attributes: dict[str, Any] = field(default_factory=dict)  # of GetAtt, as `physical_id`


@dataclass(frozen=True)
class Made:
    """What a resource is after `create` or `update`: what is left out is as in `Resource`."""

    physical_id: str | None = None  # the answer to Ref
    attributes: dict[str, Any] = field(default_factory=dict)  # of GetAtt, merged over the others


class ResourceFailed(Exception):
    """The resource could not be made, changed or deleted; the text is the event's reason."""


class Actor(Protocol):
    """What a type does; `OnlySchema` is the one of all that have none."""

    def create(self, resource: Resource) -> Made:
        """Make it; raise ResourceFailed if that fails."""

    def update(self, resource: Resource, before: dict[str, Any]) -> Made:
        """Change it in place; `before` are the properties until now (also used to roll back)."""

    def delete(self, resource: Resource) -> None:
        """Remove it; one that is gone already is no failure."""

    def busy(self, resource: Resource) -> str | None:
        """Return why it is not stable yet after create or update, None once it is.

        It is asked again while time passes (an ECS service until its tasks are there); raise
        ResourceFailed if it will never be.
        """


class OnlySchema:
    """The actor of every type that has no other: the schema has said all."""

    def create(self, resource: Resource) -> Made:
        return Made()

    def update(self, resource: Resource, before: dict[str, Any]) -> Made:
        return Made()

    def delete(self, resource: Resource) -> None:
        pass

    def busy(self, resource: Resource) -> str | None:
        return None

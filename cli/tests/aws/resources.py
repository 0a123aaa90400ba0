"""One resource: created, updated, replaced, deleted, by its schema and its actor."""

from collections.abc import Iterator
from typing import Any

from tests.aws.actors import Made, Resource, ResourceFailed
from tests.aws.names import ARNS, Names
from tests.aws.region import Region
from tests.aws.schemas import ResourceType, resource_type
from tests.aws.stack import Member, Stack, Undo
from tests.aws.template import attributes

# Two of these may have the same name.
NOT_UNIQUE = {"AWS::Route53::HostedZone"}
SCOPES = (
    "ApplicationName",
    "Cluster",
    "FunctionName",
    "LogGroupName",
    "NamespaceId",
    "Vpc",
    "VpcId",
)
REPLACED = "Requested update requires the creation of a new physical resource; hence creating one."
CUSTOM_NAME = (
    "CloudFormation cannot update a stack when a custom-named resource requires "
    "replacing. Rename {name} and update the stack again."
)


class Resources:
    """What happens to the members of stacks; what fails raises ResourceFailed."""

    def __init__(self, region: Region) -> None:
        self.region = region
        self.schedule = region.schedule

    def create(
        self,
        stack: Stack,
        logical: str,
        definition: dict[str, Any],
        properties: dict[str, Any],
        tags: dict[str, str],
    ) -> Iterator[float]:
        """Create a resource, which may be in the place of another one."""
        kind = self._kind(definition["Type"])
        before = stack.members.get(logical)
        member = Member(
            logical,
            kind,
            definition,
            properties,
            tags,
            "",
            self.schedule.time(),
        )
        verb = "UPDATE" if before else "CREATE"
        if before:
            reason = REPLACED
            member.physical_id = before.physical_id
            self.region.set_member_status(stack, member, "UPDATE_IN_PROGRESS", reason)
            member.physical_id = ""
        stack.members[logical] = member
        stack.journal.append(Undo(logical, before, replaced=before is not None))
        if not before:
            self.region.set_member_status(stack, member, "CREATE_IN_PROGRESS")
        yield self.region.times.resource
        try:
            self._validate(kind, logical, properties)
            self._reserve(stack, member, before)
            self._make(stack, member)
            self.region.set_member_status(
                stack, member, f"{verb}_IN_PROGRESS", "Resource creation Initiated"
            )
            yield from self._stable(stack, member)
        except ResourceFailed as error:
            self.region.set_member_status(stack, member, f"{verb}_FAILED", str(error))
            raise
        self.region.set_member_status(stack, member, f"{verb}_COMPLETE")

    def update(
        self,
        stack: Stack,
        logical: str,
        definition: dict[str, Any],
        properties: dict[str, Any],
        tags: dict[str, str],
    ) -> Iterator[float]:
        """Change a resource in place."""
        before = stack.members[logical]
        member = Member(
            logical,
            before.kind,
            definition,
            properties,
            tags,
            "",
            self.schedule.time(),
            physical_id=before.physical_id,
            attributes=before.attributes,
            reserved=before.reserved,
        )
        stack.members[logical] = member
        stack.journal.append(Undo(logical, before))
        self.region.set_member_status(stack, member, "UPDATE_IN_PROGRESS")
        yield self.region.times.resource
        try:
            self._validate(member.kind, logical, properties)
            yield from self.change(stack, member, before.properties)
        except ResourceFailed as error:
            self.region.set_member_status(stack, member, "UPDATE_FAILED", str(error))
            raise
        self.region.set_member_status(stack, member, "UPDATE_COMPLETE")

    def change(self, stack: Stack, member: Member, before: dict[str, Any]) -> Iterator[float]:
        """Let the actor change a resource from `before` to what the member has."""
        names = self._names(stack, member, member.physical_id)
        self.region.fail(member)
        fresh = {name: names.attribute(name) for name in self._asked(stack, member)}
        actor = self.region.actor(member.kind.name)
        made = actor.update(self.resource(stack, member), before)
        self._keep(member, fresh | member.attributes if not member.kind.is_custom else fresh, made)
        yield from self._stable(stack, member)

    def delete(self, stack: Stack, member: Member) -> Iterator[float]:
        """Delete a resource, unless it is kept; its member stays for the caller to remove."""
        if member.physical_id:
            self.region.set_member_status(stack, member, "DELETE_IN_PROGRESS")
            yield self.region.times.resource
            try:
                if _is_protected(member.properties):
                    raise ResourceFailed(
                        f"{member.kind.name.split('::')[-1]} '{member.physical_id}' cannot be "
                        "deleted because deletion protection is enabled"
                    )
                self.region.actor(member.kind.name).delete(self.resource(stack, member))
                if member.kind.is_custom:  # its function says when it is done
                    yield from self._stable(stack, member)
            except ResourceFailed as error:
                self.region.set_member_status(stack, member, "DELETE_FAILED", str(error))
                raise
        self.region.reserved.pop(member.reserved, None)
        self.region.set_member_status(stack, member, "DELETE_COMPLETE")

    def keep(self, stack: Stack, member: Member) -> None:
        """Leave a resource in the account that is no longer in a stack."""
        self.region.set_member_status(stack, member, "DELETE_SKIPPED")

    def resource(self, stack: Stack, member: Member) -> Resource:
        """Return a member as actors see it."""
        own = member.properties.get("Tags")
        tags = dict(member.tags) if member.kind.is_taggable else {}
        if isinstance(own, list):
            tags |= {item["Key"]: item["Value"] for item in own if "Key" in item}
        elif isinstance(own, dict):
            tags |= own
        tags |= {
            "aws:cloudformation:stack-name": stack.name,
            "aws:cloudformation:stack-id": stack.id,
            "aws:cloudformation:logical-id": member.logical_id,
        }
        return Resource(
            member.logical_id,
            member.kind.name,
            member.properties,
            self.region.account,
            self.region.name,
            stack.id,
            stack.name,
            tags,
            member.physical_id,
            member.attributes,
        )

    def _kind(self, name: str) -> ResourceType:
        kind = resource_type(name, self.region.name)
        if kind is None:
            raise ResourceFailed(f"Unrecognized resource type {name}")
        return kind

    def _validate(self, kind: ResourceType, logical: str, properties: dict[str, Any]) -> None:
        if kind.name == "AWS::CloudFormation::Stack":
            raise ResourceFailed("Nested stacks are not emulated.")
        if faults := kind.faults(properties):
            raise ResourceFailed(
                f"Properties validation failed for resource {logical} with message:\n"
                + "\n".join(faults)
            )

    def _reserve(self, stack: Stack, member: Member, before: Member | None) -> None:
        key = _unique_name(member.kind, member.properties)
        if key is None:
            return
        if before is not None and before.reserved == key:
            raise ResourceFailed(CUSTOM_NAME.format(name=key[1]))
        if key in self.region.reserved:
            raise ResourceFailed(
                f"Resource of type '{member.kind.name}' with identifier '{key[1]}' already exists. "
                f"(HandlerErrorCode: AlreadyExists)"
            )
        if member.kind.name not in self.region.actors:  # an actor knows better what is there
            self.region.reserved[key] = stack.id
            member.reserved = key

    def _make(self, stack: Stack, member: Member) -> None:
        self.region.fail(member)
        family = str(member.properties.get("Family") or member.properties.get("FunctionName"))
        key = (member.kind.name, family)
        if "{revision}" in ARNS.get(member.kind.name, ""):
            self.region.revisions[key] += 1
        number = self.region.revisions[key] or 1
        names = self._names(stack, member, f"{stack.id}{next(self.region.numbers)}", number)
        asked = self._asked(stack, member)
        member.physical_id = names.physical_id()
        member.attributes = {name: names.attribute(name) for name in asked}
        seen = self.resource(stack, member)
        member.physical_id = ""  # nothing is there yet, should the actor fail
        made = self.region.actor(member.kind.name).create(seen)
        member.physical_id = seen.physical_id
        self._keep(member, member.attributes, made)

    def _keep(self, member: Member, attributes: dict[str, Any], made: Made) -> None:
        if made.physical_id is not None:
            member.physical_id = made.physical_id
            if (reference := member.kind.reference) in attributes:
                attributes = attributes | {reference: made.physical_id}
        member.attributes = attributes | made.attributes

    def _names(self, stack: Stack, member: Member, seed: str, revision: int = 1) -> Names:
        return Names(
            member.kind,
            member.properties,
            stack.name,
            member.logical_id,
            self.region.account,
            self.region.name,
            seed,
            revision,
        )

    def _asked(self, stack: Stack, member: Member) -> set[str]:
        """Return the attributes that the type has, and those of a custom one that are asked for."""
        if not member.kind.is_custom:
            names = {pointer.replace("/", ".") for pointer in member.kind.read_only}
            names |= set(member.kind.schema.get_atts.data)
            return {name.replace("\\", "") for name in names if "*" not in name}
        template = stack.plan.template if stack.plan else {}
        everything = [template.get("Resources", {}), template.get("Outputs", {})]
        return {leaf for name, leaf in attributes(everything) if name == member.logical_id}

    def _stable(self, stack: Stack, member: Member) -> Iterator[float]:
        actor = self.region.actor(member.kind.name)
        deadline = self.schedule.now() + self.region.times.patience
        while (reason := actor.busy(self.resource(stack, member))) is not None:
            if self.schedule.now() >= deadline:
                raise ResourceFailed(f"Exceeded attempts to wait: {reason}")
            yield self.region.times.poll


def _unique_name(kind: ResourceType, properties: dict[str, Any]) -> tuple[str, ...] | None:
    """Return what nobody else may have, if it is given: its identity, else its name.

    The type comes first, then the name, then what it is the name in.
    """
    if kind.name in NOT_UNIQUE or kind.is_custom:
        return None
    resource = kind.name.split("::")[-1]
    if not set(kind.identifiers) & set(kind.read_only):
        names = [*reversed(kind.identifiers)]
    else:
        name = next((n for n in ("Name", f"{resource}Name") if n in kind.create_only), None)
        scopes = [key for key in SCOPES if key in kind.create_only and key in properties]
        names = [name, *scopes] if name else []
    if not names or not all(isinstance(properties.get(name), str) for name in names):
        return None
    return (kind.name, *(properties[name] for name in names))


def _is_protected(properties: dict[str, Any]) -> bool:
    """Whether the properties forbid to delete it, as databases and load balancers have it."""
    if any(
        properties.get(name) is True for name in ("DeletionProtection", "DeletionProtectionEnabled")
    ):
        return True
    attributes = properties.get("LoadBalancerAttributes", [])
    return {"Key": "deletion_protection.enabled", "Value": "true"} in attributes

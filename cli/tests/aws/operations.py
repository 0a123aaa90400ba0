"""What happens to a whole stack: deployed, watched, rolled back, deleted."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from tests.aws.actors import ResourceFailed
from tests.aws.changes import changes, order
from tests.aws.errors import AwsError
from tests.aws.intrinsics import UNKNOWN, Evaluator
from tests.aws.outputs import conflict, exports, outputs
from tests.aws.region import Region
from tests.aws.removal import Removal
from tests.aws.resources import Resources
from tests.aws.schemas import resource_type
from tests.aws.stack import Member, Plan, Stack


class Failed(Exception):
    """The operation cannot go on; the text is the reason of the rollback."""


class Operations:
    """Each method that returns an iterator is an operation for `Schedule`."""

    def __init__(self, region: Region) -> None:
        self.region = region
        self.resources = Resources(region)
        self.removal = Removal(region, self.resources)
        self.schedule = region.schedule
        self.schedule.after_step = self.watch

    def deploy(self, stack: Stack, plan: Plan) -> Iterator[float]:
        """Create or update a stack."""
        verb = "UPDATE" if stack.deployed else "CREATE"
        stack.plan, stack.journal = plan, []
        stack.before = (stack.outputs, stack.exports, stack.imports)
        if self.region.times.begun:
            yield self.region.times.begun
        if verb == "UPDATE":
            stack.updated = self.schedule.time()
        self.region.set_status(stack, f"{verb}_IN_PROGRESS", "User Initiated")
        try:
            yield from self._deploy(stack, plan)
            yield from self._monitor(stack, plan)
        except Failed as error:
            yield from self.roll_back(stack, str(error))
            return
        stack.watching = False
        left = [undo.before for undo in stack.journal if undo.replaced and undo.before]
        left = [member for member in left if not self._kept(stack, member, "UpdateReplacePolicy")]
        there = self._names(stack, plan)
        gone = [name for name in reversed(stack.members) if name not in there]
        stack.deployed, stack.journal = plan, []
        if verb == "UPDATE":
            self.region.set_status(stack, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
            yield self.region.times.clean
            yield from self.removal.leftovers(stack, left)
            yield from self.removal.members(
                stack, [n for n in reversed(stack.members) if n in gone]
            )
        self.region.set_status(stack, f"{verb}_COMPLETE")
        stack.then()

    def preview(self, stack: Stack, plan: Plan) -> tuple[list[dict[str, Any]], bool]:
        """Return the changes that a plan would make, and whether it would change anything.

        Outputs are no resources, so that a change of theirs alone is in no list. Raises AwsError.
        """
        unknown: set[str] = set()
        evaluator = self.region.evaluator(stack, plan.template, plan.values, unknown, UNKNOWN)
        found = changes(stack, plan, evaluator, unknown)
        return found, bool(found) or outputs(plan, evaluator) != stack.outputs

    def roll_back(
        self, stack: Stack, reason: str, skip: Sequence[str] = (), force: bool = False
    ) -> Iterator[float]:
        """Take back what the operation under way has done, unless it said that it shall stay."""
        stack.watching = False
        self._cancel(stack)
        plan, stack.plan = stack.plan, stack.deployed or stack.plan
        if plan and stack.deployed and self.region.rollback_keeps_triggers:
            stack.deployed = replace(stack.deployed, rollback=plan.rollback)
            stack.plan = stack.deployed
        if plan is not None and plan.disable_rollback and not force:
            self.region.set_status(
                stack, f"{'UPDATE' if stack.deployed else 'CREATE'}_FAILED", reason
            )
            stack.then()
            return
        if stack.deployed is None:
            yield from self._undo_creation(stack, plan, reason)
        else:
            yield from self._undo_update(stack, reason, skip)
        stack.then()

    def delete(self, stack: Stack, retained: list[str]) -> Iterator[float]:
        """Delete a stack; it is refused if it exports what another one imports."""
        status, stack.watching = stack.status, False
        self.region.set_status(stack, "DELETE_IN_PROGRESS", "User Initiated")
        yield self.region.times.begun
        if in_use := conflict(self.region, stack, {}):
            self.region.set_status(stack, status, in_use)
            stack.then()
            return
        failed = yield from self.removal.members(stack, self.removal.order(stack), retained)
        if failed:
            reason = f"The following resource(s) failed to delete: [{', '.join(failed)}]. "
            self.region.set_status(stack, "DELETE_FAILED", reason)
        else:
            stack.exports, stack.imports, stack.outputs = {}, set(), []
            stack.deleted = self.schedule.time()
            self.region.set_status(stack, "DELETE_COMPLETE")
        stack.then()

    def watch(self) -> None:
        """Roll back every operation one of whose triggers is in ALARM, or is not there."""
        for stack in list(self.region.stacks.values()):
            if stack.watching and stack.plan and (reason := self._trigger(stack.plan)):
                self.schedule.start(stack.id, self.roll_back(stack, reason))

    def _trigger(self, plan: Plan) -> str | None:
        for trigger in plan.rollback.get("RollbackTriggers", []):
            state = self.region.alarm_state(trigger["Arn"])
            if state in ("ALARM", None):
                return f"Rollback trigger {trigger['Arn']} is missing or in ALARM"
        return None

    def _deploy(self, stack: Stack, plan: Plan) -> Iterator[float]:
        stack.watching = True
        if reason := self._trigger(plan):
            raise Failed(reason)
        evaluator = self.region.evaluator(stack, plan.template, plan.values)
        try:
            names = order(plan.template, evaluator)
        except AwsError as error:
            raise Failed(error.message) from error
        for name in names:
            yield from self._member(stack, plan, evaluator, name)
            # A lock from the moment on that it is used.
            stack.imports = stack.imports | evaluator.imports
        try:
            found = outputs(plan, evaluator)
        except AwsError as error:
            raise Failed(f"{error.message}. Rollback requested by user.") from error
        if reason := conflict(self.region, stack, exports(found)):
            raise Failed(reason)
        stack.outputs, stack.exports = found, exports(found)
        stack.imports = evaluator.imports

    def _member(self, stack: Stack, plan: Plan, evaluator: Evaluator, name: str) -> Iterator[float]:
        definition = plan.template["Resources"][name]
        member = stack.members.get(name)
        verb = "update" if member else "create"
        try:
            properties = evaluator.value(definition.get("Properties", {}))
        except AwsError as error:
            raise Failed(f"{error.message}. Rollback requested by user.") from error
        try:
            kind = resource_type(definition["Type"], self.region.name)
            if kind is None:
                raise ResourceFailed(f"Unrecognized resource type {definition['Type']}")
            properties = kind.coerced(properties)
            arguments = (stack, name, definition, properties, plan.tags)
            if member is None or member.kind is not kind or _is_replaced(member, properties):
                yield from self.resources.create(*arguments)
            elif member.properties != properties or (kind.is_taggable and member.tags != plan.tags):
                yield from self.resources.update(*arguments)
            else:
                member.definition, member.tags = definition, plan.tags
        except ResourceFailed as error:
            reason = f"The following resource(s) failed to {verb}: [{name}]. "
            raise Failed(reason + "Rollback requested by user.") from error

    def _monitor(self, stack: Stack, plan: Plan) -> Iterator[float]:
        left = plan.rollback.get("MonitoringTimeInMinutes", 0) * self.region.times.minute
        end = self.schedule.now() + left
        while (left := end - self.schedule.now()) > 0:
            yield min(left, self.region.times.poll)
        if reason := self._trigger(plan):
            raise Failed(reason)

    def _cancel(self, stack: Stack) -> None:
        for member in stack.members.values():
            if member.status.endswith("_IN_PROGRESS"):
                verb = member.status.split("_")[0]
                what = "creation" if verb == "CREATE" else "update"
                status = f"{verb}_FAILED"
                self.region.set_member_status(stack, member, status, f"Resource {what} cancelled")

    def _undo_creation(self, stack: Stack, plan: Plan | None, reason: str) -> Iterator[float]:
        keep_name = plan is None or plan.on_failure != "DELETE"
        start = "ROLLBACK" if keep_name else "DELETE"
        self.region.set_status(stack, f"{start}_IN_PROGRESS", reason)
        yield self.region.times.begun
        failed = yield from self.removal.members(stack, [*reversed(stack.members)], creation=True)
        stack.outputs, stack.exports, stack.imports = [], {}, set()
        if failed:
            reason = f"The following resource(s) failed to delete: [{', '.join(failed)}]. "
            self.region.set_status(stack, f"{start}_FAILED", reason)
        else:
            self.region.set_status(stack, f"{start}_COMPLETE")

    def _undo_update(self, stack: Stack, reason: str, skip: Sequence[str]) -> Iterator[float]:
        self.region.set_status(stack, "UPDATE_ROLLBACK_IN_PROGRESS", reason)
        yield self.region.times.begun
        left: list[Member] = []
        while stack.journal:
            undo = stack.journal[-1]
            member = stack.members.get(undo.logical_id)
            if member is not None and undo.logical_id not in skip:
                try:
                    yield from self._undo(stack, member, undo.before, undo.replaced)
                except ResourceFailed:
                    why = f"The following resource(s) failed to update: [{undo.logical_id}]. "
                    self.region.set_status(stack, "UPDATE_ROLLBACK_FAILED", why)
                    return
                if undo.before is None or undo.replaced:
                    left.append(member)
            stack.journal.pop()
        stack.outputs, stack.exports, stack.imports = stack.before
        self.region.set_status(stack, "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS")
        yield self.region.times.clean
        yield from self.removal.leftovers(stack, left)
        self.region.set_status(stack, "UPDATE_ROLLBACK_COMPLETE")

    def _undo(
        self, stack: Stack, member: Member, before: Member | None, replaced: bool
    ) -> Iterator[float]:
        if before is None:
            del stack.members[member.logical_id]
            return
        stack.members[member.logical_id] = before
        self.region.set_member_status(stack, before, "UPDATE_IN_PROGRESS")
        yield self.region.times.resource
        if not replaced:
            try:
                yield from self.resources.change(stack, before, member.properties)
            except ResourceFailed as error:
                stack.members[member.logical_id] = member
                self.region.set_member_status(stack, member, "UPDATE_FAILED", str(error))
                raise
        self.region.set_member_status(stack, before, "UPDATE_COMPLETE")

    def _names(self, stack: Stack, plan: Plan) -> set[str]:
        evaluator = self.region.evaluator(stack, plan.template, plan.values)
        return {name for name, item in plan.template["Resources"].items() if evaluator.holds(item)}

    def _kept(self, stack: Stack, member: Member, policy: str) -> bool:
        if member.keeps(policy):
            self.resources.keep(stack, member)
            return True
        return False


def _is_replaced(member: Member, properties: dict[str, Any]) -> bool:
    return any(
        member.kind.needs_replacement(name, member.properties.get(name), properties.get(name))
        == "Always"
        for name in {**member.properties, **properties}
        if member.properties.get(name) != properties.get(name)
    )

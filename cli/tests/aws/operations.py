"""What happens to a whole stack: deployed, watched, rolled back, deleted."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from typing import Any

from tests.aws.actors import ResourceFailed
from tests.aws.changes import changes, order, references
from tests.aws.errors import AwsError
from tests.aws.intrinsics import UNKNOWN, Evaluator
from tests.aws.parameters import text
from tests.aws.region import Region, planned
from tests.aws.resources import Resources
from tests.aws.schemas import resource_type
from tests.aws.stack import Member, Plan, Stack
from tests.aws.template import depends_on


class Failed(Exception):
    """The operation cannot go on; the text is the reason of the rollback."""


class Operations:
    """Each method that returns an iterator is an operation for `Schedule`."""

    def __init__(self, region: Region) -> None:
        self.region = region
        self.resources = Resources(region)
        self.schedule, self.times = region.schedule, region.times
        self.schedule.after_step = self.watch

    def deploy(self, stack: Stack, plan: Plan) -> Iterator[float]:
        """Create or update a stack."""
        verb = "UPDATE" if stack.deployed else "CREATE"
        stack.plan, stack.journal = plan, []
        if self.times.begun:
            yield self.times.begun
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
        gone = set(stack.members) - self._names(stack, plan)
        stack.deployed, stack.journal = plan, []
        if verb == "UPDATE":
            self.region.set_status(stack, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
            yield self.times.clean
            yield from self._clean(stack, left)
            yield from self._remove(stack, [n for n in reversed(stack.members) if n in gone])
        self.region.set_status(stack, f"{verb}_COMPLETE")
        stack.then()

    def preview(self, stack: Stack, plan: Plan) -> tuple[list[dict[str, Any]], bool]:
        """Return the changes that a plan would make, and whether it would change anything.

        Outputs are no resources, so that a change of theirs alone is in no list. Raises AwsError.
        """
        unknown: set[str] = set()
        evaluator = self.region.evaluator(stack, plan.template, plan.values, unknown, UNKNOWN)
        found = changes(stack, plan, evaluator, unknown)
        return found, bool(found) or self._outputs(plan, evaluator) != stack.outputs

    def roll_back(
        self, stack: Stack, reason: str, skip: Sequence[str] = (), force: bool = False
    ) -> Iterator[float]:
        """Take back what the operation under way has done, unless it said that it shall stay."""
        stack.watching = False
        self._cancel(stack)
        plan, stack.plan = stack.plan, stack.deployed or stack.plan
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
        status, reason = stack.status, "User Initiated"
        self.region.set_status(stack, "DELETE_IN_PROGRESS", reason)
        yield self.times.begun
        for name in stack.exports:
            if users := self.region.importers(name):
                text_ = f"Export {name} cannot be deleted as it is in use by {_and(users)}"
                self.region.set_status(stack, status, text_)
                stack.then()
                return
        names = [*reversed(self._order(stack))]
        failed = yield from self._remove(stack, names, retained)
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
                why = "went into ALARM" if state else "is not found"
                return f"Rollback trigger {trigger['Arn']} {why}"
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
            stack.imports |= evaluator.imports  # a lock from the moment on that it is used
        try:
            outputs = self._outputs(plan, evaluator)
        except AwsError as error:
            raise Failed(f"{error.message}. Rollback requested by user.") from error
        exports = {
            item["ExportName"]: item["OutputValue"] for item in outputs if "ExportName" in item
        }
        self._check_exports(stack, exports)
        stack.outputs, stack.exports = outputs, exports
        stack.imports = set(evaluator.imports)

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
        left = plan.rollback.get("MonitoringTimeInMinutes", 0) * self.times.minute
        end = self.schedule.now() + left
        while (left := end - self.schedule.now()) > 0:
            yield min(left, self.times.poll)
        if reason := self._trigger(plan):
            raise Failed(reason)

    def _outputs(self, plan: Plan, evaluator: Evaluator) -> list[dict[str, Any]]:
        outputs = []
        for name, item in planned(plan).items():
            if not evaluator.holds(item):
                continue
            output = {"OutputKey": name, "OutputValue": text(evaluator.value(item["Value"]))}
            if "Description" in item:
                output["Description"] = item["Description"]
            if "Export" in item:
                output["ExportName"] = text(evaluator.value(item["Export"]["Name"]))
            outputs.append(output)
        return outputs

    def _check_exports(self, stack: Stack, exports: dict[str, str]) -> None:
        for name, before in stack.exports.items():
            users = self.region.importers(name)
            if users and exports.get(name) != before:
                done = "updated" if name in exports else "deleted"
                raise Failed(f"Export {name} cannot be {done} as it is in use by {_and(users)}")
        for name in exports:
            owner = self.region.exports().get(name)
            if owner is not None and owner is not stack:
                raise Failed(
                    f"Export with name {name} is already exported by stack {owner.name}. "
                    "Rollback requested by user."
                )

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
        yield self.times.begun
        failed = yield from self._remove(stack, [*reversed(stack.members)], creation=True)
        stack.outputs, stack.exports, stack.imports = [], {}, set()
        if failed:
            reason = f"The following resource(s) failed to delete: [{', '.join(failed)}]. "
            self.region.set_status(stack, f"{start}_FAILED", reason)
        else:
            self.region.set_status(stack, f"{start}_COMPLETE")

    def _undo_update(self, stack: Stack, reason: str, skip: Sequence[str]) -> Iterator[float]:
        self.region.set_status(stack, "UPDATE_ROLLBACK_IN_PROGRESS", reason)
        yield self.times.begun
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
        self._restore_outputs(stack)
        self.region.set_status(stack, "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS")
        yield self.times.clean
        yield from self._clean(stack, left)
        self.region.set_status(stack, "UPDATE_ROLLBACK_COMPLETE")

    def _undo(
        self, stack: Stack, member: Member, before: Member | None, replaced: bool
    ) -> Iterator[float]:
        if before is None:
            del stack.members[member.logical_id]
            return
        stack.members[member.logical_id] = before
        self.region.set_member_status(stack, before, "UPDATE_IN_PROGRESS")
        yield self.times.resource
        if not replaced:
            try:
                yield from self.resources.change(stack, before, member.properties)
            except ResourceFailed as error:
                stack.members[member.logical_id] = member
                self.region.set_member_status(stack, member, "UPDATE_FAILED", str(error))
                raise
        self.region.set_member_status(stack, before, "UPDATE_COMPLETE")

    def _restore_outputs(self, stack: Stack) -> None:
        if plan := stack.deployed:
            evaluator = self.region.evaluator(stack, plan.template, plan.values)
            for member in stack.members.values():
                evaluator.value(member.definition.get("Properties", {}))
            stack.outputs = self._outputs(plan, evaluator)
            stack.exports = {
                item["ExportName"]: item["OutputValue"]
                for item in stack.outputs
                if "ExportName" in item
            }
            stack.imports = set(evaluator.imports)

    def _clean(self, stack: Stack, left: list[Member]) -> Iterator[float]:
        for member in left:
            with suppress(ResourceFailed):  # the event says so; CloudFormation goes on without it
                yield from self.resources.delete(stack, member)

    def _remove(
        self, stack: Stack, names: list[str], retained: Sequence[str] = (), creation: bool = False
    ) -> Generator[float, None, list[str]]:
        """Delete members in this order; what one that failed depends on stays, too."""
        failed: list[str] = []
        needed: set[str] = set()
        for name in names:
            member = stack.members[name]
            if name in retained or (not creation and member.keeps("DeletionPolicy")):
                self.resources.keep(stack, member)
                del stack.members[name]
                continue
            if name in needed:
                needed |= self._needs(member)
                continue
            try:
                yield from self.resources.delete(stack, member)
            except ResourceFailed:
                failed.append(name)
                needed |= self._needs(member)
                continue
            del stack.members[name]
        return failed

    def _needs(self, member: Member) -> set[str]:
        return {*references(member.definition), *depends_on(member.definition)}

    def _order(self, stack: Stack) -> list[str]:
        if stack.deployed is None:
            return list(stack.members)
        evaluator = self.region.evaluator(stack, stack.deployed.template, stack.deployed.values)
        known = [
            name for name in order(stack.deployed.template, evaluator) if name in stack.members
        ]
        return [*known, *(name for name in stack.members if name not in known)]

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


def _and(names: list[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last

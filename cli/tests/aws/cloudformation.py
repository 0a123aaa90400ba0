"""CloudFormation in this process: `CloudFormation.call` answers as botocore's shapes have it.

It knows every resource type alike, by its schema (`schemas.py`); a few act (`actors.py`).
"""

import re
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from tests.aws.actors import Actor
from tests.aws.change_sets import ChangeSets
from tests.aws.custom_resources import EnvController
from tests.aws.descriptions import Descriptions
from tests.aws.errors import AwsError, invalid
from tests.aws.operations import Operations
from tests.aws.region import Region
from tests.aws.requests import needs_auto_expand, plan, prepare
from tests.aws.schedule import Schedule, Times
from tests.aws.stack import UPDATABLE, Stack
from tests.aws.stack_sets import StackSets

NOT_UPDATED = "No updates are to be performed."


class CloudFormation:
    """The service in one account and region.

    `clock` is the time in seconds since `epoch`, and nothing happens but while a call is
    answered or `advance` is called. `actors` act for their types; `fetch` answers with the text
    behind a template's URL; `resolve("ssm", name)` with a parameter of Systems Manager (and so
    on for `secretsmanager`); `alarm_state(arn)` with the state of an alarm, None if there is none.
    A test may put into `failures` why the next resource with a logical id, or of a type, cannot be
    created or updated; that happens once.
    """

    def __init__(
        self,
        account: str = "123456789012",
        region: str = "us-east-1",
        *,
        clock: Callable[[], float],
        epoch: datetime = datetime(2026, 11, 23, 14, 0, tzinfo=UTC),
        times: Times = Times(),  # noqa: B008
        actors: dict[str, Actor] | None = None,
        fetch: Callable[[str], str] | None = None,
        resolve: Callable[[str, str], str] | None = None,
        alarm_state: Callable[[str], str | None] = lambda arn: None,
    ) -> None:
        self.schedule = Schedule(clock, epoch)
        self.region = Region(
            account=account,
            name=region,
            schedule=self.schedule,
            times=times,
            actors=actors if actors is not None else {},
            fetch=fetch or _refuse,
            resolve=resolve or _refuse,
            alarm_state=alarm_state,
        )
        self.failures = self.region.failures
        self.operations = Operations(self.region)
        controller = EnvController(self.region, self.operations)
        self.region.actors.setdefault("Custom::EnvControllerFunction", controller)
        parts = (
            self,
            ChangeSets(self.region, self.operations),
            Descriptions(self.region),
            StackSets(self.region, self.operations),
        )
        self._answers = {
            name: getattr(part, name)
            for part in parts
            for name in dir(type(part))
            if not name.startswith("_")
        }

    def call(self, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """Answer one call, such as `DescribeStacks`; raises AwsError."""
        name = re.sub(r"(?<!^)(?=[A-Z][a-z])", "_", operation).lower()
        with self.region.lock:
            self.schedule.advance()
            answer = self._answers.get(name)
            if answer is None or name in ("call", "advance"):
                raise AwsError("InvalidAction", f"{operation} is not emulated.")
            return answer(parameters) or {}

    def advance(self) -> None:
        """Do what was due until now."""
        with self.region.lock:
            self.schedule.advance()

    def create_stack(self, request: dict[str, Any]) -> dict[str, Any]:
        name = request["StackName"]
        if (found := self.region.find(name)) and found.status != "REVIEW_IN_PROGRESS":
            raise AwsError("AlreadyExistsException", f"Stack [{name}] already exists")
        template = prepare(self.region, request, None)
        needs_auto_expand(template, request.get("Capabilities", []))
        stack = found or self.region.add_stack(name)
        try:
            made = plan(self.region, request, stack)
        except AwsError:
            if not found:
                del self.region.stacks[stack.id]
            raise
        stack.protected = bool(request.get("EnableTerminationProtection"))
        self._start(stack, request, self.operations.deploy(stack, made))
        return {"StackId": stack.id}

    def update_stack(self, request: dict[str, Any]) -> dict[str, Any]:
        stack = self.region.stack(request["StackName"])
        self.region.check_idle(stack, UPDATABLE)
        template = prepare(self.region, request, stack)
        needs_auto_expand(template, request.get("Capabilities", []))
        made = plan(self.region, request, stack)
        # With a transform nothing to change is no error: such an update does nothing and succeeds.
        if not made.transformed and not self.operations.preview(stack, made)[1]:
            raise invalid(NOT_UPDATED)
        self._start(stack, request, self.operations.deploy(stack, made))
        return {"StackId": stack.id}

    def cancel_update_stack(self, request: dict[str, Any]) -> None:
        stack = self.region.stack(request["StackName"])
        if stack.status != "UPDATE_IN_PROGRESS":
            raise invalid("CancelUpdateStack cannot be called from current stack status")
        self._start(stack, request, self.operations.roll_back(stack, "User Initiated"))

    def continue_update_rollback(self, request: dict[str, Any]) -> None:
        stack = self.region.stack(request["StackName"])
        if stack.status != "UPDATE_ROLLBACK_FAILED":
            raise invalid(
                f"Stack:{stack.id} is in {stack.status} state and can not continue its rollback."
            )
        skip = request.get("ResourcesToSkip", [])
        self._start(stack, request, self.operations.roll_back(stack, "User Initiated", skip))

    def rollback_stack(self, request: dict[str, Any]) -> dict[str, Any]:
        stack = self.region.stack(request["StackName"])
        if stack.status not in ("CREATE_FAILED", "UPDATE_FAILED"):
            raise invalid(
                f"Stack:{stack.id} is in {stack.status} state and can not be rolled back."
            )
        self._start(stack, request, self.operations.roll_back(stack, "User Initiated", force=True))
        return {"StackId": stack.id}

    def delete_stack(self, request: dict[str, Any]) -> None:
        stack = self.region.find(request["StackName"])
        if stack is None or stack.is_gone:
            return
        if stack.protected:
            raise invalid(
                f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled"
            )
        if stack.status == "DELETE_IN_PROGRESS":
            return
        if stack.is_busy and not stack.status.startswith(("CREATE", "ROLLBACK")):
            raise invalid(f"Stack:{stack.id} is in {stack.status} state and can not be deleted.")
        retained = request.get("RetainResources", [])
        if retained and stack.status != "DELETE_FAILED":
            raise invalid(
                "Invalid operation on stack. RetainResources is of a stack in "
                f"DELETE_FAILED, {stack.name} is in {stack.status}"
            )
        self._start(stack, request, self.operations.delete(stack, retained))

    def update_termination_protection(self, request: dict[str, Any]) -> dict[str, Any]:
        stack = self.region.stack(request["StackName"])
        stack.protected = request["EnableTerminationProtection"]
        return {"StackId": stack.id}

    def _start(self, stack: Stack, request: dict[str, Any], steps: Iterator[float]) -> None:
        stack.token = request.get("ClientRequestToken") or f"Console-{uuid.uuid4()}"
        self.schedule.start(stack.id, steps)


def _refuse(*asked: str) -> str:
    raise invalid(f"Nothing answers for {', '.join(asked)}.")

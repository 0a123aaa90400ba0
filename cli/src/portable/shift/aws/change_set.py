"""A change set that may change the two weights and nothing else."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from portable.errors import PortableError
from portable.shift.aws.clients import Clients
from portable.shift.aws.errors import NoAnswer, has_no_changes, sentences
from portable.shift.stack import Interrupted
from portable.weights import Weights

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import (
        ChangeTypeDef,
        CreateChangeSetInputTypeDef,
        ResourceChangeDetailTypeDef,
        RollbackConfigurationTypeDef,
        StackTypeDef,
    )

WEIGHTS = {"LambdaWeight": "lambda", "FargateWeight": "fargate"}
LISTENER = "AWS::ElasticLoadBalancingV2::Listener"
LIMIT = 300.0  # seconds for CloudFormation to make a change set, which takes it a few


class ChangeSet:
    """A change set called `name`; `wait` is the one of `Shift`."""

    def __init__(self, clients: Clients, name: str, wait: Callable[[float], bool]) -> None:
        self.clients = clients
        self.name = name
        self.wait = wait
        self.stack = ""

    def create(
        self, stack: "StackTypeDef", weights: Weights, rollback: "RollbackConfigurationTypeDef"
    ) -> bool:
        """Create it on `stack` and check it; false if the stack has these weights on record.

        Raises `PortableError` if it would change anything else, and `Interrupted`.
        """
        self.stack = stack["StackId"]
        request: CreateChangeSetInputTypeDef = {
            "StackName": self.stack,
            "ChangeSetName": self.name,
            "ChangeSetType": "UPDATE",
            "ClientToken": self.name,
            "Description": f"Weights: {weights}",
            "UsePreviousTemplate": True,
            "Parameters": [
                {"ParameterKey": key, "ParameterValue": str(weights.of(WEIGHTS[key]))}
                if key in WEIGHTS
                else {"ParameterKey": key, "UsePreviousValue": True}
                for key in (item["ParameterKey"] for item in stack.get("Parameters", []))
            ],
            "RollbackConfiguration": rollback,
        }
        if capabilities := stack.get("Capabilities"):
            request["Capabilities"] = capabilities
        with sentences(self.clients.region):
            self.clients.cloudformation.create_change_set(**request)
        if not self._is_complete():
            return False
        check(self._changes())
        return True

    def execute(self) -> None:
        """Start the update."""
        with sentences(self.clients.region):
            # Safe to send twice: the token makes the second one the same request.
            self.clients.cloudformation.execute_change_set(
                StackName=self.stack, ChangeSetName=self.name, ClientRequestToken=self.name
            )

    def delete(self) -> None:
        """Delete it; one that stays behind changes nothing, so that is no error."""
        try:
            with sentences(self.clients.region):
                self.clients.cloudformation.delete_change_set(
                    StackName=self.stack, ChangeSetName=self.name
                )
        except PortableError:
            pass

    def _is_complete(self) -> bool:
        """Wait until it is made; return false if there is nothing to change."""
        waited, delay = 0.0, 0.5
        while waited < LIMIT:
            if self.wait(delay):
                raise Interrupted
            waited += delay
            delay = min(delay * 1.5, 5)
            try:
                with sentences(self.clients.region):
                    answer = self.clients.cloudformation.describe_change_set(
                        StackName=self.stack, ChangeSetName=self.name
                    )
            except NoAnswer:
                continue
            if answer["Status"] == "CREATE_COMPLETE":
                return True
            if answer["Status"] not in ("CREATE_PENDING", "CREATE_IN_PROGRESS"):
                reason = answer.get("StatusReason", answer["Status"]).rstrip(".")
                if has_no_changes(reason):
                    return False
                raise PortableError(f"CloudFormation cannot make the change set: {reason}.")
        raise PortableError(f"CloudFormation has not made the change set in {LIMIT:.0f} s.")

    def _changes(self) -> "Sequence[ChangeTypeDef]":
        pages = self.clients.cloudformation.get_paginator("describe_change_set")
        with sentences(self.clients.region):
            found = pages.paginate(StackName=self.stack, ChangeSetName=self.name)
            return [change for page in found for change in page["Changes"]]


def check(changes: "Sequence[ChangeTypeDef]") -> None:
    """Raise `PortableError` unless `changes` are weights of listeners and nothing else.

    The culprit is named with what CloudFormation would do to it and why.
    """
    if not changes:
        raise PortableError("the update would not change the listener: is it of this template?")
    for change in changes:
        resource = change.get("ResourceChange", {})
        details = resource.get("Details", [])
        if (
            resource.get("ResourceType") == LISTENER
            and resource.get("Action") == "Modify"
            and resource.get("Replacement", "False") == "False"
            and any(_is_weight(detail) for detail in details)
        ):
            causes = [_cause(detail) for detail in details if not _is_harmless(detail)]
            if not causes:
                continue
        else:
            causes = [_cause(detail) for detail in details]
        name = resource.get("LogicalResourceId", "a resource that is not named")
        action = resource.get("Action", "change")
        if action == "Modify" and resource.get("Replacement", "False") != "False":
            action = f"Modify with replacement {resource['Replacement']}"
        why = f", caused by {', '.join(dict.fromkeys(causes))}" if causes else ""
        raise PortableError(
            f"the update would change more than weights: {action} of {name} "
            f"({resource.get('ResourceType', 'unknown type')}){why}. "
            "Deploy that with `sam deploy` first."
        )


def _is_weight(detail: "ResourceChangeDetailTypeDef") -> bool:
    return _is_actions(detail) and detail.get("CausingEntity") in WEIGHTS


def _is_harmless(detail: "ResourceChangeDetailTypeDef") -> bool:
    # Beside the parameter, CloudFormation lists that the template could have changed the same
    # property; it has not, as the template is the previous one.
    # https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-changesets-samples.html
    template = detail.get("ChangeSource") == "DirectModification"
    maybe = template and detail.get("Evaluation") == "Dynamic" and not detail.get("CausingEntity")
    return _is_weight(detail) or (maybe and _is_actions(detail))


def _is_actions(detail: "ResourceChangeDetailTypeDef") -> bool:
    target = detail.get("Target", {})
    return target.get("Attribute") == "Properties" and target.get("Name") == "DefaultActions"


def _cause(detail: "ResourceChangeDetailTypeDef") -> str:
    target = detail.get("Target", {})
    what = target.get("Name") or target.get("Attribute") or "it"
    return f"{detail.get('CausingEntity') or detail.get('ChangeSource', 'unknown')} in {what}"

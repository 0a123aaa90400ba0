"""Drives the emulated CloudFormation in tests, with a clock that only `wait` moves.

Requests and answers are checked against botocore's model of the service.
"""

import json
from typing import Any

import botocore.session
from botocore.validate import ParamValidator

from tests.aws.actors import Actor
from tests.aws.cloudformation import CloudFormation
from tests.aws.errors import AwsError
from tests.aws.schedule import Times

MODEL = botocore.session.Session().get_service_model("cloudformation")
LOG_GROUP = {"Type": "AWS::Logs::LogGroup"}


class Driver:
    """One account; `files` are the templates behind URLs, `alarms` the states by ARN."""

    def __init__(self, actors: dict[str, Actor] | None = None, times: Times | None = None) -> None:
        self.now = 0.0
        self.files: dict[str, str] = {}
        self.alarms: dict[str, str] = {}
        self.cloudformation = CloudFormation(
            clock=lambda: self.now,
            times=times or Times(),
            actors=actors,
            fetch=lambda url: self.files[url],
            resolve=lambda service, name: f"{service} {name}",
            alarm_state=self.alarms.get,
        )

    def wait(self, seconds: float = 1000) -> None:
        """Let time pass."""
        self.now += seconds
        self.cloudformation.advance()

    def call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """Answer a call; raises AwsError."""
        model = MODEL.operation_model(operation)
        validate(parameters, model.input_shape)
        answer = self.cloudformation.call(operation, parameters)
        if model.output_shape is not None:
            validate(answer, model.output_shape)
        return answer

    def change_set(
        self, name: str, template: Any, kind: str = "CREATE", **request: Any
    ) -> dict[str, Any]:
        """Return a description of a new change set once it is made."""
        made = self.call(
            "CreateChangeSet",
            StackName=name,
            ChangeSetName=f"at-{self.now:.0f}",
            ChangeSetType=kind,
            **body(template),
            **_request(request),
        )
        self.wait(5)
        return self.call("DescribeChangeSet", ChangeSetName=made["Id"])

    def deploy(self, name: str, template: Any, **request: Any) -> str:
        """Create or update a stack by a change set to the end; return its status."""
        found = self.cloudformation.region.find(name)
        kind = "UPDATE" if found and found.status != "REVIEW_IN_PROGRESS" else "CREATE"
        made = self.change_set(name, template, kind, **request)
        assert made["Status"] == "CREATE_COMPLETE", made["StatusReason"]
        self.call("ExecuteChangeSet", ChangeSetName=made["ChangeSetId"])
        self.wait()
        return self.status(name)

    def delete(self, name: str) -> str:
        """Delete a stack to the end; return its status."""
        identity = self.stack(name)["StackId"]
        self.call("DeleteStack", StackName=name)
        self.wait()
        return self.status(identity)

    def stack(self, name: str) -> dict[str, Any]:
        """Return the description of a stack."""
        [found] = self.call("DescribeStacks", StackName=name)["Stacks"]
        return found

    def status(self, name: str) -> str:
        """Return the status of a stack."""
        return self.stack(name)["StackStatus"]

    def outputs(self, name: str) -> dict[str, str]:
        """Return the outputs of a stack."""
        return {
            item["OutputKey"]: item["OutputValue"] for item in self.stack(name).get("Outputs", [])
        }

    def resources(self, name: str) -> dict[str, str]:
        """Return the physical ids of a stack."""
        found = self.call("DescribeStackResources", StackName=name)["StackResources"]
        return {item["LogicalResourceId"]: item.get("PhysicalResourceId", "") for item in found}

    def events(self, name: str) -> list[tuple[str, str]]:
        """Return resource and status of each event, the oldest first."""
        events, token = [], {}
        while True:
            page = self.call("DescribeStackEvents", StackName=name, **token)
            events += page["StackEvents"]
            if "NextToken" not in page:
                break
            token = {"NextToken": page["NextToken"]}
        return [(item["LogicalResourceId"], item["ResourceStatus"]) for item in reversed(events)]

    def reasons(self, name: str) -> str:
        """Return all reasons in the events of a stack."""
        found = self.cloudformation.region.stack(name).events
        return "\n".join(item.get("ResourceStatusReason", "") for item in found)


def refusal(driver: Driver, operation: str, **parameters: Any) -> str:
    """Return code and message of a call that has to fail."""
    try:
        answer = driver.call(operation, **parameters)
    except AwsError as error:
        return f"{error.code}: {error.message}"
    raise AssertionError(f"{operation} answered {answer}")


def body(template: Any) -> dict[str, Any]:
    """Return the request's part for a template: a mapping, a text or None for the previous one."""
    if template is None:
        return {"UsePreviousTemplate": True}
    return {"TemplateBody": template if isinstance(template, str) else json.dumps(template)}


def parameters(values: dict[str, Any]) -> list[dict[str, Any]]:
    """Return values as a request lists them; None keeps the previous one."""
    return [
        {"ParameterKey": key, "UsePreviousValue": True}
        if value is None
        else {"ParameterKey": key, "ParameterValue": str(value)}
        for key, value in values.items()
    ]


def validate(value: Any, shape: Any) -> None:
    """Fail unless `value` is what botocore's model says."""
    errors = ParamValidator().validate(value, shape)
    assert not errors.has_errors(), errors.generate_report()


def _request(request: dict[str, Any]) -> dict[str, Any]:
    found = dict(request)
    if "Parameters" in found:
        found["Parameters"] = parameters(found["Parameters"])
    if "Tags" in found:
        found["Tags"] = [{"Key": k, "Value": v} for k, v in found["Tags"].items()]
    return found

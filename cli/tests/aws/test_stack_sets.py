"""Stack sets of the emulated CloudFormation, as Copilot uses them."""

from typing import Any

import pytest

from tests.aws.stack_driver import LOG_GROUP, Driver, body, parameters, refusal

HERE = {"Accounts": ["123456789012"], "Regions": ["us-east-1"]}
TEMPLATE = {
    "Metadata": {"Version": 1},
    "Parameters": {"Days": {"Type": "Number"}},
    "Resources": {
        "Logs": LOG_GROUP | {"Properties": {"RetentionInDays": {"Ref": "Days"}}},
    },
    "Outputs": {"Days": {"Value": {"Ref": "Days"}}},
}


@pytest.fixture
def driver() -> Driver:
    driver = Driver()
    request = body(TEMPLATE) | {"Parameters": parameters({"Days": 1})}
    driver.call("CreateStackSet", StackSetName="set", **request)
    return driver


def run(driver: Driver, operation: str, **request: Any) -> str:
    """Run an operation of the set to its end and return its status."""
    identity = driver.call(operation, StackSetName="set", **request)["OperationId"]
    where = {"StackSetName": "set", "OperationId": identity}
    status = driver.call("DescribeStackSetOperation", **where)["StackSetOperation"]["Status"]
    assert status == "RUNNING"
    driver.wait()
    return driver.call("DescribeStackSetOperation", **where)["StackSetOperation"]["Status"]


def stacks(driver: Driver) -> list[str]:
    found = driver.call("ListStackInstances", StackSetName="set")["Summaries"]
    return [item["StackId"] for item in found]


def test_an_instance_is_a_stack(driver: Driver) -> None:
    assert stacks(driver) == []
    assert run(driver, "CreateStackInstances", **HERE) == "SUCCEEDED"
    [stack] = stacks(driver)
    assert driver.status(stack) == "CREATE_COMPLETE"
    assert driver.stack(stack)["StackName"].startswith("StackSet-set-")
    assert driver.outputs(stack) == {"Days": "1"}
    where = {"StackInstanceAccount": "123456789012", "StackInstanceRegion": "us-east-1"}
    found = driver.call("DescribeStackInstance", StackSetName="set", **where)["StackInstance"]
    assert (found["StackId"], found["Status"]) == (stack, "CURRENT")
    assert run(driver, "CreateStackInstances", **HERE) == "SUCCEEDED"  # nothing to do
    assert stacks(driver) == [stack]


def test_an_update_reaches_the_stacks(driver: Driver) -> None:
    run(driver, "CreateStackInstances", **HERE)
    new = body(TEMPLATE | {"Metadata": {"Version": 2}})
    status = run(driver, "UpdateStackSet", Parameters=parameters({"Days": 3}), **new)
    assert status == "SUCCEEDED"
    assert driver.outputs(stacks(driver)[0]) == {"Days": "3"}
    found = driver.call("GetTemplateSummary", StackSetName="set")
    assert found["Metadata"] == '{"Version": 2}'
    kept = {"UsePreviousTemplate": True, "Parameters": parameters({"Days": None})}
    assert run(driver, "UpdateStackSet", **kept) == "SUCCEEDED"
    assert driver.outputs(stacks(driver)[0]) == {"Days": "3"}


def test_a_stack_that_fails_is_a_failed_operation(driver: Driver) -> None:
    run(driver, "CreateStackInstances", **HERE)
    request = {"UsePreviousTemplate": True, "Parameters": parameters({"Days": 2})}
    identity = driver.call("UpdateStackSet", StackSetName="set", **request)["OperationId"]
    driver.wait()
    where = {"StackSetName": "set", "OperationId": identity}
    [result] = driver.call("ListStackSetOperationResults", **where)["Summaries"]
    assert result["Status"] == "FAILED"
    assert driver.status(stacks(driver)[0]) == "UPDATE_ROLLBACK_COMPLETE"


def test_one_operation_at_a_time(driver: Driver) -> None:
    driver.call("CreateStackInstances", StackSetName="set", OperationId="one", **HERE)
    said = refusal(driver, "UpdateStackSet", StackSetName="set", **body(TEMPLATE))
    assert said.startswith("OperationInProgressException")
    driver.wait()
    [found] = driver.call("ListStackSetOperations", StackSetName="set")["Summaries"]
    assert (found["OperationId"], found["Status"]) == ("one", "SUCCEEDED")


def test_a_set_goes_after_its_instances(driver: Driver) -> None:
    run(driver, "CreateStackInstances", **HERE)
    [stack] = stacks(driver)
    said = refusal(driver, "DeleteStackSet", StackSetName="set")
    assert said.startswith("StackSetNotEmptyException")
    assert run(driver, "DeleteStackInstances", RetainStacks=False, **HERE) == "SUCCEEDED"
    assert driver.status(stack) == "DELETE_COMPLETE"
    driver.call("DeleteStackSet", StackSetName="set")
    assert driver.call("ListStackSets")["Summaries"] == []
    said = refusal(driver, "DescribeStackSet", StackSetName="set")
    assert said.startswith("StackSetNotFoundException")


def test_a_name_is_taken_once(driver: Driver) -> None:
    said = refusal(driver, "CreateStackSet", StackSetName="set", **body(TEMPLATE))
    assert said.startswith("NameAlreadyExistsException")


def test_another_region_is_refused_in_words(driver: Driver) -> None:
    elsewhere = HERE | {"Regions": ["eu-west-1"]}
    said = refusal(driver, "CreateStackInstances", StackSetName="set", **elsewhere)
    assert "eu-west-1" in said
